"""`gov audit replay`: a real session again, with its holds and errors."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from gov.client.api import Broker
from live import door

AsUser = Callable[[str], dict[str, str]]


def asked_for(environment: dict[str, str], statement: str) -> str:
    """The request that waits for this statement, once there is one."""
    deadline = time.monotonic() + door.PATIENCE
    with Broker.current(environment) as broker:
        while time.monotonic() < deadline:
            for each in broker.requests():
                if each.statement == statement:
                    return each.id
            time.sleep(0.1)
    raise AssertionError("it was not held")


def test_a_session_again(as_user: AsUser, reader: dict[str, Any], deny: Callable[[str], object]) -> None:
    """Statements in order with parameters, results and errors; a hold with its answer and how long it took."""
    statement = "truncate public.pgbench_history /* replay-51d0 */"
    with psycopg.connect(**door.parameters(reader), autocommit=True) as session:
        session.execute("select email from customers where id = %s or country = %s limit 2", (1, "zz'\x1b"))
        with pytest.raises(psycopg.errors.UndefinedColumn):
            session.execute("select nope from orders")
        answering = threading.Thread(target=lambda: deny(asked_for(as_user("bob"), statement)))
        answering.start()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement)
        answering.join()
    carol = as_user("carol")
    with Broker.current(carol) as broker:
        found = broker.entries(text="replay-51d0", kind="request.opened").entries[0].fields["session"]

    shown = door.gov(carol, "audit", "replay", str(found))
    lines = [line[10:] for line in shown.splitlines()]
    wanted = [
        "select email from customers where id = $1 or country = $2 limit 2", "masked: public.customers.email partial",
        "select nope from orders", '42703 column "nope" does not exist', statement,
    ]
    places = [lines.index(each) for each in wanted]
    assert places == sorted(places)
    assert any(line.startswith("held by ") for line in lines)
    assert any(line.startswith("denied by ") and " after " in line for line in lines)
    assert "\x1b" not in shown
    assert all(len(line) <= 80 for line in shown.splitlines())

    told = json.loads(door.gov(carol, "audit", "replay", str(found), "--json"))
    kinds = [each["kind"] for each in told["events"]]
    assert (kinds[0], kinds[-1]) == ("session.opened", "session.closed")
    assert next(each["waited"] for each in told["events"] if each["kind"] == "request.answered") > 0
    offsets = [each["offset"] for each in told["events"]]
    assert offsets == sorted(offsets)
    asked = subprocess.run(["gov", "audit", "replay", "ss-nothing"], env=carol, capture_output=True, text=True,
                           timeout=door.PATIENCE)
    assert (asked.returncode, "no session `ss-nothing`" in asked.stderr) == (2, True)

"""An approval that waits for whoever spends it is for the circumstances it was asked in."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from live import door


def submitted(environment: Mapping[str, str], statement: str) -> str:
    """The request that `gov exec --no-wait` makes of the statement."""
    words = ["gov", "exec", "prod", "-c", statement, "--no-wait"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=door.PATIENCE)
    assert done.returncode == 6, done.stderr
    return str(json.loads(done.stdout)["request"])


def pending(environment: Mapping[str, str], statement: str) -> list[str]:
    """The requests for this statement that wait for an answer."""
    requests = json.loads(door.gov(environment, "requests", "--json"))
    return [each["id"] for each in requests if each["statement"] == statement and each["state"] == "pending"]


def test_other_ways_to_read_a_date_do_not_spend_it(
    as_user: Callable[[str], dict[str, str]], approve: Callable[..., object], deny: Callable[[str], object], spare: str,
    admin: psycopg.Connection[Any],
) -> None:
    """`01/02/2026` is another day in another DateStyle: there the statement is held anew, and the approval stays."""
    alice, statement = as_user("alice"), f"delete from {spare}"
    request = submitted(alice, statement)
    approve(request)
    spending = ["gov", "exec", "prod", "--request", request]

    odd = subprocess.Popen(
        spending, env=alice | {"PGDATESTYLE": "SQL, DMY"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + door.PATIENCE
    while not (held := pending(alice, statement)) and odd.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    assert held, odd.communicate()
    deny(held[0])
    odd.communicate(timeout=door.PATIENCE)
    assert odd.returncode == 5
    assert admin.execute(f"SELECT count(*) FROM public.{spare}").fetchone() == (5,)

    done = subprocess.run(spending, env=alice, capture_output=True, text=True, timeout=door.PATIENCE)
    assert done.returncode == 0, done.stderr
    assert admin.execute(f"SELECT count(*) FROM public.{spare}").fetchone() == (0,)

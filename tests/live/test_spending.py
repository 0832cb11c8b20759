"""An approval that waits for whoever spends it is for the circumstances it was asked in."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import pytest

from gov.client.api import Broker
from gov.demo.stage import Stage
from gov.errors import NotUnderstood
from live import door


def submitted(environment: Mapping[str, str], statement: str, *options: str) -> str:
    """The request that `gov exec --no-wait` makes of the statement."""
    words = ["gov", "exec", "prod", "-c", statement, "--no-wait", *options]
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


TIDY = "CREATE OR REPLACE FUNCTION public.tidy(t text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT {}(t)'"


VOUCH = "\nvouch: { functions: [public.tidy] }\n"


@pytest.fixture(name="tidy")
def _tidy(demo: Stage, admin: psycopg.Connection[Any], as_user: Callable[[str], dict[str, str]]) -> Iterator[str]:
    """A function that policy vouches for while the test runs."""
    admin.execute(TIDY.format("upper"))
    text = demo.policy_file.read_text(encoding="utf-8") + VOUCH
    try:
        with Broker.current(as_user("bob")) as bob, door.ruled(demo, bob, text):
            door.gov(as_user("bob"), "broker", "sync", "prod")
            yield "public.tidy"
    finally:
        admin.execute("DROP FUNCTION public.tidy(text)")


def test_what_is_asked_for_by_its_function_and_by_no_password(
    as_user: Callable[[str], dict[str, str]], approve: Callable[..., object], spare: str, tidy: str,
    admin: psycopg.Connection[Any],
) -> None:
    """An approval is for what the function was: swapped it is void. A password is not kept for an answer at all."""
    alice, statement = as_user("alice"), f"update {spare} set note = {tidy}(note)"
    write = ("--scope", "write", "--reason", "a test")
    kept, voided = submitted(alice, statement, *write), submitted(alice, f"{statement} || '!'", *write)
    approve(kept)
    approve(voided)

    door.gov(alice, "exec", "prod", *write, "--request", kept)
    assert admin.execute(f"SELECT note FROM public.{spare} WHERE n = 1").fetchone() == ("ROW 1",)

    admin.execute(TIDY.format("lower"))
    words = ["gov", "exec", "prod", *write, "--request", voided]
    done = subprocess.run(words, env=alice, capture_output=True, text=True, timeout=door.PATIENCE)
    assert done.returncode == 4, done.stderr
    assert f"what {voided} reaches was changed while it waited, so the approval is void" in done.stderr
    assert admin.execute(f"SELECT count(*) FROM public.{spare} WHERE note LIKE 'ROW _'").fetchone() == (5,)

    secret = "kept-by-nobody-91b3"
    words = ["gov", "exec", "prod", *write, "--no-wait", "-c", f"update {spare} set note = 'password={secret}'"]
    done = subprocess.run(words, env=alice, capture_output=True, text=True, timeout=door.PATIENCE)
    assert done.returncode == NotUnderstood.exit_status, done.stderr
    assert "a statement with a password in it is not kept until somebody answers" in done.stderr
    assert "gov connect" in done.stderr
    everything = door.gov(as_user("bob"), "requests", "--all", "--json")
    assert secret not in everything

"""`gov why` after refusals in clients of every kind: the broker's own trail answers, not the client's memory."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from gov.client.api import Broker
from live import door

AsUser = Callable[[str], dict[str, str]]
Why = dict[str, Any]


@pytest.fixture
def why(as_user: AsUser) -> Callable[..., Why]:
    """Call it for what the broker says to somebody who asks, as `gov why --json` prints it."""

    def ask(name: str = "alice") -> Why:
        with Broker.current(as_user(name)) as broker:
            return broker.why().model_dump(mode="json")

    return ask


def psql(lease: dict[str, Any], sql: str) -> str:
    """What the system's psql says on standard error."""
    command = [door.program("psql"), "-X", "-c", sql]
    environment = {**os.environ, **door.variables(lease)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=door.PATIENCE).stderr


def test_a_statement_that_the_scope_does_not_have(
    why: Callable[..., Why], reader: dict[str, Any], as_user: AsUser
) -> None:
    """psql was refused: which statement, where, and the commands for the scope that has it, which work."""
    psql(reader, "insert into orders values (-1, 1, 1, 'new', now())")

    said = why()
    refusal, steps = said["refusal"], [step["command"] for step in said["next"]]
    assert (refusal["kind"], refusal["outcome"], refusal["target"], refusal["scope"]) == (
        "statement", "denied", "prod", "read")  # fmt: skip
    assert refusal["statement"] == "insert into orders values (-1, 1, 1, 'new', now())"
    assert refusal["told"] == "denied: insert is not within the scope read"
    assert refusal["client"].startswith("psql")
    assert said["now"] == "deny"
    assert steps[0] == "gov connect prod --scope write --reason 'why you need it'"
    ran = subprocess.run(["sh", "-c", steps[1]], env=as_user("alice"), capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "INSERT 0 1\n"), ran.stderr
    undo = ["exec", "prod", "--scope", "write", "--reason", "undo", "-c", "delete from orders where id = -1"]
    door.gov(as_user("alice"), *undo)

    shown = door.gov(as_user("alice"), "why")
    assert "denied: a statement on prod (scope read)" in shown
    assert steps[0] in shown


def test_a_statement_that_a_rule_forbids(why: Callable[..., Why], reader: dict[str, Any]) -> None:
    """The rule and its author's words; where no scope has it, nothing is promised."""
    psql(reader, "copy orders to '/tmp/x'")

    said = why()
    assert (said["refusal"]["rule"], said["now"]) == ("no-server-files", "deny")
    assert said["next"][0]["what"] == "the database host is not a file share; ask the platform team"
    assert said["next"][0]["command"].startswith("gov explain prod -c 'copy orders to ")


def test_a_statement_that_was_held_and_denied(
    why: Callable[..., Why], reader: dict[str, Any], deny: Callable[[str], object], spare: str
) -> None:
    """Who said no and why, who else may answer, and how to ask again without waiting."""

    def answer(notice: psycopg.errors.Diagnostic) -> None:
        if notice.sqlstate == "01G01":
            deny(json.loads(notice.context or "{}")["request"])

    with psycopg.connect(**door.parameters(reader), autocommit=True) as connection:
        connection.add_notice_handler(answer)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"drop table {spare}")

    said = why()
    refusal = said["refusal"]
    assert refusal["outcome"] == "approval denied"
    assert refusal["told"] == f"bob denied {refusal['request']}: not today"
    assert (refusal["rule"], refusal["approvers"]) == ("destructive-needs-dba", ["dba"])
    assert said["now"] == "hold"
    command = said["next"][0]["command"]  # with the reason of the lease, where it has one
    assert command.startswith("gov exec prod ")
    assert command.endswith(f" --no-wait -c 'drop table {spare}'")


def test_a_request_that_was_denied_while_nobody_waited(
    why: Callable[..., Why], as_user: AsUser, deny: Callable[[str], object], spare: str
) -> None:
    """What `gov exec --no-wait` had asked for."""
    command = ["gov", "exec", "prod", "--no-wait", "-c", f"truncate {spare}", "--reason", "tidy"]
    asked = subprocess.run(command, env=as_user("alice"), capture_output=True, text=True, timeout=door.PATIENCE)
    request = json.loads(asked.stdout)["request"]
    deny(request)

    said = why()
    assert (said["refusal"]["kind"], said["refusal"]["request"]) == ("request", request)
    assert said["refusal"]["told"] == f"bob denied {request}: not today"
    assert said["next"][0]["command"] == f"gov exec prod --reason tidy --no-wait -c 'truncate {spare}'"


def test_a_lease_that_was_refused(why: Callable[..., Why], as_user: AsUser) -> None:
    """The rule asks for a reason: the command has one. There is no such scope: the widest that there is."""
    for options, command in (
        (["--scope", "write"], "gov connect prod --scope write --reason 'why you need it'"),
        (["--scope", "admin", "--reason", "fix it"], "gov connect prod --scope write --reason 'fix it'"),
    ):
        words = ["gov", "credentials", "prod", "--ttl", "30m", *options]  # another time than of any lease that is kept
        assert subprocess.run(words, env=as_user("alice"), capture_output=True, timeout=door.PATIENCE).returncode
        said = why()
        assert said["refusal"]["kind"] == "lease"
        assert said["next"][0]["command"] == command


def test_a_session_that_was_refused(why: Callable[..., Why], reader: dict[str, Any]) -> None:
    """With a lease in hand, but for another database."""
    psql({**reader, "pgdatabase": "elsewhere"}, "select 1")

    said = why()
    assert said["refusal"]["kind"] == "session"
    assert "the lease is for database `shop`, not `elsewhere`" in said["refusal"]["told"]
    assert said["next"][0]["command"] == "gov connect prod"


def test_what_the_database_refused(why: Callable[..., Why], reader: dict[str, Any]) -> None:
    """Policy let it run and the role's privileges did not: the last line of defence explains itself too."""
    psql(reader, "select rolpassword from pg_authid")

    refusal = why()["refusal"]
    assert (refusal["outcome"], "permission denied" in refusal["told"]) == ("refused by the database", True)


def test_everybody_has_their_own(why: Callable[..., Why], reader: dict[str, Any], as_user: AsUser) -> None:
    """What was refused to Alice is none of Carol's business, to whom other things may have been refused."""
    psql(reader, "insert into orders values (1234321)")

    assert "1234321" not in door.gov(as_user("carol"), "why")
    assert "1234321" not in json.dumps(why("carol"))
    assert why()["refusal"]["statement"] == "insert into orders values (1234321)"

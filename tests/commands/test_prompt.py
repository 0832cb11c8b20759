"""Our prompt on a real pseudo terminal, against a real database."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from commands.fake_broker import FakeBroker, Gov
from gov.commands.backslash import COLUMNS, TABLES, Ask, Leave, Say, Switches, command
from gov.commands.prompt import complete

HELD = """
create function held(seconds float) returns int language plpgsql as $f$ begin
  raise notice using errcode = '01G01', message = 'held', detail =
    '{"request": "rq-1", "rule": "r", "approvers": ["dba"], "reasons": ["a drop"]}';
  perform pg_sleep(seconds);
  raise notice using errcode = '01G03', message = 'approved by bob';
  return 7; end $f$"""


@pytest.fixture
def prompt(prod: FakeBroker, gov: Gov) -> Iterator[pexpect.spawn[str]]:
    """A prompt that has greeted."""
    gov("exec", "prod", "-c", HELD)
    gov("exec", "prod", "-c", "create table people (id int not null, email text)")
    child: pexpect.spawn[str] = pexpect.spawn(
        sys.executable, ["-c", "from gov.commands import main; main()", "connect", "prod"], timeout=20,
        encoding="utf-8", dimensions=(40, 100),
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", "PROMPT_TOOLKIT_NO_CPR": "1"})
    child.expect("for help")
    child.expect("=>")
    yield child
    child.close(force=True)


def test_lines_until_a_semicolon(prompt: pexpect.spawn[str]) -> None:
    """Enter breaks the line while a statement or a quote is open; then the rows come."""
    prompt.send("select 'a;\r")
    prompt.expect("->")
    prompt.send("b' as s, 40 + 2 as n;\r")

    prompt.expect("a;.nb +\\|? *42")
    prompt.expect("1 row")


def test_a_hold_is_shown_and_goes_on(prompt: pexpect.spawn[str]) -> None:
    """The panel says who may answer; after the answer the rows come."""
    prompt.send("select held(1);\r")

    prompt.expect("waiting rq-1")
    prompt.expect("held by rule r; waiting for dba; Ctrl-C withdraws")
    prompt.expect("gov approve rq-1")
    prompt.expect("approved by bob")
    prompt.expect("1 row")


def test_an_interrupt_withdraws_and_the_prompt_lives(prompt: pexpect.spawn[str]) -> None:
    """Ctrl-C while held cancels; the next statement runs on the same connection."""
    prompt.send("create temporary table mine (a int); select held(60);\r")
    prompt.expect("waiting rq-1")
    prompt.send("\x03")
    prompt.expect("canceling statement")
    prompt.send("select count(*) + 42 as n from mine;\r")

    prompt.expect("42")


def test_the_transaction_shows(prompt: pexpect.spawn[str]) -> None:
    """`*` inside a transaction, `!` when it has failed."""
    prompt.send("begin;\r")
    prompt.expect("\\*.*=>")
    prompt.send("selec;\r")
    prompt.expect("syntax error")
    prompt.expect("LINE 1: selec")

    prompt.expect("!.*=>")


def test_columns_say_what_is_masked(prompt: pexpect.spawn[str]) -> None:
    """`\\d` knows this lease's masks."""
    prompt.send("\\d people\r")

    prompt.expect("email +\\| text +\\| +\\| masked")


def test_the_end_of_input_leaves(prompt: pexpect.spawn[str]) -> None:
    """Ctrl-D ends with status 0, and the history is private and without passwords."""
    prompt.send("select 1;\r")
    prompt.expect("1 row")
    prompt.send("alter role x password 'hunter2';\r")
    prompt.expect("ERROR")
    prompt.expect("=>")
    prompt.send("\x04")
    prompt.expect(pexpect.EOF)
    prompt.wait()

    (past,) = (Path(os.environ["GOV_CONFIG_DIR"]) / "state" / "history").rglob("prod")
    assert prompt.exitstatus == 0
    assert stat.S_IMODE(past.stat().st_mode) == 0o600
    assert "select 1" in past.read_text()
    assert "hunter2" not in past.read_text()


@pytest.mark.parametrize(("text", "expected"), [
    ("", True), ("\\d people", True), ("select 1;", True), ("select 1", False), ("select ';", False)])
def test_when_enter_sends(text: str, expected: bool) -> None:
    """A backslash command, nothing, or what ends with `;`."""
    assert complete(text) is expected


@pytest.mark.parametrize(("line", "expected"), [
    ("\\q", Leave()), ("\\dt", Ask(TABLES)), ("\\d", Ask(TABLES)),
    ("\\d public.people;", Ask(COLUMNS, ("public.people",))), ("\\x", Say("expanded display is on")),
    ("\\timing", Say("timing is on")), ("\\nope", Say("no such command: \\nope; \\? lists them")),
])
def test_backslash_commands(line: str, expected: object) -> None:
    """The few we know."""
    assert command(line, Switches()) == expected

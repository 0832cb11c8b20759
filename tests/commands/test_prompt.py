"""Our prompt on a real pseudo terminal, against a real database."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.fake_broker import FakeBroker, Gov
from commands.terminal import Terminal, terminal
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
def prompt(prod: FakeBroker, gov: Gov) -> Iterator[Terminal]:
    """A prompt that has greeted."""
    gov("exec", "prod", "-c", HELD)
    gov("exec", "prod", "-c", "create table people (id int not null, email text)")
    with terminal("connect", "prod") as opened:
        opened.sees("for help")
        opened.sees("=>")
        yield opened


def test_lines_until_a_semicolon(prompt: Terminal) -> None:
    """Enter breaks the line while a statement or a quote is open; then the rows come."""
    prompt.types("select 'a;\r")
    prompt.sees("->")
    prompt.types("b' as s, 40 + 2 as n;\r")

    prompt.sees("a;.nb +\\|? *42")
    prompt.sees("1 row")


def test_a_hold_is_shown_and_goes_on(prompt: Terminal) -> None:
    """The panel says who may answer; after the answer the rows come."""
    prompt.types("select held(1);\r")

    prompt.sees("waiting rq-1")
    prompt.sees("held by rule r; waiting for dba; Ctrl-C withdraws")
    prompt.sees("gov approve rq-1")
    prompt.sees("approved by bob")
    prompt.sees("1 row")


def test_an_interrupt_withdraws_and_the_prompt_lives(prompt: Terminal) -> None:
    """Ctrl-C while held cancels; the next statement runs on the same connection."""
    prompt.types("create temporary table mine (a int); select held(60);\r")
    prompt.sees("waiting rq-1")
    prompt.types("\x03")
    prompt.sees("canceling statement")
    prompt.types("select count(*) + 42 as n from mine;\r")

    prompt.sees("42")


def test_the_transaction_shows(prompt: Terminal) -> None:
    """`*` inside a transaction, `!` when it has failed."""
    prompt.types("begin;\r")
    prompt.sees("\\*.*=>")
    prompt.types("selec;\r")
    prompt.sees("syntax error")
    prompt.sees("LINE 1: selec")

    prompt.sees("!.*=>")


def test_columns_say_what_is_masked(prompt: Terminal) -> None:
    """`\\d` knows this lease's masks."""
    prompt.types("\\d people\r")

    prompt.sees("email +\\| text +\\| +\\| masked")


def test_the_end_of_input_leaves(prompt: Terminal) -> None:
    """Ctrl-D ends with status 0, and the history is private and without passwords."""
    prompt.types("select 1;\r")
    prompt.sees("1 row")
    prompt.types("alter role x password 'hunter2';\r")
    prompt.sees("ERROR")
    prompt.sees("=>")
    prompt.types("\x04")
    status = prompt.ends()

    (past,) = (Path(os.environ["GOV_CONFIG_DIR"]) / "state" / "history").rglob("prod")
    assert status == 0
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
    ("\\d public.people;", Ask(COLUMNS, ("public.people",), masks=True)), ("\\x", Say("expanded display is on")),
    ("\\timing", Say("timing is on")), ("\\nope", Say("no such command: \\nope; \\? lists them")),
])
def test_backslash_commands(line: str, expected: object) -> None:
    """The few we know."""
    assert command(line, Switches()) == expected

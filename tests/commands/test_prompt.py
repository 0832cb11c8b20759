"""Our prompt on a real pseudo terminal, against a real database."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from commands.fake_broker import FakeBroker
from commands.terminal import Terminal, terminal
from gov.commands.editing import complete
from gov.errors import Denied

HELD = """
create function held(seconds float) returns int language plpgsql as $f$ begin
  raise notice using errcode = '01G01', message = 'held', detail =
    '{"request": "rq-1", "rule": "r", "approvers": ["dba"], "reasons": ["a drop"],
      "expires_at": "2099-01-01T00:00:00Z"}';
  perform pg_sleep(seconds);
  raise notice using errcode = '01G03', message = 'rq-1 approved by bob';
  return 7; end $f$"""


@pytest.fixture
def prompt(prod: FakeBroker) -> Iterator[Terminal]:
    """A prompt that has greeted."""
    with psycopg.connect(prod.dsn, autocommit=True) as admin:
        admin.execute(HELD)
        admin.execute("create table people (id int not null, email text)")
    with terminal("connect", "prod") as opened:
        opened.sees("for help")
        opened.sees("=>")
        opened.shows("PRODUCTION +prod · read · lease")  # the terminal has said where the cursor is
        yield opened


def end_sessions(prod: FakeBroker) -> None:
    """What a restart of the database, or an operator, does to the prompt's session."""
    with psycopg.connect(prod.dsn, autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                      " where datname = current_database() and application_name = 'gov connect'")


def test_lines_until_a_semicolon(prompt: Terminal) -> None:
    """Enter breaks the line while a statement or a quote is open; then the rows come."""
    prompt.types("select 'a;\r")
    prompt.sees("->")
    prompt.types("b' as s, 40 + 2 as n;\r")

    prompt.sees("a;.nb +\\|? *42")
    prompt.sees("1 row, [0-9.]+ m?s")


def test_a_hold_is_shown_and_goes_on(prompt: Terminal) -> None:
    """The panel says what waits, why, for whom and how long; after the answer who said yes, and the rows."""
    prompt.types("select held(2);\r")

    for line in ("select held\\(2\\)", "rule +r", "because +a drop", "waits for +dba", "expires +in [0-9]+:[0-9:]+",
                 "gov approve rq-1", "Ctrl-C withdraws the request"):
        prompt.shows(line)
    prompt.shows("rq-1 approved by bob")
    prompt.shows("1 row")
    assert "HELD" not in prompt.screen


def test_an_interrupt_withdraws_and_the_prompt_lives(prompt: Terminal) -> None:
    """Ctrl-C while held cancels; the next statement runs on the same connection."""
    prompt.types("create temporary table mine (a int); select held(60);\r")
    prompt.sees("HELD +rq-1")
    prompt.types("\x03")
    prompt.sees("canceling statement")
    prompt.types("select count(*) + 42 as n from mine;\r")

    prompt.sees("42")


def test_the_transaction_shows(prompt: Terminal) -> None:
    """`*` inside a transaction, `!` when it has failed, and in words below."""
    prompt.types("begin;\r")
    prompt.sees("\\*.*=>")
    prompt.shows("PRODUCTION.*prod.* in transaction")
    prompt.types("selec;\r")
    prompt.sees("syntax error.*SQLSTATE 42601")
    prompt.sees("LINE 1: selec")

    prompt.sees("!.*=>")
    prompt.shows("failed transaction")


def test_columns_say_what_is_masked(prompt: Terminal) -> None:
    """`\\d` knows this lease's masks, and the menu too."""
    prompt.types("\\d people\r")
    prompt.sees('Table "public.people"')
    prompt.sees("email +\\| text +\\| partial")
    prompt.sees("=>")
    prompt.types("select em")

    prompt.sees("masked: partial")


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


def test_leaving_an_open_transaction_is_asked_first(prompt: Terminal) -> None:
    """Anything but yes stays; yes ends with status 0."""
    prompt.types("begin;\r")
    prompt.sees("\\*.*=>")
    prompt.types("\x04")
    prompt.sees("leaving rolls it back: leave\\?")
    prompt.types("n\r")
    prompt.sees("=>")
    prompt.types("\\q\r")
    prompt.sees("leave\\?")
    prompt.types("y\r")

    assert prompt.ends() == 0


def test_a_session_that_has_ended_is_told_and_replaced(prompt: Terminal, prod: FakeBroker) -> None:
    """The line below says why while one only looks; what is typed next runs in a new session, and says so."""
    end_sessions(prod)
    prompt.shows("terminating connection.*your next statement connects again")
    prompt.types("select 6 * 7 as n;\r")

    prompt.sees("terminating connection")
    prompt.sees("connected again, lease ls-.*settings of the old session are gone")
    prompt.sees("42")
    prompt.sees("1 row")


def test_nothing_is_sent_to_a_session_that_lacks_the_transaction(prompt: Terminal, prod: FakeBroker) -> None:
    """A statement meant for a transaction that is gone comes back into the line instead; Enter then runs it."""
    prompt.types("begin;\r")
    prompt.sees("\\*.*=>")
    prompt.types("insert into people values (1);\r")
    prompt.sees("INSERT 0 1")
    end_sessions(prod)
    prompt.shows("your next statement connects again")
    prompt.types("insert into people values (2);\r")
    prompt.sees("the transaction went with the old session, so nothing was sent")
    prompt.sees("=>")
    with psycopg.connect(prod.dsn) as look:
        assert look.execute("select count(*) from people").fetchall() == [(0,)]
    prompt.types("\r")
    prompt.sees("INSERT 0 1")

    with psycopg.connect(prod.dsn) as look:
        assert look.execute("select id from people").fetchall() == [(2,)]


def test_a_statement_cut_short_is_not_run_again(prompt: Terminal, prod: FakeBroker) -> None:
    """When the session ends while it runs, that is said, with what to do; the statement is sent once."""
    prompt.types("create sequence sent; select nextval('sent'), held(60);\r")
    prompt.sees("HELD")
    end_sessions(prod)
    prompt.sees("terminating connection")
    prompt.sees("the session ended while it ran: look whether it took effect")
    prompt.types("select last_value + 41 as n from sent;\r")

    prompt.sees("connected again")
    prompt.sees("42")


def test_a_server_that_does_not_stop_is_let_go(prompt: Terminal, prod: FakeBroker) -> None:
    """Ctrl-C asks it to stop; the third one ends the session, and the prompt lives."""
    prompt.types("select pg_sleep(60);\r")
    prompt.shows("running [0-9]+s; Ctrl-C cancels")
    with psycopg.connect(prod.dsn, autocommit=True) as admin:
        found = admin.execute("select pid from pg_stat_activity where query like 'select pg_sleep%'").fetchone()
    assert found
    os.kill(found[0], signal.SIGSTOP)
    try:
        prompt.insists("\x03", "the session ended while it ran")
        prompt.types("select 40 + 2 as n;\r")
        prompt.shows("connected again")
        prompt.shows("42")
    finally:
        os.kill(found[0], signal.SIGCONT)


def test_when_policy_gives_no_lease_any_more(prompt: Terminal, prod: FakeBroker) -> None:
    """The refusal is shown, what was typed is kept, and the prompt lives."""
    end_sessions(prod)
    prompt.shows("your next statement connects again")
    prod.refusal = Denied("no rule gives you prod", hint="gov targets")
    prompt.types("select 40 + 2 as n;\r")
    prompt.sees("no rule gives you prod")
    prompt.sees("=>")
    prod.refusal = None
    prompt.types("\r")

    prompt.sees("connected again")
    prompt.sees("42")


def test_the_editor(prod: FakeBroker, tmp_path: Path) -> None:
    """What is changed in it runs; what it leaves alone comes back into the line; one that fails runs nothing."""
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i s/6/40+2/ \"$1\"\n")
    editor.chmod(0o700)
    with terminal("connect", "prod", EDITOR=str(editor), VISUAL="") as prompt:
        prompt.sees("=>")
        prompt.shows("PRODUCTION +prod · read · lease")
        prompt.types("select 6 as n;\r")
        prompt.sees("1 row")
        prompt.types("\\e\r")
        prompt.sees("42")
        prompt.sees("1 row")
        prompt.types("\\e\r")
        prompt.shows("=> select 40\\+2 as n")
        prompt.types(" \\e /nowhere/at/all\r")
        prompt.shows("the editor ended with status [1-9], so nothing was run")


def test_a_file_runs_until_its_first_error(prompt: Terminal, tmp_path: Path) -> None:
    """`\\i` says where it stopped; commands in the file work."""
    (tmp_path / "some.sql").write_text(
        "select 20 + 22 as n;\n\\x on\nselect 'in' || 'cluded' as s;\n\nselec;\nselect 99;")
    prompt.types(f"\\i {tmp_path}/some.sql\r")

    prompt.sees("42")
    prompt.sees("RECORD 1")
    prompt.sees("s \\| included")
    prompt.sees("syntax error")
    prompt.sees("some.sql:5: stopped here")


def test_output_goes_where_it_is_sent(prompt: Terminal, tmp_path: Path) -> None:
    """`\\o FILE` takes results, and alone gives them back."""
    prompt.types(f"\\o {tmp_path}/out\rselect 'to a ' || 'file' as s;\r\\o\rselect 'to the ' || 'screen' as s;\r")
    prompt.sees("to the screen")

    assert "to a file" in (tmp_path / "out").read_text()
    assert "to the screen" not in (tmp_path / "out").read_text()


def test_watch_runs_it_until_an_interrupt(prompt: Terminal) -> None:
    """Again and again, and the prompt comes back."""
    prompt.types("create sequence seen;\r")
    prompt.sees("CREATE SEQUENCE")
    prompt.types("select 40 + nextval('seen') as n \\watch 0.1\r")
    prompt.sees("42")
    prompt.sees("43")
    prompt.types("\x03")
    prompt.sees("=>")
    prompt.types("select 7 * 11 as n;\r")
    prompt.sees("77")


def test_what_is_unfinished_before_a_command_stays(prompt: Terminal) -> None:
    """`\\d` in the middle of a statement answers, and the statement waits to be finished."""
    prompt.types("select 40\r\\d people\r")
    prompt.sees('Table "public.people"')
    prompt.sees("=>")
    prompt.types("+ 2 as n;\r")

    prompt.sees("42")


def test_where_one_is(prompt: Terminal) -> None:
    """`\\conninfo`, `\\lease` and `\\lease new`, `\\why`."""
    prompt.types("\\conninfo\r")
    for line in ("target +prod \\(production\\)", "as +alice", "scope +read", "lease +ls-[0-9]+, [0-9]+:",
                 "gateway .*TLS"):
        prompt.sees(line)
    prompt.types("\\lease new\r")
    prompt.sees("a new lease")
    prompt.sees("masked +public.people.email")
    prompt.types("\\why\r")
    prompt.sees("nothing was refused here")


@pytest.mark.parametrize(("text", "expected"), [
    ("", True), ("\\d people", True), ("select 1;", True), ("select 1", False), ("select ';", False),
    ("select 1 \\gx", True), ("select '\\gx", False), ("quit", True), ("help", True)])
def test_when_enter_sends(text: str, expected: bool) -> None:
    """A backslash command, nothing, what ends with `;`, and the words of who looks for the way out."""
    assert complete(text) is expected

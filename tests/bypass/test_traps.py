"""Code under false names and code that runs by itself: none of it runs for somebody whose policy knows none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from bypass.canaries import leaked
from bypass.corpus import HERE, attempts
from bypass.playing import play
from live import door
from live.wire import SYNC, Lease, bind, dialled, execute, parse


@pytest.fixture(scope="module")
def traps(admin: psycopg.Connection[Any], as_user: Callable[[str], dict[str, str]]) -> Iterator[None]:
    """The objects of traps.sql, as the owner of the shop's tables made them, for as long as this module runs."""
    bob = as_user("bob")
    admin.execute((HERE / "traps.sql").read_text(encoding="utf-8"))
    door.gov(bob, "broker", "sync", "prod")
    try:
        yield
    finally:
        admin.execute("DROP SCHEMA trap CASCADE")
        door.gov(bob, "broker", "sync", "prod")


def test_the_traps_shout(traps: None, admin: psycopg.Connection[Any]) -> None:
    """Who gets past hears them, so this test can fail: most attempts do shout when the superuser makes them."""
    heard: list[str] = []
    admin.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    silent = []
    for attempt in attempts("attacks/identity.sql"):
        before = len(heard)
        try:
            with admin.transaction(force_rollback=True):
                for text in attempt.messages:
                    if not text.startswith(("begin", "copy")):
                        admin.execute(text)
        except psycopg.Error as why:
            heard += [str(why)] if "qxssn7" in str(why) else []
        finally:
            admin.execute("RESET search_path; DEALLOCATE ALL")
        if len(heard) == before:
            silent.append(attempt.why)

    print(silent)
    assert len(silent) < 20, silent


def test_nothing_of_it_runs(
    traps: None, lease_for: Callable[[str], Lease], files: dict[str, str], admin: psycopg.Connection[Any]
) -> None:
    """Each attempt is refused or held, in the simple form and the extended one, and no trap is heard."""
    wrong, count = [], 0
    for number, attempt in enumerate(attempts("attacks/identity.sql")):
        forms = ("simple", "extended") if number % 4 == 0 else ("extended",) if number % 2 else ("simple",)
        for played in play(attempt, lease_for(attempt.scope), files, around=attempt.scope == "write", forms=forms):
            if leaked(played.heard) or not played.stopped:
                wrong.append(f"{attempt.name}: {attempt.why} ({played.form}): {played.replies.tags}")
        count += 1

    assert not wrong, "\n".join(wrong)
    assert count >= 60


def test_ordinary_statements_beside_traps_pass(traps: None, lease_for: Callable[[str], Lease]) -> None:
    """The same names where they mean PostgreSQL's own are no calls."""
    with dialled(lease_for("write")) as wire:
        for text in (
            "select lower('X'), upper('x'), upper(status), length(status), now(), count(*) from orders where id = 1"
            " group by status",
            "select id + 1, id = 1, id between 1 and 2, status = 'x' from orders where id in (1, 2)",
            "select max(id), sum(amount), string_agg(status, ',') from orders where id < 3",
            "set search_path = trap, public",
            "select lower(status), upper(status), now() from orders where id + 1 = 2",
            "select id from trap.watched",
            "select id from trap.words",
            "reset search_path",
        ):
            said = wire.query(text)
            assert not said.states, (text, said.states)
            assert not said.requests, text


def test_a_parameter_of_a_trapped_type_is_refused(
    traps: None, lease_for: Callable[[str], Lease], admin: psycopg.Connection[Any]
) -> None:
    """Parse can say by OID what no text names: Bind would run the domain's CHECK."""
    names = ("trap.word", "trap.inner_word", "trap.word[]", "trap.pair", "trap.pair[]", "trap.words")
    with dialled(lease_for("read")) as wire:
        for name in names:
            (oid,) = admin.execute("SELECT %s::regtype::oid::int8", (name,)).fetchone() or (0,)
            value = {"trap.word[]": "{x}", "trap.pair[]": '{"(1,x)"}'}.get(name, "(1,x)")
            said = wire.play(parse("select $1", types=[oid]), bind(values=[value]), execute(), SYNC)

            assert said.states == ["0A000"], (name, said)
            assert not leaked(bytes(wire.heard)), name
        assert wire.play(parse("select $1", types=[25]), bind(values=["x"]), execute(), SYNC).rows == [("x",)]

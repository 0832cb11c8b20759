"""Code by what it is in the catalog, not by how it is called: cases in tests/cases/identity.

The objects are made in a real database, whose snapshot is what names are resolved in. A case says effects
(`read` when it does not), calls, and where it matters the search path and what people are told.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from gov.sql.catalog import Catalog
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.sql.world import path_of
from gov.target.catalog import load

CASES = Path(__file__).parent.parent / "cases" / "identity"
SAID = re.compile(r"-- (effects|calls|path|called): (.*)")


@pytest.fixture
def database(fresh_database: Callable[[], str]) -> str:
    """A database with those objects."""
    dsn = fresh_database()
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute((CASES / "objects.sql").read_text())
    return dsn


@pytest.fixture
def odd(database: str) -> Catalog:
    """Its snapshot."""
    dsn = database

    async def run() -> Catalog:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute("SET search_path = ''")
            return await load(connection, ("public",), connection.info.server_version)

    return asyncio.run(run())


def test_code_is_told_by_what_it_is(odd: Catalog) -> None:
    """Every case, exactly: overloads, operators, types, triggers, rules, views, and what else runs by itself."""
    wrong, count = [], 0
    for block in (CASES / "statements.sql").read_text().split("\n\n"):
        lines = [each for each in block.strip().split("\n") if not each.startswith("---")]
        said = {match[1]: match[2] for each in lines if (match := SAID.fullmatch(each))}
        text = "\n".join(each for each in lines if not SAID.fullmatch(each))
        if not text:
            continue
        count += 1
        facts = resolve(outline(text), odd, path_of(said.pop("path", "public")) or ())
        found = {
            "effects": ", ".join(sorted(facts.effects)),
            "calls": ", ".join(sorted(each.removeprefix("public.") for each in facts.calls)),
            "called": "; ".join(map(str, facts.called)),
        }
        expected = {"effects": "read", "calls": "", "called": found["called"]} | said
        if found != expected:
            wrong.append(f"{text}\n  is  {found}\n  not {expected}")

    assert not wrong, "\n".join(wrong)
    assert count > 100


def test_a_literal_that_decides_between_overloads_is_no_mere_literal(odd: Catalog) -> None:
    """`to_hex(1)` is PostgreSQL's and `to_hex(1.5)` is somebody's: what holds for one is not kept for the other."""
    one, other = (resolve(outline(f"select to_hex({each})"), odd, ("public",)) for each in ("1", "1.5"))
    assert (one.calls, other.calls) == (frozenset(), {"public.to_hex"})
    assert not one.literal_free

    assert not resolve(outline("select 1 - 2"), odd, ("public",)).literal_free
    assert not resolve(outline("select 1 from plain where id = 3"), odd, ("public",)).literal_free
    assert resolve(outline("select 1 + 2, lpad('x', 3)"), odd, ("public",)).literal_free


OPERANDS = (
    "1", "1.5", "'x'", "null", "99999999999", "id", "n", "name", "tag", "name::text", "id::numeric", "n::float8",
    "'x'::varchar", "lower(name)", "id + 1", "name || 'x'", "(select 1)", "true", "abs(id)", "d", "i", "-id", "t",
)  # fmt: skip
FUNCTIONS = ("lower", "upper", "length", "abs", "to_hex", "now", "nextval", "sum", "total", "f", "replace")
BETWEEN = ("=", ">=", "||", "-", "###", "+")
CALLED = """
SELECT DISTINCT p.pronamespace::regnamespace || '.' || p.proname
  FROM pg_rewrite w, LATERAL (
    SELECT m[1]::oid AS oid FROM regexp_matches(w.ev_action::text, ':(?:funcid|aggfnoid) ([0-9]+)', 'g') m
    UNION
    SELECT o.oprcode FROM regexp_matches(w.ev_action::text, ':opno ([0-9]+)', 'g') m
      JOIN pg_operator o ON o.oid = m[1]::oid
  ) found JOIN pg_proc p ON p.oid = found.oid
 WHERE w.ev_class = 'public.asked'::regclass AND p.oid >= 16384
"""


def expressions() -> list[str]:
    """Some of the ways to call what has several meanings here, with every kind of operand."""
    one = [f"{name}({each})" for name in FUNCTIONS for each in OPERANDS]
    two = [f"{name}({a}, {b})" for name in ("length", "round", "replace") for a in OPERANDS for b in OPERANDS]
    operators = [f"{a} {name} {b}" for name in BETWEEN for a in OPERANDS for b in OPERANDS]
    return [*one[::3], *two[::17], *operators[::23], *(f"@ {each}" for each in OPERANDS)]


def test_what_postgresql_calls_is_among_what_we_say(odd: Catalog, database: str) -> None:
    """PostgreSQL resolves each expression in a view, whose stored tree tells by OID what it took."""
    taken, missed = 0, []
    with psycopg.connect(database, autocommit=True) as admin:
        for path in ("public", "public, pg_catalog"):
            admin.execute(f"SET search_path = {path}")
            for each in expressions():
                text = f"select {each} as x from plain t, timed"
                try:
                    with admin.transaction(force_rollback=True):
                        admin.execute(f"create view asked as {text}")
                        called = {name for (name,) in admin.execute(CALLED)}
                except psycopg.Error:
                    continue
                taken += 1
                calls = resolve(outline(text), odd, tuple(path.split(", "))).calls
                if not called <= calls:
                    missed.append(f"{text} in {path}: {called - calls}")

    assert not missed, "\n".join(missed)
    assert taken > 200

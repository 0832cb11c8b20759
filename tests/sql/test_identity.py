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
def odd(fresh_database: Callable[[], str]) -> Catalog:
    """The snapshot of a database with those objects."""
    dsn = fresh_database()
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute((CASES / "objects.sql").read_text())

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

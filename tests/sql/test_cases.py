"""The SQL cases in tests/cases/sql: a statement, and the facts that it must have.

A case is a block without empty lines: `-- key: value` lines, then the statement. What is not said is empty.
`public.` is left out of names, and `customers.*` stands for all its columns. `---` begins a remark. In
rewrites.sql `sent` is what goes to the database, where that is not the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from postgast import scan
from postgast.pg_query_pb2 import Token as Kinds

from gov.sql.catalog import Catalog
from gov.sql.facts import Facts
from gov.sql.outline import outline
from gov.sql.proof import same
from gov.sql.resolve import resolve
from gov.sql.rewrite import renames, rewrite
from gov.terms import Column, Relation

CASES = Path(__file__).parent.parent / "cases" / "sql"
KEYS = (
    "effects", "reads", "writes", "columns", "written", "unbounded", "calls", "settings", "objects",
    "temporary", "missing", "unknown", "listens", "sent",
)  # fmt: skip
EXPECTED = re.compile(rf"-- ({'|'.join(KEYS)}): (.*)")
PATH = ("public",)
CUSTOMERS = Relation("public", "customers")
VIEWS = {CUSTOMERS: Relation("gov_m_1", "customers")}
MASKED = {CUSTOMERS: frozenset({"email", "ssn", "phone", "dob", "credit_card"})}


class Case(NamedTuple):
    """One block of a file."""

    place: str
    expected: dict[str, str]
    text: str


def cases() -> Iterator[Case]:
    """Every case of every file."""
    for path in sorted(CASES.glob("*.sql")):
        line = 1
        for block in path.read_text().split("\n\n"):
            lines = [each for each in block.strip("\n").split("\n") if not each.startswith("---")]
            found = [EXPECTED.fullmatch(each) for each in lines]
            text = "\n".join(each for each, match in zip(lines, found, strict=True) if not match)
            if lines:
                expected = {match[1]: match[2] for match in found if match}
                yield Case(f"{path.stem}:{line}", expected, text)
            line += block.count("\n") + 2


def listed(values: Iterable[object]) -> str:
    """Values in order, without `public.`."""
    return ", ".join(sorted(str(value).removeprefix("public.") for value in values))


def columns(found: frozenset[Column], shop: Catalog) -> str:
    """Columns, and `*` where a relation's are all there."""
    short: set[Column] = set(found)
    for relation, info in shop.relations.items():
        every = {Column(relation, each.name) for each in info.columns}
        if every <= short:
            short = short - every | {Column(relation, "*")}
    return listed(short)


def shown(facts: Facts, shop: Catalog) -> dict[str, str]:
    """Facts as a case spells them."""
    spelled = {
        "effects": listed(facts.effects),
        "reads": listed(facts.reads),
        "writes": listed(facts.writes),
        "columns": columns(facts.columns_read, shop),
        "written": columns(facts.columns_written, shop),
        "unbounded": listed(facts.unbounded),
        "calls": listed(facts.calls),
        "settings": "; ".join(name if value is None else f"{name}={value}" for name, value in facts.settings),
        "objects": ", ".join(facts.objects),
        "temporary": listed(facts.temporary),
        "missing": listed(facts.missing),
        "unknown": "; ".join(facts.unknown),
        "listens": listed(facts.listens),
    }
    return {key: value for key, value in spelled.items() if value}


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.place)
def test_a_statement_has_exactly_its_facts(case: Case, shop: Catalog) -> None:
    """The facts of a case are what it says, no more and no less; and so is what is sent."""
    outlined = outline(case.text)
    facts = resolve(outlined, shop, PATH)
    sent = rewrite(case.text, outlined, facts, shop, VIEWS, MASKED, PATH)
    found = shown(facts, shop) | ({} if sent is case.text else {"sent": sent})

    if not case.place.startswith("rewrites"):
        found.pop("sent", None)

    assert found == case.expected
    assert sent is case.text or same(case.text, sent, renames(VIEWS))


NUMBERS, STRINGS = frozenset({Kinds.Value("ICONST"), Kinds.Value("FCONST")}), Kinds.Value("SCONST")


def with_other_literals(text: str, number: str, string: str) -> str:
    """`text` with every constant replaced."""
    data, pieces, at = text.encode(), [], 0
    for token in scan(text).tokens:
        other = number if token.token in NUMBERS else string if token.token == STRINGS else None
        if other is not None:
            pieces += [data[at : token.start], other.encode()]
            at = token.end
    return b"".join([*pieces, data[at:]]).decode()


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.place)
def test_literals_do_not_matter_where_facts_say_so(case: Case, shop: Catalog) -> None:
    """A judgment may be kept for every value of the literals of such a text."""
    facts = resolve(outline(case.text), shop, PATH)
    if not facts.literal_free:
        return
    for number, string in (("7", "'zzz'"), ("0", "''"), ("1", "'role'")):
        other = resolve(outline(with_other_literals(case.text, number, string)), shop, PATH)

        assert other == facts or other.unknown[0].startswith("syntax error")

"""The lineage of single statements, from a file of cases, and the laws that hold for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gov.errors import TooComplex
from gov.lineage.flow import ANY
from gov.lineage.statement import lineage, widened
from lineage.small_world import known, lines

CASES = Path(__file__).parents[1] / "cases/lineage/statements.txt"


def _cases() -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in CASES.read_text().splitlines():
        if line.startswith("    "):
            found[-1][1].append(line.strip())
        elif line and not line.startswith("--"):
            found.append((line, []))
    return found


@pytest.mark.parametrize(("text", "expected"), _cases())
def test_a_statement_has_this_lineage(text: str, expected: list[str]) -> None:
    """Sources of every output and written column, with the way in which each counts."""
    assert lines(text) == expected


def test_what_was_prepared_is_what_executing_it_does() -> None:
    """EXECUTE has the lineage of the statement behind the name."""
    (found,) = lineage("PREPARE p AS INSERT INTO report (note) SELECT a FROM t", known(), executed=True)

    assert [str(source) for source in found.writes[0].columns["note"]] == ["public.t.a"]


def test_code_that_is_not_looked_into_widens_everything() -> None:
    """Everything in reach may be in every output and every written column, and the reason is said."""
    (found,) = lineage("WITH w AS (INSERT INTO report (note) SELECT a FROM t) SELECT b FROM t", known())

    wide = widened(found, ("calls public.f",))

    assert ANY in wide.outputs.columns[0]
    assert ANY in wide.outputs.rows
    assert ANY in wide.writes[0].columns["note"]
    assert ANY in wide.writes[0].rows
    assert wide.doubts == ("calls public.f",)


def test_a_long_chain_of_operators_needs_no_depth() -> None:
    """Expressions are read with a stack of our own; the analyst has a large one for what the parser needs."""
    (found,) = lineage("SELECT a || b FROM t WHERE " + " OR ".join(["c = 1"] * 5000), known())

    assert [str(source) for source in found.outputs.rows] == ["public.t.c"]


def test_more_than_can_be_looked_at_is_refused() -> None:
    """Views on views on views can multiply: there is a bound, and whoever asks widens instead."""
    steps = ["w0 AS (SELECT * FROM t)"]
    steps += [f"w{n} AS (SELECT a.a || b.b AS a, a.b || b.a AS b, a.*, b.* FROM w{n - 1} a, w{n - 1} b)"
              for n in range(1, 17)]  # fmt: skip

    with pytest.raises(TooComplex):
        lineage(f"WITH {', '.join(steps)} SELECT * FROM w16", known())

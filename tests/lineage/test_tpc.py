"""Lineage of TPC-H and TPC-DS: every output column as it was worked out by hand from the text."""

from __future__ import annotations

import pytest

from lineage.tpc import CORPUS, TPC_DS, TPC_H, Case, cases, found_in, queries

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the queries of TPC are not in ../shared/data/tpc")


REFUSED = {"TPC-DS 36", "TPC-DS 70", "TPC-DS 86"}
"""They use an output's name in an expression of ORDER BY: PostgreSQL says that there is no such column."""


def _holds(case: Case, text: str, tables: dict[str, str]) -> None:
    (found,) = found_in(text, tables, exact=case.title not in REFUSED)
    assert [each.name for each in found.columns] == [each.name for each in case.columns]
    for expected, column in zip(case.columns, found.columns, strict=True):
        assert (column.values, column.decided_by) == (expected.values, expected.decided_by), expected.name
    if case.rows is not None:
        assert found.rows == case.rows


@pytest.mark.parametrize("case", cases("tpc-h.txt"), ids=lambda case: case.title)
def test_tpc_h(case: Case) -> None:
    """All 22 queries, each output column and what decides about the rows."""
    _holds(case, queries("tpc-h.sql")[case.title], TPC_H)


@pytest.mark.parametrize("case", cases("tpc-ds.txt"), ids=lambda case: case.title)
def test_tpc_ds(case: Case) -> None:
    """608 output columns of all 99 queries, worked out from the text."""
    _holds(case, queries("tpc-ds.sql")[case.title], TPC_DS)


def test_no_query_is_left_out() -> None:
    """The cases are all there are."""
    for name in ("tpc-h", "tpc-ds"):
        assert {case.title for case in cases(f"{name}.txt")} == queries(f"{name}.sql").keys()

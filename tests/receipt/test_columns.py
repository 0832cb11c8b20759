"""From the lineage of an entry to the columns of a file."""

from __future__ import annotations

from typing import Any

from gov.receipt.columns import columns, doubts, rows

LINEAGE: list[dict[str, Any]] = [{
    "sources": [{"column": "public.c.id"}, {"column": "public.c.email", "mask": "partial", "rule": "r"}],
    "outputs": [{"identity": [0]}, {"transformation": [0, 1], "group": [1]}],
    "rows": {"filter": [1]}, "exact": False, "widened": ["calls f"],
}, {"sources": [{"column": "public.d.x"}], "outputs": [{}], "exact": True}]  # fmt: skip


def test_columns_with_their_inputs() -> None:
    """Each by its name, with what went in, how, and through which mask; what has no name gets its place."""
    assert columns(LINEAGE, [["id", "e"]]) == [
        {"name": "id", "inputs": [{"column": "public.c.id", "how": ["identity"]}]},
        {"name": "e", "inputs": [
            {"column": "public.c.id", "how": ["transformation"]},
            {"column": "public.c.email", "mask": "partial", "rule": "r", "how": ["group", "transformation"]},
        ]},
        {"name": "column 1", "inputs": []},
    ]


def test_rows_and_doubts() -> None:
    """What decided which rows there are, and why more may be named than went in."""
    assert [each["column"] for each in rows(LINEAGE)] == ["public.c.email"]
    assert doubts(LINEAGE) == ["calls f"]
    assert doubts([{"exact": False}]) == ["not exact"]
    assert (columns([], []), rows([]), doubts([])) == ([], [], [])

"""Lineage of an entry as people read it: each column with its sources and masks, rows, and what was widened."""

from __future__ import annotations

from gov.ui.lineage import told

EMAIL = {"column": "public.customers.email", "mask": "partial", "rule": "contact-is-partial"}
VIEWED = {"column": "public.orders.amount", "via": ["public.sales.total"]}
STATUS, ID = {"column": "public.orders.status"}, {"column": "public.orders.id"}


def test_a_result() -> None:
    """Names where they are known, places where they were erased; masks and the way through views; what decides."""
    said = {
        "exact": True, "sources": [EMAIL, VIEWED, STATUS, ID],
        "outputs": [{"identity": [0]}, {"aggregation": [1], "transformation": [0]}, {}],
        "rows": {"filter": [2], "join": [2, 3]},
    }  # fmt: skip
    assert [*told([said], [["email", "total"]])] == [
        "email ← public.customers.email (masked: partial by contact-is-partial)",
        "total ← public.orders.amount through public.sales.total (aggregated),"
        " public.customers.email (masked: partial by contact-is-partial, computed)",
        "column 3 ← no column",
        "rows: public.orders.status filters",
        "rows: public.orders.status, public.orders.id join",
    ]


def test_writes_and_what_is_not_exact() -> None:
    """Each written column, a removal, and why more is said than may be so."""
    said = {
        "exact": False, "sources": [STATUS, ID], "widened": ["by table: it is too long by column"],
        "writes": [{"relation": "public.report", "columns": {"state": {"transformation": [0]}, "n": {}}},
                   {"relation": "public.orders", "rows": {"filter": [1]}}],
    }  # fmt: skip
    assert [*told([said], [])] == [
        "writes public.report.state ← public.orders.status (computed)",
        "writes public.report.n ← no column",
        "removes rows of public.orders",
        "rows: public.orders.id filters",
        "not exact: by table: it is too long by column",
    ]
    everything = {"sources": [{"column": "*"}], "more": {"transformation": [0]}}
    assert [*told([everything], [])] == ["the result ← * (computed)"]

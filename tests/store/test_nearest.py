"""What was meant by a name that nobody knows: the nearest of what the asker may see, and of nothing else."""

from __future__ import annotations

from pathlib import Path

from gov.audit.entry import Entry
from gov.store.flows import Whose
from gov.store.nearest import nearest
from store.test_edges import AT, indexed, ran


def test_the_nearest_names(tmp_path: Path) -> None:
    """With as many parts as were asked for; columns and tables, runs, people and agents; no name from afar."""
    index = indexed(tmp_path, [
        ran("a", "public.customers.email", run="churn-v4"), ran("a", "public.orders.amount", "public.report.total"),
        ran("b", "public.salaries.amount", run="churn-v5", agent="helper"),
        Entry("login", AT, {"subject": "a"}, {"principal": "alice"}), ran("a", "*"),
    ])  # fmt: skip
    everybody, own = Whose(), Whose("a", "i")
    with index.reading() as connection:
        for whose, about, asked, expected in (
            (everybody, "column", "customers.emial", ["customers.email"]),
            (own, "column", "public.Customers.Emal", ["public.customers.email"]),
            (everybody, "column", "custmers", ["customers"]),
            (everybody, "table", "public.order", ["public.orders"]),
            (own, "column", "reprot.total", ["report.total"]),
            (everybody, "column", "salaries.amont", ["salaries.amount"]),
            (own, "column", "salaries.amont", []),
            (everybody, "run", "churn-v6", ["churn-v5", "churn-v4"]),
            (own, "run", "churn-v6", ["churn-v4"]),
            (everybody, "user", "alcie", ["alice"]), (everybody, "user", "helpr", ["helper"]),
            (own, "user", "alcie", []), (own, "user", "helpr", []),
            (everybody, "file", "ab" * 32, []), (everybody, "column", "", []), (everybody, "column", "*.*", []),
        ):  # fmt: skip
            found = nearest(connection, whose, about, "", asked)  # type: ignore[arg-type]
            assert found == expected, (whose, about, asked)
        assert nearest(connection, everybody, "column", "other", "customers.emial") == []

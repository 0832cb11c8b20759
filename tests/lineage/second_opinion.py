"""What sqlglot makes of the outputs of TPC-H and TPC-DS, beside what gov makes of them.

    python tests/lineage/second_opinion.py

Another grammar, another resolver: where the two agree, neither was led astray by its own mistakes. sqlglot tells
values and conditions apart no more than by one set of columns, so that is what is compared.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage as traced

from lineage.tpc import TPC_DS, TPC_H, found_in, queries


def theirs(name: str, text: str, schema: dict[str, dict[str, str]]) -> set[str]:
    """The columns that sqlglot finds behind an output."""
    nodes = traced(name, text, schema=schema, dialect="postgres").walk()
    return {
        node.name.split(".")[-1].strip('"')
        for node in nodes if not node.downstream and isinstance(node.expression, exp.Table)
    }  # fmt: skip


def main() -> None:
    """Print every difference, and how many there are."""
    told: Counter[str] = Counter()
    for file, tables in (("tpc-h.sql", TPC_H), ("tpc-ds.sql", TPC_DS)):
        schema = {table: dict.fromkeys(columns.split(), "text") for table, columns in tables.items()}
        for title, text in queries(file).items():
            (found,) = found_in(text, tables, exact=False)
            names = Counter(column.name for column in found.columns)
            for column in found.columns:
                if names[column.name] > 1:
                    continue
                ours = column.values | column.decided_by
                try:
                    other = theirs(column.name, text, schema)
                except SqlglotError as why:
                    told["not understood by sqlglot"] += 1
                    print(f"{title} {column.name}: {why}")
                    continue
                told["agree" if other == ours else "differ"] += 1
                if other != ours:
                    print(f"{title} {column.name}: sqlglot has {other - ours or '{}'}, gov has {ours - other or '{}'}")
    print(", ".join(f"{count} {what}" for what, count in told.items()))


if __name__ == "__main__":
    main()

"""Does lineage miss a dependency? Ask PostgreSQL: change one column, run again, see what is different.

    python tests/lineage/differential.py --seeds 1000

For each statement that PostgreSQL takes, and each column of each table, the column gets other values a few
times. An output column, or a written one, that then has other values than before depends on it; lineage must
say so. The other way round there is no telling (other values might have changed it), so how often lineage says
more than was seen is only printed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from gov.demo.cluster import Cluster
from gov.lineage.flow import Flow, Lineage
from gov.lineage.reader import Known
from gov.lineage.statement import lineage
from gov.sql.catalog import Catalog
from gov.sql.world import World, search
from gov.target import catalog as catalogs
from lineage.generated import SETTABLE, SETUP, TABLES, statement

TRIES = 8
"""Other values that a column gets."""
ROWS = 6

BEHIND = {"t": "plain joined nested", "u": "joined nested kept", "w": "nested", "sink": ""}
"""The views that a table is behind."""


@dataclass
class Tally:
    """What was seen."""

    ran: int = 0
    refused: int = 0
    """Statements that PostgreSQL did not take."""
    checked: int = 0
    """Pairs of a source column and an output or written column."""
    depends: int = 0
    """Pairs where a change was seen."""
    told: int = 0
    """Pairs that lineage tells of."""
    wider: int = 0
    """Pairs that lineage tells of, and no change was seen."""
    inexact: int = 0
    """Statements whose lineage says that it is wider than need be."""
    misses: list[str] = field(default_factory=list)


Seen = dict[str, list[Any]]
"""What came of a statement: the values of each output column (by place) and of each column of each table."""


class Subject:
    """A database with the small tables."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=False)
        self.connection.execute(SETUP)
        self.connection.commit()
        self.known = _known(asyncio.run(_catalog(dsn)))

    def fill(self, seed: int) -> None:
        """Other rows."""
        chance = random.Random(seed)
        for table, columns in SETTABLE.items():
            names = columns.split()
            self.connection.execute(f"TRUNCATE {table}")
            for number in range(ROWS):
                values = [chance.choice([0, 0, 1, 1, 2, 3, None]) for _ in names]
                marks = ", ".join(["%s"] * (len(names) + 1))
                sql = f"INSERT INTO {table} (id, {', '.join(names)}) VALUES ({marks})"
                self.connection.execute(sql, [number + 1, *values])
        self.connection.execute("REFRESH MATERIALIZED VIEW kept")
        self.connection.commit()

    def outcome(self, text: str, change: tuple[str, ...] = ()) -> Seen | None:
        """What comes of `text` after `change`, which is undone; None when PostgreSQL refuses."""
        try:
            for each in change:
                self.connection.execute(each)
            if change and "kept" in text:
                self.connection.execute("REFRESH MATERIALIZED VIEW kept")
            cursor = self.connection.execute(text)
            rows = cursor.fetchall() if cursor.description else []
            seen: Seen = {
                f"output {place}": _sorted([row[place] for row in rows])
                for place in range(len(cursor.description or ()))
            }
            written = self.connection.execute(f"SELECT {', '.join(TABLES['sink'].split())} FROM sink").fetchall()
            for place, column in enumerate(TABLES["sink"].split()):
                seen[column] = _sorted([row[place] for row in written])
        except psycopg.Error:
            return None
        else:
            return seen
        finally:
            self.connection.rollback()


def _sorted(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (value is None, value or 0))


async def _catalog(dsn: str) -> Catalog:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("SET search_path = ''")
        return await catalogs.load(connection, ("public",), 180000)


def _known(catalog: Catalog) -> Known:
    definitions = {info.relation: info.definition for info in catalog.relations.values() if info.definition}
    overloads = catalog.functions.items()
    return Known(
        World(catalog, search(("public",))),
        definitions,
        frozenset(name for name, found in overloads if any(each.kind == "a" for each in found)),
        frozenset(name for name, found in overloads if any(each.returns_set for each in found)),
    )


def changes(table: str, column: str, chance: random.Random) -> Iterator[tuple[str, ...]]:
    """Statements that give a column other values; ids stay unique."""
    if column == "id":
        for by in (100, 1, 3):
            yield (f"UPDATE {table} SET id = id + 1000", f"UPDATE {table} SET id = id - 1000 + {by}")
        yield (f"UPDATE {table} SET id = -id", f"UPDATE {table} SET id = {ROWS + 1} + id")
        return
    for _ in range(TRIES):
        cases = " ".join(
            f"WHEN {row} THEN {chance.choice(['0', '1', '1', '2', '3', '5', 'NULL'])}" for row in range(1, ROWS + 1)
        )
        yield (f"UPDATE {table} SET {column} = CASE id {cases} END",)


def told(found: Lineage, thing: str) -> set[tuple[str, str]] | None:
    """(table, column) of what an output or written column depends on; None where nothing is said of it."""
    if thing.startswith("output "):
        place = int(thing.removeprefix("output "))
        return _columns(found.outputs.column(place), found.outputs.rows)
    writes = [write for write in found.writes if write.relation.name == "sink"]
    flows = [write.columns.get(thing, {}) for write in writes] + [write.rows for write in writes]
    return _columns(*flows)


def _columns(*flows: Flow) -> set[tuple[str, str]]:
    return {(source.table, source.column) for flow in flows for source in flow}


def check(subject: Subject, seed: int, tally: Tally) -> None:
    """One statement."""
    text, chance = statement(seed), random.Random(seed)
    subject.fill(seed)
    before = subject.outcome(text)
    if before is None:
        tally.refused += 1
        return
    tally.ran += 1
    (found,) = lineage(text, subject.known)
    tally.inexact += bool(found.doubts)
    for table, columns in TABLES.items():
        if not set(re.findall(r"\w+", text)) & {table, *BEHIND[table].split()}:
            continue
        for column in columns.split():
            if column in SETTABLE[table].split() or column == "id":
                _compare(subject, text, found, before, (table, column), chance, tally, seed)


def _compare(
    subject: Subject, text: str, found: Lineage, before: Seen, source: tuple[str, str], chance: random.Random,
    tally: Tally, seed: int,
) -> None:  # fmt: skip
    table, column = source
    changed: set[str] = set()
    for change in changes(table, column, chance):
        after = subject.outcome(text, change)
        if after is None:
            continue  # an id that is there already, or a number out of range
        # The changed column of the written table is another in any case, and what is generated from it.
        itself = (column, "total") if table == "sink" else ()
        changed |= {thing for thing, values in after.items() if values != before[thing] and thing not in itself}
    for thing in before:
        says = told(found, thing) or set()
        covered = source in says
        tally.checked += 1
        tally.depends += thing in changed
        tally.told += covered
        tally.wider += covered and thing not in changed
        if thing in changed and not covered:
            tally.misses.append(f"seed {seed}: {thing} depends on {table}.{column}\n  {text}\n  told: {sorted(says)}")


def main() -> int:
    """The whole run; 1 when something was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000, help="statements that PostgreSQL takes")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    asked = parser.parse_args()
    tally, began, seed = Tally(), time.monotonic(), asked.first
    with TemporaryDirectory() as directory:
        cluster = Cluster(Path(directory))
        try:
            cluster.start()
            subject = Subject(cluster.admin_dsn)
            while tally.ran < asked.seeds:
                check(subject, seed, tally)
                seed += 1
        finally:
            cluster.remove()
    for miss in tally.misses[:20]:
        print(miss)
    print(
        f"{tally.ran} statements ({tally.refused} more were refused by PostgreSQL) in {time.monotonic() - began:.0f} s:"
        f" {tally.depends} dependencies seen of {tally.checked} pairs, {len(tally.misses)} missed"
    )
    print(
        f"lineage told {tally.told} pairs, of which {tally.wider} ({100 * tally.wider / max(tally.told, 1):.0f} %)"
        f" were not seen to matter; {tally.inexact} statements were called inexact"
    )
    return bool(tally.misses)


if __name__ == "__main__":
    raise SystemExit(main())

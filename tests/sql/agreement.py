"""Whether facts and the oracle agree, over a large corpus: `python tests/sql/agreement.py [DIRECTORY]`.

Every statement of PostgreSQL's regression suite and of TPC-H and TPC-DS (in DIRECTORY, or ../shared/data), each
resolved in the catalogs of the embedded PostgreSQL 18 and of Debian's 15 where it is installed. Prints what
disagrees, what is unknown and why, and ends with 1 if anything disagrees or more than 0.5 % of the ordinary
statements are unknown.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections import ChainMap, Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from gov.errors import GovError  # noqa: E402
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind  # noqa: E402
from gov.sql.facts import Facts  # noqa: E402
from gov.sql.functions import effect_of  # noqa: E402
from gov.sql.outline import Outline, outline  # noqa: E402
from gov.sql.resolve import resolve  # noqa: E402
from gov.sql.reviewed import RELATIONS  # noqa: E402
from gov.sql.world import World, meanings, search  # noqa: E402
from gov.terms import Effect, Relation  # noqa: E402
from sql.oracle import Opinion, opinion  # noqa: E402

DATA = HERE.parents[1].parent / "shared" / "data"
PATH = ("public",)
ORDINARY = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
MOST_UNKNOWN = 0.005
"""Of the ordinary statements."""


def statements(directory: Path = DATA) -> Iterator[str]:
    """The corpus; nothing where it is not there."""
    regression = directory / "postgresql-statements.jsonl"
    if regression.exists():
        yield from (json.loads(line)["sql"] for line in regression.read_text().splitlines())
    for path in sorted((directory / "tpc").glob("*.sql")):
        yield from (each.strip() for each in re.split(r";\s*\n", path.read_text()) if each.strip())


def sampled(corpus: Iterable[str], every: int) -> list[str]:
    """Some of each kind of statement: the first few, then one in `every`."""
    seen: Counter[str] = Counter()
    kept = []
    for text in corpus:
        words = re.sub(r"--.*|/\*.*?\*/", "", text).lower().split()[:2]
        kind = " ".join(words if words[:1] and words[0] in ("create", "alter", "drop", "set") else words[:1])
        seen[kind] += 1
        if seen[kind] <= 2 or seen[kind] % every == 0:
            kept.append(text)
    return kept


def knowing(catalog: Catalog, outlined: Outline) -> Catalog:
    """The catalog with a table for each name of a text that it does not know."""
    world = World(catalog, search(PATH))
    named = {each for statement in outlined.statements for each in meanings(statement, world)}
    columns = (ColumnInfo("a", "text", 1), ColumnInfo("b", "text", 2))
    added = {
        each: RelationInfo(each, 1, RelationKind.TABLE, "owner", columns)
        for each in named if each not in catalog.relations
    }
    return replace(catalog, relations=ChainMap(added, dict(catalog.relations))) if added else catalog


def disagreements(text: str, facts: Facts, said: Opinion, catalog: Catalog) -> Iterator[str]:
    """What the oracle sees otherwise; what facts say beyond it must have a reason that the oracle cannot see."""
    if facts.unknown:
        return
    reads, writes = _relations(said.reads, catalog), _relations(said.writes, catalog)
    found_reads = {each for each in facts.reads if each.schema != "pg_temp"}
    found_writes = {Relation("public" if each.schema == "pg_temp" else each.schema, each.name) for each in facts.writes}
    if not reads <= found_reads | found_writes:
        yield f"reads lack {sorted(map(str, reads - found_reads))}"
    if extra := found_reads - reads - writes:
        yield f"reads too much: {sorted(map(str, extra))}"
    if writes != found_writes and not _emptied(text):
        yield f"writes {sorted(map(str, found_writes))}, the oracle {sorted(map(str, writes))}"
    effects = {str(each) for each in facts.effects}
    if not said.effects <= effects:
        yield f"effects lack {sorted(said.effects - effects)}"
    allowed = said.effects | _of_functions(said, facts, catalog) | ({"read"} if said.uses or writes else set())
    if not effects <= allowed:
        yield f"effects too many: {sorted(effects - allowed)}"
    names = {each.rpartition(".")[2] for each in facts.functions}
    if not said.functions <= names:
        yield f"functions lack {sorted(said.functions - names)}"
    unbounded = {str(each) for each in facts.unbounded}
    if not said.everything <= unbounded or unbounded & said.narrowed - said.everything:
        yield f"without WHERE: {sorted(unbounded)}, the oracle {sorted(said.everything)}"


def _emptied(text: str) -> bool:
    return re.search(r"\bschema\b", text, re.IGNORECASE) is not None


def _relations(names: Iterable[tuple[str, str]], catalog: Catalog) -> set[Relation]:
    system = catalog.relations
    return {
        Relation(schema or ("pg_catalog" if Relation("pg_catalog", name) in system else "public"), name)
        if schema != "pg_temp" else Relation("public", name)
        for schema, name in names
    }


def _of_functions(said: Opinion, facts: Facts, catalog: Catalog) -> set[str]:
    """Effects that functions have: the oracle knows their names alone."""
    found = {str(effect_of(each)[0]) for name in said.functions for each in catalog.functions.get(name, ())}
    unknown = said.functions - catalog.functions.keys()
    called = any(each.startswith("operator") or not each.startswith("pg_catalog.") for each in facts.calls)
    views = {each.name for each in facts.reads if each.schema == "pg_catalog"}
    found |= {str(RELATIONS[name][0]) for name in views & RELATIONS.keys()}
    return found | ({"call"} if unknown or called else set()) | ({"session", "role"} if facts.settings else set())


class Tally:
    """What came of a corpus."""

    def __init__(self) -> None:
        self.total = self.ordinary = self.unknown = self.refused = 0
        self.wrong: list[tuple[str, str]] = []
        self.reasons: Counter[str] = Counter()

    def take(self, text: str, catalog: Catalog) -> None:
        """Judge one statement."""
        try:
            outlined = outline(text)
        except GovError:
            self.refused += 1
            return
        said = opinion(text)
        if said is None or outlined.syntax_error is not None:
            self.refused += 1
            if (said is None) != (outlined.syntax_error is not None):
                self.wrong.append((text, "one takes it and the other does not"))
            return
        known = knowing(catalog, outlined)
        facts = resolve(outlined, known, PATH)
        self.total += 1
        self.wrong += [(text, what) for what in disagreements(text, facts, said, known)]
        if said.kinds and ORDINARY.issuperset(said.kinds):
            self.ordinary += 1
            if Effect.UNKNOWN in facts.effects:
                self.unknown += 1
                self.reasons.update(facts.unknown)

    @property
    def share(self) -> float:
        """Of the ordinary statements, how many are unknown."""
        return self.unknown / max(self.ordinary, 1)

    def __str__(self) -> str:
        return (
            f"{self.total} statements, {self.refused} refused by the grammar or its bounds, {len(self.wrong)} disagree;"
            f" of {self.ordinary} ordinary ones {self.unknown} unknown ({self.share:.2%})"
        )


def tally(corpus: Iterable[str], catalog: Catalog) -> Tally:
    """Judge a corpus."""
    found = Tally()
    for text in corpus:
        found.take(text, catalog)
    return found


async def snapshot(dsn: str) -> Catalog:
    """The catalog of a server."""
    from gov.target.catalog import load

    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("SET search_path = ''")
        return await load(connection, PATH, connection.info.server_version)


def _catalogs(directory: Path) -> Iterator[Catalog]:
    from gov.demo.cluster import Cluster
    from live.fifteen import PASSWORD, running

    cluster = Cluster(directory / "cluster")
    cluster.start()
    try:
        yield asyncio.run(snapshot(cluster.admin_dsn))
    finally:
        cluster.remove()
    if Path("/usr/lib/postgresql/15/bin/initdb").exists():
        with running(directory / "ca.pem") as server:
            yield asyncio.run(snapshot(server.dsn("postgres", PASSWORD)))


def main() -> int:
    """Run everything; the exit status."""
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    corpus = list(statements(place))
    if not corpus:
        print(f"there is no corpus in {place}")
        return 1
    status = 0
    with tempfile.TemporaryDirectory(prefix="gov-agreement-") as directory:
        for catalog in _catalogs(Path(directory)):
            found = tally(corpus, catalog)
            print(f"PostgreSQL {catalog.server_version // 10_000}: {found}")
            for why, count in found.reasons.most_common():
                print(f"  {count:5} {why}")
            for text, what in found.wrong:
                print(f"DISAGREES {what}\n    {text[:400]!r}")
            status |= bool(found.wrong) or found.share >= MOST_UNKNOWN
    return status


if __name__ == "__main__":
    sys.exit(main())

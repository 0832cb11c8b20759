"""What policy's words and a database together say: where classified data stands open, and what is closed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from gov.policy import accepted
from gov.policy.decision import MaskSpec, Outcome
from gov.sql.catalog import Catalog, RelationKind
from gov.target import terrain
from gov.target.check import Finding
from gov.target.connection import Connection
from gov.target.terrain import Terrain
from gov.terms import Column, Relation

# What PUBLIC has on tables and views, or on columns of them.
GRANTS = r"""
SELECT n.nspname, c.relname, '', x.privilege_type
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) x
 WHERE x.grantee = 0 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND n.nspname !~ '^(pg_|information_schema$|gov_m_)'
UNION ALL
SELECT n.nspname, c.relname, a.attname, x.privilege_type
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
       aclexplode(a.attacl) x
 WHERE x.grantee = 0 AND NOT a.attisdropped AND n.nspname !~ '^(pg_|information_schema$|gov_m_)'
 ORDER BY 1, 2, 3, 4
"""

# Tables that masked views of ours stand on.
VIEWED = r"""
SELECT DISTINCT bn.nspname, base.relname
  FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace
  JOIN pg_rewrite r ON r.ev_class = v.oid
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid
  JOIN pg_class base ON base.oid = d.refobjid JOIN pg_namespace bn ON bn.oid = base.relnamespace
 WHERE v.relkind = 'v' AND n.nspname LIKE 'gov\_m\_%' AND bn.nspname NOT LIKE 'gov\_m\_%' ORDER BY 1, 2
"""


_KINDS = {"v": "view", "m": "materialized view", "r": "table", "p": "table", "f": "foreign table", "S": "sequence"}


@dataclass(frozen=True)
class Known:
    """What the broker's own files say of a target."""

    classified: Mapping[Column, Collection[str]] = field(default_factory=dict)
    ledger: accepted.Ledger = field(default_factory=dict)
    """Empty where no broker has served the target yet: nothing is closed then."""
    released: Mapping[Relation, str] = field(default_factory=dict)


async def findings(connection: Connection, name: str, catalog: Catalog, known: Known) -> tuple[Finding, ...]:
    """Of the target called `name`, in no order."""
    around = await terrain.load(connection)
    grants = [tuple(map(str, row)) for row in await (await connection.execute(GRANTS)).fetchall()]
    viewed = [Relation(str(a), str(b)) for a, b in await (await connection.execute(VIEWED)).fetchall()]
    return (
        *_public(grants, catalog, around, known),
        *_shown(grants, catalog, around, known),
        *_abroad(catalog, known),
        *_closed(name, catalog, known),
        *_released(name, known),
        *_blocked(name, viewed, known),
    )


def _everything(catalog: Catalog, known: Known) -> Outcome:
    """As if every classified column were masked for everybody."""
    spec = MaskSpec("redact", "", "")
    return Outcome("", "read", frozenset(catalog.relations), dict.fromkeys(known.classified, spec))


def _public(
    grants: list[tuple[str, ...]], catalog: Catalog, around: Terrain, known: Known
) -> Iterator[Finding]:
    """What PUBLIC has on tables; a lease is PUBLIC too."""
    secret = {column.relation for column in known.classified}
    leaky = terrain.leaky(_everything(catalog, known), catalog, around)
    for relation, privileges in _by_relation(grants).items():
        columns = {column for column, privilege in privileges if privilege == "SELECT"}
        open_ = "" in columns or any(Column(relation, each) in known.classified for each in columns)
        read = open_ and (relation in secret or relation in leaky)
        words = ", ".join(sorted({privilege for _, privilege in privileges}))
        named = sorted({column for column, _ in privileges} - {""})
        where = f"{relation} ({', '.join(named)})" if named else str(relation)
        yield Finding(
            "public-grant", "error" if read else "warning", f"PUBLIC may {words} {where}",
            "raw values of classified columns are open to every role of the server, so gov makes no lease that masks"
            " them" if read else "every role of the server may, whatever policy says of leases",
            f"REVOKE ALL{_column_list(named)} ON {relation} FROM PUBLIC",
        )


def _column_list(names: list[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def _by_relation(grants: list[tuple[str, ...]]) -> dict[Relation, set[tuple[str, str]]]:
    found: dict[Relation, set[tuple[str, str]]] = {}
    for schema, name, column, privilege in grants:
        found.setdefault(Relation(schema, name), set()).add((column, privilege))
    return found


def _shown(
    grants: list[tuple[str, ...]], catalog: Catalog, around: Terrain, known: Known
) -> Iterator[Finding]:
    """Views and copies that show a classified column as it is."""
    for relation, reason in sorted(terrain.leaky(_everything(catalog, known), catalog, around).items()):
        kind = _KINDS.get(catalog.relations[relation].kind.value, "relation")
        if kind == "table" and catalog.relations[relation].oid in {each.reader for each in around.readings}:
            kind = "rule of table"
        yield Finding(
            "shows-classified", "warning", f"{kind} {relation}: {reason}",
            "it is read with its owner's rights: gov keeps it from every lease that has masks, and whoever else may"
            " read it sees raw values",
            "classify the columns that show one, if it shows them as they are; leave the classified ones out of it;"
            " or drop it",
        )


def _abroad(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Foreign tables of which the policy says nothing: their rows are somewhere else, under other names."""
    spoken = {column.relation for column in known.classified}
    for relation, info in sorted(catalog.relations.items() if spoken else ()):
        if info.kind is RelationKind.FOREIGN_TABLE and relation not in spoken:
            yield Finding(
                "foreign-table", "warning", f"nothing of foreign table {relation} is classified",
                "what it shows is kept elsewhere, perhaps classified there: no mask of this database covers it",
                "classify its columns in the policy, or leave it out of the relations of every access rule",
            )


def _closed(name: str, catalog: Catalog, known: Known) -> Iterator[Finding]:
    numbers = {each.oid for each in known.ledger.values()}
    for relation, opened in sorted(accepted.watched(known.ledger, known.classified, catalog).items()):
        info = catalog.relations[relation]
        new = [each.name for each in info.columns if each.name not in opened]
        # A table that no broker has seen yet will be taken as it is.
        if new and (relation in known.ledger or info.oid in numbers):
            yield Finding(
                "closed-column", "warning", f"nobody reads {relation} ({', '.join(new)})",
                "new in a table with classified data: neither does the policy classify it, nor has anybody accepted it",
                f"classify it in the policy, or: gov policy accept {name} {relation}",
            )


def _released(name: str, known: Known) -> Iterator[Finding]:
    for relation, who in sorted(known.released.items()):
        yield Finding(
            "released", "warning", f"{relation} is closed: {who} has released it for a migration",
            "nobody reaches it until the migration is over", f"gov broker sync {name}",
        )


def _blocked(name: str, viewed: list[Relation], known: Known) -> Iterator[Finding]:
    for relation in viewed:
        if relation not in known.released:
            yield Finding(
                "views-in-the-way", "info", f"masked views stand on {relation}",
                "DROP and most of ALTER TABLE past gov are refused there (2BP01, 0A000); with CASCADE they take the"
                " views along, and readers wait for the next sync",
                f"gov broker release {name} {relation}, then the migration, then gov broker sync {name}",
            )

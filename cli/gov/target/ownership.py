"""Whom an approved utility statement runs as: the durable owner of what it changes."""

from __future__ import annotations

from gov.errors import Unavailable
from gov.sql.catalog import Catalog
from gov.sql.facts import Facts
from gov.target.connection import Connection
from gov.terms import Relation

# Roles that the broker may pass on, gov's own left out, and whether each may create in a schema.
OWNERS = r"""
SELECT DISTINCT o.rolname
  FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.roleid
 WHERE m.member = (SELECT oid FROM pg_roles WHERE rolname = current_user)
   AND m.admin_option AND o.rolname !~ '^gov_[lopv]_' AND NOT o.rolsuper
   AND (%(schema)s::text IS NULL
        OR EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = %(schema)s
                      AND has_schema_privilege(o.oid, n.oid, 'CREATE')))
 ORDER BY 1
"""


async def owner_for(connection: Connection, facts: Facts, catalog: Catalog) -> str:
    """The one role that owns everything `facts` write; for what is new, one that may create it.

    Raises:
        Unavailable: There is none, or more than one.
    """
    owners = {catalog.relations[name].owner for name in facts.writes if name in catalog.relations}
    schemas = {name.schema for name in facts.writes}
    governed = await _governed(connection, None)
    if owners:
        candidates = owners & governed if owners <= governed else set()
    elif len(schemas) == 1:
        candidates = await _governed(connection, next(iter(schemas)))
    else:
        candidates = governed
    if len(candidates) != 1:
        raise Unavailable(
            f"{_what(facts.writes)} has no single owner that the broker acts for",
            hint="ask a database administrator to run it",
            detail=f"owners: {', '.join(sorted(owners or candidates)) or 'none'}",
        )
    return next(iter(candidates))


async def _governed(connection: Connection, schema: str | None) -> set[str]:
    rows = await (await connection.execute(OWNERS, {"schema": schema})).fetchall()
    return {str(name) for (name,) in rows}


def _what(relations: frozenset[Relation]) -> str:
    return ", ".join(map(str, sorted(relations))) or "the statement"

"""What a target lacks for gov to work, and what on it would go around gov. Reads, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gov.target.connection import Connection


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    level: Literal["error", "warning"]
    """`error`: gov cannot work, or a mask would not hold."""
    what: str
    fix: str
    """SQL for a DBA, or words."""


BROKER = """
SELECT 'error', 'the broker''s role ' || quote_ident(rolname) || ' is a superuser',
       'ALTER ROLE ' || quote_ident(rolname) || ' NOSUPERUSER'
  FROM pg_roles WHERE rolname = current_user AND rolsuper
UNION ALL
SELECT 'error', 'the broker''s role ' || quote_ident(rolname) || ' may not create roles',
       'ALTER ROLE ' || quote_ident(rolname) || ' CREATEROLE'
  FROM pg_roles WHERE rolname = current_user AND NOT rolcreaterole
UNION ALL
SELECT 'error', 'the broker may not create schemas in database ' || quote_ident(current_database()),
       'GRANT CREATE ON DATABASE ' || quote_ident(current_database()) || ' TO ' || quote_ident(current_user)
 WHERE NOT has_database_privilege(current_database(), 'CREATE')
"""

OWNERS = r"""
SELECT 'error',
       count(*) || ' tables belong to ' || quote_ident(o.rolname) || ', whom the broker may not act for',
       CASE WHEN o.rolsuper THEN 'move them to a role that is no superuser'
            ELSE 'GRANT ' || quote_ident(o.rolname) || ' TO ' || quote_ident(current_user)
                 || ' WITH ADMIN OPTION' END
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_roles o ON o.oid = c.relowner
 WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^(pg_|information_schema$|gov_m_)'
   AND NOT pg_has_role(o.oid, 'USAGE WITH ADMIN OPTION')
 GROUP BY o.rolname, o.rolsuper
"""

PUBLIC = r"""
SELECT 'warning', 'PUBLIC may ' || string_agg(DISTINCT x.privilege_type, ', ') || ' ' || c.oid::regclass,
       'REVOKE ALL ON ' || c.oid::regclass || ' FROM PUBLIC'
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) x
 WHERE x.grantee = 0 AND n.nspname !~ '^(pg_|information_schema$|gov_m_)'
 GROUP BY c.oid
UNION ALL
SELECT 'warning', 'PUBLIC may create objects in schema ' || quote_ident(n.nspname),
       'REVOKE CREATE ON SCHEMA ' || quote_ident(n.nspname) || ' FROM PUBLIC'
  FROM pg_namespace n
 WHERE has_schema_privilege('public', n.oid, 'CREATE') AND n.nspname !~ '^pg_'
"""

AROUND = r"""
SELECT 'warning', 'function ' || p.oid::regprocedure || ' runs with the rights of '
       || quote_ident(pg_get_userbyid(p.proowner)) || ' for everybody (SECURITY DEFINER)',
       'REVOKE EXECUTE ON FUNCTION ' || p.oid::regprocedure || ' FROM PUBLIC'
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prosecdef AND n.nspname !~ '^(pg_|information_schema$)'
   AND has_function_privilege('public', p.oid, 'EXECUTE')
UNION ALL
SELECT 'warning', 'an event trigger ' || quote_ident(evtname) || ' runs when gov makes its views',
       'see that it can do no harm'
  FROM pg_event_trigger WHERE evtenabled <> 'D'
"""


async def findings(connection: Connection) -> tuple[Finding, ...]:
    """Errors first."""
    found: list[Finding] = []
    for query in (BROKER, OWNERS, PUBLIC, AROUND):
        rows = await (await connection.execute(query)).fetchall()
        found += [Finding(_level(level), str(what), str(fix)) for level, what, fix in rows]
    return tuple(sorted(found, key=lambda finding: finding.level))


def _level(word: object) -> Literal["error", "warning"]:
    return "error" if word == "error" else "warning"

"""What a target lacks for gov to work, and what on it would go around gov. Reads, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gov.target.connection import Connection

Severity = Literal["error", "warning", "info"]
OLDEST, NEWEST = 14, 18
"""Major versions of PostgreSQL that gov is tried with."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    name: str
    """Which check it is: `public-grant`."""
    severity: Severity
    """`error`: gov cannot work, or a mask would not hold."""
    what: str
    why: str
    """What comes of it."""
    fix: str
    """SQL for a DBA, a command, or words."""


BROKER = """
SELECT 'broker-superuser', 'error', 'the broker''s role ' || quote_ident(rolname) || ' is a superuser',
       'ALTER ROLE ' || quote_ident(rolname) || ' NOSUPERUSER'
  FROM pg_roles WHERE rolname = current_user AND rolsuper
UNION ALL
SELECT 'broker-bypass', 'warning', 'the broker''s role ' || quote_ident(rolname) || ' has rights that it does not need',
       'ALTER ROLE ' || quote_ident(rolname) || ' NOBYPASSRLS NOREPLICATION NOCREATEDB'
  FROM pg_roles WHERE rolname = current_user AND NOT rolsuper AND (rolbypassrls OR rolreplication OR rolcreatedb)
UNION ALL
SELECT 'missing-privilege', 'error', 'the broker''s role ' || quote_ident(rolname) || ' may not create roles',
       'ALTER ROLE ' || quote_ident(rolname) || ' CREATEROLE'
  FROM pg_roles WHERE rolname = current_user AND NOT rolcreaterole
UNION ALL
SELECT 'missing-privilege', 'error',
       'the broker may not create schemas in database ' || quote_ident(current_database()),
       'GRANT CREATE ON DATABASE ' || quote_ident(current_database()) || ' TO ' || quote_ident(current_user)
 WHERE NOT has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT 'missing-privilege', 'error',
       'the broker may not let leases connect to database ' || quote_ident(current_database()),
       'GRANT CONNECT ON DATABASE ' || quote_ident(current_database()) || ' TO ' || quote_ident(current_user)
       || ' WITH GRANT OPTION'
 WHERE NOT has_database_privilege('public', current_database(), 'CONNECT')
   AND NOT has_database_privilege(current_database(), 'CONNECT WITH GRANT OPTION')
"""

OWNERS = r"""
SELECT 'not-governed', 'error',
       CASE count(*) WHEN 1 THEN 'a table belongs to ' ELSE count(*) || ' tables belong to ' END
       || quote_ident(o.rolname) || ', whom the broker may not act for: '
       || array_to_string((array_agg(c.oid::regclass::text ORDER BY n.nspname, c.relname))[1:5], ', ')
       || CASE WHEN count(*) > 5 THEN ', …' ELSE '' END,
       CASE WHEN o.rolsuper THEN 'move them to a role that is no superuser: ALTER TABLE … OWNER TO …'
            ELSE 'GRANT ' || quote_ident(o.rolname) || ' TO ' || quote_ident(current_user)
                 || ' WITH ADMIN OPTION' END
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_roles o ON o.oid = c.relowner
 WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^(pg_|information_schema$|gov_m_)'
   AND NOT pg_has_role(o.oid, 'USAGE WITH ADMIN OPTION')
 GROUP BY o.rolname, o.rolsuper
UNION ALL
SELECT 'not-governed', 'error', 'the broker may not let leases into schema ' || quote_ident(n.nspname),
       'GRANT USAGE ON SCHEMA ' || quote_ident(n.nspname) || ' TO ' || quote_ident(current_user)
       || ' WITH GRANT OPTION'
  FROM pg_namespace n
 WHERE n.nspname !~ '^(pg_|information_schema$|gov_m_)'
   AND NOT has_schema_privilege('public', n.oid, 'USAGE')
   AND NOT has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION')
   AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'f'))
"""

PUBLIC = r"""
SELECT 'public-create', 'warning', 'PUBLIC may create objects in schema ' || quote_ident(n.nspname),
       'REVOKE CREATE ON SCHEMA ' || quote_ident(n.nspname) || ' FROM PUBLIC'
  FROM pg_namespace n
 WHERE has_schema_privilege('public', n.oid, 'CREATE') AND n.nspname !~ '^pg_'
UNION ALL
SELECT 'public-default', 'warning',
       'PUBLIC will have ' || string_agg(DISTINCT x.privilege_type, ', ') || ' on every new table of '
       || quote_ident(pg_get_userbyid(d.defaclrole)),
       'ALTER DEFAULT PRIVILEGES FOR ROLE ' || quote_ident(pg_get_userbyid(d.defaclrole))
       || coalesce(' IN SCHEMA ' || quote_ident(n.nspname), '') || ' REVOKE ALL ON TABLES FROM PUBLIC'
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) x
 WHERE d.defaclobjtype = 'r' AND x.grantee = 0
 GROUP BY d.oid, d.defaclrole, n.nspname
"""

AROUND = r"""
SELECT 'definer-function', 'warning', 'function ' || p.oid::regprocedure || ' runs with the rights of '
       || quote_ident(pg_get_userbyid(p.proowner)) || ' for everybody (SECURITY DEFINER)',
       'REVOKE EXECUTE ON FUNCTION ' || p.oid::regprocedure || ' FROM PUBLIC'
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prosecdef AND n.nspname !~ '^(pg_|information_schema$)'
   AND has_function_privilege('public', p.oid, 'EXECUTE')
UNION ALL
SELECT 'definer-trigger', 'warning', 'trigger ' || quote_ident(t.tgname) || ' of ' || t.tgrelid::regclass
       || ' runs with the rights of ' || quote_ident(pg_get_userbyid(p.proowner)) || ' (SECURITY DEFINER)',
       'see that it writes nothing secret where leases read, or: ALTER FUNCTION ' || p.oid::regprocedure
       || ' SECURITY INVOKER'
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
  JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND p.prosecdef
   AND n.nspname !~ '^(pg_|information_schema$|gov_m_)'
UNION ALL
SELECT 'statistics', 'error',
       'the view ' || c.oid::regclass || ' shows values of columns to those who may not read them',
       'run fix-CVE-2024-4317.sql of the server''s own release in every database'
  FROM pg_class c
 WHERE c.oid IN ('pg_catalog.pg_stats_ext'::regclass, 'pg_catalog.pg_stats_ext_exprs'::regclass)
   AND pg_get_viewdef(c.oid) NOT LIKE '%pg_has_role(%'
UNION ALL
SELECT 'large-objects', 'error', 'every role may read every large object (lo_compat_privileges)',
       'ALTER SYSTEM RESET lo_compat_privileges'
 WHERE current_setting('lo_compat_privileges')::bool
UNION ALL
SELECT 'large-objects', 'warning', 'PUBLIC may ' || string_agg(DISTINCT x.privilege_type, ', ') || ' '
       || count(DISTINCT l.oid) || ' large objects of ' || quote_ident(pg_get_userbyid(l.lomowner)),
       'REVOKE ALL ON LARGE OBJECT ' || string_agg(DISTINCT l.oid::text, ', ') || ' FROM PUBLIC'
  FROM pg_largeobject_metadata l, aclexplode(l.lomacl) x WHERE x.grantee = 0 GROUP BY l.lomowner
UNION ALL
SELECT 'event-trigger', 'warning', 'an event trigger ' || quote_ident(evtname) || ' runs when gov makes its views',
       'see that it can do no harm'
  FROM pg_event_trigger WHERE evtenabled <> 'D'
UNION ALL
SELECT 'row-security', 'warning', 'table ' || c.oid::regclass || ' has row security',
       'see that its policies suit roles that are made for each lease, and the owner of gov''s views'
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relrowsecurity AND n.nspname !~ '^(pg_|information_schema$|gov_m_)'
"""

SERVER = """
SELECT 'server-version', CASE WHEN v < %(oldest)s THEN 'error' ELSE 'warning' END,
       'PostgreSQL ' || current_setting('server_version') || ' is not one that gov is tried with',
       'use PostgreSQL %(oldest)s to %(newest)s'
  FROM (SELECT current_setting('server_version_num')::int / 10000 AS v) AS server
 WHERE v NOT BETWEEN %(oldest)s AND %(newest)s
UNION ALL
SELECT 'server', 'info', 'PostgreSQL ' || current_setting('server_version')
       || coalesce(', ' || s.version || ', verified', ', without TLS'), 'nothing to do'
  FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()
UNION ALL
SELECT 'tls-off', 'warning', 'gov connects without TLS to a server that speaks it', 'tls: verify-full, in broker.yaml'
  FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid() AND NOT s.ssl AND current_setting('ssl')::bool
"""

WHY = {
    "broker-superuser": "a bug of gov's could do anything, and no privilege would stand in its way",
    "broker-bypass": "what the broker cannot do, nobody can make it do",
    "missing-privilege": "no lease can be made",
    "not-governed": "gov can grant nothing on them, so no lease reaches them",
    "public-create": "whoever has a lease can put objects in the way of others' names",
    "public-default": "leases, too, are PUBLIC: a table that holds classified data would be open past its masks",
    "definer-function": "whoever may call it reads what its owner may; policy decides about calls through gov only",
    "definer-trigger": "it may read what its owner may, and write it where whoever changes a row can read it",
    "statistics": "most common values of masked columns are there, in statistics of several columns and expressions",
    "large-objects": "no policy speaks of large objects, and whoever has a lease is PUBLIC",
    "event-trigger": "it runs as whoever runs the DDL, so with the broker's rights",
    "row-security": "the policies see the role of the lease, or the owner of the masked view, and may hide every row",
    "server-version": "its privileges and its grammar may differ from what gov counts on",
    "server": "what gov found",
    "tls-off": "whoever is on the way reads and changes everything",
}


async def findings(connection: Connection) -> tuple[Finding, ...]:
    """What the database itself says, in no order."""
    found: list[Finding] = []
    parameters = {"oldest": OLDEST, "newest": NEWEST}
    for query in (BROKER, OWNERS, PUBLIC, AROUND):
        found += _read(await (await connection.execute(query)).fetchall())
    found += _read(await (await connection.execute(SERVER, parameters)).fetchall())
    return tuple(found)


def _read(rows: list[tuple[object, ...]]) -> list[Finding]:
    return [
        Finding(str(name), _severity(severity), str(what), WHY[str(name)], str(fix))
        for name, severity, what, fix in rows
    ]


def _severity(word: object) -> Severity:
    match word:
        case "error":
            return "error"
        case "warning":
            return "warning"
        case _:
            return "info"


def in_order(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Errors first, then warnings."""
    return tuple(sorted(found, key=lambda each: ("error", "warning", "info").index(each.severity)))

"""One digest over what objects are, so that an approval is void once one of them is another.

CREATE OR REPLACE keeps the OID, so the OID is not enough; the deparsed text of PostgreSQL depends on
`search_path`, so text is no good either. What is digested are the stored trees and rows themselves:
columns, defaults, rules (the query of a view is one), triggers with their functions, constraints and
foreign keys in both directions, indexes, row security, owner; of the relation, of everything its views
stand on and of its children.

The query reads `pg_catalog` only, where everybody may. Whoever executes the approved statement runs it
again in the same transaction after taking its locks, with `pg_catalog` first in `search_path`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from psycopg.sql import SQL, Literal

from gov.terms import Relation

QUERY = r"""
WITH RECURSIVE named AS (
  SELECT t.schema, t.name, c.oid
    FROM unnest($1::pg_catalog.text[], $2::pg_catalog.text[]) AS t(schema, name)
    LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema
    LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
), reached AS (
  SELECT oid FROM named WHERE oid IS NOT NULL
  UNION
  SELECT next.oid FROM reached r, LATERAL (
    SELECT d.refobjid AS oid
      FROM pg_catalog.pg_rewrite w
      JOIN pg_catalog.pg_depend d ON d.objid = w.oid
     WHERE w.ev_class = r.oid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION ALL
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = r.oid
  ) next
), called AS (
  SELECT t.tgfoid AS oid FROM pg_catalog.pg_trigger t WHERE t.tgrelid IN (SELECT oid FROM reached)
  UNION
  SELECT d.refobjid
    FROM pg_catalog.pg_depend d
   WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
     AND (d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
          AND d.objid IN (SELECT oid FROM pg_catalog.pg_rewrite WHERE ev_class IN (SELECT oid FROM reached))
       OR d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
          AND d.objid IN (SELECT oid FROM pg_catalog.pg_constraint
                           WHERE conrelid IN (SELECT oid FROM reached))
       OR d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
          AND d.objid IN (SELECT oid FROM pg_catalog.pg_attrdef WHERE adrelid IN (SELECT oid FROM reached)))
  UNION
  SELECT p.oid
    FROM unnest($3::pg_catalog.text[]) AS f(name)
    JOIN pg_catalog.pg_proc p ON true
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname || '.' || p.proname = f.name
   WHERE n.nspname <> 'pg_catalog'
), line AS (
  SELECT ROW('name', schema, name, oid)::pg_catalog.text AS text FROM named
  UNION ALL
  SELECT ROW('relation', c.oid, c.relname, c.relnamespace, c.relkind, c.relowner,
         c.relrowsecurity, c.relforcerowsecurity, c.relpersistence, c.relispartition,
         c.relpartbound)::pg_catalog.text
    FROM pg_catalog.pg_class c WHERE c.oid IN (SELECT oid FROM reached)
  UNION ALL
  SELECT ROW('column', attrelid, attnum, attname, atttypid, atttypmod, attnotnull,
         attidentity, attgenerated, attcollation)::pg_catalog.text
    FROM pg_catalog.pg_attribute
   WHERE attrelid IN (SELECT oid FROM reached) AND attnum > 0 AND NOT attisdropped
  UNION ALL
  SELECT ROW('default', adrelid, adnum, adbin)::pg_catalog.text
    FROM pg_catalog.pg_attrdef WHERE adrelid IN (SELECT oid FROM reached)
  UNION ALL
  SELECT ROW('rule', oid, rulename, ev_class, ev_type, ev_enabled, is_instead, ev_qual,
         ev_action)::pg_catalog.text
    FROM pg_catalog.pg_rewrite WHERE ev_class IN (SELECT oid FROM reached)
  UNION ALL
  SELECT ROW('trigger', oid, tgrelid, tgname, tgfoid, tgtype, tgenabled, tgattr,
         pg_catalog.encode(tgargs, 'hex'), tgqual)::pg_catalog.text
    FROM pg_catalog.pg_trigger WHERE tgrelid IN (SELECT oid FROM reached)
  UNION ALL
  SELECT ROW('constraint', oid, conname, contype, conrelid, confrelid, conkey, confkey,
         confupdtype, confdeltype, condeferrable, condeferred, convalidated, conbin)::pg_catalog.text
    FROM pg_catalog.pg_constraint
   WHERE conrelid IN (SELECT oid FROM reached) OR confrelid IN (SELECT oid FROM reached)
  UNION ALL
  SELECT ROW('index', indexrelid, indrelid, indisunique, indisvalid, indkey, indexprs,
         indpred)::pg_catalog.text
    FROM pg_catalog.pg_index WHERE indrelid IN (SELECT oid FROM reached)
  UNION ALL
  SELECT ROW('policy', oid, polrelid, polname, polcmd, polpermissive, polroles, polqual,
         polwithcheck)::pg_catalog.text
    FROM pg_catalog.pg_policy WHERE polrelid IN (SELECT oid FROM reached)
  UNION ALL
  SELECT ROW('function', oid, proname, pronamespace, proowner, prolang, prosecdef,
         provolatile, proargtypes, prosrc, probin, proconfig, prosqlbody)::pg_catalog.text
    FROM pg_catalog.pg_proc WHERE oid IN (SELECT oid FROM called)
)
SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
         coalesce(pg_catalog.string_agg(text, E'\n' ORDER BY text COLLATE "C"), ''), 'UTF8')), 'hex')
  FROM line
"""
"""Parameters: schemas, names of the relations (text[] each), `schema.name` of functions (text[])."""


def statement(relations: Iterable[Relation], functions: Iterable[str] = ()) -> str:
    """QUERY with its parameters written in: one row, one column, 64 hex characters.

    A relation that does not exist is part of the digest too, as not existing.
    """
    ordered = sorted(set(relations))
    arrays = {
        "$1": [relation.schema for relation in ordered],
        "$2": [relation.name for relation in ordered],
        "$3": sorted(set(functions)),
    }

    def array(parameter: re.Match[str]) -> str:
        return f"ARRAY[{SQL(', ').join(map(Literal, arrays[parameter[0]])).as_string(None)}]"

    return re.sub(r"\$[123]", array, QUERY)

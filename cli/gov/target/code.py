"""Which functions run by themselves: those of triggers, rules, views, defaults, checks, indexes and casts.

PostgreSQL keeps expressions as trees of OIDs. What they call is read from there, and so by identity: no
name is looked up, and built-in functions are found too (`pg_depend` leaves those out). A string in a tree
is written as its bytes, and a name with its blanks escaped, so neither can pose as a field of a node.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gov.sql.calls import DOMAIN
from gov.sql.catalog import Code, Event, FunctionInfo, TypeInfo
from gov.sql.functions import FIRST_USER_OID, effect_of
from gov.terms import Effect

Row = tuple[Any, ...]

SEEN = r"""n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT LIKE 'gov\_m\_%'"""
"""Namespaces `n` that a snapshot tells of: neither a session's own nor gov's."""
_SHOWN = f"""
  JOIN pg_class shown ON shown.oid = {{}} AND shown.oid >= {FIRST_USER_OID}
  JOIN pg_namespace n ON n.oid = shown.relnamespace AND {SEEN}
"""

CODE = f"""
WITH tree(class, event, why, text) AS (
  SELECT w.ev_class, (ARRAY['read', 'update', 'insert', 'delete'])[w.ev_type::text::int],
         CASE w.ev_type WHEN '1' THEN 'view' ELSE 'rule ' || w.rulename END, w.ev_action::text || w.ev_qual::text
    FROM pg_rewrite w WHERE w.ev_enabled <> 'D' AND w.ev_class >= {FIRST_USER_OID}
  UNION ALL
  SELECT d.adrelid, CASE a.attgenerated WHEN '' THEN 'insert' WHEN 'v' THEN 'read' ELSE 'write' END,
         CASE a.attgenerated WHEN '' THEN 'default of ' ELSE 'generated ' END || a.attname, d.adbin::text
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
   WHERE d.adrelid >= {FIRST_USER_OID}
  UNION ALL
  SELECT c.conrelid, 'write', 'constraint ' || c.conname, c.conbin::text
    FROM pg_constraint c WHERE c.conrelid >= {FIRST_USER_OID} AND c.conbin IS NOT NULL
  UNION ALL
  SELECT i.indrelid, 'write', 'index ' || x.relname, coalesce(i.indexprs::text, '') || coalesce(i.indpred::text, '')
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid >= {FIRST_USER_OID}
  UNION ALL
  SELECT p.polrelid, 'any', 'policy ' || p.polname,
         coalesce(p.polqual::text, '') || coalesce(p.polwithcheck::text, '') FROM pg_policy p
  UNION ALL
  SELECT t.tgrelid, 'trigger ' || t.tgtype, 'trigger ' || t.tgname, t.tgqual::text
    FROM pg_trigger t WHERE t.tgqual IS NOT NULL AND t.tgenabled <> 'D'
)
SELECT class::int8, event, why, found.oid::int8
  FROM tree {_SHOWN.format("tree.class")}, LATERAL (
    SELECT m[1]::oid AS oid FROM regexp_matches(text, ':(?:funcid|aggfnoid|winfnoid|tsmhandler) ([0-9]+)', 'g') m
    UNION
    SELECT o.oprcode FROM regexp_matches(text, ':opno ([0-9]+)', 'g') m JOIN pg_operator o ON o.oid = m[1]::oid
  ) found
UNION ALL
SELECT class::int8, event, why, NULL FROM tree {_SHOWN.format("tree.class")} WHERE why LIKE 'rule %'
UNION ALL
SELECT t.tgrelid::int8, 'trigger ' || t.tgtype, 'trigger ' || t.tgname, t.tgfoid::int8
  FROM pg_trigger t {_SHOWN.format("t.tgrelid")} WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
 ORDER BY 1, 2, 3, 4
"""
"""Relation, when, what calls, function. A rule has a line without a function too: it is code itself."""

EDGES = f"""
SELECT inhparent::int8, inhrelid::int8, 'child' FROM pg_inherits {_SHOWN.format("inhrelid")}
UNION
SELECT w.ev_class::int8, d.refobjid::int8, 'view'
  FROM pg_rewrite w {_SHOWN.format("w.ev_class")}
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
UNION
SELECT confrelid::int8, conrelid::int8, 'cascade' FROM pg_constraint {_SHOWN.format("conrelid")}
 WHERE contype = 'f' AND (confupdtype IN ('c', 'n', 'd') OR confdeltype IN ('c', 'n', 'd'))
 ORDER BY 1, 2, 3
"""
"""From a relation to one that is reached through it, and how."""

TYPES = f"""
SELECT t.oid::int8, format_type(t.oid, NULL), n.nspname, t.typname, t.typtype::text,
       coalesce(nullif(t.typelem, 0), nullif(t.typbasetype, 0), r.rngsubtype, t.oid)::int8, t.typrelid::int8
  FROM pg_type t
  JOIN pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_range r ON r.rngtypid = t.oid
 WHERE t.oid >= {FIRST_USER_OID} AND t.typtype <> 'p' AND {SEEN}
 ORDER BY t.oid
"""
"""Types of users; the sixth is what an array, domain or range is of."""

FIELDS = f"""
SELECT a.attrelid::int8, a.atttypid::int8 FROM pg_attribute a {_SHOWN.format("a.attrelid")}
 WHERE a.atttypid >= {FIRST_USER_OID} AND a.attnum > 0 AND NOT a.attisdropped
   AND shown.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
 ORDER BY 1, 2
"""
"""Columns and fields of types of users."""

TYPE_CODE = f"""
SELECT c.contypid::int8, 'check', 'domain ' || t.typname, found.oid::int8
  FROM pg_constraint c JOIN pg_type t ON t.oid = c.contypid, LATERAL (
    SELECT m[1]::oid AS oid FROM regexp_matches(c.conbin::text, ':(?:funcid|aggfnoid) ([0-9]+)', 'g') m
    UNION
    SELECT o.oprcode FROM regexp_matches(c.conbin::text, ':opno ([0-9]+)', 'g') m
      JOIN pg_operator o ON o.oid = m[1]::oid
  ) found
 WHERE c.contypid >= {FIRST_USER_OID}
UNION
SELECT r.rngtypid::int8, 'check', 'differences of range ' || t.typname, r.rngsubdiff::oid::int8
  FROM pg_range r JOIN pg_type t ON t.oid = r.rngtypid WHERE t.oid >= {FIRST_USER_OID} AND r.rngsubdiff <> 0
UNION
SELECT side::int8, CASE WHEN c.castcontext = 'e' AND c.casttarget <> 'json'::regtype THEN 'cast' ELSE 'implicit' END,
       'cast from ' || format_type(c.castsource, NULL) || ' to ' || format_type(c.casttarget, NULL), c.castfunc::int8
  FROM pg_cast c, unnest(ARRAY[c.castsource, c.casttarget]) side
 WHERE side >= {FIRST_USER_OID} AND c.castfunc <> 0
 ORDER BY 1, 2, 3, 4
"""
"""Type, when, what calls, function. A cast to json is what to_json and its kin look for by themselves."""

OPERATORS = """
SELECT n.nspname, o.oprname,
       CASE WHEN o.oprleft = 0 THEN ARRAY[format_type(o.oprright, NULL)]
            ELSE ARRAY[format_type(o.oprleft, NULL), format_type(o.oprright, NULL)] END,
       format_type(o.oprresult, NULL), o.oprcode::int8
  FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
 WHERE o.oprcode <> 0
   AND o.oprname IN (SELECT oprname FROM pg_operator WHERE oprnamespace <> 'pg_catalog'::regnamespace)
 ORDER BY o.oprname, n.nspname, o.oid
"""

CASTS = """
SELECT format_type(castsource, NULL), format_type(casttarget, NULL) FROM pg_cast WHERE castcontext = 'i' ORDER BY 1, 2
"""

EVENT_TRIGGERS = """
SELECT evtname, evtevent, coalesce(evttags, '{}'), evtfoid::int8
  FROM pg_event_trigger WHERE evtenabled <> 'D' AND evtevent <> 'login' ORDER BY evtname
"""

QUERIES = (CODE, EDGES, TYPES, FIELDS, TYPE_CODE, OPERATORS, CASTS, EVENT_TRIGGERS)

_TRIGGER = ((4, Event.INSERT), (8, Event.DELETE), (16, Event.UPDATE), (32, Event.TRUNCATE))
"""Bits of tgtype (pg_trigger.h)."""
_WRITES = frozenset({Event.INSERT, Event.UPDATE})
_ROWS = _WRITES | {Event.DELETE, Event.READ}
_CASCADES = frozenset({Event.UPDATE, Event.DELETE})


def events(when: str) -> frozenset[Event]:
    """The events that a line of CODE means."""
    if when.startswith("trigger "):
        bits = int(when.removeprefix("trigger "))
        return frozenset(event for bit, event in _TRIGGER if bits & bit)
    return {"write": _WRITES, "any": _ROWS}.get(when) or frozenset({Event(when)})


def by_relation(
    names: Mapping[int, str],
    kinds: Mapping[int, str],
    functions: Mapping[int, FunctionInfo],
    code: Iterable[Row],
    edges: Iterable[Row],
    fields: Iterable[Row],
    types: Mapping[int, tuple[Code, ...]],
    domains: frozenset[int],
) -> dict[int, tuple[Code, ...]]:
    """What runs by itself with each relation (by OID), from any depth.

    Left out is what only reads, and a `nextval` in a default: it is the INSERT's own doing.
    """
    own: dict[int, set[Code]] = defaultdict(set)
    for relation, when, what, function in code:
        if function is not None and _harmless(functions.get(function), what):
            continue
        happens = _ROWS if what == "view" else events(when)  # what is written may be asked for its condition
        if kinds.get(relation) == "m" and what == "view":
            happens = frozenset({Event.REFRESH})
        own[relation].update(Code(function or 0, f"{what} of {names.get(relation, relation)}", e) for e in happens)
    for relation, kind in fields:
        for each in types.get(kind, ()):
            # A check of the column's own domain runs when it is written; of what is in a row or an array it may
            # run for what a polymorphic function builds from it.
            inside = kind not in domains and each.why.startswith(DOMAIN)
            happens = _ROWS if each.event is Event.READ or inside else _WRITES
            own[relation].update(Code(each.function, each.why, event) for event in happens)
    ways: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for source, to, how in edges:
        if kinds.get(source) != "m":
            ways[source].append((to, how))
    reached = {relation: frozenset(_reached(relation, own, ways)) for relation in own.keys() | ways.keys()}
    return {relation: tuple(sorted(each, key=_order)) for relation, each in reached.items() if each}


def _order(code: Code) -> tuple[str, str, int]:
    return code.event or "", code.why, code.function


def _harmless(function: FunctionInfo | None, what: str) -> bool:
    if function is None:
        return False
    effect, _ = effect_of(function)
    return effect is Effect.READ or (effect is Effect.UPDATE and what.startswith("default of "))


def _reached(
    start: int, own: Mapping[int, set[Code]], ways: Mapping[int, list[tuple[int, str]]]
) -> Iterator[Code]:
    """Code of `start` and of all that is reached through it, each with the event that it then runs at."""
    seen, work = {(start, False)}, [(start, False)]
    while work:
        relation, cascaded = work.pop()
        for each in own.get(relation, ()):
            if not cascaded or each.event in _CASCADES:
                yield each
        for to, how in ways.get(relation, ()):
            step = (to, cascaded or how == "cascade")
            if step not in seen:
                seen.add(step)
                work.append(step)


def by_type(
    functions: Mapping[int, FunctionInfo], types: Iterable[Row], fields: Iterable[Row], code: Iterable[Row]
) -> tuple[dict[int, tuple[Code, ...]], dict[str, TypeInfo]]:
    """What runs with values of each type of users: for those that hold it (by OID), and for those named."""
    rows = list(types)
    own: dict[int, set[Code]] = defaultdict(set)
    for kind, when, what, function in code:
        if not _harmless(functions.get(function), what):
            # A cast that is only explicit happens where the type is named, and never with a column by itself.
            event = {"check": Event.INSERT, "implicit": Event.READ}.get(when)
            own[kind].add(Code(function, what, event))
    parts: dict[int, set[int]] = defaultdict(set)
    by_row = {row[6]: row[0] for row in rows if row[6]}
    for relation, kind in fields:
        parts[by_row.get(relation, 0)].add(kind)
    for oid, *_, of, _ in rows:
        parts[oid].add(of)
    held, named = {}, {}
    for oid, name, schema, bare, kind, *_ in rows:
        every = sorted(_inside(oid, own, parts), key=_order)
        if every:
            held[oid] = tuple(each for each in every if each.event)
        if every or kind == "d":
            named[name] = TypeInfo(name, (schema, bare), oid, kind == "d", tuple(every))
    return held, named


def _inside(start: int, own: Mapping[int, set[Code]], parts: Mapping[int, set[int]]) -> set[Code]:
    seen, work, found = {start}, [start], set[Code]()
    while work:
        kind = work.pop()
        found |= own.get(kind, set())
        fresh = parts.get(kind, set()) - seen
        seen |= fresh
        work += fresh
    return found

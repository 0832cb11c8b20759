"""Canaries: values that stand in every masked column while a test runs, and must never come back.

Planted by the superuser in all rows of customers, and in the planner's statistics; taken out again
afterwards, so that whoever shares the database finds it as it was.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg

Admin = psycopg.Connection[Any]
MASKED = ("email", "ssn", "phone", "dob", "credit_card")
FILE = b"qxfile7"
"""In a file on the database host."""
_WORDS = (b"qxmail7", b"qxhost7", b"qxssn7", b"873 649", b"873649", b"qxcard7", b"qxkind7", b"564738", FILE)
_DATES = (b"1777-03", b"1777/03", b"03-1777", b".03.1777", b"/1777", b"177703", b"1788-05-1", b"178805")
_DAYS = [date(1777, 3, day) for day in range(1, 29)] + [date(1788, 5, day) for day in range(2, 29)]
# In binary a date is four bytes, days from 2000-01-01, behind its length.
_BINARY = tuple(struct.pack("!ii", 4, (day - date(2000, 1, 1)).days) for day in _DAYS)


def _base64(word: bytes) -> Iterator[bytes]:
    """What base64 makes of `word` in its midst, wherever it begins in a group of three bytes."""
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + word)
        # Characters that also depend on what stands before or behind are left out.
        first, last = (0, 2, 3)[shift], (len(word) + shift) * 8 // 6
        yield whole[first:last]


_SHAPES = [shape for word in _WORDS for shape in (word, word[::-1], word.hex().encode())]
_UPPER_HEX = [word.upper().hex().encode() for word in _WORDS]
_CODED = [shape for word in _WORDS for each in (word, word.upper()) for shape in _base64(each)]


def leaked(heard: bytes) -> list[bytes]:
    """The canaries among the bytes that a client has got, in text and binary, in either case.

    As they are, reversed, in hex and in base64.
    """
    low = heard.lower()
    plain = [each for each in (*_SHAPES, *_UPPER_HEX, *_DATES) if each in low]
    return plain + [each for each in (*_CODED, *_BINARY) if each in heard]


@contextmanager
def planted(admin: Admin) -> Iterator[None]:
    """Canaries in all rows, and in the statistics."""
    columns = ", ".join(MASKED)
    admin.execute(f"CREATE TEMP TABLE kept AS SELECT id, {columns} FROM public.customers")
    admin.execute(
        "UPDATE public.customers SET email = 'zqxmail7' || id || 'm@qxhost7' || id || 'h.example',"
        " ssn = 'qxssn7-' || id, phone = '+1 873 649 ' || lpad((id % 1000)::text, 3, '0') || ' 55',"
        " dob = date '1777-03-01' + id % 28, credit_card = 'qxcard7-' || id || '-7734'"
    )
    admin.execute("ANALYZE public.customers")
    try:
        yield
    finally:
        pairs = ", ".join(f"{name} = kept.{name}" for name in MASKED)
        admin.execute(f"UPDATE public.customers SET {pairs} FROM kept WHERE kept.id = customers.id")
        admin.execute("ANALYZE public.customers; DROP TABLE kept")


_TABLES = ("customers", "orders", "payments", "products", "pgbench_accounts", "pgbench_tellers", "pgbench_history")
_ROWS = ", ".join(
    f"(SELECT count(*) || ' ' || coalesce(max(xmin::text::int8), 0) FROM public.{name})" for name in _TABLES
)
_OURS = "'^(gov_m|gov_views|pg_temp|pg_toast)'"
_ROLES = "'^gov_[lop]_'"
_STATE = f"""
SELECT {_ROWS},
  (SELECT string_agg(format('%s %s %s %s %s', c.oid, c.relname, c.relowner, c.relchecks, c.relhastriggers), ','
                     ORDER BY c.oid)
   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname !~ {_OURS} AND n.nspname <> 'information_schema'),
  (SELECT string_agg(format('%s %s %s', attrelid, attname, atttypid), ',' ORDER BY attrelid, attnum)
   FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace),
  (SELECT string_agg(format('%s %s %s', c.relname, r.rolname, a.privilege_type), ';'
                     ORDER BY c.relname, r.rolname, a.privilege_type)
   FROM pg_class c CROSS JOIN aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
   WHERE c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner
   AND coalesce(r.rolname, '') !~ '^gov_'),
  (SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ {_OURS}),
  (SELECT count(*) || ' ' || sum(hashtext(prosrc)::int8)
   FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ {_OURS}),
  (SELECT string_agg(format('%s %s %s %s %s', rolname, rolsuper, rolcreaterole, rolcanlogin, rolconfig), ','
                     ORDER BY rolname)
   FROM pg_roles WHERE rolname !~ {_ROLES}),
  (SELECT count(*) FROM pg_roles
   WHERE rolname ~ {_ROLES} AND (rolsuper OR rolcreaterole OR rolbypassrls OR rolcreatedb)),
  (SELECT count(*) FROM pg_auth_members WHERE pg_get_userbyid(member) !~ '^gov_'),
  (SELECT string_agg(format('%s %s %s', setdatabase, setrole::regrole, setconfig), ','
                     ORDER BY setdatabase, setrole)
   FROM pg_db_role_setting WHERE setrole::regrole::text !~ {_ROLES}),
  (SELECT string_agg(name || setting, ',' ORDER BY name) FROM pg_file_settings),
  (SELECT string_agg(extname, ',' ORDER BY extname) FROM pg_extension),
  (SELECT string_agg(schemaname || sequencename || coalesce(last_value, 0), ',' ORDER BY sequencename)
   FROM pg_sequences WHERE sequencename <> 'orders_id_seq'),
  (SELECT count(*) FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid >= 16384),
  (SELECT count(*) FROM pg_operator), (SELECT count(*) FROM pg_cast), (SELECT count(*) FROM pg_rewrite
   WHERE ev_class IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)),
  (SELECT count(*) FROM pg_default_acl), (SELECT count(*) FROM pg_largeobject_metadata),
  (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_replication_slots),
  (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_prepared_xacts)
"""


def state(admin: Admin) -> tuple[Any, ...]:
    """All that an attempt could have changed: rows (by their newest transaction), definitions, rights, settings."""
    found = admin.execute(_STATE).fetchone()
    assert found is not None
    return tuple(found)

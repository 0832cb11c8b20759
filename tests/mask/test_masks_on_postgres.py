"""Masks on a real PostgreSQL 18: the manual's examples, and laws over values nobody thought of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gov.demo.cluster import Cluster
from gov.mask.expression import expression
from gov.policy.document import load

MANUAL = (Path(__file__).parents[2] / "docs/masks.md").read_text()
_ROW = re.compile(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \| `(.*)` \|$", re.MULTILINE)

Database = psycopg.Connection[tuple[Any, ...]]

LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

TYPES = (
    "text", "character varying(12)", "character(7)", "smallint", "integer", "bigint", "numeric", "numeric(6,2)",
    "numeric(3,-2)", "real", "double precision", "boolean", "date", "timestamp without time zone",
    "timestamp(2) without time zone", "timestamp with time zone", "time without time zone", "interval(0)", "uuid",
    "json", "jsonb", "bytea", "inet", "cidr", "macaddr", "text[]", "numeric(6,2)[]", "date[]", "int4range", "box",
    "xml", "bit(4)", "money",
)  # fmt: skip
MASKS = (
    "null", "redact", "partial", "year", "month", "round(10)", "round(0.5)", "range(1000)",
    "json(a.b=partial, c=redact, d=null)",
)


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """A connection whose `search_path` is the one under which views are made, in UTC."""
    with psycopg.connect(cluster.admin_dsn, autocommit=True) as connection:
        connection.execute("SET search_path = ''")
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def meant(written: str) -> str:
    """The mask that `with: …` in a policy means."""
    rules = f'version: 1\nclassify: [{{ columns: "*.*.c", as: x }}]\nmasking: [{{ name: m, data: x, with: {written} }}]'
    return load([("p", rules)]).masking[0].mask


def shown(database: Database, mask: str, type: str, value: object) -> Any:
    """What the mask makes of one value, as text."""
    sql = f"SELECT CAST({expression(mask, 'c', type)} AS text) FROM (SELECT CAST(%s AS {type}) AS c) AS t"
    row = database.execute(sql.encode(), (value,)).fetchone()
    assert row is not None
    return row[0]


EXAMPLES = _ROW.findall(MANUAL)


@pytest.mark.parametrize(("written", "type", "value", "expected"), EXAMPLES)
def test_the_manuals_examples(database: Database, written: str, type: str, value: str, expected: str) -> None:
    """`docs/masks.md` shows what PostgreSQL computes."""
    found = shown(database, meant(written), type, value)

    # The cast to text takes the blanks off a character(n).
    assert ("NULL" if found is None else found) == (expected.rstrip() if type.startswith("character(") else expected)


def test_the_manual_shows_every_mask_with_every_type_it_keeps() -> None:
    """No mask is without an example, and no table of the manual was overlooked."""
    assert len(EXAMPLES) == sum(line.startswith("| `") and line.count(" | ") == 3 for line in MANUAL.splitlines())
    pairs = {(re.sub(r"\W", " ", written).split()[0], re.sub(r"\(.*?\)", "", type)) for written, type, _, _ in EXAMPLES}
    numbers = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
    dates = ("date", "timestamp without time zone", "timestamp with time zone")

    assert {("round", each) for each in numbers} | {("range", each) for each in numbers} <= pairs
    assert {(mask, each) for mask in ("year", "month") for each in dates} <= pairs
    assert {("json", "json"), ("json", "jsonb"), ("partial", "character varying"), ("partial", "character")} <= pairs


@pytest.mark.parametrize("mask", MASKS)
def test_types_and_modifiers_stay(database: Database, mask: str) -> None:
    """The expression has the type of the column, lengths and precisions included."""
    columns = ", ".join(f"CAST(NULL AS {type}) AS c{number}" for number, type in enumerate(TYPES))
    masked = ", ".join(
        f"{expression(mask, f'c{number}', type)} AS m{number}" for number, type in enumerate(TYPES)
    )
    database.execute(f"CREATE TEMP VIEW typed AS SELECT {masked} FROM (SELECT {columns}) AS t".encode())
    rows = database.execute(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'pg_temp.typed'::regclass ORDER BY attnum"
    ).fetchall()
    values = database.execute("SELECT * FROM pg_temp.typed").fetchone()
    database.execute("DROP VIEW pg_temp.typed")

    assert [row[0] for row in rows] == list(TYPES)
    assert values == (None,) * len(TYPES)


@pytest.mark.parametrize("mask", MASKS)
def test_every_expression_is_immutable(database: Database, mask: str) -> None:
    """PostgreSQL itself says so: it takes no other in the predicate of an index."""
    columns = ", ".join(f"c{number} {type}" for number, type in enumerate(TYPES))
    database.execute(f"CREATE TEMP TABLE indexed ({columns}, id int)".encode())
    try:
        for number, type in enumerate(TYPES):
            predicate = f"({expression(mask, f'c{number}', type)}) IS NOT NULL"
            database.execute(f"CREATE INDEX ON pg_temp.indexed (id) WHERE {predicate}".encode())
    finally:
        database.execute("DROP TABLE pg_temp.indexed")


@LAW
@example(value=-(2**31), step=1000)
@given(value=st.integers(-(2**31), 2**31 - 1), step=st.sampled_from([2, 7, 10, 1000, 10**9, 10**12]))
def test_a_whole_number_becomes_a_multiple_near_it(database: Database, value: int, step: int) -> None:
    """`round` is within half a step, `range` below by less than one, unless the type has no such number."""
    rounded = int(shown(database, f"round({step})", "integer", value))
    lower = int(shown(database, f"range({step})", "integer", value))

    assert rounded % step == lower % step == 0
    assert abs(rounded - value) < step
    assert abs(lower - value) < step
    assert 2 * abs(rounded - value) <= step or abs(value) + step >= 2**31
    assert lower <= value or value - step < -(2**31)


@LAW
@given(value=st.decimals(-9999, 9999, places=2), step=st.sampled_from(["0.02", "0.5", "1", "25", "1000"]))
def test_a_decimal_becomes_a_multiple_near_it(database: Database, value: Decimal, step: str) -> None:
    """The same with decimals, in the column's own scale."""
    rounded = Decimal(shown(database, f"round({step})", "numeric(6,2)", value))

    assert rounded % Decimal(step) == 0
    assert 2 * abs(rounded - value) <= Decimal(step) or abs(value) + Decimal(step) > 9999


@LAW
@given(value=st.floats(width=64), step=st.sampled_from(["0.5", "10", "1000"]))
def test_no_float_fails(database: Database, value: float, step: str) -> None:
    """An error would name the value; infinities, NaN and the largest numbers give one of the type."""
    for type in ("double precision", "numeric", "real"):
        if type == "real" and not 1e-37 < abs(value) < 3e38:
            continue
        assert shown(database, f"round({step})", type, str(value)) is not None
        assert shown(database, f"range({step})", type, str(value)) is not None


@LAW
@given(value=st.datetimes())
def test_a_time_shows_its_year_or_month_and_no_more(database: Database, value: Any) -> None:
    """In every type and whatever the session's time zone is."""
    database.execute("SET TimeZone = 'Pacific/Auckland'")
    try:
        for type in ("date", "timestamp(3) without time zone", "timestamp with time zone"):
            for unit, kept in (("year", 4), ("month", 7)):
                mask = expression(unit, "c", type)
                local = f"timezone('UTC', {mask})" if type.endswith("with time zone") else mask
                sql = f"SELECT to_char({local}, 'YYYY-MM-DD HH24:MI:SS.US') FROM (SELECT CAST(%s AS {type}) AS c) t"
                raw = f"{value.isoformat(sep=' ', timespec='milliseconds')}+00"
                row = database.execute(sql.encode(), (raw if type != "date" else raw[:10],)).fetchone()
                assert row is not None
                rounded = row[0]

                assert rounded.endswith("-01 00:00:00.000000")
                assert rounded[:kept] == value.isoformat()[:kept] or value.microsecond >= 999_500
    finally:
        database.execute("SET TimeZone = 'UTC'")


@pytest.mark.parametrize("moment", ["-infinity", "infinity", "4713-11-24 BC", "4713-12-31 BC", "294276-12-31"])
def test_no_time_fails(database: Database, moment: str) -> None:
    """At the ends of the calendars, where cutting down would leave them."""
    for type in ("date", "timestamp without time zone", "timestamp with time zone"):
        for unit in ("year", "month"):
            assert shown(database, unit, type, moment).startswith("1970-01-01")
    assert shown(database, "year", "date", "5874897-12-31") == "1970-01-01"


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
digits = st.text("0123456789 -().+", max_size=24)
addresses = st.builds("{}@{}.{}".format, st.text("abcxyz.", min_size=1), st.text("abcxyz", min_size=1), st.just("com"))


@LAW
@given(value=texts | digits | addresses)
def test_partial_shows_what_is_documented_and_no_more(database: Database, value: str) -> None:
    """Of text three letters and a last label, of numbers four digits and no letter that was not there."""
    found = shown(database, "partial", "text", value)
    kept = [each for each in found if each.isalnum()]

    if re.fullmatch(r".\*\*\*@.\*\*\*\.[A-Za-z]{2,10}", found):
        assert found == f"{value[0]}***@{value.split('@')[1][0]}***.{value.rsplit('.', 1)[1]}"
    elif re.fullmatch(r".?\*\*\*", found, re.DOTALL):
        assert found.removesuffix("***") in (value[:1], "")
    else:
        assert re.fullmatch(r"[0-9*+() .-]+", found)
        assert len(kept) in (2, 4)
        assert [each for each in value if each.isdigit()][-len(kept):] == kept
        assert len(found) == len(value)


plain = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.just("jane.canary@example.com")
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=4)
)
documents = st.dictionaries(st.sampled_from("abcde"), values, max_size=5) | values
PATHS = {"a.b": "partial", "c": "redact", "d": "null", "e.a.b": "redact"}


def redacted(value: Any) -> Any:
    """The constant of the same kind."""
    return {str: "[redacted]", int: 0, bool: False, list: [], dict: {}}.get(type(value))


def reference(value: Any, paths: dict[str, str]) -> Any:
    """The mask as one would write it in Python."""
    if not isinstance(value, dict):
        return redacted(value)
    result = dict(value)
    for path, mask in paths.items():
        key, _, rest = path.partition(".")
        if key not in result:
            continue
        here = result[key]
        if rest:
            result[key] = None if here is None else reference(here, {rest: mask})
        elif mask == "null":
            result[key] = None
        else:
            partial = mask == "partial" and isinstance(here, str)
            result[key] = "j***@e***.com" if partial else redacted(here)
    return result


@LAW
@given(document=documents)
def test_a_document_keeps_what_no_path_names(database: Database, document: Any) -> None:
    """Equal to the mask written in Python, for `json` and `jsonb`, whatever the document looks like."""
    mask = "json(" + ", ".join(f"{path}={each}" for path, each in sorted(PATHS.items())) + ")"
    for kind in ("json", "jsonb"):
        assert json.loads(shown(database, mask, kind, json.dumps(document))) == reference(document, PATHS)


@pytest.mark.parametrize(
    "odd",
    [r'{"a": {"b": "canary"}, "x": "\u0000"}', r'{"a": {"b": "canary"}, "x": "\ud800"}',
     '{"a": {"b": "canary"}, "x": 1e999999}', '{"a": {"b": "canary"}, "x": [-1.5E+99999]}',
     '{"a": {"b": "canary"}, "x": ' + "1" * 200_000 + "}"],
)  # fmt: skip
def test_what_jsonb_cannot_hold_is_redacted_whole(database: Database, odd: str) -> None:
    """The error of a failing conversion would quote the document in its context."""
    assert shown(database, "json(a.b=redact)", "json", odd) == "{}"


@pytest.mark.parametrize("mask", ["round(1000)", "range(0.5)"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_the_largest_numeric_does_not_fail(database: Database, mask: str, sign: str) -> None:
    """A multiple beyond what `numeric` holds would fail the whole query, for everybody but who wrote the value."""
    assert Decimal(shown(database, mask, "numeric", f"{sign}{'9' * 131_072}")) == 0
    assert shown(database, mask, "numeric", f"{sign}1e131070").startswith(f"{sign}1000")


def test_a_number_of_too_many_decimals_does_not_fail(database: Database) -> None:
    """`json` takes it as text, `jsonb` would not."""
    for length in (14_000, 15_900):
        value = f'{{"ssn": "x", "n": 0.{"1" * length}e-999}}'
        found = json.loads(shown(database, "json(ssn=redact)", "json", value))
        assert found.get("ssn", "[redacted]") == "[redacted]"


def test_a_path_may_hold_whatever_json_may() -> None:
    """Keys with blanks and signs are quoted as SQL wants it."""
    sql = expression("json(first name.@id$=redact)", "c", "jsonb")

    assert "ARRAY['first name', '@id$']" in sql


@pytest.mark.parametrize("mask", MASKS)
def test_text_and_binary_say_the_same(database: Database, mask: str) -> None:
    """A masked value comes in either format as the type it has."""
    raw = {
        "text": "jane.doe@example.com", "integer": "4711", "numeric(6,2)": "47.11", "date": "1984-05-06",
        "timestamp without time zone": "1984-05-06 07:08:09", "uuid": "deadbeef-dead-beef-dead-beefdeadbeef",
        "jsonb": '{"a": {"b": "x"}}', "double precision": "47.11", "boolean": "true", "bytea": r"\xdead",
    }  # fmt: skip
    columns = ", ".join(f"CAST('{value}' AS {type}) AS c{number}" for number, (type, value) in enumerate(raw.items()))
    masked = ", ".join(expression(mask, f"c{number}", type) for number, type in enumerate(raw))
    sql = f"SELECT {masked} FROM (SELECT {columns}) AS t".encode()
    with database.cursor(binary=False) as text, database.cursor(binary=True) as binary:
        assert text.execute(sql).fetchone() == binary.execute(sql).fetchone()


@pytest.mark.parametrize("mask", ["hash", "json(a.b=redact)", "partial"])
def test_old_strings_change_nothing(database: Database, mask: str) -> None:
    """A database may have `standard_conforming_strings` off; the expression means the same."""
    type = "json" if mask.startswith("json") else "text"
    sql = f"CREATE TEMP VIEW v AS SELECT {expression(mask, 'c', type)} AS m FROM (SELECT CAST(NULL AS {type}) AS c) t"
    key = "(SELECT key FROM \"gov_m_keys\".\"mask_key\")"
    found = []
    for setting in ("on", "off"):
        database.execute(f"SET standard_conforming_strings = {setting}".encode())
        database.execute(sql.replace(key, "CAST('k' AS bytea)").encode())
        database.execute("SET standard_conforming_strings = on")
        found += database.execute("SELECT pg_get_viewdef('pg_temp.v'::regclass)").fetchall()
        database.execute("DROP VIEW pg_temp.v")

    assert found[0] == found[1]

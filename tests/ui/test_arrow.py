"""PostgreSQL's text form of values as Arrow arrays."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from gov.errors import UsageError
from gov.ui.arrow import elements, library, precision, shape


def modifier(digits: int, scale: int) -> int:
    """As numerictypmodin makes it."""
    return (digits << 16 | scale & 0x7FF) + 4


CASES: list[tuple[int, int, str, Any, str]] = [
    (16, -1, "t", True, "bool"),
    (21, -1, "-5", -5, "int16"),
    (23, -1, "2147483647", 2147483647, "int32"),
    (20, -1, "-9223372036854775808", -(2**63), "int64"),
    (26, -1, "4294967295", 4294967295, "uint32"),
    (701, -1, "-Infinity", float("-inf"), "double"),
    (1700, modifier(10, 2), "12.50", Decimal("12.50"), "decimal128(10, 2)"),
    (1700, modifier(60, 0), "9" * 60, Decimal("9" * 60), "decimal256(60, 0)"),
    (1700, modifier(3, -2), "1200", "1200", "string"),
    (1700, -1, "0.10000000000000000000000000000000000000001", "0.10000000000000000000000000000000000000001", "string"),
    (1082, -1, "0001-01-01", datetime.date(1, 1, 1), "date32[day]"),
    (1083, -1, "23:59:59.999999", datetime.time(23, 59, 59, 999999), "time64[us]"),
    (1114, -1, "2026-01-31 12:00:00.5", datetime.datetime(2026, 1, 31, 12, 0, 0, 500000), "timestamp[us]"),  # noqa: DTZ001
    (1184, -1, "2026-01-31 12:00:00+05:30", datetime.datetime(2026, 1, 31, 6, 30, tzinfo=datetime.UTC),
     "timestamp[us, tz=UTC]"),
    (17, -1, "\\x00ff", b"\x00\xff", "binary"),
    (17, -1, "a\\\\\\000\\377", b"a\\\x00\xff", "binary"),
    (3802, -1, '{"a": 1.10}', '{"a": 1.10}', "string"),
    (2950, -1, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "string"),
    (1186, -1, "1 day 02:00:00", "1 day 02:00:00", "string"),
    (99999, -1, "(1,2)", "(1,2)", "string"),
    (1007, -1, "{1,NULL,-3}", [1, None, -3], "list<item: int32>"),
    (1009, -1, '{"a\\"b,{}",NULL,"NULL",""}', ['a"b,{}', None, "NULL", ""], "list<item: string>"),
    (1231, modifier(4, 1), "{1.5,2}", [Decimal("1.5"), Decimal("2.0")], "list<item: decimal128(4, 1)>"),
    (1005, -1, "{}", [], "list<item: int16>"),
]


@pytest.mark.parametrize(("oid", "modified", "text", "value", "kind"), CASES, ids=lambda value: str(value)[:30])
def test_values_keep_what_they_are(oid: int, modified: int, text: str, value: object, kind: str) -> None:
    """Each type has its Arrow type, and NULL stays NULL beside it."""
    made = shape(oid, modified)
    column = made.convert([text, None])

    assert (column.to_pylist(), str(made.type)) == ([value, None], kind)
    assert column.type == made.type


@pytest.mark.parametrize(("oid", "modified", "text"), [
    (1082, -1, "infinity"), (1114, -1, "0044-03-15 12:00:00 BC"), (1700, modifier(5, 2), "NaN"), (1083, -1, "24:00:00"),
    (1007, -1, "{{1,2},{3,4}}"), (1007, -1, "[0:1]={1,2}"),
])  # fmt: skip
def test_what_arrow_cannot_hold_is_refused(oid: int, modified: int, text: str) -> None:
    """Never another value in its place."""
    with pytest.raises((library().ArrowInvalid, ValueError)):
        shape(oid, modified).convert([text])


def test_precision() -> None:
    """Digits and scale, where one Arrow type holds all of a numeric's values."""
    assert precision(modifier(10, 2)) == (10, 2)
    assert precision(modifier(76, 76)) == (76, 76)
    assert [precision(each) for each in (-1, modifier(77, 0), modifier(2, 3), modifier(2, -1))] == [None] * 4


def test_elements_of_an_array() -> None:
    """Quotes, escapes, NULL and the word NULL are told apart."""
    assert elements('{a b,"c,d","e\\\\f",NULL,"null","x\ny"}') == ["a b", "c,d", "e\\f", None, "null", "x\ny"]


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    with pytest.raises(UsageError) as refused:
        library()
    assert refused.value.hint == "pip install 'gov-broker[arrow]'"

"""Where names end, in bytes, however they are written."""

from __future__ import annotations

import re

import pytest

from gov.sql import spans
from gov.sql.outline import outline

SPELLINGS = [
    "t",
    "public.t",
    'public . "T"',
    "db.public.t",
    '"a""b".t',
    "U&\"d!0061ta\" UESCAPE '!'",
    'u&"\\0061" /* x */ uescape \'\\\' -- y\n . "é" /* z */ . t',
    '"é"/**/./**/"é"',
]


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("template", ["select 'é' from {} as x", "table {}", "select 'é', (select 1 from only ({}))"])
def test_a_name_is_what_lies_between(name: str, template: str) -> None:
    """From its first part to its last, with the comments between and none after."""
    text = template.format(name)
    (found,) = outline(text).statements[0].names

    assert text.encode()[found.at : found.end].decode() == name


BEHIND = ["", ";", ",u", " ", "\n", " as x", "\tx", " *", "*", " .t", "\n.t", "/**/.t", " --\n.t", " x, t", "é", '"x"']


@pytest.mark.parametrize("behind", BEHIND)
def test_what_stands_behind_a_name_is_as_the_scanner_says(behind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most names need no scanner, and end where it would say."""
    names = ("t", "s.t", "u&", "a$1", "U")
    texts = [f"{start}{name}{behind}" for start in ("table ", "select 1 from ") for name in names]
    plain = [outline(text) for text in texts]
    monkeypatch.setattr(spans, "_PLAIN", re.compile(rb"(?!)"))

    assert plain == [outline(text) for text in texts]


@pytest.mark.parametrize("columns", ["", " (a, b)", '("(", U&")" uescape \'!\' /* ) */, c)'])
def test_copy_has_its_columns(columns: str) -> None:
    """The list belongs to what is replaced."""
    text = f"copy public.t{columns} to stdout with (format csv)"
    (found,) = outline(text).statements[0].names

    assert text[found.at : found.end] == f"public.t{columns}"


@pytest.mark.parametrize("schema", ["public", '"é"', 'db /* x */ . U&"s"'])
@pytest.mark.parametrize("column", ["a", "*", '"é"'])
def test_a_column_s_qualifier_ends_before_its_relation(schema: str, column: str) -> None:
    """`schema` of `schema.relation.column` is what a view changes."""
    text = f"select 'é', {schema} . t.{column} from t"
    (found,) = outline(text).statements[0].references

    assert text.encode()[found.at : found.end].decode() == schema


def test_what_is_written_has_no_end() -> None:
    """Targets are never replaced."""
    for text in ("insert into t values (1)", "update t set a = 1", "delete from t", "copy t from stdin"):
        (found,) = outline(text).statements[0].names

        assert found.end == -1

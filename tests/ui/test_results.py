"""Results in each format."""

from __future__ import annotations

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from gov.ui.records import Expanded
from gov.ui.results import MEASURED, Format, Table, writer
from gov.ui.values import as_json

ROWS = st.lists(st.tuples(st.none() | st.text(), st.none() | st.text()), max_size=5)


def written(kind: Format, rows: list[tuple[str | None, ...]], types: tuple[int, ...] = (25, 25)) -> str:
    """What a writer makes of rows that come one at a time."""
    out = io.StringIO()
    shown = writer(kind, out, terminal=False)
    shown.columns(("a", "b"), types)
    for row in rows:
        shown.rows([row])
    shown.done("SELECT")
    return out.getvalue()


@given(ROWS)
def test_jsonl_keeps_every_value(rows: list[tuple[str | None, ...]]) -> None:
    """Each line is one object with the row's values, whatever they hold."""
    lines = written(Format.JSONL, rows).split("\n")[:-1]

    assert [tuple(json.loads(line).values()) for line in lines] == rows


@given(ROWS)
def test_json_is_the_same_as_one_array(rows: list[tuple[str | None, ...]]) -> None:
    """The whole output is one JSON value."""
    assert [tuple(row.values()) for row in json.loads(written(Format.JSON, rows))] == rows


@given(ROWS)
def test_csv_is_read_back(rows: list[tuple[str | None, ...]]) -> None:
    """Another reader sees the same fields; NULL reads as empty."""
    read = list(csv.reader(io.StringIO(written(Format.CSV, rows), newline="")))

    assert read == [["a", "b"], *([value or "" for value in row] for row in rows)]


@given(ROWS)
def test_a_table_has_a_line_for_each_row(rows: list[tuple[str | None, ...]]) -> None:
    """No value can add a line or a control character."""
    lines = written(Format.TABLE, rows).split("\n")

    assert len(lines) == len(rows) + 5
    assert lines[-3] == f"({len(rows)} row{'' if len(rows) == 1 else 's'})"


def test_wide_characters_keep_columns_aligned() -> None:
    """A character that takes two columns is counted as two."""
    assert written(Format.TABLE, [("日本", "x"), ("a", "y")]).splitlines()[2:4] == [" 日本 | x", " a    | y"]


def test_a_long_table_is_shown_before_it_ends() -> None:
    """Beyond a thousand rows widths are settled and rows pass through."""
    out = io.StringIO()
    table = Table(out)
    table.columns(("n",), (23,))

    table.rows([(str(n),) for n in range(MEASURED)])

    assert out.getvalue().count("\n") == MEASURED + 2


def test_a_statement_without_rows_shows_its_tag() -> None:
    """In a table; data formats stay silent."""
    for kind, expected in ((Format.TABLE, "DELETE 3\n"), (Format.CSV, ""), (Format.JSON, "")):
        out = io.StringIO()

        writer(kind, out, terminal=False).done("DELETE 3")

        assert out.getvalue() == expected


def test_csv_on_a_terminal_is_escaped() -> None:
    """What would be data in a file must not command a terminal."""
    out = io.StringIO()

    writer(Format.CSV, out, terminal=True).rows([("\x1b[2J",)])

    assert out.getvalue() == "\\x1b[2J\n"


def test_expanded() -> None:
    """A line for each column, numbered records."""
    out = io.StringIO()
    shown = Expanded(out)

    shown.columns(("id", "name"), (23, 25))
    shown.rows([("1", None)])
    shown.rows([("2", "\x1b")])
    shown.done("SELECT 2")
    shown.done("BEGIN")

    assert out.getvalue().splitlines() == [
        "-[ RECORD 1 ]", "id   | 1", "name | NULL", "-[ RECORD 2 ]", "id   | 2", "name | \\x1b", "(2 rows)", "",
        "BEGIN"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_documents_are_themselves(value: object) -> None:
    """A json column arrives on one line with its value unchanged."""
    fragment = as_json(114)(json.dumps(value, indent=2))

    assert "\n" not in fragment
    assert json.loads(fragment) == value

"""Rows that are too wide for a table."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from gov.ui.records import Fitting, cut
from gov.ui.results import Csv, Look, Row, Table, Writer, cell_width


def fitted(rows: list[Row], columns: int, look: Look | None = None) -> str:
    """What `\\x auto` makes of rows with two columns."""
    out = io.StringIO()
    shown = Fitting(out, columns, look or Look())
    shown.columns(("a", "b"), (25, 23))
    for row in rows:
        shown.rows([row])
    shown.done("SELECT")
    return out.getvalue()


@given(st.lists(st.tuples(st.text(max_size=30), st.none() | st.text(max_size=30)), max_size=20), st.integers(5, 60))
def test_a_table_where_it_fits_else_records(rows: list[Row], columns: int) -> None:
    """A table that is chosen is never wider than the terminal, and no row is lost either way."""
    said = fitted(rows, columns)

    if not said.startswith("-[ RECORD"):
        assert all(cell_width(line) <= columns for line in said.split("\n")[:-3]) or not rows
    else:
        assert said.count("-[ RECORD") == len(rows)
    assert f"({len(rows)} row" in said


def test_the_look() -> None:
    """NULL can be told from a text that reads the same, and is dim where colour is welcome; time is by the count."""
    look = Look(null="∅", colour=True, took=lambda: "4.2 ms")

    said = fitted([("∅", None)], 80, look)

    assert '"∅"' in said
    assert "\x1b[2m ∅ \x1b[0m" in said
    assert "(1 row, 4.2 ms)" in said


def test_a_statement_without_rows() -> None:
    """Its tag, and how long it took."""
    out = io.StringIO()
    Fitting(out, 80, Look(took=lambda: "1 ms")).done("CREATE TABLE")
    Table(out).done("BEGIN")

    assert out.getvalue() == "CREATE TABLE (1 ms)\nBEGIN\n"


def test_what_came_before_an_error_is_shown() -> None:
    """Rows that wait for their widths are shown without a count, as they are all there is; no row, no heading."""
    out = io.StringIO()
    writers: list[Writer] = [Table(out), Fitting(out, 80), Fitting(out, 6), Csv(out, terminal=False)]
    for shown in writers:
        shown.columns(("a", "b"), (25, 23))
        cut(shown)
    assert out.getvalue() == "a,b\n"
    for shown in writers[:3]:
        shown.rows([("first row", "1")])
        cut(shown)

    assert out.getvalue().count("first row") == 3
    assert "(1 row)" not in out.getvalue()

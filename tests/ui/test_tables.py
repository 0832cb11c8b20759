"""Lists as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.ui.results import cell_width
from gov.ui.tables import GIVES_TO, Heading, render, show

HEADINGS = (Heading("ID", "bold"), Heading("N", right=True), Heading("TEXT", gives=True))
LONG = "x" * 300


def test_piped_it_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is cut, nothing is coloured, no line ends in blanks; control characters are escaped."""
    show(HEADINGS, [("a", "1", LONG), ("bb", "22", "\x1b[2J\n")], empty="none")

    assert capsys.readouterr().out.splitlines() == [
        "ID   N  TEXT", f"a    1  {LONG}", "bb  22  \\x1b[2J\\n"]


def test_what_may_give_way_does() -> None:
    """On a terminal the last column is cut to fit."""
    _, line = render(HEADINGS, [("a", "1", LONG)], columns=30, colour=False)

    assert line == f"a   1  {'x' * 22}…"


def test_empty_columns_go_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal that is too narrow; on a wide one, and in a pipe, they stay."""
    rows = [("a", "", LONG), ("b", "", "y")]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    for columns, head in (("30", "ID  TEXT"), ("400", "ID  N  TEXT")):
        monkeypatch.setenv("COLUMNS", columns)
        show(HEADINGS, rows, empty="none")
        assert capsys.readouterr().out.splitlines()[0] == head


def test_the_rest_is_never_cut() -> None:
    """On a terminal that is too narrow lines wrap, and every id can still be read."""
    _, line = render(HEADINGS, [("rq-k3v9tz", "1", LONG)], columns=12, colour=False)

    assert line == f"rq-k3v9tz  1  {'x' * (GIVES_TO - 1)}…"


def test_colour() -> None:
    """Headings and what is bold, and no blank in bold."""
    assert list(render(HEADINGS[:2], [("a", "1")], columns=80, colour=True)) == [
        "\x1b[1mID\x1b[0m  \x1b[1mN\x1b[0m", "\x1b[1ma\x1b[0m   1"]


@given(st.lists(st.tuples(st.text("ab日", max_size=9), st.text("1", max_size=5), st.text("x本", max_size=90)),
                min_size=1), st.integers(45, 120))
def test_a_line_fits(rows: list[tuple[str, str, str]], columns: int) -> None:
    """Where there is room for what must be seen no line is wider than the terminal."""
    assert all(cell_width(line) <= columns for line in render(HEADINGS, rows, columns=columns, colour=False))


def test_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output stays empty for whoever counts lines."""
    show(HEADINGS, [], empty="no requests")

    assert capsys.readouterr() == ("", "no requests\n")

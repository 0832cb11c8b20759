"""Output that fits is printed, what does not goes through the pager."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from gov.ui.pager import Paging, Screen, pager


def shown(texts: list[str], command: str, paging: Paging = "on") -> str:
    """What is printed without the pager on a terminal of 20 columns and 5 lines."""
    out = io.StringIO()
    screen = Screen(out, (20, 5), command, paging)
    for text in texts:
        screen.write(text)
    screen.close()
    return out.getvalue()


@pytest.fixture
def paged(tmp_path: Path) -> tuple[str, Path]:
    """A pager that writes to a file, and the file."""
    return f"cat > {tmp_path}/paged", tmp_path / "paged"


@pytest.mark.parametrize(("text", "pages"), [
    ("a\n" * 4, False), ("a\n" * 5, True), ("x" * 20 + "\n", False), ("x" * 21 + "\n", True),
    ("漢" * 10 + "\n", False), ("漢" * 11 + "\n", True), ("\x1b[2m" + "x" * 20 + "\x1b[0m\n", False)])
def test_what_does_not_fit_is_paged(paged: tuple[str, Path], text: str, pages: bool) -> None:
    """By lines and by columns as the terminal counts them; colours take no room. Nothing is lost or said twice."""
    command, file = paged

    printed = shown([text], command)

    assert (printed, file.exists()) == (("", True) if pages else (text, False))
    assert not pages or file.read_text() == text


def test_what_comes_in_pieces_is_one_output(paged: tuple[str, Path]) -> None:
    """The first pieces wait until it is known where they go."""
    command, file = paged

    assert shown(["a\n"] * 1000, command) == ""
    assert file.read_text() == "a\n" * 1000


def test_paging_can_be_off_or_always_on(paged: tuple[str, Path]) -> None:
    """Off prints at once whatever comes; always pages the shortest."""
    command, file = paged

    assert shown(["a\n" * 50], command, "off") == "a\n" * 50
    assert shown(["a\n"], command, "always") == ""
    assert file.read_text() == "a\n"


def test_a_pager_that_is_left_early_ends_nothing() -> None:
    """What comes afterwards is taken and dropped."""
    assert shown(["a\n" * 100_000] * 3, "head -1 > /dev/null") == ""


def test_a_pager_that_is_missing_is_said() -> None:
    """With the way to do without."""
    said = shown(["a\n" * 50], "no-such-pager-here 2> /dev/null")

    assert said == "the pager cannot be run: no-such-pager-here 2> /dev/null; \\pset pager off\n"


@pytest.mark.parametrize(("environ", "expected"), [({"PAGER": "most"}, "most"), ({"PAGER": ""}, "")])
def test_which_pager(environ: dict[str, str], expected: str) -> None:
    """$PAGER's; an empty one is none."""
    assert pager(environ) == expected

"""What a tour shows reads the same on a terminal, in a file and in the picture."""

from __future__ import annotations

import io
from pathlib import Path

from gov.demo.transcript import Transcript


def test_off_a_terminal_it_is_plain_text() -> None:
    """Who types, what comes back as it came, what it proves."""
    out = io.StringIO()
    shown = Transcript(out)
    shown.typed("alice", "gov whoami")
    shown.answered("alice [bold]is not markup[/]\n\nend\n")
    shown.proved("it held")
    shown.failed("it did not")

    assert out.getvalue() == (
        "alice$ gov whoami\nalice [bold]is not markup[/]\n\nend\n✓ it held\n✗ it did not\n"
    )


def test_long_lines_are_not_cut() -> None:
    """An answer is shown as it is, however wide."""
    out = io.StringIO()
    Transcript(out).answered("x" * 400)

    assert out.getvalue() == "x" * 400 + "\n"


def test_the_picture_shows_the_same_and_fetches_nothing(tmp_path: Path) -> None:
    """A README that shows it calls no other host."""
    shown = Transcript(io.StringIO())
    shown.typed("bob", "gov requests")
    shown.save(tmp_path / "tour.svg", "a tour")
    picture = (tmp_path / "tour.svg").read_text()

    assert "requests" in picture
    assert "url(" not in picture.replace("url(#", "")
    assert "@font-face" not in picture

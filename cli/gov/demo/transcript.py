"""What a tour shows: who types what, what comes back, what that proves. Plain off a terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.text import Text

WIDTH = 116
"""Columns of the picture; longer lines are folded there."""
PROMPTS = {"alice": "cyan", "bob": "magenta", "carol": "yellow"}


class Transcript:
    """Prints as it goes, and remembers for a picture."""

    def __init__(self, file: IO[str]) -> None:
        self._console = Console(file=file, highlight=False, emoji=False, markup=False, soft_wrap=True)
        self._canvas = Console(file=io.StringIO(), record=True, width=WIDTH, highlight=False, emoji=False)

    def chapter(self, title: str) -> None:
        """A heading between two scenes."""
        self._print(Text(f"\n# {title}", style="bold"))

    def typed(self, who: str, line: str) -> None:
        """A command at somebody's prompt."""
        self._print(Text.assemble((f"{who}$ ", f"bold {PROMPTS.get(who, 'blue')}"), (line, "bold")))

    def answered(self, output: str) -> None:
        """What a command printed. Everything in it is text, never markup."""
        for line in output.rstrip("\n").split("\n") if output.strip() else []:
            self._print(Text(line, style="red" if line.startswith("gov: error") else ""))

    def proved(self, claim: str) -> None:
        """A check that held."""
        self._print(Text.assemble(("✓ ", "bold green"), (claim, "green")))

    def failed(self, claim: str) -> None:
        """A check that did not."""
        self._print(Text.assemble(("✗ ", "bold red"), (claim, "red")))

    def save(self, picture: Path, title: str) -> None:
        """Write everything shown so far as an SVG that fetches nothing: fonts are the viewer's own."""
        svg = self._canvas.export_svg(title=title, unique_id="tour")
        picture.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), encoding="utf-8")

    def _print(self, text: Text) -> None:
        self._console.print(text)
        self._canvas.print(text)

"""Makes the pictures of docs/prompt.md: a real prompt, in a real demo, on a terminal that is read back as it looks.

Run it where gov is installed with `[demo,test]`: `python docs/pictures.py`. It starts a demo of its own.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from select import select

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from gov.demo.actor import GOV
from gov.demo.process import clean_environment
from gov.demo.sign_in import sign_in
from gov.demo.stage import TARGET, Stage

HERE = Path(__file__).parent
COLUMNS, LINES = 80, 24
PATIENCE = 60.0
CELL = 12.2
"""Width of a character in rich's pictures."""


class Screen:
    """A terminal with a prompt in it."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._screen.write_process_input = self.types
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        """What stands on it."""
        return "\n".join(self._screen.display)

    def types(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def waits(self, pattern: str, seconds: float = 0.6) -> None:
        """Until `pattern` stands on the screen, and then until nothing has changed for some seconds."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text):
            if time.monotonic() > deadline:
                raise SystemExit("\n".join([f"no {pattern!r} on the screen:", *self._screen.display]))
            self._take(0.2)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._take(0.1)

    def save(self, name: str, title: str) -> None:
        """The screen as a picture that fetches nothing: fonts are the viewer's own."""
        console = Console(file=io.StringIO(), record=True, width=COLUMNS, color_system="truecolor", force_terminal=True)
        last = max(i for i, line in enumerate(self._screen.display) if line.strip())
        for row in range(last + 1):
            console.print(self._row(row), soft_wrap=True)
        svg = console.export_svg(title=title, theme=MONOKAI, unique_id=name)
        path = HERE / f"{name}.svg"
        svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
        path.write_text(re.sub(_TEXT, _without_margins, svg), encoding="utf-8")
        print(path)

    def _row(self, row: int) -> Text:
        cells = [self._screen.buffer[row][column] for column in range(COLUMNS)]
        return Text.assemble(*(("".join(cell.data for cell in run), style) for style, run in groupby(cells, _style)))

    def _take(self, seconds: float) -> None:
        if select([self._master], [], [], seconds)[0]:
            self._stream.feed(os.read(self._master, 65536))


_TEXT = re.compile(r'x="([\d.]+)" (y="[\d.]+") textLength="([\d.]+)"([^>]*)>((?:&#160;)*)([^<]*?)((?:&#160;)*)</text>')


def _without_margins(text: re.Match[str]) -> str:
    """A text element without its outer spaces, which some viewers drop without moving the rest."""
    before, after = (len(text[group]) // len("&#160;") for group in (5, 7))
    x, length = float(text[1]) + CELL * before, max(float(text[3]) - CELL * (before + after), 0)
    return f'x="{x:.1f}" {text[2]} textLength="{length:.1f}"{text[4]}>{text[6]}</text>'


def _style(cell: pyte.screens.Char) -> Style:
    return Style(color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold, reverse=cell.reverse,
                 underline=cell.underscore)


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return {"brown": "yellow", "brightbrown": "bright_yellow"}.get(name, name.replace("bright", "bright_"))


@contextmanager
def prompt(environment: dict[str, str]) -> Iterator[Screen]:
    """alice's prompt."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    taken = "import fcntl, os, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    code = f"{taken}from gov.commands import main; main(['connect', '{TARGET}'])"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    try:
        yield Screen(master)
    finally:
        child.kill()
        child.wait()
        os.close(master)


def play(stage: Stage) -> None:
    """What the pictures show."""
    base = clean_environment() | {"TERM": "xterm-256color", "PATH": os.environ["PATH"]}
    alice, bob = ({**base, **sign_in(stage, name)} for name in ("alice", "bob"))
    with prompt(alice) as screen:
        screen.waits("5 masked")
        screen.types("select full_name, email, phone, balance from customers limit 3;\r")
        screen.waits(r"\(3 rows")
        screen.types("select country, c. from customers c" + "\x1b[D" * len(" from customers c"))
        screen.waits("masked: partial")
        screen.save("prompt-masked", "Masked columns are marked in the menu")
    with prompt(alice) as screen:
        screen.waits("5 masked")
        screen.types("drop table orders;\r")
        screen.waits("gov approve")
        screen.save("prompt-hold", "A statement that needs approval waits, and says for whom")
        request = re.search(r"rq-\w+", screen.text)[0]  # type: ignore[index]
        subprocess.run([*GOV, "approve", request, "--yes"], env=bob, check=True,
                       stdout=subprocess.DEVNULL)
        screen.waits("DROP TABLE")
        screen.types("begin;\r")
        screen.waits("in transaction")
        screen.types("select amount from orders;\r")
        screen.waits("failed transaction")
        screen.save("prompt-production", "Production is red, and said in words")


def main() -> None:
    """Start a demo, make the pictures, take it down."""
    with tempfile.TemporaryDirectory(prefix="gov-pictures-") as directory:
        stage = Stage(Path(directory) / "demo")
        stage.up(lambda line: None)
        try:
            play(stage)
        finally:
            stage.down()


if __name__ == "__main__":
    main()

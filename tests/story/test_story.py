"""Plays the shell sessions beside this file against a real demo; to add a chapter one writes no Python.

    # A comment.
    alice$ gov exec prod -c 'select 1' --format csv
    ?column?
    1
    alice$ gov exec prod -c 'drop table products' &
    gov: held as {request}…
    ...
    bob$ gov deny {request} --reason no
    ...
    alice$ fg
    ...
    ? 5

`NAME$ ` runs the rest of the line in bash as NAME, signed in; `$ ` as somebody who never was. Lines up to
the next prompt are what both streams print: `…` stands for anything within a line, `...` alone for any
lines, `{word}` for one word that is remembered, and put into what follows. `? N` is the exit status, 0 when
it is not written. ` &` leaves a command running (its output so far is what is compared, as soon as it
matches); `NAME$ fg` brings it back, and compares the rest.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PATIENCE = 60.0
PROMPT = re.compile(r"(\w*)\$ (.*)")
STORIES = sorted(Path(__file__).parent.glob("*.txt"))
Environment = Callable[[str], dict[str, str]]


@dataclass
class Turn:
    """One prompt of a session with what must come after it."""

    line: int
    who: str
    command: str
    expected: list[str] = field(default_factory=list)
    status: int = 0


def turns(text: str) -> list[Turn]:
    """The prompts of a session, in order."""
    found: list[Turn] = []
    for number, line in enumerate(text.splitlines(), 1):
        if prompt := PROMPT.fullmatch(line):
            found.append(Turn(number, prompt[1], prompt[2]))
        elif line.startswith("? "):
            found[-1].status = int(line[2:])
        elif not line.startswith("#") and (line or (found and found[-1].expected)):
            found[-1].expected.append(line)
    return found


def pattern(expected: list[str], words: dict[str, str]) -> str:
    """The regular expression that `expected` stands for; words known by now stand for themselves."""
    new: set[str] = set()
    while expected and not expected[-1]:
        expected = expected[:-1]
    return "".join(_line(line, words, new) for line in expected)


def _line(line: str, words: dict[str, str], new: set[str]) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    return "".join(_piece(part, words, new) for part in re.split(r"(…|\{\w+\})", line)) + "\n"


def _piece(part: str, words: dict[str, str], new: set[str]) -> str:
    if part == "…":
        return ".*"
    if not re.fullmatch(r"\{[a-z]+\}", part):
        return re.escape(part)
    name = part[1:-1]
    if name in words:
        return re.escape(words[name])
    if name in new:
        return f"(?P={name})"
    new.add(name)
    return rf"(?P<{name}>[\w-]+)"


class Session:
    """Plays turns, remembering words and what runs in the background."""

    def __init__(self, environment: Environment, directory: Path) -> None:
        self.words: dict[str, str] = {}
        self._environment = environment
        self._directory = directory
        self._running: dict[str, tuple[subprocess.Popen[bytes], Path, int]] = {}

    def play(self, turn: Turn) -> None:
        """Run one command and compare."""
        command = turn.command
        for name, value in self.words.items():
            command = command.replace(f"{{{name}}}", value)
        if command == "fg":
            self._foreground(turn)
        else:
            child, output = self._start(turn, command.removesuffix("&"))
            if command.endswith("&"):
                self._background(turn, child, output)
            else:
                self._end(turn, child, output, 0)

    def stop(self) -> None:
        """End what still runs."""
        for child, *_ in self._running.values():
            child.terminate()
            child.wait(PATIENCE)

    def _start(self, turn: Turn, command: str) -> tuple[subprocess.Popen[bytes], Path]:
        output = self._directory / f"{turn.line}.out"
        with output.open("wb") as file:
            child = subprocess.Popen(
                ["bash", "-c", command], env=self._environment(turn.who), cwd=self._directory,
                stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip
        return child, output

    def _background(self, turn: Turn, child: subprocess.Popen[bytes], output: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        self._running[turn.who] = (child, output, 0)
        while time.monotonic() < deadline and child.poll() is None:
            if found := re.match(pattern(turn.expected, self.words), output.read_text()):
                self.words |= found.groupdict()
                self._running[turn.who] = (child, output, found.end())
                return
            time.sleep(0.05)
        self._compare(turn, output.read_text())

    def _foreground(self, turn: Turn) -> None:
        child, output, seen = self._running.pop(turn.who)
        self._end(turn, child, output, seen)

    def _end(self, turn: Turn, child: subprocess.Popen[bytes], output: Path, seen: int) -> None:
        status = child.wait(PATIENCE)
        self._compare(turn, output.read_text()[seen:])
        assert turn.status == status, f"line {turn.line}: {turn.command}\n{output.read_text()}"

    def _compare(self, turn: Turn, output: str) -> None:
        if output and not output.endswith("\n"):
            output += "\n"
        found = re.fullmatch(pattern(turn.expected, self.words), output)
        if found is None:
            assert output.splitlines() == turn.expected, f"line {turn.line}: {turn.command}"
            pytest.fail(f"line {turn.line}: {turn.command}\n{output}")
        self.words |= found.groupdict()


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_story(story: Path, as_user: Environment, tmp_path: Path) -> None:
    """Every command of the session answers as written."""
    session = Session(as_user, tmp_path)
    try:
        for turn in turns(story.read_text()):
            session.play(turn)
    finally:
        session.stop()


def test_the_player_reads_what_is_written() -> None:
    """Prompts, expectations, statuses and comments are told apart."""
    text = "# why\n$ one\nsaid …\n\nmore\n\nbob$ two {id} &\n...\n? 4\n"
    first, second = turns(text)

    assert (first.who, first.command, first.expected, first.status) == (
        "",
        "one",
        ["said …", "", "more", ""],
        0,
    )
    assert (second.who, second.command, second.expected, second.status) == ("bob", "two {id} &", ["..."], 4)


def test_the_player_matches_with_wildcards() -> None:
    """`…` within a line, `...` for lines, `{word}` to remember."""
    expected = ["held as {request}, until …", "...", "done", ""]
    found = re.fullmatch(pattern(expected, {}), "held as rq-1a2b3c, until noon\na\nb\ndone\n")

    assert found is not None
    assert found.groupdict() == {"request": "rq-1a2b3c"}
    assert re.fullmatch(pattern(["say {request}"], {"request": "rq-1"}), "say rq-2\n") is None

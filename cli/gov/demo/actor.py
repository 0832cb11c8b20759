"""Somebody at a prompt: runs real `gov` commands as a person would, and what comes back is checked."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from gov.demo.process import clean_environment
from gov.demo.transcript import Transcript
from gov.errors import GovError

GOV = (sys.executable, "-P", "-c", "from gov.commands import main; main()")
"""The `gov` of this very installation, whatever the PATH says."""
PATIENCE = 60.0
"""Seconds that one command may take."""


LONGEST = 1 << 20
"""Bytes of output that are looked at."""


class Untrue(GovError):
    """The demo did not do what it promises."""

    code = "untrue"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: both streams as a terminal shows them, and the exit status."""

    output: str
    status: int


@dataclass(frozen=True, slots=True)
class Actor:
    """One person with a prompt and a configuration directory of their own."""

    name: str
    directory: Path
    """GOV_CONFIG_DIR, and where the person's files are."""
    transcript: Transcript
    broker: str
    more: Mapping[str, str] = field(default_factory=dict)
    """Further variables of the environment."""

    @property
    def environment(self) -> dict[str, str]:
        """What the person's commands see."""
        own = {"GOV_CONFIG_DIR": str(self.directory), "GOV_BROKER": self.broker, "COLUMNS": "110"}
        return {**clean_environment(), "NO_COLOR": "1", **own, **self.more}

    def does(
        self, line: str, *, status: int = 0, shows: Sequence[str] = (), shown: str | None = None
    ) -> Answer:
        """Run `line`, show it (as `shown`, where the line is too long to read) and what comes back.

        Raises:
            Untrue: The exit status is another, or a pattern of `shows` is not in the output.
        """
        running = self.begins(line, shown=shown)
        return running.ends(status=status, shows=shows)

    def begins(self, line: str, *, shown: str | None = None, background: bool = False) -> Running:
        """Start `line`, and leave it running; with `background` a shell's `&` is shown behind it."""
        self.transcript.typed(self.name, (shown or line) + " &" * background)
        output = tempfile.TemporaryFile()  # noqa: SIM115 - Running closes it
        child = subprocess.Popen(
            [*GOV, *shlex.split(line)[1:]],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self.environment, cwd=self.directory,
        )  # fmt: skip
        return Running(line, child, output, self.transcript)

    def asks(self, line: str) -> Any:
        """Run a command with `--json` out of sight, and give what it prints.

        Raises:
            Untrue: It fails, or prints no JSON.
        """
        done = subprocess.run(
            [*GOV, *shlex.split(line)[1:]],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.environment, timeout=PATIENCE,
        )  # fmt: skip
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise Untrue(f"`{line}` printed no JSON", hint="gov demo up", detail=done.stderr) from None


class Running:
    """A command that goes on while others type."""

    def __init__(
        self, line: str, child: subprocess.Popen[bytes], output: IO[bytes], transcript: Transcript
    ) -> None:
        self.line = line
        self._child = child
        self._file = output
        self._transcript = transcript
        self._shown = ""

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed something that `pattern` matches, and show what there is.

        Raises:
            Untrue: It ends, or time runs out, before that.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            ended = self._child.poll() is not None
            if found := re.search(pattern, self._look()):
                self._show()
                return found
            if ended:
                break
            time.sleep(0.05)
        self.stop()
        raise self._untrue(f"`{self.line}` did not say /{pattern}/")

    def ends(self, *, status: int = 0, shows: Sequence[str] = ()) -> Answer:
        """Wait for its end; show the rest; check exit status and output.

        Raises:
            Untrue: They are not as promised.
        """
        try:
            self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.stop()
            raise self._untrue(f"`{self.line}` does not end") from None
        self._show()
        self._file.close()
        if self._child.returncode != status:
            raise self._untrue(f"`{self.line}` left with {self._child.returncode}, not {status}")
        for pattern in shows:
            if not re.search(pattern, self._shown):
                raise self._untrue(f"`{self.line}` did not say /{pattern}/")
        return Answer(self._shown, status)

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._child.poll() is None:
            self._child.terminate()
            self._child.wait(PATIENCE)
        self._show()

    def _look(self) -> str:
        """Everything it has printed up to now. The offset is the child's too, so read by position."""
        return os.pread(self._file.fileno(), LONGEST, 0).decode(errors="replace")

    def _show(self) -> None:
        output = self._look()
        self._transcript.answered(output[len(self._shown) :])
        self._shown = output

    def _untrue(self, what: str) -> Untrue:
        return Untrue(what, hint="please report it, with the lines above")

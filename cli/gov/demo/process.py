"""Processes that the demo leaves running: started apart, found by pid file, never mistaken for others.

A pid file has two lines: the pid, and the command as a JSON list. A pid counts as ours only while that
very command runs under it, so a number that the system has given to somebody else is never touched.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import current_thread, main_thread

import psutil

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals by which people and terminals end a program."""
POLL = 0.02
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of ours, by its pid and the command it runs."""

    pid: int
    command: tuple[str, ...]
    child: subprocess.Popen[bytes] | None = field(default=None, compare=False, repr=False)
    """Set while we are the parent, who must reap it."""

    @property
    def alive(self) -> bool:
        """Whether that command runs under that pid. A zombie does not run."""
        if self.child is not None:  # its command cannot be read yet right after it was started
            return self.child.poll() is None
        try:
            return tuple(psutil.Process(self.pid).cmdline()) == self.command
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def stop(self, ask: signal.Signals = signal.SIGTERM, *, grace: float = 10.0) -> None:
        """Ask it to end with `ask`; after `grace` seconds use SIGKILL. Strangers are left alone.

        Returns when it has ended, and not before: a process that is ending has no command line any more,
        while its parent cannot see its end yet.
        """
        if not self.alive:
            return
        for word, patience in ((ask, grace), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                os.kill(self.pid, word)
            deadline = time.monotonic() + patience
            while not self._ended() and time.monotonic() < deadline:
                time.sleep(POLL)
            if self._ended():
                return

    def _ended(self) -> bool:
        """Whether a process that was ours a moment ago is gone, or a zombie that its parent may reap."""
        if self.child is not None:
            return self.child.poll() is not None
        try:
            process = psutil.Process(self.pid)
            return process.status() == psutil.STATUS_ZOMBIE or tuple(process.cmdline()) not in ((), self.command)
        except psutil.NoSuchProcess:  # a zombie too
            return True
        except psutil.AccessDenied:
            return False

    def save(self, file: Path) -> None:
        """Write the pid file."""
        file.write_text(f"{self.pid}\n{json.dumps(self.command)}\n")


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    user: int | None = None,
    group: int | None = None,
) -> Process:
    """Start `command` in a session of its own, so that it outlives us and no Ctrl-C of ours reaches it.

    Output is appended to `log`. As root, `user` and `group` are who it runs as.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            cwd="/", env=environment, start_new_session=True,
            user=user, group=group, extra_groups=None if user is None else [],
        )  # fmt: skip
    return Process(child.pid, tuple(command), child)


def load(file: Path) -> Process | None:
    """The process that a pid file names, running or not; None when there is no such file."""
    try:
        pid, command = file.read_text().splitlines()
    except (FileNotFoundError, ValueError):
        return None
    return Process(int(pid), tuple(json.loads(command)))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no impatient second Ctrl-C cut a clean-up short."""
    if current_thread() is not main_thread():  # only there can signals be set
        yield
        return
    before = {each: signal.signal(each, signal.SIG_IGN) for each in ENDINGS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def clean_environment() -> dict[str, str]:
    """Ours, without what would lead a child elsewhere: settings of libpq and of gov itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "GOV_"))}

"""Processes left running are found again, ended when asked, and never mistaken for somebody else's."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from gov.demo.process import Process, clean_environment, load, spawn

LARGE = """
import time
memory = bytearray(400_000_000)
for page in range(0, len(memory), 4096):
    memory[page] = 1
print("large", flush=True)
time.sleep(60)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def _start(directory: Path, *command: str) -> Process:
    return spawn(command, log=directory / "log", environment=clean_environment())


def test_it_runs_until_it_is_stopped(tmp_path: Path) -> None:
    """In a session of its own, so that a Ctrl-C at our terminal does not reach it."""
    process = _start(tmp_path, sys.executable, "-c", "import time; time.sleep(60)")

    assert process.alive
    assert os.getsid(process.pid) == process.pid
    process.stop()
    assert not process.alive


def test_who_ends_by_itself_is_not_alive(tmp_path: Path) -> None:
    """A zombie does not count, and its output is in the log."""
    process = _start(tmp_path, sys.executable, "-c", "print('was here')")
    assert process.child is not None
    process.child.wait()

    assert not process.alive
    assert (tmp_path / "log").read_text() == "was here\n"


def test_who_does_not_listen_is_killed(tmp_path: Path) -> None:
    """After the grace comes SIGKILL."""
    process = _start(tmp_path, sys.executable, "-c", DEAF)
    while "deaf" not in (tmp_path / "log").read_text():
        time.sleep(0.01)
    process.stop(grace=0.1)

    assert not process.alive
    assert process.child is not None
    assert process.child.returncode == -signal.SIGKILL


def test_a_pid_file_finds_it_again(tmp_path: Path) -> None:
    """Pid and command go through the file; a process that nobody is parent of can be stopped too."""
    process = _start(tmp_path, sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
    while "up" not in (tmp_path / "log").read_text():  # before, it may have no command line yet
        time.sleep(0.01)
    process.save(tmp_path / "pid")
    again = load(tmp_path / "pid")

    assert again == process
    assert again is not None
    assert again.alive
    again.stop()
    assert not process.alive


def test_one_that_takes_long_to_end_has_ended_when_stop_returns(tmp_path: Path) -> None:
    """While the system takes its memory back it has no command line, yet it has not ended."""
    process = _start(tmp_path, sys.executable, "-c", LARGE)
    process.save(tmp_path / "pid")
    while "large" not in (tmp_path / "log").read_text():
        time.sleep(0.01)
    again = load(tmp_path / "pid")
    assert again is not None
    again.stop()

    assert not process.alive


@pytest.mark.parametrize("text", ["", "17\n", "17"])
def test_half_a_pid_file_names_nobody(tmp_path: Path, text: str) -> None:
    """A file that was cut short is no process."""
    (tmp_path / "pid").write_text(text)

    assert load(tmp_path / "pid") is None
    assert load(tmp_path / "missing") is None


def test_a_pid_that_somebody_else_has_by_now_is_left_alone() -> None:
    """The command must be the one we started; this very test goes on."""
    process = Process(os.getpid(), ("postgres", "-D", "/somewhere"))

    assert not process.alive
    process.stop()


def test_children_do_not_inherit_where_clients_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of libpq and of gov in the caller's shell would lead them elsewhere."""
    for name in ("PGHOST", "PGPASSWORD", "GOV_TOKEN", "GOV_BROKER"):
        monkeypatch.setenv(name, "elsewhere")

    assert not {"PGHOST", "PGPASSWORD", "GOV_TOKEN", "GOV_BROKER"} & set(clean_environment())
    assert "PATH" in clean_environment()

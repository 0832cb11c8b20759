"""`gov connect TARGET -- CMD`: another program under a lease of its own, as if it had been started directly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands.fake_broker import FakeBroker, Gov
from commands.terminal import terminal
from gov.commands import child

GOV = [sys.executable, "-c", "from gov.commands import main; main()"]


@contextmanager
def started(command: str, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`gov connect prod -- sh -c COMMAND` in a process of its own; `output` gets what it prints."""
    words = [*GOV, "connect", "prod", "--", "sh", "-c", command]
    with output.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


def until(condition: Callable[[], object]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("line", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137)])
def test_its_exit_status_is_ours_and_the_lease_ends(gov: Gov, broker: FakeBroker, line: str, status: int) -> None:
    """Whatever becomes of the program; a signal counts 128 and its number, as in a shell."""
    ran = gov("connect", "prod", "--", "sh", "-c", line)

    assert (ran.status, ran.err) == (status, "")
    assert [path for path, _ in broker.asked] == ["/v1/leases", "/v1/leases/ls-0"]
    assert broker.leases == []


def test_its_lease_is_its_own(broker: FakeBroker, gov: Gov) -> None:
    """A kept lease is neither used nor ended, and the program's is not kept."""
    gov("credentials", "prod")

    gov("connect", "prod", "--", "true")

    assert [lease.id for lease in broker.leases] == ["ls-0"]
    assert len(list(Path(os.environ["GOV_CONFIG_DIR"]).rglob("prod.read.json"))) == 1


def test_data_goes_straight_through(broker: FakeBroker) -> None:
    """Standard input, output and error are the program's own."""
    words = [*GOV, "connect", "prod", "--", "sh", "-c", "cat; echo oops >&2"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, input="a\nb\n")

    assert (ran.stdout, ran.stderr) == ("a\nb\n", "oops\n")


def test_nothing_leads_past_the_gateway(gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person's own that libpq would prefer to PGHOST are left out; others stay."""
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.setenv("PGAPPNAME", "mine")

    ran = gov("connect", "prod", "--", "sh", "-c", "env")

    seen = dict(line.split("=", 1) for line in ran.out.splitlines() if line.startswith("PG"))
    assert not {"PGSERVICE", "PGHOSTADDR"} & set(seen)
    assert (seen["PGAPPNAME"], seen["PGHOST"], seen["PGSSLMODE"]) == ("mine", "127.0.0.1", "verify-full")


@pytest.mark.parametrize("name", ["INT", "USR1"])
def test_signals_go_to_the_program(broker: FakeBroker, tmp_path: Path, name: str) -> None:
    """It decides what they mean; we wait for it, and the lease ends behind it."""
    output = tmp_path / "out"
    line = f"trap 'echo caught; exit 7' {name}; echo ready; while :; do sleep 0.05; done"
    with started(line, output) as process:
        until(lambda: b"ready" in output.read_bytes())
        process.send_signal(signal.Signals[f"SIG{name}"])

        assert process.wait(30) == 7
    assert output.read_text() == "ready\ncaught\n"
    assert broker.leases == []


def test_a_program_that_dies_of_a_signal(broker: FakeBroker, tmp_path: Path) -> None:
    """143 for SIGTERM, and the lease has ended all the same."""
    output = tmp_path / "out"
    with started("echo ready; exec sleep 60", output) as process:
        until(lambda: b"ready" in output.read_bytes())
        process.terminate()

        assert process.wait(30) == 143
    assert broker.leases == []


def test_ctrl_c_is_heard_once(broker: FakeBroker) -> None:
    """The terminal tells the program by itself; we neither repeat it nor end before it."""
    line = "trap 'echo caught' INT; echo ready; read answer; read answer; echo said $answer"
    with terminal("connect", "prod", "--", "bash", "-c", line) as screen:
        screen.sees("ls-0, read on prod, ends in .* or with bash")
        screen.sees("ready")
        screen.types("\x03")
        screen.sees("caught")
        screen.types("yes\r")
        screen.types("yes\r")
        screen.sees("said yes")
        assert screen.ends() == 0
    assert broker.leases == []


@pytest.mark.parametrize(("name", "why"), [("no-such-program", "no such file"), ("/etc/passwd", "it cannot be run")])
def test_a_program_that_is_not_there(gov: Gov, broker: FakeBroker, name: str, why: str) -> None:
    """Status 2 and what is missing; no lease was taken for it."""
    ran = gov("connect", "prod", "--", name)

    assert ran.status == 2
    assert ran.err.startswith(f"gov: error: {name}: {why}")
    assert broker.asked == []


def test_a_program_that_cannot_be_started(gov: Gov, broker: FakeBroker, tmp_path: Path) -> None:
    """It looks like one and is none: the lease that was taken ends."""
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)

    ran = gov("connect", "prod", "--", str(broken))

    assert (ran.status, "exec format error" in ran.err) == (2, True)
    assert broker.leases == []


def test_ignored_signals_stay_ignored() -> None:
    """As after `nohup`: the program inherits that, and we do not change it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert child.run(["sh", "-c", "kill -HUP $$; kill -HUP $PPID; exit 5"], os.environ) == 5
    finally:
        signal.signal(signal.SIGHUP, before)

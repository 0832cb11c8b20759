"""`gov demo up`, `env`, `down`: everything starts, comes back, stands beside another, and leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from gov.demo.process import clean_environment
from gov.demo.stage import Stage

GOV = [sys.executable, "-m", "gov.demo"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GOV, *arguments], env=clean_environment(), capture_output=True, text=True, timeout=120
    )


def _gov(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from gov.commands import main; main()", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where a test puts a demo of its own; taken down whatever happens."""
    yield tmp_path / "demo"
    Stage(tmp_path / "demo").down()


def _up(place: Path) -> dict[str, Any]:
    done = _run("up", "--dir", str(place), "--json")
    assert done.returncode == 0, done.stderr
    described: dict[str, Any] = json.loads(done.stdout)
    return described


def _runs(pid: int) -> bool:
    """Whether somebody runs under that pid; whom init has yet to bury does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _mentions(place: Path) -> list[str]:
    """Command lines of every process that names the place, or the database's home."""
    return [
        " ".join(each.info["cmdline"])
        for each in psutil.process_iter(["cmdline"])
        if any(str(place) in word for word in each.info["cmdline"] or [])
    ]


def test_a_demo_comes_up_comes_back_and_goes_without_a_trace(place: Path) -> None:
    """One after another: up, up again, kill -9 of the broker, of the database, up, down."""
    first = _up(place)
    assert set(first) == {
        "dir", "pid", "broker_url", "gateway", "issuer", "target", "database", "postgres_admin_dsn",
        "policy_file", "audit_dir", "users",
    }  # fmt: skip
    assert (first["target"], first["database"]) == ("prod", "shop")
    assert all(_runs(pid) for pid in first["pid"].values())
    assert Path(first["gateway"]["ca_file"]).read_text().startswith("-----BEGIN CERTIFICATE")

    assert _up(place) == first

    for victim in ("broker", "postgres"):
        os.kill(first["pid"][victim], signal.SIGKILL)
        again = _up(place)
        assert again["pid"][victim] != first["pid"][victim]
        assert {**again, "pid": None} == {**first, "pid": None}
        first = again

    home = Stage(place).cluster._home
    down = _run("down", "--dir", str(place))
    assert (down.returncode, down.stdout) == (0, "")
    assert not place.exists()
    assert not home.exists()
    assert not any(_runs(pid) for pid in first["pid"].values())
    assert _mentions(place) + _mentions(home) == []


def test_ctrl_c_while_it_starts_leaves_nothing(place: Path) -> None:
    """Whatever had been started is ended, whatever was written is gone."""
    child = subprocess.Popen(
        [*GOV, "up", "--dir", str(place)], env=clean_environment(), stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "broker" in line:
            child.send_signal(signal.SIGINT)
            break
    child.stderr.read()

    assert child.wait(60) == 130
    assert not place.exists()
    assert _mentions(place) == []


def test_a_directory_of_somebody_else_is_left_alone(place: Path) -> None:
    """Neither filled nor removed."""
    place.mkdir()
    (place / "thesis.txt").write_text("years of work")

    for verb in ("up", "down"):
        refused = _run(verb, "--dir", str(place))
        assert refused.returncode == 2
        assert "gov: error:" in refused.stderr
    assert (place / "thesis.txt").read_text() == "years of work"
    (place / "thesis.txt").unlink()
    place.rmdir()


def test_down_of_nothing_is_done_already(tmp_path: Path) -> None:
    """Ending what is not there succeeds."""
    assert _run("down", "--dir", str(tmp_path / "nothing")).returncode == 0


def test_env_makes_the_shell_somebodys(demo: Stage) -> None:
    """The exports survive a shell's eval and sign bob in; what alice left there is taken away."""
    script = f'eval "$({sys.executable} -m gov.demo env --dir {demo.directory} --as bob)"; env'
    left = clean_environment() | {"GOV_TOKEN": "of alice", "GOV_CONTEXT": "elsewhere"}
    shell = subprocess.run(["bash", "-c", script], env=left, capture_output=True, text=True)
    variables = dict(line.split("=", 1) for line in shell.stdout.splitlines() if line.startswith("GOV_"))

    assert set(variables) == {"GOV_CONFIG_DIR", "GOV_BROKER"}
    whoami = _gov(clean_environment() | variables, "whoami", "--json")
    assert json.loads(whoami.stdout)["name"] == "bob"


@pytest.mark.parametrize(
    ("name", "kind", "agent"),
    [("alice", "user", None), ("etl", "service", None), ("assistant", "agent", "assistant")],
)
def test_people_services_and_agents_sign_in(
    as_user: Callable[[str], dict[str, str]], name: str, kind: str, agent: str | None
) -> None:
    """Each in its own way; the agent acts for alice."""
    who = json.loads(_gov(as_user(name), "whoami", "--json").stdout)

    assert (who["kind"], who["agent"]) == (kind, agent)
    assert who["name"] == ("alice" if agent else name)


def test_nobody_else_can_be_signed_in(demo: Stage) -> None:
    """A name that is not in the demo is refused, with the names that are."""
    refused = _run("env", "--dir", str(demo.directory), "--as", "mallory")

    assert refused.returncode == 2
    assert "alice" in refused.stderr


def test_the_broker_is_no_superuser_of_its_target(demo: Stage) -> None:
    """The demo governs as a real installation would: gov_broker makes roles and owns nothing else."""
    with psycopg.connect(demo.cluster.admin_dsn_of("shop")) as connection:
        row = connection.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'gov_broker'")

        assert row.fetchone() == (False, False)

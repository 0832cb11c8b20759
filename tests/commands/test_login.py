"""`gov login`, `logout`, `whoami` and `status` as typed, against a whole demo."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from gov.client.login import fingerprint
from gov.demo.issuer_client import approve_device, refuse_device
from gov.demo.stage import Stage

AsUser = Callable[[str], dict[str, str]]


@pytest.fixture
def me(demo: Stage, as_user: AsUser, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who knows no broker yet."""
    environment = as_user("") | {"GOV_CONFIG_DIR": str(tmp_path / "me")}
    del environment["GOV_BROKER"]
    return environment


def gov(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run `gov` without a terminal."""
    return subprocess.run(
        ["gov", *words], env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )


def terminal(environment: dict[str, str], *words: str) -> pexpect.spawn[str]:
    """Run `gov` on a terminal."""
    return pexpect.spawn("gov", list(words), env=environment, encoding="utf-8", timeout=60, dimensions=(70, 160))


def test_a_person_logs_in_on_a_terminal(demo: Stage, me: dict[str, str]) -> None:
    """Fingerprint, QR code, user code; then the next command knows them without a word."""
    with terminal(me, "login", demo.broker_url, "--store", "file") as person:
        person.expect("SHA-256 of its root: ([0-9A-F:]+)")
        assert person.match.group(1) == fingerprint(demo.ca_file.read_text())
        person.expect_exact("[y/N]")
        person.sendline("y")
        person.expect("█")
        person.expect_exact(f"signing in to the broker {demo.broker_url} at the issuer {demo.issuer_url}")
        person.expect("code +([A-Z]{4}-[A-Z]{4})")
        approve_device(demo.issuer_url, person.match.group(1), "carol")
        person.expect_exact(f"logged in to {demo.broker_url} as carol (groups: privacy), valid until ")
        person.expect(pexpect.EOF)
    assert person.exitstatus == 0

    assert gov(me, "whoami").stdout == "carol (groups: privacy)\n"
    assert json.loads(gov(me, "whoami", "--json").stdout)["groups"] == ["privacy"]


def test_a_person_may_distrust_and_an_account_may_be_refused(demo: Stage, me: dict[str, str]) -> None:
    """Exit status 7 for a broker nobody trusts, 3 for a login that was refused."""
    with terminal(me, "login", demo.broker_url, "--store", "file") as person:
        person.expect_exact("[y/N]")
        person.sendline("n")
        person.expect(pexpect.EOF)
    assert person.exitstatus == 7

    ca = ["--ca-file", str(demo.ca_file)]
    with terminal(me, "login", demo.broker_url, "--store", "file", "--no-qr", *ca) as person:
        person.expect("code +([A-Z]{4}-[A-Z]{4})")
        assert "█" not in person.before
        refuse_device(demo.issuer_url, person.match.group(1))
        person.expect_exact("gov: error: the login was refused in the browser")
        person.expect(pexpect.EOF)
    assert person.exitstatus == 3


def test_without_a_terminal_the_root_must_be_given(demo: Stage, me: dict[str, str]) -> None:
    """Nobody is there to compare a fingerprint; the hint is the command to type."""
    ran = gov(me, "login", demo.broker_url)

    assert ran.returncode == 7
    assert f"hint: gov login {demo.broker_url} --ca-file FILE" in ran.stderr


def test_without_a_keyring_the_choice_is_explicit(demo: Stage, me: dict[str, str]) -> None:
    """Tokens are not put into a file unasked; the command in the hint then works without the CA file."""
    environment = me | {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}

    ran = gov(environment, "login", demo.broker_url, "--ca-file", str(demo.ca_file))

    assert ran.returncode == 2
    assert f"hint: gov login {demo.broker_url} --store file" in ran.stderr
    with terminal(environment, "login", demo.broker_url, "--store", "file") as person:
        person.expect("code +([A-Z]{4}-[A-Z]{4})")


def test_a_service_logs_in_without_anybody(demo: Stage, as_user: AsUser) -> None:
    """With its secret, off a terminal."""
    ran = gov(as_user("etl"), "login", "--client-credentials")

    assert ran.returncode == 0
    assert "as etl (groups: services)" in ran.stdout
    assert gov(as_user("etl"), "whoami").stdout == "etl (service, groups: services)\n"


def test_an_agent_is_named_with_whom_it_acts_for(as_user: AsUser) -> None:
    """Both in one line."""
    assert gov(as_user("assistant"), "whoami").stdout == "assistant for alice (agent, groups: engineering)\n"


@pytest.mark.parametrize("words", [["whoami"], ["status"], ["targets"], ["status", "--json"]])
def test_nobody_is_told_to_log_in(words: list[str], demo: Stage, as_user: AsUser) -> None:
    """Exit status 3 and the very command."""
    ran = gov(as_user(""), *words)

    assert ran.returncode == 3
    assert f"gov login {demo.broker_url}" in ran.stderr + ran.stdout


@pytest.mark.parametrize("token", ["nonsense", "e30.e30.e30"])
def test_a_token_from_elsewhere_is_refused(token: str, as_user: AsUser) -> None:
    """Exit status 3, with the reason."""
    ran = gov(as_user("alice") | {"GOV_TOKEN": token}, "whoami")

    assert ran.returncode == 3
    assert "gov: detail: it" in ran.stderr
    assert "gov: hint: set GOV_TOKEN anew, or unset it to use the login\n" in ran.stderr


def test_status_says_what_is_logged_in_and_open(demo: Stage, as_user: AsUser) -> None:
    """For people and for programs."""
    said = gov(as_user("bob"), "status").stdout

    assert re.search(r"^account +bob \(groups: dba\)", said, re.MULTILINE)
    assert re.search("^login +renewed by itself, next in ", said, re.MULTILINE)
    assert "prod is up" in said
    now = json.loads(gov(as_user("bob"), "status", "--json").stdout)
    assert set(now) == {"broker", "account", "leases", "sessions", "requests", "status"}
    assert now["account"]["name"] == "bob"


def test_logging_out_twice(demo: Stage, me: dict[str, str]) -> None:
    """The first ends the login at the issuer, the second has nothing to do; then nobody is logged in."""
    with terminal(me, "login", demo.broker_url, "--store", "file", "--no-qr", "--ca-file", str(demo.ca_file)) as person:
        person.expect("code +([A-Z]{4}-[A-Z]{4})")
        approve_device(demo.issuer_url, person.match.group(1), "eve")
        person.expect_exact("as eve (groups: none)")
        person.expect(pexpect.EOF)

    assert "the issuer has ended the login" in gov(me, "logout").stdout
    assert "you were not logged in" in gov(me, "logout").stdout
    assert gov(me, "whoami").returncode == 3


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--store", "cloud"], "--store keyring, --store encrypted or --store file"),
        (["--browser", "--client-credentials"], "gov login --browser"),
        (["ftp://x"], "gov login https://BROKER"),
    ],
)
def test_words_that_do_not_fit_are_usage(words: list[str], hint: str, as_user: AsUser) -> None:
    """Exit status 2, and what would fit."""
    ran = gov(as_user("alice"), "login", *words)

    assert ran.returncode == 2
    assert hint in ran.stderr

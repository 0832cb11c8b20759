"""`gov credentials`: a lease in every form, used again while it lives."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from commands.fake_broker import FakeBroker, Gov

SECRET = "p: '\\"


def test_env_is_for_eval(gov: Gov, broker: FakeBroker) -> None:
    """A shell that evaluates it has the seven variables, whatever the secret holds."""
    broker.ca = "PEM"

    ran = gov("credentials", "prod", "--format", "env")
    script = ["sh", "-c", f"{ran.out}\nenv"]
    shell = subprocess.run(script, capture_output=True, text=True, check=True, env={})

    seen = dict(line.split("=", 1) for line in shell.stdout.splitlines() if line.startswith("PG"))
    assert seen.pop("PGSSLROOTCERT").endswith("gateway-ca.pem")
    assert seen == {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGUSER": "u", "PGPASSWORD": SECRET,
                    "PGDATABASE": "shop", "PGSSLMODE": "verify-full"}
    assert all(line.startswith("export PG") for line in ran.out.splitlines())


def test_json(gov: Gov, broker: FakeBroker) -> None:
    """The same in lower case, the lease and its end, and the root in a file."""
    broker.ca = "PEM"

    said = json.loads(gov("credentials", "prod", "--format", "json").out)

    assert Path(said.pop("pgsslrootcert")).read_text() == "PEM"
    assert said == {"pghost": "127.0.0.1", "pgport": 1, "pguser": "u", "pgpassword": SECRET,
                    "pgdatabase": "shop", "pgsslmode": "verify-full", "lease": "ls-0",
                    "expires_at": broker.leases[0].expires_at}


def test_uri(gov: Gov, broker: FakeBroker) -> None:
    """libpq reads it back."""
    said = gov("credentials", "prod", "--format", "uri").out.strip()

    known = psycopg.conninfo.conninfo_to_dict(said)
    assert (known["password"], known["sslmode"], known["sslrootcert"]) == (SECRET, "verify-full", "system")


def test_pgpass(gov: Gov, broker: FakeBroker) -> None:
    """Colons and backslashes in a field are escaped."""
    assert gov("credentials", "prod", "--format", "pgpass").out == "127.0.0.1:1:shop:u:p\\: '\\\\\n"


def test_service(gov: Gov, broker: FakeBroker) -> None:
    """A section of the service file, named like the target."""
    lines = gov("credentials", "prod", "--format", "service").out.splitlines()

    assert lines[0] == "[prod]"
    assert {"host=127.0.0.1", "dbname=shop", f"password={SECRET}", "sslmode=verify-full"} < set(lines)


def test_a_live_lease_is_used_again(gov: Gov, broker: FakeBroker) -> None:
    """The second call of the same scope takes no new lease; another scope does."""
    first = json.loads(gov("credentials", "prod", "--json").out)

    assert json.loads(gov("credentials", "prod", "--json").out) == first
    assert json.loads(gov("credentials", "prod", "--scope", "write", "--json").out)["lease"] == "ls-1"


@pytest.mark.parametrize("words", [
    ("--reason", "another"), ("--purpose", "another"), ("--ttl", "30m")])
def test_other_words_take_a_new_lease(gov: Gov, broker: FakeBroker, words: tuple[str, ...]) -> None:
    """The trail must say the reason, purpose and time that were asked for."""
    gov("credentials", "prod")

    assert json.loads(gov("credentials", "prod", *words, "--json").out)["lease"] == "ls-1"


@pytest.mark.parametrize("state", ["ended", "ending", "stuck", None])
def test_a_dead_lease_is_not_used_again(gov: Gov, broker: FakeBroker, state: str | None) -> None:
    """Whether the kept lease lives is asked of the broker every time."""
    gov("credentials", "prod")
    ended = broker.leases.pop()
    if state:
        broker.leases.append(ended.model_copy(update={"state": state, "id": ended.id}))
    else:
        broker.leases.append(ended.model_copy(update={"id": "ls-other"}))

    assert json.loads(gov("credentials", "prod", "--json").out)["lease"] == "ls-1"


def test_the_secret_is_for_its_owner_alone(gov: Gov, broker: FakeBroker) -> None:
    """Everything that is kept is 0600; a file that others can read is not used."""
    gov("credentials", "prod")
    root = Path(os.environ["GOV_CONFIG_DIR"])
    (kept,) = root.rglob("prod.read.json")

    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.chmod(0o644)
    ran = gov("credentials", "prod")
    assert ran.status == 2
    assert f"chmod 600 {kept}" in ran.err


def test_what_is_said_beside_it(gov: Gov, broker: FakeBroker) -> None:
    """The lease, its scope and its end, on standard error."""
    ran = gov("credentials", "prod")

    assert ran.err.startswith("gov: lease ls-0, read on prod, ends in ")


def test_another_program_gets_the_way_in(prod: FakeBroker) -> None:
    """`gov connect TARGET -- CMD` becomes the command, with the variables set, and its status is ours."""
    code = "from gov.commands import main; main()"
    inner = ["sh", "-c", "echo $PGDATABASE $PGSSLMODE; exit 3"]
    words = [sys.executable, "-c", code, "connect", "prod", "--", *inner]

    ran = subprocess.run(words, capture_output=True, text=True, check=False)

    known = psycopg.conninfo.conninfo_to_dict(prod.dsn)
    assert ran.stdout == f"{known['dbname']} verify-full\n"
    assert ran.returncode == 3


def test_a_prompt_needs_a_terminal(gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piped input belongs to `gov exec`."""
    ran = gov("connect", "prod")

    assert ran.status == 2
    assert "gov exec prod" in ran.err



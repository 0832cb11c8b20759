"""`gov broker`: the files to begin with, the SQL for a DBA, what a target lacks, how the broker is."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from commands.fake_broker import Gov
from gov.audit.checkpoint import Checkpoint, sign
from gov.audit.note import SigningKey
from gov.control.access import Info
from gov.control.model import CHECKPOINT_HEADER, Model
from gov.control.operating import Status, TargetStatus
from gov.demo.cluster import Cluster
from servers import scripted

CONFIG = """\
listen: {{ gateway: 127.0.0.1:6432, api: 127.0.0.1:8443 }}
public: {{ gateway: 127.0.0.1:6432, api: https://127.0.0.1:8443 }}
identity: [{{ issuer: http://127.0.0.1:9, client_id: gov-cli }}]
state: sqlite:///state.db
audit: {{ directory: audit }}
policy: [policy.yaml]
targets: {{ prod: {{ dsn: "{dsn}", tls: off }} }}
"""
KEY = SigningKey("test/gov", bytes(32))
INFO = Info(
    version="0.1.0", issuer="http://127.0.0.1:9", client_id="gov-cli", audience="gov", gateway_host="127.0.0.1",
    gateway_port=1, ca="", audit_key=str(KEY.verifier),
)  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, cluster: Cluster, fresh_database: Callable[[], str]) -> Path:
    """A configuration whose target is an empty database, with a broker's role that may nothing yet."""
    database = str(conninfo_to_dict(fresh_database())["dbname"])
    role = f"broker_{uuid4().hex[:8]}"
    with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'broker'")
    dsn = make_conninfo(host=cluster.host, port=cluster.port, user=role, password="broker", dbname=database)
    file = tmp_path / "broker.yaml"
    file.write_text(CONFIG.format(dsn=dsn))
    return file


def test_init_writes_files_that_are_good(gov: Gov, tmp_path: Path) -> None:
    """Two files, checked as they are, and never one over another."""
    ran = gov("broker", "init", str(tmp_path / "etc"))

    assert ran.status == 0
    assert "gov broker serve --config" in ran.err
    assert gov("policy", "check", str(tmp_path / "etc" / "policy.yaml")).status == 0
    assert gov("broker", "bootstrap", "prod", "--config", str(tmp_path / "etc" / "broker.yaml"), "--owner", "o").out
    assert gov("broker", "init", str(tmp_path / "etc")).status == 2


def test_bootstrap_prints_what_check_asks_for(gov: Gov, cluster: Cluster, config: Path) -> None:
    """Before a DBA ran it gov cannot work there; afterwards it can."""
    before = gov("broker", "check", "prod", "--config", str(config), "--json")
    assert before.status == 1
    assert {each["severity"] for each in json.loads(before.out)["findings"]} >= {"error"}

    script = gov("broker", "bootstrap", "prod", "--config", str(config), "--owner", "postgres_not_super").out
    owner, database = "postgres_not_super", script.split("connected to ")[1].split(".")[0]
    with psycopg.connect(cluster.admin_dsn_of(database), autocommit=True) as admin:
        admin.execute(f"DROP ROLE IF EXISTS {owner}; CREATE ROLE {owner}")
        admin.execute(script.encode())
        try:
            after = gov("broker", "check", "prod", "--config", str(config), "--json")
        finally:
            role = script.split("\\password ")[1].split()[0]
            admin.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}, {owner}")
    assert after.status == 0
    assert "error" not in {each["severity"] for each in json.loads(after.out)["findings"]}


@pytest.mark.parametrize("word", ["bootstrap", "check"])
def test_a_target_that_the_file_does_not_have(gov: Gov, config: Path, word: str) -> None:
    """The ones that it has are named."""
    owner = ("--owner", "o") if word == "bootstrap" else ()
    ran = gov("broker", word, "nowhere", "--config", str(config), *owner)

    assert ran.status == 2
    assert "one of: prod" in ran.err


def test_a_file_that_is_wrong_or_not_there(gov: Gov, tmp_path: Path) -> None:
    """Line and column, or that it cannot be read."""
    wrong = tmp_path / "broker.yaml"
    wrong.write_text("listen: 5\n")

    assert f"{wrong}:1:9: listen:" in gov("broker", "check", "prod", "--config", str(wrong)).err
    assert gov("broker", "check", "prod", "--config", str(tmp_path / "none.yaml")).status == 2


def test_serve_is_the_daemon_itself(tmp_path: Path) -> None:
    """Its exit status and its words are the daemon's."""
    wrong = tmp_path / "broker.yaml"
    wrong.write_text("listen: 5\n")
    command = [sys.executable, "-c", "from gov.commands import main; main()", "broker", "serve", "--config", str(wrong)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 2
    assert "1:9: listen:" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_status_says_what_is_wrong(gov: Gov, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused policy, a failing trail and a stuck lease are in plain sight, and escaped."""
    target = TargetStatus(
        name="prod", status="down", detail="refused \x1b[31m", leases=2, stuck=1, sweep_failures=3,
        sweep_error="no answer", stuck_roles={"gov_l_x": "owns \x1b[31m"},
    )  # fmt: skip
    status = Status(
        version="0.1.0", started_at="2026-01-31T12:00:00Z", policy_digest="ab" * 32,
        policy_loaded_at="2026-01-31T12:00:00Z", policy_error="policy.yaml:3:1: `bogus` is not a key here",
        log_size=7, journal="failing",
        journal_detail="no room \x1b[31m", journal_noticed="tile/ was removed",
        targets=[target], requests_pending=2,
    )  # fmt: skip
    monkeypatch.setenv("GOV_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("GOV_TOKEN", "bob")
    with scripted() as server:
        monkeypatch.setenv("GOV_BROKER", server.url)
        answers: dict[str, Model] = {"/v1/info": INFO, "/v1/status": status}
        note = b64encode(sign(Checkpoint(KEY.name, 0), KEY)).decode()
        header = {CHECKPOINT_HEADER: note}
        server.answer = lambda asked: (200, header, answers[asked.path].model_dump(mode="json"))
        shown, data = gov("broker", "status"), gov("broker", "status", "--json")

    for words in (
        "refused: policy.yaml:3:1: `bogus`",
        "cannot be written, so nothing runs, 7 entries",
        "no room \\x1b[31m",
        "noticed and mended since its start: tile/ was removed",
        "2 pending",
        "prod is down, 2 leases, 0 sessions, 1 stuck (gov leases --stuck): refused \\x1b[31m",
        "the role gov_l_x cannot be dropped: owns \\x1b[31m",
        "not swept since the broker started, 3 tries failed: no answer",
    ):
        assert words in shown.out
    assert json.loads(data.out)["targets"][0]["stuck"] == 1

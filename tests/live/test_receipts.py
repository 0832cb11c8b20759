"""Receipts of a real broker, from real clients, verified with what a stranger has."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet
import pytest

from gov.audit.note import verifier_key
from gov.client.api import Broker
from gov.control.trail import FileClaim, ReceiptAsk
from gov.errors import Denied, NoSuch, Unverified, UsageError
from gov.receipt import envelope, statement
from live import door
from receipt.test_verify import verified_by_a_stranger

AsUser = Callable[[str], dict[str, str]]


def receipt(path: Path) -> dict[str, Any]:
    """The predicate of the receipt beside a file, as a stranger with the log's key reads it."""
    files = [path, path.with_name(path.name + ".receipt.json"), path.with_name(path.name + ".tlog-proof")]
    key = verifier_key(str(json.loads((path.parent / "info.json").read_text())["audit_key"]))
    predicate: dict[str, Any] = verified_by_a_stranger(*(each.read_bytes() for each in files), key.public)["predicate"]
    return predicate


def test_a_parquet_file_and_where_it_came_from(as_user: AsUser, tmp_path: Path) -> None:
    """Columns with their inputs and masks, who, what for, in which run; offline, with the key pinned at login."""
    alice, path = as_user("alice"), tmp_path / "c.parquet"
    with Broker.current(alice) as broker:
        (tmp_path / "info.json").write_text(broker.info().model_dump_json())

    door.gov(alice, "exec", "prod", "-c", "select id, upper(email) as mail from customers where country = 'DE'",
             "-o", str(path), "--run-id", "churn:7", "--purpose", "train:churn")
    told = receipt(path)
    assert (told["actor"]["name"], told["run"], told["purpose"]) == ("alice", "churn:7", "train:churn")
    (file,), (statement,) = told["files"], told["statements"]
    assert (file["digest_by"], file["rows"]) == ("client", pyarrow.parquet.read_metadata(path).num_rows)
    assert statement["columns"][1] == {"name": "mail", "inputs": [
        {"column": "public.customers.email", "how": ["transformation"], "mask": "partial", "rule": "contact-is-partial"}
    ]}
    assert [each["column"] for each in statement["rows_by"]] == ["public.customers.country"]
    assert statement["classification"] == {"public.customers.email": "pii.contact"}
    assert "verified" in door.gov({**alice, "GOV_BROKER": "https://127.0.0.1:1"}, "receipt", "verify", str(path))

    # The trail is asked by the file alone; its digest stands nowhere where it could be guessed from.
    traced = json.loads(door.gov(alice, "trace", str(path), "--format", "json"))
    (here,) = (each for each in traced["statements"] if each["way"] == "here")  # others may have written the table
    assert here["run"] == "churn:7"
    assert {each["digest"] for each in here["files"]} == {file["sha256"]}
    assert "churn:7" in door.gov(alice, "audit", "ask", "origin", str(path), "--json")
    with Broker.current(alice) as broker:
        (entry,) = broker.entries(kind="receipt", file=file["sha256"]).entries
    assert (file["sha256"] in str(entry.fields), file["sha256"] in str(entry.payload)) == (False, True)

    # The broker finds it again by its digest, for the one it is for; nobody else's statements give a receipt.
    again = tmp_path / "again.parquet"
    again.write_bytes(path.read_bytes())
    assert told["receipt"] in door.gov(alice, "receipt", "issue", str(again))
    for words, said in ((("issue", str(again)), "no statement of yours"),
                        (("issue", str(again), "--session", statement["session"]), "somebody else's")):
        ran = subprocess.run(["gov", "receipt", *words], env=as_user("eve"), capture_output=True, text=True)
        assert (ran.returncode != 0, said in ran.stderr) == (True, True), ran.stderr


def test_what_a_copy_brought(as_user: AsUser, leased: Callable[..., Any], tmp_path: Path) -> None:
    """psql writes the file, and the gateway knows its digest by itself; the file must be exactly that."""
    alice, path = as_user("alice"), tmp_path / "orders.csv"
    with Broker.current(alice) as broker:
        (tmp_path / "info.json").write_text(broker.info().model_dump_json())
    lease = leased("alice")
    text = f"\\copy (select id, amount from orders where id <= 5000) to '{path}' csv header"
    subprocess.run([door.program("psql"), "-Xqc", text], env={**alice, **door.variables(lease)}, check=True)

    door.gov(alice, "receipt", "issue", str(path))
    (file,) = receipt(path)["files"]
    assert (file["digest_by"], file["rows"], file["sha256"]) == (
        "broker", 5000, sha256(path.read_bytes()).hexdigest())

    path.write_bytes(path.read_bytes() + b"5001,0\n")
    for words in (("verify", str(path)), ("issue", str(path))):
        ran = subprocess.run(["gov", "receipt", *words], env=alice, capture_output=True, text=True)
        assert ran.returncode == (8 if words[0] == "verify" else 2), ran.stderr


def test_rows_must_agree(as_user: AsUser, leased: Callable[..., Any]) -> None:
    """A client that says it wrote more or fewer rows than were relayed gets no receipt."""
    lease = leased("alice")
    with psycopg.connect(**door.parameters(lease), autocommit=True) as connection:
        connection.execute("set extra_float_digits = 1")
        connection.execute("select id from products limit 3").fetchall()
        session = f"{lease['lease']}/{connection.info.backend_pid}"
    claims = [FileClaim(name="a", sha256="0" * 64, bytes=1, rows=rows, session=session) for rows in (3, 4)]
    with Broker.current(as_user("alice")) as broker:
        assert broker.issue_receipt(ReceiptAsk(files=claims[:1])).receipt.startswith("rc-")
        with pytest.raises(Unverified, match="4 rows, and 3 were relayed"):
            broker.issue_receipt(ReceiptAsk(files=claims))


def test_an_agents_file(as_user: AsUser, tmp_path: Path) -> None:
    """The agent is the actor and its person is named, also in a receipt that the person asks for."""
    path = tmp_path / "agent.csv"
    door.gov(as_user("assistant"), "exec", "prod", "-c", "select id from products", "-o", str(path))
    with Broker.current(as_user("alice")) as broker:
        (tmp_path / "info.json").write_text(broker.info().model_dump_json())
        told = receipt(path)
        claim = FileClaim(name="a", sha256="0" * 64, bytes=1, session=told["statements"][0]["session"])
        again = envelope.read(broker.issue_receipt(ReceiptAsk(files=[claim])).envelope.encode())
    for predicate in (told, statement.read(again.payload).predicate):
        assert (predicate["actor"]["subject"], predicate["actor"]["kind"]) == ("assistant", "agent")
        assert (predicate["on_behalf_of"]["name"], predicate["on_behalf_of"]["kind"]) == ("alice", "user")
    mixed = [claim, claim.model_copy(update={"session": _session(as_user("alice"), tmp_path)})]
    with Broker.current(as_user("alice")) as broker, pytest.raises(UsageError, match="one person or agent"):
        broker.issue_receipt(ReceiptAsk(files=mixed))


def test_an_agent_declares_nothing_for_its_person(as_user: AsUser, tmp_path: Path) -> None:
    """What the person ran brings no receipt for a file of the agent's; what failed brings none for anybody's."""
    session = _session(as_user("alice"), tmp_path)
    with Broker.current(as_user("assistant")) as broker, pytest.raises(Denied, match="not this agent's"):
        broker.issue_receipt(ReceiptAsk(files=[FileClaim(name="a", sha256="0" * 64, bytes=1, session=session)]))
    failing = ("exec", "prod", "-c", "select 1 / (id - id) from products")
    assert subprocess.run(["gov", *failing], env=as_user("alice"), capture_output=True, timeout=60).returncode == 1
    with Broker.current(as_user("alice")) as broker:
        failed = broker.entries(kind="statement.done", limit=1).entries[0].fields["session"]
        with pytest.raises(NoSuch, match="no statement of yours"):
            broker.issue_receipt(ReceiptAsk(files=[FileClaim(name="a", sha256="0" * 64, bytes=1, session=str(failed))]))


def _session(environment: door.Environment, tmp_path: Path) -> str:
    """A session that a person's file came from."""
    path = tmp_path / "theirs.csv"
    with Broker.current(environment) as broker:
        (tmp_path / "info.json").write_text(broker.info().model_dump_json())
    door.gov(environment, "exec", "prod", "-c", "select id from products limit 3", "-o", str(path))
    return str(receipt(path)["statements"][0]["session"])

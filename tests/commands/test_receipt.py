"""`gov receipt`: files beside files, and verifying without a broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands.fake_broker import FakeBroker, Gov
from gov.audit import checkpoint
from gov.audit.checkpoint import Checkpoint
from gov.audit.note import SigningKey
from gov.client.config import Context, Contexts, Places, file_name
from gov.receipt import envelope
from receipt.made import DIGEST, FILE, LOG, made

TRUE = made()


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    path = tmp_path / "out.csv"
    path.write_bytes(FILE)
    (tmp_path / "out.csv.receipt.json").write_bytes(TRUE.receipt)
    (tmp_path / "out.csv.tlog-proof").write_bytes(TRUE.proof)
    return path


def test_verify_offline(gov: Gov, file: Path) -> None:
    """With a key, and nothing else: by the file, or by the receipt alone."""
    ran = gov("receipt", "verify", str(file), "--checkpoint-key", str(LOG.verifier))
    assert (ran.status, ran.err) == (0, "")
    assert f"verified: {file} is the file of the receipt, which is entry 5 of example.com/gov (8 entries)" in ran.out
    ran = gov("receipt", "verify", f"{file}.receipt.json", "--checkpoint-key", str(LOG.verifier), "--json")
    assert (json.loads(ran.out)["entry"], json.loads(ran.out)["files"]) == (5, [])


@pytest.mark.parametrize("victim", ["out.csv", "out.csv.receipt.json", "out.csv.tlog-proof"])
def test_a_changed_byte_has_status_8(gov: Gov, file: Path, victim: str) -> None:
    """Wherever it is."""
    path = file.with_name(victim)
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    ran = gov("receipt", "verify", str(file), "--checkpoint-key", str(LOG.verifier))
    assert (ran.status, ran.out) == (8, "")


def test_what_is_missing_is_said(gov: Gov, file: Path, tmp_path: Path) -> None:
    """A receipt, a key, a file: each with the next command."""
    alone = tmp_path / "deep" / "other.csv"
    alone.parent.mkdir()
    alone.write_text("x")

    ran = gov("receipt", "verify", str(alone), "--checkpoint-key", str(LOG.verifier))
    assert (ran.status, "gov receipt issue" in ran.err) == (2, True)
    ran = gov("receipt", "verify", str(file))
    assert (ran.status, "no key is known for the log example.com/gov" in ran.err) == (2, True)
    assert gov("receipt", "show", str(tmp_path / "none.csv")).status == 2


def test_a_receipt_outlives_a_change_of_keys(gov: Gov, broker: FakeBroker, file: Path, tmp_path: Path) -> None:
    """What a key signed before it was handed over still holds; a key that only has the log's name does not count."""
    places, fresh = Places.of(), SigningKey(LOG.name, b"n" * 32)
    context = Context(name="known", broker="https://known.example", audit_key=str(fresh.verifier))
    Contexts(places).save(context)
    assert gov("receipt", "verify", str(file)).status == 8

    memory = places.state / "checkpoints" / f"{file_name('known')}.json"
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps({"key": str(fresh.verifier), "note": "", "proved": "", "proved_at": 0.0,
                                  "former": [str(LOG.verifier)]}))
    ran = gov("receipt", "verify", str(file))
    assert (ran.status, "entry 5 of example.com/gov" in ran.out) == (0, True), ran.err


def test_a_copy_of_the_log(gov: Gov, file: Path, tmp_path: Path) -> None:
    """That was cut short before the receipt, or is another one, is refused."""
    copy = tmp_path / "copy"
    copy.mkdir()
    words = ("receipt", "verify", str(file), "--checkpoint-key", str(LOG.verifier), "--dir", str(copy))
    assert gov(*words).status == 2
    for size in (4, 8, 9):
        (copy / "checkpoint").write_bytes(checkpoint.sign(Checkpoint(LOG.name, size, bytes(32)), LOG))
        assert gov(*words).status == 8
    note = TRUE.proof.partition(b"\n\n")[2]
    (copy / "checkpoint").write_bytes(note)
    assert gov(*words).status == 0


def test_parts_of_a_directory(gov: Gov, tmp_path: Path) -> None:
    """One receipt in a directory is for all files in it, and a file that it does not name is refused."""
    directory = tmp_path / "parts"
    directory.mkdir()
    (directory / "part-0.csv").write_bytes(FILE)
    (directory / "dataset.receipt.json").write_bytes(TRUE.receipt)
    (directory / "dataset.tlog-proof").write_bytes(TRUE.proof)
    key = ("--checkpoint-key", str(LOG.verifier))

    assert gov("receipt", "verify", str(directory), *key).status == 0
    assert gov("receipt", "verify", str(directory / "part-0.csv"), *key).status == 0
    (directory / "part-1.csv").write_bytes(b"slipped in")
    assert gov("receipt", "verify", str(directory), *key).status == 8
    (directory / "part-1.csv").write_bytes(FILE)
    ran = gov("receipt", "verify", str(directory), *key)
    assert (ran.status, "more files with the SHA-256" in ran.err) == (8, True)
    for part in directory.glob("part-*"):
        part.unlink()
    ran = gov("receipt", "verify", str(directory), *key)
    assert (ran.status, "out.csv is missing" in ran.err) == (8, True)


@pytest.mark.parametrize("odd", [
    {"statements": "x"}, {"files": 5}, {"files": [{"rows": "x"}]}, {"actor": 7}, {"log": []}, {"leases": 5},
    {"statements": [{"entry": 1, "columns": [7]}]},
])  # fmt: skip
def test_what_is_shown_may_be_anything(gov: Gov, file: Path, odd: dict[str, object]) -> None:
    """Whoever handed the file over wrote it: that it is no receipt is said, and no mistake of ours."""
    said = json.loads(envelope.read(TRUE.receipt).payload)
    said["predicate"] |= odd
    forged = envelope.sign(json.dumps(said).encode(), LOG)
    file.with_name("out.csv.receipt.json").write_bytes(bytes(forged))

    ran = gov("receipt", "show", str(file))
    assert (ran.status, "a form that this version of gov does not read" in ran.err) == (8, True), ran.err


def test_show(gov: Gov, file: Path) -> None:
    """As text and as JSON; it is not checked."""
    assert "by          alice" in gov("receipt", "show", str(file)).out
    said = json.loads(gov("receipt", "show", str(file), "--json").out)
    assert (said["subjects"][0]["name"], said["predicate"]["receipt"]) == ("out.csv", "rc-000000000001")


def test_issue(gov: Gov, broker: FakeBroker, tmp_path: Path) -> None:
    """The broker gets the digest, and the receipt lies beside the file."""
    path = tmp_path / "copied.csv"
    path.write_bytes(FILE)

    assert gov("receipt", "issue", str(path), "--json").status == 0
    assert (tmp_path / "copied.csv.receipt.json").read_text() == "envelope\n"
    (asked,) = [body["files"][0] for where, body in broker.asked if where == "/v1/receipts"]
    assert (asked["sha256"], asked["rows"], asked["session"]) == (DIGEST, None, "")


@pytest.mark.parametrize(("command", "error", "hint"), [
    ("receipt issue nosuch", "nosuch: no such file or directory", "gov exec TARGET -c SQL -o FILE writes one"),
    ("receipt issue .", ".: is a directory", "gov exec TARGET -c SQL -o FILE writes one"),
    ("receipt show nosuch", "there is no file nosuch", "gov exec TARGET -c SQL -o FILE writes one with its receipt"),
    ("receipt verify nosuch", "there is no file nosuch", "gov exec TARGET -c SQL -o FILE writes one with its receipt"),
    ("receipt verify junk", "there is no junk.receipt.json", "gov receipt issue FILE, by whoever ran the statement"),
    ("receipt verify junk --receipt no", "there is no no", "gov receipt issue FILE, by whoever ran the statement"),
    ("dataset request x --target prod --purpose p -f nosuch", "nosuch: no such file or directory", "-f FILE"),
    ("dataset request x --target prod --purpose p -f junk", "junk is not UTF-8: invalid start byte", "-f FILE"),
    ("audit export -o no/such/file", "no/such/file: no such file or directory", "-o FILE"),
])  # fmt: skip
def test_what_is_not_there(
    gov: Gov, broker: FakeBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, error: str, hint: str
) -> None:
    """What happened to which file, what to type, and status 2: for a usage error of a file as for any other."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk").write_bytes(b"\xff")
    ran = gov(*command.split())
    assert (ran.status, ran.out, ran.err) == (2, "", f"gov: error: {error}\ngov: hint: {hint}\n")

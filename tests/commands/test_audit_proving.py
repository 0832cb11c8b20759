"""`gov audit prove`, `verify PROOF`, `erase` and `gov broker rotate-key`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit import logs, vectors
from audit.logs import KEY
from commands.fake_broker import FakeBroker, Gov
from gov.audit.path import bundle_entries
from gov.audit.proof import prove_consistency, prove_inclusion
from gov.audit.verify import verify
from gov.client.api import Broker
from gov.commands import proving
from gov.control.trail import EraseAsk, Erased, LogKeys, RotateAsk
from gov.store.disk import Files, Listing

SIZE = 20
TRUSTED = ("--key", str(KEY.verifier))


@pytest.fixture(scope="module", name="directory")
def _directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("proving") / "log"
    logs.make(directory, SIZE, step=7)
    return directory


@pytest.fixture(name="proof")
def _proof(directory: Path, tmp_path: Path) -> Path:
    """The proof of entry 3, a file."""
    read, note = Files(directory), (directory / "checkpoint").read_bytes()
    path = tmp_path / "3.tlog-proof"
    path.write_bytes(bytes(prove_inclusion(3, note, read, bundle_entries(0, SIZE, read)[3])))
    return path


def test_a_proof_is_fetched_and_verified_offline(
    gov: Gov, broker: FakeBroker, proof: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a file or to standard output; it says what the entry says."""
    monkeypatch.setattr(Broker, "proof", lambda self, index: proof.read_bytes())
    assert gov("audit", "prove", "3").out.encode() == proof.read_bytes()
    assert gov("audit", "prove", "3", "-o", str(tmp_path / "copy")).status == 0

    ran = gov("audit", "verify", str(tmp_path / "copy"), *TRUSTED)
    data = gov("audit", "verify", str(proof), *TRUSTED, "--json")
    assert ran.out.startswith("entry 3 is in the log: statement.done at 2026-01-31T12:00:03")
    assert "outcome" in ran.out
    found = json.loads(data.out)
    assert (found["index"], found["size"], found["entry"]["index"], found["pinned"]) == (3, SIZE, 3, False)


def test_a_changed_proof_exits_with_8(gov: Gov, proof: Path) -> None:
    """A byte of it, or the key; without a key nothing is claimed."""
    whole = proof.read_bytes()
    proof.write_bytes(whole.replace(b"index 3", b"index 4"))
    ran = gov("audit", "verify", str(proof), *TRUSTED)
    assert (ran.status, "the proof does not hold: the entry is not number 4" in ran.err) == (8, True)
    proof.write_bytes(whole)
    assert gov("audit", "verify", str(proof), "--key", str(vectors.STRANGER.verifier)).status == 8
    assert gov("audit", "verify", str(proof)).status == 2
    assert gov("audit", "verify", str(proof.parent / "none"), *TRUSTED).status == 2


def test_growth_is_verified_from_a_known_checkpoint(gov: Gov, directory: Path, tmp_path: Path) -> None:
    """The file of which is named; another one is refused."""
    grown = tmp_path / "log"
    logs.make(grown, 30)
    known = directory / "checkpoint"
    proof = tmp_path / "growth"
    proof.write_bytes(bytes(prove_consistency(SIZE, (grown / "checkpoint").read_bytes(), Files(grown))))

    ran = gov("audit", "verify", str(proof), "--known", str(known), *TRUSTED)
    assert ran.status == 8  # salts are drawn: it is another log of the same key
    assert gov("audit", "verify", str(proof), *TRUSTED).status == 2
    proof.write_bytes(bytes(prove_consistency(SIZE, known.read_bytes(), Files(directory))))
    ran = gov("audit", "verify", str(proof), "--known", str(known), *TRUSTED)
    assert (ran.status, "its first 20 entries are the ones of" in ran.out) == (0, True)


def test_what_to_prove_must_be_said(gov: Gov, broker: FakeBroker) -> None:
    """One of the two."""
    assert gov("audit", "prove").status == gov("audit", "prove", "1", "--from", "2").status == 2


def test_erasing_needs_a_reason_and_a_yes(gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off a terminal `--yes` is the only one."""
    asked: list[EraseAsk] = []

    def erase(self: Broker, ask: EraseAsk) -> Erased:
        asked.append(ask)
        return Erased(payloads=2, first=4, end=9)

    monkeypatch.setattr(Broker, "erase", erase)
    for words in (
        ("4", "8", "--yes"), ("4", "8", "--reason", "x"), ("--reason", "x", "--yes"),
        ("4", "--subject", "s", "--reason", "x", "--yes"),
    ):
        assert gov("audit", "erase", *words).status == 2
    ran = gov("audit", "erase", "--subject", "8f2c", "--before", "30d", "--reason", "ticket 7", "--yes")

    assert ran.out == "2 payloads are gone, of entries from 4 to 8\n"
    assert (asked[0].subject, asked[0].reason, asked[0].before is not None) == ("8f2c", "ticket 7", True)


def test_the_key_is_changed_and_the_old_one_retired(
    gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what signs now, and what comes next."""
    monkeypatch.setattr(
        Broker, "rotate_key", lambda self, ask: LogKeys(key="log+new", also=[] if ask.retire else ["log+old"])
    )
    assert "gov broker rotate-key --retire" in gov("broker", "rotate-key", "--reason", "yearly").out
    assert gov("broker", "rotate-key", "--retire").out == "the log is signed by log+new\n"
    assert json.loads(gov("broker", "rotate-key", "--json").out)["also"] == ["log+old"]
    assert RotateAsk().retire is False


def test_processes_say_what_one_says(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a log that holds and of one that does not; the first break is the one that is named."""
    monkeypatch.setattr(proving, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr("gov.audit.stretch.BUNDLES", 1)
    copy = tmp_path / "log"
    logs.make(copy, 800)
    files = Files(copy)
    told: list[tuple[int, int]] = []

    def proved() -> str:
        try:
            found = verify(
                files, KEY.verifier, names=Listing(files), spread=proving.on_all_processors,
                progress=lambda done, of: told.append((done, of)),
            )  # fmt: skip
        except Exception as error:
            return str(error)
        return str(found.size)

    assert (proved(), told) == ("800", [(256, 800), (512, 800), (768, 800), (800, 800)])
    for name in ("payload/002", "tile/entries/001"):
        (copy / name).write_bytes((copy / name).read_bytes()[:-1])
    assert "tile/entries/001" in proved()

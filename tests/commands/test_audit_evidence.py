"""The evidence pack verifies with nothing but Python and openssl, and not when a byte of it is another."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.logs import KEY, ORIGIN, statements
from gov.audit.entry import Entry
from gov.commands.audit_evidence import Pack
from gov.store.disk import Files
from gov.store.journal import Journal
from gov.ui.progress import Progress


def packed(log: Path, directory: Path, wanted: list[int], *, payload: bool = True) -> Path:
    """A pack of these entries."""
    pack = Pack(directory, Files(log), payload=payload)
    pack.write(wanted, Progress(shown=False))
    pack.finish(None, {"since": None, "until": None}, str(KEY.verifier))
    return directory


@pytest.fixture(scope="module", name="log")
def _log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """700 entries and a policy among them."""
    log = tmp_path_factory.mktemp("evidence") / "log"
    with Journal(log, KEY, ORIGIN) as journal:
        journal.append_many(statements(0, 400))
        journal.append_many([Entry("policy.loaded", 1769860800.0, {"policy": "ab12", "version": 1,
                                                                   "document": "version: 1\n"})])
        journal.append_many(Entry("login", 1769860800.0 + n, {"principal": "alice"}) for n in range(299))
    return log


@pytest.fixture(scope="module", name="pack")
def _pack(log: Path) -> Path:
    """The entries 250 to 519, over three bundles."""
    return packed(log, log.parent / "pack", [*range(250, 520)])


def verify(pack: Path, *words: str, blind: bool = False) -> subprocess.CompletedProcess[str]:
    """What the pack's own verifier says; `blind` without `cryptography`."""
    environment = {"PATH": os.environ["PATH"]}
    if blind:
        stub = pack.parent / "stub"
        stub.mkdir(exist_ok=True)
        (stub / "cryptography.py").write_text("raise ImportError\n")
        environment["PYTHONPATH"] = str(stub)
    return subprocess.run([sys.executable, "-B", str(pack / "verify.py"), *words], env=environment, capture_output=True,
                          text=True, timeout=60)


@pytest.mark.parametrize("blind", [False, True], ids=["cryptography", "openssl"])
def test_it_verifies(pack: Path, blind: bool) -> None:
    """By its own key, and by one from elsewhere; sha256sum agrees about the files."""
    if blind and shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for words in ((), ("--key", str(KEY.verifier))):
        done = verify(pack, *words, blind=blind)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert done.stdout.startswith(f"it holds: 270 entries of the log {ORIGIN}, of 700 under its checkpoint\n")
        assert "  policies    1\n" in done.stdout
        assert ("the pack's own" in done.stdout) == (not words)
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "-c", "MANIFEST.sha256"], cwd=pack, check=True)


def files_of(pack: Path) -> Iterator[Path]:
    """Every file but the verifier itself, and what only people read."""
    others = ("verify.py", "README.md")
    yield from (each for each in sorted(pack.rglob("*")) if each.is_file() and each.name not in others)


def test_any_changed_byte_is_found(pack: Path, tmp_path: Path) -> None:
    """In each of its files, and the verifier says which and ends with 8."""
    chance = random.Random(5)
    copy = tmp_path / "pack"
    shutil.copytree(pack, copy)
    names = [each.relative_to(copy) for each in files_of(copy)]
    proofs = [each for each in names if each.parts[0] == "proofs"]
    for name in [each for each in names if each not in proofs[3:]]:
        data = (copy / name).read_bytes()
        at = chance.randrange(len(data))
        (copy / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        done = verify(copy)
        assert (done.returncode, "BROKEN: " in done.stdout) == (8, True), name
        (copy / name).write_bytes(data)
    assert verify(copy).returncode == 0


def resealed(pack: Path) -> None:
    """Have the list of files say what a forger wants it to say."""
    import hashlib

    lines = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.relative_to(pack).as_posix()}\n"
             for each in sorted(pack.rglob("*")) if each.is_file() and each.name != "MANIFEST.sha256"]
    (pack / "MANIFEST.sha256").write_text("".join(lines))


@pytest.mark.parametrize(("file", "old", "new", "says"), [
    ("entries.jsonl", '"rows":251', '"rows":252', "entry 251 is not the one in the log"),
    ("payloads.jsonl", "alice", "carol", "the payload of entry 401 is not the one"),
    ("payloads.jsonl", "select 250", "select 999", "the payload of entry 250 is not the one"),
    ("policies/ab12.yaml", "version", "verzion", "policies/ab12.yaml is in no entry"),
    ("pack.json", '"end": 520', '"end": 521', "entry 520 is missing"),
    ("log/checkpoint", "\n700\n", "\n701\n", "not signed by the key"),
    ("log/key.pub", "+", "x", "not a verifier key"),
])  # fmt: skip
def test_a_forger_who_mends_the_list_of_files_is_found(
    pack: Path, tmp_path: Path, file: str, old: str, new: str, says: str
) -> None:
    """The log itself contradicts."""
    copy = tmp_path / "pack"
    shutil.copytree(pack, copy)
    text = (copy / file).read_text()
    assert old in text
    place = text.index(old, text.index('"index":401') if old == "alice" else 0)
    (copy / file).write_text(text[:place] + new + text[place + len(old) :])
    resealed(copy)
    done = verify(copy)

    assert done.returncode == 8
    assert says in done.stdout


def test_a_removed_entry_a_foreign_key_and_a_smuggled_file(pack: Path, tmp_path: Path) -> None:
    """None of them passes."""
    copy = tmp_path / "pack"
    shutil.copytree(pack, copy)
    lines = (copy / "entries.jsonl").read_text().splitlines(keepends=True)
    (copy / "entries.jsonl").write_text("".join(lines[:9] + lines[10:]))
    (copy / "payloads.jsonl").write_text("")
    shutil.rmtree(copy / "policies")
    resealed(copy)
    assert "entry 259 is missing" in verify(copy).stdout
    from gov.audit.note import SigningKey

    foreign = str(SigningKey(ORIGIN, bytes(32)).verifier)
    done = verify(pack, "--key", foreign)
    assert (done.returncode, "not signed by the key" in done.stdout) == (8, True)
    (copy / "extra").write_text("x")
    assert verify(copy).returncode == 8


def test_without_payloads(log: Path, tmp_path: Path) -> None:
    """For whoever may not see names and statements: the public part alone, and it verifies."""
    pack = packed(log, tmp_path / "pack", [3, 255, 256, 699], payload=False)
    done = verify(packed(log, tmp_path / "whole", [*range(3, 8)], payload=False))

    assert (done.returncode, "0 unchanged, 2 not in this pack" in done.stdout) == (0, True), done.stdout
    assert b"alice" not in b"".join(each.read_bytes() for each in pack.rglob("*") if each.is_file())

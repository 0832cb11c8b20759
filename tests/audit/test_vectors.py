"""The test vectors are what gov makes today, and every verifier says of them what they say."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from audit import independent, tamper, vectors
from gov.audit.checkpoint import open_checkpoint, parse
from gov.audit.entry import Entry, record
from gov.audit.note import verifier_key
from gov.audit.proof import verify_consistency, verify_inclusion
from gov.audit.tree import root
from gov.audit.verify import verify
from gov.errors import Unverified

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec"
TREE_RULES = 6
"""The rules that the verifier in another language knows."""


def vector(name: str) -> Any:
    """The content of a file."""
    return json.loads((vectors.DIRECTORY / f"{name}.json").read_text())


KEY = verifier_key(vector("key")["verifier"])
CASES = [*vector("logs")["good"], *vector("logs")["bad"]]


def files(case: dict[str, Any]) -> dict[str, bytes]:
    """The files of a case, with what was done to them."""
    log = vector("logs")["logs"][case["log"]] | case["changes"]
    return {path: b64decode(data) for path, data in log.items() if data is not None}


def test_they_are_what_gov_makes() -> None:
    """Byte for byte: whoever changes a format changes them, and says so."""
    for name, value in vectors.everything().items():
        assert (vectors.DIRECTORY / f"{name}.json").read_text() == vectors.written(value), name


def test_leaves() -> None:
    """From the entry and its place to the bytes and their hash."""
    for case in vector("leaves"):
        entry = Entry(case["kind"], case["at"], case["fields"], case["payload"])
        previous, salt = bytes.fromhex(case["previous"]), bytes.fromhex(case["salt"])
        made = record(entry, case["index"], previous, salt, case["writer"], case["sequence"])
        assert (made.leaf.decode(), made.hash.hex()) == (case["leaf"], case["hash"])
        assert b64encode(made.sealed).decode() == case["sealed"]
        assert sha256(b"\0" + case["leaf"].encode()).hexdigest() == case["hash"]


def test_trees() -> None:
    """The roots are those of the recursive definition."""
    for case in vector("trees"):
        leaves = [sha256(b"\0%d" % index).digest() for index in range(case["size"])]
        assert root(leaves).hex() == independent.merkle(leaves).hex() == case["root"]


def test_checkpoints() -> None:
    """Those that hold, and those that do not."""
    for case in vector("checkpoints"):
        note = case["note"].encode()
        if not case["why"]:
            assert open_checkpoint(note, KEY).size == 7
            continue
        with pytest.raises(Unverified):
            open_checkpoint(note, KEY)


def test_proofs() -> None:
    """Those that hold, and those that do not."""
    for case in vector("proofs"):
        proof, entry, known = case["proof"].encode(), case["entry"].encode(), parse(case["known"])
        try:
            if proof.startswith(b"old"):
                assert verify_consistency(proof, [KEY], known).size == vectors.SIZE
            else:
                assert verify_inclusion(proof, [KEY], entry).index == 258
        except Unverified:
            assert case["why"]
        else:
            assert not case["why"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_whole_logs(case: dict[str, Any]) -> None:
    """Those that hold, and those that do not."""
    log, key = files(case), verifier_key(case["key"])
    if "rule" not in case:
        assert verify(log.get, key, names=log).size >= vectors.SIZE
        return
    with pytest.raises(Unverified, match="the audit log is broken at"):
        verify(log.get, key, names=log)


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_a_verifier_in_another_language_agrees() -> None:
    """Of sixty lines, from the specification alone: on whole logs and on everything that was done to a tree."""
    known = [case for case in CASES if case.get("rule", 0) <= TREE_RULES and "first" not in case["name"]]
    told = [
        {"name": case["name"], "key": case["key"],
         "files": {path: b64encode(data).decode() for path, data in files(case).items()}}
        for case in known
    ]  # fmt: skip
    run = subprocess.run(
        ["node", "--input-type=module", "-e", DRIVER, "vectors", str(SPEC / "verify.mjs")],
        input=json.dumps(told), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    said = json.loads(run.stdout)

    assert {case["name"]: not said[case["name"]] for case in known} == {
        case["name"]: "rule" not in case for case in known}, said
    lines = [line for line in (SPEC / "verify.mjs").read_text().splitlines() if line]
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 120


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_it_agrees_on_what_is_done_to_logs_by_seeds() -> None:
    """Whatever was done to a file that the tree needs: found by both or by neither."""
    assert tamper.second_opinions(range(30), node_says) == []


def node_says(cases: list[dict[str, Any]]) -> dict[str, str]:
    """What the verifier of the specification says of each of these logs: nothing, or where it is broken."""
    run = subprocess.run(
        ["node", "--input-type=module", "-e", DRIVER, "vectors", str(SPEC / "verify.mjs")],
        input=json.dumps(cases), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return dict(json.loads(run.stdout))


DRIVER = """
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
const { verify } = await import(pathToFileURL(process.argv[2])), said = {}
for (const { name, key, files } of JSON.parse(readFileSync(0))) {
  const read = path => path in files ? Buffer.from(files[path], 'base64') : undefined
  try { verify(read, key); said[name] = '' } catch (e) { said[name] = e.message || 'refused' }
}
console.log(JSON.stringify(said))
"""

"""`gov audit evidence`: entries with everything that proves them, for somebody who has no gov and no login."""

from __future__ import annotations

import hashlib
import json as encoding
import time
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gov.audit import payload as payloads
from gov.audit.checkpoint import unsigned
from gov.audit.entry import SALT_SIZE
from gov.audit.packing import proving
from gov.audit.path import Read
from gov.audit.proof import prove_inclusion
from gov.audit.tabular import line
from gov.audit.tree import WIDTH, Tile, unbundle
from gov.commands import audit_asking
from gov.commands.asking import broker
from gov.commands.moments import Since, Until, moment
from gov.commands.proving import Remote
from gov.errors import NoSuch, Unavailable, UsageError
from gov.ui.progress import Progress, watched
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.trail import Answer

EXAMPLES = (
    "\b\nExamples:\n  gov audit evidence -o q1 --since 2026-01-01T00:00Z --until 2026-04-01T00:00Z\n"
    "  gov audit evidence -o emails ask column-readers customers.email --since 90d\n"
    "  python3 q1/verify.py --key gov.example.com/gov+1a2b3c4d+AQ…"
)
PROOFS = 1000
"""Entries that get a .tlog-proof of their own; the tiles prove all of them."""
_PAGE = 1000
_COVERED = 10
"""Looks for a checkpoint that covers what was just written; there is one every second."""


def evidence(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A directory that is not there yet.")],
    words: Annotated[list[str] | None, typer.Argument(
        metavar="[ask QUESTION [ARGUMENT]…]", help="Only the entries that answer this; see gov audit ask.")] = None,
    since: Since = None,
    until: Until = None,
    payload: Annotated[bool, typer.Option(
        "--payload/--no-payload", help="With names, statements and parameters, or the public part alone.")] = True,
) -> None:
    """Pack entries with their proofs, policies and the answer into a directory that verifies without gov."""
    if output.exists():
        raise UsageError(f"{output} exists", hint="-o DIR, where there is nothing yet")
    bounds = {"since": moment("--since", since), "until": moment("--until", until)}
    progress = Progress(shown=watched())
    try:
        with broker() as asked:
            answer = _answer(asked, words or [], bounds)
            wanted = _period(asked, bounds) if answer is None else _of_answer(asked, answer)
            if not wanted:
                raise NoSuch("no entry is like that", hint="gov audit search")
            log = _covering(asked, wanted[-1])
            pack = Pack(output, log, payload=payload)
            pack.write(wanted, progress)
            pack.finish(answer, bounds, asked.log_key)
    finally:
        progress.clear()
    say(f"gov: {len(pack.entries)} entries in {output}; next: python3 {output}/verify.py --key KEY")


def _answer(asked: Broker, words: list[str], bounds: dict[str, str | None]) -> Answer | None:
    if not words:
        return None
    if words[0] != "ask" or len(words) < 2:
        raise UsageError(f"`{words[0]}` is not understood", hint="gov audit evidence -o DIR ask QUESTION")
    given = audit_asking.given(words[1], words[2:])
    found = page = asked.ask(words[1], **given, **bounds)
    while page.before is not None:
        page = asked.ask(words[1], **given, **(bounds | {"before": page.before}))
        found = page.model_copy(update={"rows": [*found.rows, *page.rows], "size": found.size})
    return found


def _period(asked: Broker, bounds: dict[str, str | None]) -> list[int]:
    """Every entry from the first to the last of the period, those between that a clock put elsewhere too."""
    first = asked.entries(**bounds, oldest="true", limit=1).entries
    last = asked.entries(**bounds, limit=1).entries
    return [*range(first[0].index, last[0].index + 1)] if first and last else []


def _of_answer(asked: Broker, answer: Answer) -> list[int]:
    """The entries of the rows, and what belongs to them: ends of statements, requests and their answers."""
    found = {int(str(row["entry"])) for row in answer.rows if row.get("entry") is not None}
    requests = set()
    for index in sorted(found):
        view = asked.entry(index)
        if request := view.fields.get("request"):
            requests.add(str(request))
        if view.kind == "statement" and view.fields.get("done"):
            found |= {each.index for each in asked.entries(
                kind="statement.done", session=view.fields.get("session"), after=index, oldest="true", limit=_PAGE,
            ).entries if each.fields.get("statement") == index}  # fmt: skip
    for request in requests:
        found |= {each.index for each in asked.entries(request=request, kind="request", limit=_PAGE).entries}
    return sorted(found)


def _covering(asked: Broker, last: int) -> Remote:
    """The log at a checkpoint that covers this entry.

    Raises:
        Unavailable: there is none, though one is due each second.
    """
    for _ in range(_COVERED):
        log = Remote(asked)
        if unsigned(log("checkpoint") or b"").size > last:
            return log
        time.sleep(0.5)
    raise Unavailable("the newest entries are not under a checkpoint yet", hint="gov broker status")


class Pack:
    """A directory in the making."""

    def __init__(self, directory: Path, log: Read, *, payload: bool) -> None:
        self._directory, self._log, self._payload = directory, log, payload
        self._note = log("checkpoint") or b""
        self._size = unsigned(self._note).size
        self.entries: dict[int, dict[str, Any]] = {}
        self._policies: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        directory.mkdir(mode=0o700, parents=True)

    def write(self, wanted: list[int], progress: Progress) -> None:
        """Entries, payloads, tiles and proofs."""
        raw: dict[int, bytes] = {}
        sealed = []
        for index, leaf, item in self._contents(wanted):
            raw[index] = leaf
            self.entries[index] = encoding.loads(leaf)
            if item and self._payload:
                sealed.append(_sealed(index, item))
                self._keep_policy(index, item)
            progress.add(1, len(leaf) + len(item))
        self._put("entries.jsonl", b"".join(leaf + b"\n" for leaf in raw.values()))
        self._put("payloads.jsonl", b"".join(sealed))
        for tile in proving(wanted, self._size):
            self._put(f"log/{tile.path}", self._need(tile.path))
        for index in wanted[:PROOFS]:
            self._put(f"proofs/{index}.tlog-proof", bytes(prove_inclusion(index, self._note, self._log, raw[index])))

    def finish(self, answer: Answer | None, bounds: dict[str, str | None], key: str) -> None:
        """The checkpoint, what the pack is, and the list of all files."""
        self._put("log/checkpoint", self._note)
        self._put("log/key.pub", f"{key}\n".encode())
        for digest, document in self._policies.items():
            self._put(f"policies/{digest}.yaml", document.encode())
        first, end = min(self.entries), max(self.entries) + 1
        whole = answer is None
        self._put("pack.json", _json({
            "log": unsigned(self._note).origin, "size": self._size, "first": first, "end": end, "whole": whole,
            "entries": len(self.entries), "payloads": self._payload, **bounds,
            "question": answer.question if answer else None, "arguments": answer.arguments if answer else None,
        }))  # fmt: skip
        if answer is not None:
            self._put("answer.json", _json(answer.model_dump(mode="json")))
            rows = (line(row.get(each) for each in answer.columns) for row in answer.rows)
            self._put("answer.csv", (line(answer.columns) + "".join(rows)).encode())
        self._put("verify.py", _resource("evidence_verify.txt"))
        self._put("README.md", _readme(answer, first, end, self._note).encode())
        manifest = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._digests.items()))
        (self._directory / "MANIFEST.sha256").write_text(manifest)

    def _contents(self, wanted: Iterable[int]) -> Iterator[tuple[int, bytes, bytes]]:
        """(index, leaf, sealed payload) of each, bundle by bundle."""
        number, leaves, items = -1, [b""], [b""]
        for index in wanted:
            if index // WIDTH != number:
                number = index // WIDTH
                width = min(WIDTH, self._size - number * WIDTH)
                leaves = unbundle(self._need(Tile(None, number, width).path))
                items = payloads.unpack(self._need(payloads.path(number)), width)[0] if self._payload else [b""] * width
            yield index, leaves[index % WIDTH], items[index % WIDTH]

    def _keep_policy(self, index: int, item: bytes) -> None:
        entry = self.entries[index]
        if entry["kind"] == "policy.loaded" and (document := encoding.loads(item[SALT_SIZE:]).get("document")):
            self._policies[entry["fields"]["policy"]] = document

    def _need(self, path: str) -> bytes:
        data = self._log(path)
        if data is None:
            raise Unavailable(f"the log has no {path}", hint="gov audit verify")
        return data

    def _put(self, name: str, data: bytes) -> None:
        path = self._directory / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(data)
        self._digests[name] = hashlib.sha256(data).hexdigest()


def _sealed(index: int, item: bytes) -> bytes:
    return encoding.dumps(
        {"index": index, "salt": item[:SALT_SIZE].hex(), "payload": item[SALT_SIZE:].decode()}, separators=(",", ":")
    ).encode() + b"\n"


def _json(value: dict[str, Any]) -> bytes:
    return encoding.dumps(value, indent=2).encode() + b"\n"


def _readme(answer: Answer | None, first: int, end: int, note: bytes) -> str:
    stated = unsigned(note)
    what = f"the entries {first} to {end - 1}, all of them"
    if answer is not None:
        words = " ".join((answer.question, *filter(None, answer.arguments.values())))
        what = f"the answer to `{words}` ({answer.asks}), and the entries that it rests on.\n"
        what += f"Controls: {', '.join(answer.controls)}"
    return _resource("evidence_readme.txt").decode().format(origin=stated.origin, size=stated.size, what=what)


def _resource(name: str) -> bytes:
    return files("gov.commands").joinpath(name).read_bytes()

"""Test vectors for whoever writes a verifier: `python tests/audit/vectors.py` writes them anew into `vectors/`.

Everything is made by gov itself, with keys, salts and writers that are known; a test makes them again and compares.
"""

from __future__ import annotations

import json
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from audit.logs import KEY, ORIGIN, START, Log, load, statements
from gov.audit import payload
from gov.audit.checkpoint import Checkpoint, sign
from gov.audit.entry import Entry, read_leaf, record
from gov.audit.note import SigningKey
from gov.audit.path import bundle_entries, consistency, inclusion
from gov.audit.proof import prove_consistency, prove_inclusion
from gov.audit.tree import Edge, bundle, leaf_hash, root, unbundle
from gov.store import erasure
from gov.store.handover import hand_over, sign_with
from gov.store.journal import Journal

DIRECTORY = Path(__file__).parent / "vectors"
NEXT = SigningKey(ORIGIN, bytes(range(32, 64)))
"""The key that follows."""
STRANGER = SigningKey(ORIGIN, bytes(range(64, 96)))
"""A key of the same name that nobody handed the log to."""
SIZE = 262
"""A full bundle and a partial one."""
Case = dict[str, Any]


@contextmanager
def settled() -> Iterator[None]:
    """Salts and writers that are the same each time."""
    drawn = iter(range(1_000_000))

    def urandom(size: int) -> bytes:
        return b"".join(sha256(b"%d %d" % (next(drawn), at)).digest() for at in range(size // 32 + 1))[:size]

    with mock.patch("gov.store.journal.os.urandom", urandom):
        yield


def leaves() -> list[Case]:
    """Entries, and what becomes of them in the log."""
    cases = []
    for index, (entry, previous, writer, sequence) in enumerate((
        (Entry("broker.started", START, {"version": "1", "origin": ORIGIN}), bytes(32), "00" * 8, 0),
        (Entry("statement", START + 0.25, {"subject": "8f2c", "verdict": "allow", "reads": ["public.a", "public.b"]},
               {"text": "select 'ä\n\u202e'", "parameters": ["1", None]}), leaf_hash(b"x"), "0123456789abcdef", 41),
        (Entry("log.erased", START + 1, {"first": 0, "end": 2, "policy": "90d"}), leaf_hash(b"y"), "", 0),
    )):
        made = record(entry, index, previous, bytes(range(16)), writer, sequence)
        cases.append({
            "kind": entry.kind, "at": entry.at, "fields": entry.fields, "payload": entry.payload,
            "index": index, "previous": previous.hex(), "writer": writer, "sequence": sequence,
            "salt": bytes(range(16)).hex(), "leaf": made.leaf.decode(), "hash": made.hash.hex(),
            "sealed": b64encode(made.sealed).decode(),
        })
    return cases


def trees() -> list[Case]:
    """Roots, tiles and paths of trees over the entries "0", "1", "2", …"""
    cases = []
    for size in (0, 1, 2, 3, 7, 255, 256, 257, 513):
        edge, files = Edge(), {}
        for old in sorted({*_older(size), size}):
            files |= {tile.path: data for tile, data in edge.append(
                leaf_hash(b"%d" % index) for index in range(edge.size, old)).items()}
        cases.append({
            "size": size,
            "root": edge.root().hex(),
            "tiles": {path: sha256(data).hexdigest() for path, data in sorted(files.items())},
            "inclusion": {index: [each.hex() for each in inclusion(index, size, files.get)] for index in _some(size)},
            "consistency": {old: [each.hex() for each in consistency(old, size, files.get)] for old in _older(size)},
        })
    return cases


def _some(size: int) -> Sequence[int]:
    return sorted({index for index in (0, 1, size // 2, size - 1) if 0 <= index < size})


def _older(size: int) -> Sequence[int]:
    return sorted({old for old in (0, 1, 2, size // 2, size - 1, size) if 0 <= old <= size})


def notes() -> list[Case]:
    """Checkpoints, for the key of `key`; `why` where they do not hold."""
    head = Checkpoint(ORIGIN, 7, root([leaf_hash(b"%d" % index) for index in range(7)]))
    good, body = sign(head, KEY), head.text
    lines = good.decode().split("\n")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = f"{lines[4][:-2]}{letters[letters.index(lines[4][-2]) | 1]}="  # decodes to the same bytes
    bad = {
        "signed by a stranger of the same name": sign(head, STRANGER),
        "another size than was signed": good.replace(b"\n7\n", b"\n8\n"),
        "another spelling of the size": good.replace(b"\n7\n", b"\n07\n"),
        "of another log": sign(Checkpoint("other.example/gov", 7, head.root), KEY),
        "no signature": f"{body}\n".encode(),
        "no empty line": good.replace(b"\n\n", b"\n"),
        "spare bits of base64": "\n".join([*lines[:4], spare, *lines[5:]]).encode(),
        "a line more than a checkpoint has": good.replace(b"=\n\n", b"=\nmore\n\n"),
        "no newline at its end": good[:-1],
    }
    return [
        {"note": good.decode(), "why": ""},
        {"note": sign(head, STRANGER, KEY, NEXT).decode(), "why": ""},
        *({"note": note.decode(), "why": why} for why, note in bad.items() if note != good),
    ]


def proofs(log: Log) -> list[Case]:
    """Proofs of entries and of growth, for the key of `key`; `why` where they do not hold."""
    size, note = SIZE, log["checkpoint"]
    entry = bundle_entries(1, size, log.get)[2]
    bare, whole = (bytes(prove_inclusion(258, note, log.get, extra)) for extra in (None, entry))
    growth = bytes(prove_consistency(100, note, log.get))
    hashes = [leaf_hash(each) for number in (0, 1) for each in bundle_entries(number, size, log.get)]
    known = Checkpoint(ORIGIN, 100, root(hashes[:100]))
    lines = whole.split(b"\n")
    swapped = b"\n".join([*lines[:3], lines[4], lines[3], *lines[5:]])
    text = {"entry": entry.decode(), "known": known.text}
    of_entry = {"": bare, "the path in another order": swapped,
                "another index": whole.replace(b"index 258", b"index 259"),
                "a hash too few": b"\n".join([*lines[:3], *lines[4:]]), "no checkpoint": whole.partition(b"\n\n")[0],
                "another header": whole.replace(b"@v1", b"@v2"),
                "another entry": whole.replace(lines[1], b"extra " + b64encode(entry.replace(b"258", b"259")))}
    of_growth = {"": growth, "from another size": growth.replace(b"old 100", b"old 101"),
                 "a hash too many": growth.replace(b"\n\n", b"\n" + lines[3] + b"\n\n", 1)}
    return [
        {"proof": whole.decode(), **text, "why": ""},
        *({"proof": each.decode(), **text, "why": why} for why, each in (*of_entry.items(), *of_growth.items())),
    ]


def base(directory: Path) -> Log:
    """A log of two writers, a full bundle and a partial one, and two entries in the journal."""
    for first, end in ((0, 100), (100, SIZE)):
        with Journal(directory, KEY, ORIGIN) as journal:
            journal.append_many(statements(first, end - first))
            journal.integrate()
    journal = Journal(directory, KEY, ORIGIN)
    journal.append_many(statements(SIZE, 2))
    return _dead(journal)


def erased(directory: Path) -> Log:
    """The same, in which payloads were erased, some by age and some one by one."""
    base(directory)
    with Journal(directory, KEY, ORIGIN) as journal:
        erasure.erase(journal, Entry("log.erased", START + 999, {"policy": "90d"}), [(0, 50)])
        erasure.erase(journal, Entry("log.erased", START + 999, {"of": "8f2c"}), [(60, 61), (258, 259)])
    return load(directory)


def rotated(directory: Path) -> Log:
    """The same, whose key was changed: only the new one signs."""
    base(directory)
    with Journal(directory, KEY, ORIGIN) as journal:
        sign_with(journal, KEY, NEXT)
        keys = {"old": str(KEY.verifier), "new": str(NEXT.verifier)}
        index = journal.append(Entry("key.changed", START + 999, keys))
        journal.integrate()
        hand_over(journal, index, KEY, NEXT)
        journal.append_many(statements(300, 1))
        sign_with(journal, NEXT)
    return load(directory)


def _dead(journal: Journal) -> Log:
    """The log as a process leaves it that was killed."""
    found = load(journal.directory)
    journal.close()
    return found


def _signed_anew(log: Log, change: Callable[[list[bytes], list[bytes]], None], key: SigningKey = KEY) -> Log:
    """What whoever has the key could make of the second bundle: entries changed, all hashes right."""
    name, entries = f"tile/entries/001.p/{SIZE - 256}", bundle_entries(1, SIZE, log.get)
    items = payload.unpack(log["payload/001"], SIZE - 256)[0]
    change(entries, items)
    edge = Edge()
    edge.append([*(leaf_hash(each) for each in unbundle(log["tile/entries/000"])), *map(leaf_hash, entries)])
    number = len(entries)
    forged = {path: data for path, data in log.items() if not path.startswith(("tile/", "payload/001", "checkpoint"))}
    forged |= {path: log[path] for path in ("tile/0/000", "tile/entries/000", "tile/1/000.p/1")}
    forged |= {f"tile/entries/001.p/{number}": bundle(entries), "payload/001": payload.pack(items)}
    forged |= {tile.path: data for tile, data in edge.partials()}
    assert name in log
    return forged | {"checkpoint": sign(Checkpoint(ORIGIN, edge.size, edge.root()), key)}


def _changes(log: Log) -> Iterator[tuple[str, int, Log]]:
    """What may be done to a log, by which rule it is found, and the log that comes of it."""
    hashes, entries, items = log["tile/0/001.p/6"], log["tile/entries/000"], log["payload/000"]
    yield "one bit of a hash", 2, log | {"tile/0/001.p/6": bytes([hashes[0] ^ 1]) + hashes[1:]}
    yield "one byte of an entry", 2, log | {"tile/entries/000": entries.replace(b'"rows":77', b'"rows":78')}
    yield "one byte of a payload", 4, log | {"payload/000": items.replace(b'select 8"', b'select 9"')}
    yield "a payload is gone", 4, log | {"payload/000": _without(items, 8)}
    yield "two files for one another", 2, log | {"tile/0/000": entries, "tile/entries/000": log["tile/0/000"]}
    yield "a bundle cut short", 2, log | {"tile/entries/000": entries[:-1]}
    yield "a tile of roots is another", 5, log | {"tile/1/000.p/1": bytes(32)}
    for name in ("checkpoint", "tile/0/000", "tile/entries/001.p/6", "tile/1/000.p/1", "payload/001"):
        rest = {path: data for path, data in log.items() if path != name}
        yield f"{name} is gone", 1 if name == "checkpoint" else 2, rest
    head = Checkpoint(ORIGIN, SIZE, _root(log))
    yield "the right name with another key", 1, log | {"checkpoint": sign(head, STRANGER)}
    yield "another root", 6, log | {"checkpoint": sign(Checkpoint(ORIGIN, SIZE, bytes(32)), KEY)}
    yield "the last entry dropped", 2, log | {"checkpoint": sign(Checkpoint(ORIGIN, SIZE - 1, bytes(32)), KEY)}
    yield "dropped by whoever has the key", 2, _signed_anew(log, _dropped)
    yield "swapped by whoever has the key", 2, _signed_anew(log, _swapped)
    yield "a writer's entry left out, and all numbered anew", 2, _signed_anew(log, _renumbered)
    yield "a journal line is another", 8, _journal(log, lambda line: line.replace(b"select", b"delete"))
    yield "a journal line is gone", 8, _journal(log, lambda line: b"")
    yield "a file too much", 9, log | {"tile/0/002": bytes(8192)}
    yield "a tile ahead of all entries", 9, log | {"tile/0/001.p/9": log["tile/0/001.p/6"] + bytes(96)}
    yield "payloads too many", 9, log | {"payload/001": log["payload/001"] + b"\0\0\0\1x"}


def _root(log: Log) -> bytes:
    return root([leaf_hash(each) for number in (0, 1) for each in bundle_entries(number, SIZE, log.get)])


def _without(items: bytes, place: int) -> bytes:
    found = payload.unpack(items, 256)[0]
    return payload.pack([*found[:place], b"", *found[place + 1 :]])


def _dropped(entries: list[bytes], items: list[bytes]) -> None:
    del entries[2], items[2]


def _swapped(entries: list[bytes], items: list[bytes]) -> None:
    entries[1], entries[2], items[1], items[2] = entries[2], entries[1], items[2], items[1]


def _renumbered(entries: list[bytes], items: list[bytes]) -> None:
    """Entry 258 is dropped; the ones after it get new numbers and predecessors, but keep their sequence."""
    previous, after = leaf_hash(entries[1]), [json.loads(each) for each in entries[3:]]
    del entries[2:], items[2]
    for index, stated in enumerate(after, 258):
        if stated["kind"] == "statement.done":
            stated["fields"]["statement"] = 256
        stated |= {"index": index, "previous": previous.hex()}
        entries.append(json.dumps(stated, sort_keys=True, separators=(",", ":")).encode())
        previous = leaf_hash(entries[-1])
    assert [read_leaf(each).index for each in entries] == list(range(256, SIZE - 1))


def _journal(log: Log, change: Callable[[bytes], bytes]) -> Log:
    (name,) = (path for path, data in log.items() if path.startswith("journal/") and data)
    first, rest = log[name].split(b"\n", 1)
    changed = change(first)
    return log | {name: (changed + b"\n" if changed else b"") + rest}


def _differences(log: Log, other: Log) -> dict[str, str | None]:
    names = sorted(log.keys() | other.keys())
    return {name: b64encode(other[name]).decode() if name in other else None
            for name in names if log.get(name) != other.get(name)}


def logs() -> Case:
    """Whole logs, and what may be done to them."""
    with tempfile.TemporaryDirectory() as place, settled():
        made = {each.__name__: each(Path(place) / each.__name__) for each in (base, erased, rotated)}
    first = made["base"]
    good = [
        {"name": "as it was written", "log": "base", "changes": {}, "key": str(KEY.verifier)},
        {"name": "with payloads erased", "log": "erased", "changes": {}, "key": str(KEY.verifier)},
        {"name": "with the next key, for whoever has it", "log": "rotated", "changes": {}, "key": str(NEXT.verifier)},
        {"name": "with the next key, for whoever has the first", "log": "rotated", "changes": {},
         "key": str(KEY.verifier)},
        {"name": "stopped in the middle of a line", "log": "base", "key": str(KEY.verifier),
         "changes": _differences(first, _journal(first, lambda line: line) | _torn(first))},
    ]
    bad = [
        {"name": name, "log": "base", "changes": _differences(first, other), "key": str(KEY.verifier), "rule": rule}
        for name, rule, other in _changes(first)
    ]
    link = f"key/{KEY.verifier.id.hex()}.tlog-proof"
    bad += [
        {"name": "the next key, and no proof of it", "log": "rotated", "changes": {link: None}, "rule": 1,
         "key": str(KEY.verifier)},
        {"name": "payloads are gone, and what says so as well", "log": "base", "key": str(KEY.verifier), "rule": 4,
         "changes": {"payload/000": b64encode(made["erased"]["payload/000"]).decode()}},
    ]
    files = {name: {path: b64encode(data).decode() for path, data in sorted(log.items())} for name, log in made.items()}
    return {"logs": files, "good": good, "bad": bad}


def _torn(log: Log) -> Log:
    (name,) = (path for path, data in log.items() if path.startswith("journal/") and data)
    return {name: log[name] + b"00000123\tab"}


def everything() -> dict[str, object]:
    """Each file's content, by its name."""
    with tempfile.TemporaryDirectory() as place, settled():
        log = base(Path(place) / "log")
    return {
        "key": {"signing": str(KEY), "verifier": str(KEY.verifier), "next": str(NEXT.verifier)},
        "leaves": leaves(), "trees": trees(), "checkpoints": notes(), "proofs": proofs(log), "logs": logs(),
    }


def written(value: object) -> str:
    """As the files have it."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write the files anew."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, value in everything().items():
        (DIRECTORY / f"{name}.json").write_text(written(value))


if __name__ == "__main__":
    main()

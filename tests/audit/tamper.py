"""Change a log in every way that we can think of: `python tests/audit/tamper.py --seeds 1000 [--first 0] [--json]`.

A seed is a log (how many entries, cut how, erased, with another key or not) and something that is done to it. Whatever
was done must be found, and what was not touched must hold. `journal cut` is the one thing that a copy alone cannot
show: it is counted, with the bytes that the verifier says are missing, or found by whoever knows a later checkpoint.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from audit import vectors
from audit.logs import KEY, ORIGIN, START, Log, load, statements
from gov.audit import payload
from gov.audit.checkpoint import Checkpoint, open_any, sign
from gov.audit.entry import Entry
from gov.audit.note import VerifierKey
from gov.audit.path import bundle_entries
from gov.audit.tree import Edge, bundle, leaf_hash, parse
from gov.audit.verify import verify
from gov.errors import TooComplex, Unverified
from gov.store import erasure
from gov.store.handover import hand_over, sign_with
from gov.store.journal import Journal

KEYS = (KEY.verifier, vectors.NEXT.verifier)


class Missed(AssertionError):
    """Something was done to a log and nobody noticed."""


@dataclass
class Result:
    """What came of many seeds."""

    seeds: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Whole:
    """A log that holds."""

    log: Log
    earlier: Checkpoint
    """One of its checkpoints from before."""
    earlier_note: bytes

    @property
    def head(self) -> Checkpoint:
        """Its newest checkpoint."""
        return open_any(self.log["checkpoint"], KEYS)


@lru_cache(maxsize=24)
def whole(number: int) -> Whole:
    """One of two dozen logs."""
    chance = random.Random(f"log {number}")
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        _live(directory, chance, chance.randrange(2, 300))
        before = load(directory)
        _live(directory, chance, chance.randrange(1, 300))
        journal = Journal(directory, _keys(directory), ORIGIN)
        if chance.random() < 0.4:
            spans = [(first, first + 1) for first in range(0, chance.randrange(2, 9), 2)]
            erasure.erase(journal, Entry("log.erased", START, {"policy": "90d"}), spans)
        if chance.random() < 0.4 and len(_keys(directory)) == 1:
            _rotate(journal)
        first = journal.size + journal.size % 2
        journal.append_many(_statements(first, journal.size, chance.randrange(5)))
        log = load(directory)
        journal.close()
    return Whole(log, open_any(before["checkpoint"], KEYS), before["checkpoint"])


def _keys(directory: Path) -> tuple[Any, ...]:
    named = (directory / "key.pub").read_text().splitlines() if (directory / "key.pub").exists() else [""]
    return (KEY,) if len(named) == 1 else (KEY, vectors.NEXT)


def _live(directory: Path, chance: random.Random, count: int) -> None:
    with Journal(directory, _keys(directory), ORIGIN) as journal:
        while count > 0:
            some = min(count, chance.randrange(1, 120))
            journal.append_many(_statements(0, journal.size, some))
            count -= some
            if chance.random() < 0.7:
                journal.integrate()


def _statements(first: int, index: int, count: int) -> list[Entry]:
    """Statements without their ends where those would name another entry."""
    return [next(iter(statements(2 * (index + number), 1))) for number in range(count)]


def _rotate(journal: Journal) -> None:
    sign_with(journal, KEY, vectors.NEXT)
    keys = {"old": str(KEY.verifier), "new": str(vectors.NEXT.verifier)}
    index = journal.append(Entry("key.changed", START, keys))
    journal.integrate()
    hand_over(journal, index, KEY, vectors.NEXT)


# what may be done


def flip(whole: Whole, chance: random.Random) -> Log:
    """One bit of one file."""
    log = whole.log
    name = chance.choice(sorted(path for path, data in log.items() if data and not path.startswith("new/")))
    data = bytearray(log[name])
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return log | {name: bytes(data)}


def drop_file(whole: Whole, chance: random.Random) -> Log:
    """One file that the log needs."""
    log, size = whole.log, whole.head.size
    needed = [path for path in log if _needed(path, size)]
    name = chance.choice(sorted(needed))
    return {path: data for path, data in log.items() if path != name}


def _needed(path: str, size: int) -> bool:
    tile = parse(path)
    if tile is None:
        return path == "checkpoint" or payload.number(path) is not None
    full, rest = divmod(size // 256 ** (tile.level or 0), 256)
    return tile.number < full if tile.width == 256 else (tile.number, tile.width) == (full, rest)


def cut(whole: Whole, chance: random.Random) -> Log:
    """The end of one file, the journal apart."""
    log = whole.log
    names = [path for path in log if log[path] and not path.startswith(("journal/", "new/"))]
    name = chance.choice(sorted(names))
    return log | {name: log[name][: chance.randrange(len(log[name]))]}


def swap_files(whole: Whole, chance: random.Random) -> Log | None:
    """Two files of one kind for one another."""
    names = [path for path in whole.log if path.startswith(chance.choice(("tile/0/", "tile/entries/", "payload/")))]
    if len(names) < 2:
        return None
    one, other = chance.sample(sorted(names), 2)
    return whole.log | {one: whole.log[other], other: whole.log[one]}


def swap_entries(whole: Whole, chance: random.Random) -> Log | None:
    """Two entries for one another, with their payloads, in every file that has them: only the root is another."""
    size = whole.head.size
    if size < 2:
        return None
    one, other = chance.sample(range(size), 2)
    return _rebuilt(whole, size, lambda each: each.__setitem__(slice(None), _swapped([*each], one, other)))


def _swapped(entries: list[Any], one: int, other: int) -> list[Any]:
    entries[one], entries[other] = entries[other], entries[one]
    return entries


def drop_entry(whole: Whole, chance: random.Random) -> Log | None:
    """One entry, from everywhere; signed anew by whoever has the key in force."""
    size = whole.head.size
    gone = chance.randrange(size - 1) if size > 1 else 0
    return _rebuilt(whole, size, lambda each: each.__delitem__(gone), signed=True) if size > 1 else None


def _rebuilt(whole: Whole, size: int, change: Callable[[list[Any]], None], *, signed: bool = False) -> Log:
    """The log with its entries changed, and every file as it must be for them."""
    log = whole.log
    entries = [each for number in range(-(-size // 256)) for each in bundle_entries(number, size, log.get)]
    items = [each for number in range(-(-size // 256)) for each in payload.unpack(
        log[payload.path(number)], min(256, size - number * 256))[0]]
    pairs = [*zip(entries, items, strict=True)]
    change(pairs)
    forged = {path: data for path, data in log.items() if not path.startswith(("tile/", "payload/"))}
    edge = Edge()
    forged |= {tile.path: data for tile, data in edge.append(leaf_hash(entry) for entry, _ in pairs).items()}
    for first in range(0, len(pairs), 256):
        some, number = pairs[first : first + 256], first // 256
        partial = f".p/{len(some)}" if len(some) < 256 else ""
        forged[f"tile/entries/{number:03d}{partial}"] = bundle(entry for entry, _ in some)
        forged[payload.path(number)] = payload.pack(item for _, item in some)
    if signed:
        forged["checkpoint"] = sign(Checkpoint(ORIGIN, edge.size, edge.root()), KEY, vectors.NEXT)
    return forged


def replay(whole: Whole, chance: random.Random) -> Log | None:
    """An older checkpoint with the files of the newer log: entries beyond it are in no journal."""
    if whole.earlier.size == whole.head.size:
        return None
    return whole.log | {"checkpoint": whole.earlier_note}


def stranger(whole: Whole, chance: random.Random) -> Log:
    """The right name with another key."""
    return whole.log | {"checkpoint": sign(whole.head, vectors.STRANGER)}


def unlinked(whole: Whole, chance: random.Random) -> Log | None:
    """Without the proof that the key changed."""
    links = [path for path in whole.log if path.startswith("key/")]
    signed_by_both = sign(whole.head, vectors.NEXT)
    if not links:
        return None
    return {path: data for path, data in whole.log.items() if path not in links} | {"checkpoint": signed_by_both}


def cover_up(whole: Whole, chance: random.Random) -> Log | None:
    """A payload taken out of its file."""
    names = [path for path in whole.log if payload.number(path) is not None]
    name = chance.choice(sorted(names))
    number = payload.number(name) or 0
    width = min(256, whole.head.size - number * 256)
    if width <= 0:
        return None
    items = payload.unpack(whole.log[name], width)[0]
    there = [place for place, item in enumerate(items) if item]
    if not there:
        return None
    rest = whole.log[name][len(payload.pack(items)) :]
    items[chance.choice(there)] = b""
    return whole.log | {name: payload.pack(items) + rest}


def add_file(whole: Whole, chance: random.Random) -> Log:
    """A file that does not belong to a log, or not to this one."""
    size = whole.head.size
    name = chance.choice((
        "tile/0/099", "tile/7/000", "payload/099", "notes.txt", "tile/00/000", "key/00000000.tlog-proof",
        f"tile/entries/{size // 256:03d}.p/{255}", "journal/1", "checkpoint.bak",
    ))  # fmt: skip
    return whole.log | {name: whole.log.get(name, b"x" * 64)} if name not in whole.log else flip(whole, chance)


DEEDS: dict[str, Callable[[Whole, random.Random], Log | None]] = {
    each.__name__: each for each in (
        flip, drop_file, cut, swap_files, swap_entries, drop_entry, replay, stranger, unlinked, cover_up, add_file,
    )
}


def fork(whole: Whole, chance: random.Random) -> None:
    """Another log of the same key, longer than the one that was known: only who knew the other finds out.

    Raises:
        Missed: it is taken for the one that was known.
    """
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        with Journal(directory, KEY, ORIGIN) as journal:
            journal.append_many(_statements(0, 1, whole.earlier.size + chance.randrange(20)))
        log = load(directory)
    if verify(log.get, KEY.verifier, names=log).size >= whole.earlier.size > 0:
        _refused(log, KEY.verifier, "a fork", whole.earlier)
    shorter = whole.log
    later = Checkpoint(ORIGIN, whole.head.size + 1, bytes(32))
    _refused(shorter, KEY.verifier, "a truncated log", later)


def too_long(chance: random.Random) -> None:
    """An entry of 65,536 bytes is never written, and one of 65,535 is.

    Raises:
        Missed: it was, or it was not.
    """
    with tempfile.TemporaryDirectory() as place, Journal(Path(place), KEY, ORIGIN) as journal:
        journal.append_many(_statements(0, 1, chance.randrange(5)))
        first = journal.append(_of_length(0))
        entry = bundle_entries(0, journal.integrate(), _reader(Path(place)))[first]
        room = 65_535 - len(entry) - (len(str(journal.size)) - len(str(first))) - 1
        journal.append(_of_length(room))  # sequence and index may have a digit more: at most two
        try:
            journal.append(_of_length(room + 3))
        except TooComplex:
            return
    raise Missed("an entry of more than 65,535 bytes was written")


def _of_length(length: int) -> Entry:
    return Entry("broker.stopped", START, {"version": "v" * (length + 1)})


def _reader(directory: Path) -> Callable[[str], bytes | None]:
    return lambda path: (directory / path).read_bytes() if (directory / path).exists() else None


# seeds


def play(seed: int, result: Result) -> None:
    """One deed at one log."""
    chance = random.Random(f"tamper {seed}")
    each = whole(chance.randrange(24))
    key = KEYS[0]
    result.seeds += 1
    kind = chance.choice([*DEEDS, "fork", "too_long", "nothing"])
    result.by_kind[kind] += 1
    try:
        if kind == "nothing":
            verify(each.log.get, key, names=each.log, known=each.earlier)
        elif kind == "fork":
            fork(each, chance)
        elif kind == "too_long":
            too_long(chance)
        else:
            log = DEEDS[kind](each, chance)
            if log is not None and log != each.log:
                _refused(log, key, kind, None if kind != "replay" else each.head)
    except (Missed, Unverified) as why:
        result.findings.append(f"seed {seed}, {kind}: {why}")


def _refused(log: Log, key: VerifierKey, kind: str, known: Checkpoint | None) -> None:
    try:
        found = verify(log.get, key, names=log, known=known)
    except Unverified:
        return
    if found.torn:
        return  # said to the person who verifies
    raise Missed(f"{kind} was not found")


IN_THE_TREE = ("flip", "drop_file", "cut", "swap_files", "swap_entries", "drop_entry", "stranger", "cover_up")
"""Deeds that the verifier in another language is to find, where they are done to a file that the tree needs."""


def second_opinions(seeds: range, verdict: Callable[[list[dict[str, Any]]], dict[str, str]]) -> list[str]:
    """Where another verifier says other than ours of what was done to the tree. Its word is "" for a log that holds."""
    cases, ours = [], {}
    for seed in seeds:
        chance = random.Random(f"tamper {seed}")
        each = whole(chance.randrange(24))
        kind = chance.choice(IN_THE_TREE)
        log = DEEDS[kind](each, chance) if seed % 5 else each.log
        key = KEYS[-1] if any(path.startswith("key/") for path in each.log) else KEYS[0]
        touched = {path for path in each.log.keys() | (log or {}).keys() if (log or {}).get(path) != each.log.get(path)}
        if log is None or not all(_needed(path, each.head.size) for path in touched):
            continue
        files = {path: b64encode(data).decode() for path, data in log.items()}
        cases.append({"name": f"seed {seed}, {kind}", "key": str(key), "files": files})
        try:
            verify(log.get, key)
            ours[f"seed {seed}, {kind}"] = ""
        except Unverified as why:
            ours[f"seed {seed}, {kind}"] = why.what
    theirs = verdict(cases)
    return [f"{name}: we say `{said}`, they say `{theirs[name]}`" for name, said in ours.items()
            if bool(said) != bool(theirs[name])]  # fmt: skip


def main() -> int:
    """Exit status 0 when everything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result, began = Result(), time.monotonic()
    for seed in range(given.first, given.first + given.seeds):
        play(seed, result)
    result.seconds = round(time.monotonic() - began, 1)
    if given.json:
        print(json.dumps(result.__dict__, indent=2))
    else:
        print("\n".join(result.findings))
        print(f"{result.seeds} seeds, {len(result.findings)} findings, {result.seconds} s: {dict(result.by_kind)}")
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())

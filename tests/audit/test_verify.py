"""Whoever changes, removes, adds or swaps a stored byte is found out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from audit import independent, logs
from audit.logs import KEY, Log, check
from gov.audit import payload
from gov.audit.checkpoint import Checkpoint, open_checkpoint, sign
from gov.audit.entry import FIRST, Entry, Record, read_leaf, record
from gov.audit.line import read_lines, write_line
from gov.audit.note import SigningKey
from gov.audit.stretch import UNREADABLE, examine
from gov.audit.tree import Edge, bundle, leaf_hash, unbundle
from gov.audit.verify import Verified, verify
from gov.errors import Unverified

SMALL, PENDING = 5, 3
LARGE = 600


@pytest.fixture(scope="module", name="small")
def _small(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Five entries in the tree, in two steps, and three in the journal."""
    return logs.make(tmp_path_factory.mktemp("small"), SMALL, PENDING, step=3)


@pytest.fixture(scope="module", name="large")
def _large(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Two full bundles and a partial one, older partial tiles still there, and entries in the journal."""
    return logs.make(tmp_path_factory.mktemp("large"), LARGE, 7, step=37)


def broken(log: Log, known: Checkpoint | None = None) -> str:
    """What the verifier complains of; fails when it is content."""
    with pytest.raises(Unverified) as error:
        check(log, known)
    return error.value.what


def test_a_log_that_holds(small: Log, large: Log) -> None:
    """And what was proved of it."""
    for log, size, pending in ((small, SMALL, PENDING), (large, LARGE, 7)):
        result = check(log)

        assert (result.size, result.pending, result.erased, result.torn) == (size, pending, 0, 0)
        assert result.payloads == (size + 1) // 2
        assert result.checkpoint == open_checkpoint(log["checkpoint"], KEY.verifier)


def test_every_bit_of_a_small_log(small: Log) -> None:
    """Of every file: each flipped bit is found."""
    for name, content in small.items():
        for at in range(len(content)):
            changed = bytearray(content)
            changed[at] ^= 1 << at % 8
            broken(small | {name: bytes(changed)})


def test_bytes_of_a_large_log(large: Log) -> None:
    """Of every file, the first, the last and some between."""
    chance = random.Random(1)
    for name, content in large.items():
        places = {0, len(content) - 1, *(chance.randrange(len(content)) for _ in range(3))}
        for at in places:
            changed = bytearray(content)
            changed[at] ^= 1 << chance.randrange(8)
            broken(large | {name: bytes(changed)})


def test_every_missing_file(large: Log) -> None:
    """But partial tiles of older checkpoints, which tlog-tiles lets go, and the copy of the key."""
    current = {f"tile/0/002.p/{LARGE % 256}", f"tile/entries/002.p/{LARGE % 256}", "tile/1/000.p/2"}
    optional = {name for name in large if ".p/" in name} - current | {"key.pub"}
    for name in large:
        rest = {other: content for other, content in large.items() if other != name}
        if name in optional:
            check(rest)
        else:
            assert name.split("/")[0] in broken(rest)


def test_every_file_cut_short_or_grown(large: Log) -> None:
    """By a byte. A journal cut short cannot be told from a crash; it is said how much was cut."""
    for name, content in large.items():
        broken(large | {name: content + b"\xff"})
        if name.startswith("journal/"):
            assert check(large | {name: content[:-1]}).torn > 0
        else:
            broken(large | {name: content[:-1]})


def test_swapped_files(large: Log) -> None:
    """Right content in the wrong place."""
    for one, other in (
        ("tile/0/000", "tile/0/001"),
        ("tile/entries/000", "tile/entries/001"),
        ("payload/000", "payload/001"),
        ("tile/0/000", "tile/entries/000"),
    ):
        assert "000" in broken(large | {one: large[other], other: large[one]})


def test_swapped_entries_with_everything_recomputed(large: Log) -> None:
    """A forger without the key who repairs bundle and tile still does not have the root."""
    entries = unbundle(large["tile/entries/000"])
    entries[10], entries[12] = entries[12], entries[10]
    items = payload.unpack(large["payload/000"], 256)[0]
    items[10], items[12] = items[12], items[10]
    forged = {
        "tile/entries/000": bundle(entries),
        "tile/0/000": b"".join(map(leaf_hash, entries)),
        "payload/000": payload.pack(items),
    }

    assert "tile/entries/000, entry 10: it says that it is entry 12" in broken(large | forged)


def test_a_changed_entry_with_everything_recomputed(large: Log) -> None:
    """The next one does not follow it."""
    entries = unbundle(large["tile/entries/000"])
    entries[10] = entries[10].replace(b'"verdict":"allow"', b'"verdict":"denyy"')
    forged = {"tile/entries/000": bundle(entries), "tile/0/000": b"".join(map(leaf_hash, entries))}

    assert "entry 11: it does not follow the entry before it" in broken(large | forged)


def test_the_place_of_the_first_break_is_named(large: Log) -> None:
    """File, entry and reason."""
    changed = large["tile/entries/001"].replace(b'"n":300', b'"n":301')

    assert broken(large | {"tile/entries/001": changed}) == (
        "the audit log is broken at tile/entries/001, entry 300: it is not the entry whose hash the tree has"
    )


def test_a_changed_payload(large: Log) -> None:
    """What somebody is said to have typed."""
    changed = large["payload/001"].replace(b"select 300", b"select 301")

    assert "payload/001, payload of entry 300: it is not the one" in broken(large | {"payload/001": changed})


def test_swapped_payloads(small: Log) -> None:
    """Both true, each with the other's entry."""
    items = payload.unpack(small["payload/000"], SMALL)[0]
    items[0], items[2] = items[2], items[0]

    assert "payload of entry 0" in broken(small | {"payload/000": payload.pack(items)})


def test_a_removed_payload_needs_an_entry_that_says_so(small: Log) -> None:
    """Retention leaves a trace; a removal does not pass for it."""
    items = payload.unpack(small["payload/000"], SMALL)[0]
    items[0] = b""

    assert "no entry says that it was erased" in broken(small | {"payload/000": payload.pack(items)})


def test_payloads_erased_by_retention(small: Log) -> None:
    """The proof stays whole, and the report counts them."""
    entries = [*logs.statements(0, 3), Entry("log.erased", 9.0, {"first": 0, "end": 2})]

    log = forge(entries)
    items = payload.unpack(log["payload/000"], 4)[0]
    items[0] = b""

    assert check(log | {"payload/000": payload.pack(items)}).erased == 1
    items[2] = b""
    assert "payload of entry 2" in broken(log | {"payload/000": payload.pack(items)})


def forge(entries: list[Entry], key: SigningKey = KEY) -> Log:
    """A log of these entries as the holder of `key` can make it, whatever they say."""
    records, last = [], FIRST
    for index, entry in enumerate(entries):
        records.append(record(entry, index, last, b"0123456789abcdef"))
        last = records[-1].hash
    edge = Edge()
    tiles = edge.append(made.hash for made in records)
    return {tile.path: content for tile, content in tiles.items()} | {
        "checkpoint": sign(Checkpoint(key.name, edge.size, edge.root()), key),
        "key.pub": f"{key.verifier}\n".encode(),
        f"tile/entries/000.p/{edge.size}": bundle(made.leaf for made in records),
        "payload/000": payload.pack(made.sealed for made in records),
        "journal/0000000000000001": b"",
    }


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (Entry("statement.done", 9.0, {"statement": 1}), "completes a statement that is not there: entry 1"),
        (Entry("statement.done", 9.0, {"statement": 3}), "completes a statement that is not there: entry 3"),
        (Entry("statement.done", 9.0, {"statement": -1}), "completes a statement that is not there: entry -1"),
        (Entry("statement.done", 9.0, {}), "completes a statement that is not there: entry None"),
        (Entry("log.erased", 9.0, {"first": 0, "end": 9}), "does not say which payloads were erased"),
    ],
)
def test_a_signed_log_that_contradicts_itself(entry: Entry, why: str) -> None:
    """The key does not make it true."""
    assert why in broken(forge([*logs.statements(0, 3), entry]))


def test_a_log_of_the_right_name_and_another_key(small: Log) -> None:
    """Made by somebody who took the broker's place."""
    with pytest.raises(Unverified, match="not signed by"):
        check(small, key=SigningKey(KEY.name, bytes(32)))


@pytest.mark.parametrize("size", [0, 1, 3, 4, 255, 256, 257, 512, 599, 600])
def test_a_log_goes_on_from_every_earlier_checkpoint(large: Log, size: int) -> None:
    """Whoever kept one can check that nothing before it has changed."""
    hashes = [large["tile/0/000"], large["tile/0/001"], large[f"tile/0/002.p/{LARGE % 256}"]]
    leaves = b"".join(hashes)
    edge = Edge()
    edge.append(leaves[at : at + 32] for at in range(0, size * 32, 32))

    assert check(large, Checkpoint(KEY.name, size, edge.root())).size == LARGE
    if size:
        assert "forked" in broken(large, Checkpoint(KEY.name, size, bytes(32)))


def test_truncation_is_found_by_whoever_holds_a_later_checkpoint(tmp_path: Path, large: Log) -> None:
    """The shorter log is whole in itself."""
    later = open_checkpoint(large["checkpoint"], KEY.verifier)
    shorter = logs.make(tmp_path, 500)

    assert check(shorter).size == 500
    assert "truncated: it has 500 entries, and had 600 once" in broken(shorter, later)


def test_a_truncated_log_without_the_key_is_found_at_once(large: Log) -> None:
    """The last bundle and tiles of an older tree are there, but no checkpoint signs them."""
    older = {name: content for name, content in large.items() if not name.endswith(f"/{LARGE % 256}")}

    assert "the file is missing" in broken(older)


@pytest.mark.parametrize(
    "name",
    [
        "tile/0/003", "tile/0/000.p/300", "tile/0/000.bak", "tile/3/000", "tile/entries/004", "payload/003",
        "payload/x000/000", "payload/000.p/3", "journal/notes", "journal/1", "readme", "tile/0/002.p/250",
    ],
)
def test_files_that_do_not_belong(large: Log, name: str) -> None:
    """Nothing hides beside the log."""
    assert name in broken(large | {name: b"x"})


def test_half_written_files_are_no_part_of_the_log(large: Log) -> None:
    """A crash leaves them; the next start removes them."""
    assert check(large | {"new/0": b"half"}).size == LARGE


# the journal


def journal_of(log: Log) -> str:
    """The name of the one journal file that has lines."""
    (name,) = (name for name, content in log.items() if name.startswith("journal/") and content)
    return name


def test_lines_removed_from_the_middle_of_the_journal(small: Log) -> None:
    """The next one does not follow."""
    name = journal_of(small)
    lines = small[name].splitlines(keepends=True)

    for at in range(PENDING - 1):
        assert "it says that it is entry" in broken(small | {name: b"".join(lines[:at] + lines[at + 1 :])})


def test_swapped_and_repeated_lines(small: Log) -> None:
    """Each entry once, in its place."""
    name = journal_of(small)
    first, second, third = small[name].splitlines(keepends=True)

    assert "it says" in broken(small | {name: second + first + third})
    assert "it says" in broken(small | {name: first + first + second + third})


def test_a_replaced_line_breaks_the_chain(small: Log) -> None:
    """A forger can write a whole line, but not without breaking the next."""
    name = journal_of(small)
    first, second, third = read_lines(small[name]).records
    other = record(Entry("statement", 9.0, {"verdict": "deny"}), first.index, FIRST, b"0123456789abcdef")

    assert "it does not follow" in broken(small | {name: b"".join(map(write_line, (other, second, third)))})


def test_lines_that_the_tree_has_already(small: Log) -> None:
    """A crash before the old journal was removed: fine as long as both say the same."""
    name = "journal/0000000000000000"
    leaves = unbundle(small[f"tile/entries/000.p/{SMALL}"])
    items = payload.unpack(small["payload/000"], SMALL)[0]
    same = [Record(at, leaves[at], leaf_hash(leaves[at]), items[at]) for at in range(SMALL)]
    other = record(Entry("login", 1.0), 0, FIRST, b"0123456789abcdef")

    assert check(small | {name: b"".join(map(write_line, same))}).pending == PENDING
    assert "not the entry 0 of the tree" in broken(small | {name: write_line(other)})


def test_without_a_journal_file_something_was_removed(small: Log) -> None:
    """The writer always has one."""
    rest = {name: content for name, content in small.items() if not name.startswith("journal/")}

    assert "there is no journal file" in broken(rest)


def test_without_names_the_tree_is_verified_alone(large: Log) -> None:
    """Over the API, which lists nothing."""
    result = verify(large.get, KEY.verifier)

    assert isinstance(result, Verified)
    assert (result.size, result.pending) == (LARGE, 0)


def test_a_stranger_verifies_it_from_the_specification_alone(large: Log) -> None:
    """Another implementation, which knows docs/spec/audit-log.md and nothing of gov."""
    entries = independent.prove(large, str(KEY.verifier))

    assert [entry["index"] for entry in entries] == list(range(LARGE + 7))
    assert entries[300]["payload"] == {"principal": "alice", "text": "select 300"}
    for name in ("checkpoint", "tile/entries/001", "tile/0/001", "payload/001"):
        with pytest.raises((AssertionError, ValueError, KeyError, InvalidSignature)):
            independent.prove(large | {name: large[name].replace(b"a", b"b", 1)}, str(KEY.verifier))


def test_an_entry_that_is_nested_too_deeply_is_a_break() -> None:
    """Whoever made the log made it so; the verifier says where, and does not fall over."""
    deep = b"[" * 60_000
    log = {"tile/entries/000.p/1": bundle([deep]), "tile/0/000.p/1": leaf_hash(deep),
           "payload/000": payload.pack([b""])}
    assert examine(log.get, 1, 0).broken == ("tile/entries/000.p/1, entry 0", UNREADABLE)
    with pytest.raises(Unverified):
        read_leaf(deep)

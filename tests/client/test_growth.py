"""A log that goes on from what it was, and every way in which it could not."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov.audit.checkpoint import Checkpoint
from gov.audit.tree import WIDTH, Edge, Tile, leaf_hash, root
from gov.client.growth import extends
from gov.errors import Unverified

LEAVES = [leaf_hash(str(number).encode()) for number in range(70_000)]


class Log:
    """A log in memory: its tiles as they are on disk."""

    def __init__(self, leaves: list[bytes]) -> None:
        edge = Edge()
        self.files = {tile.path: data for tile, data in edge.append(leaves).items()}
        self.checkpoint = Checkpoint("gov.example", len(leaves), edge.root())
        self.read: list[str] = []

    def __call__(self, path: str) -> bytes | None:
        """The content of a path."""
        self.read.append(path)
        return self.files.get(path)


def checkpoint(size: int) -> Checkpoint:
    """The checkpoint of the honest log at that size, by the slow and obvious way."""
    return Checkpoint("gov.example", size, root(LEAVES[:size]))


SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, 70_000]


@pytest.fixture(scope="module")
def logs() -> dict[int, Log]:
    """The honest log at sizes around every border of tiles."""
    return {size: Log(LEAVES[:size]) for size in SIZES}


def test_an_honest_log_goes_on_from_everything_it_was(logs: dict[int, Log]) -> None:
    """At every pair of sizes around the borders, from at most six tiles."""
    for new in SIZES:
        for old in (size for size in SIZES if size <= new):
            log = logs[new]
            log.read.clear()
            extends(checkpoint(old), log.checkpoint, log)
            assert len(log.read) <= 6


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 700), st.integers(0, 700))
def test_any_two_sizes(first: int, second: int) -> None:
    """The law, at sizes nobody chose."""
    old, new = sorted((first, second))
    log = Log(LEAVES[:new])

    extends(checkpoint(old), log.checkpoint, log)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.data())
def test_a_change_of_any_entry_seen_before_is_found_out(first: int, second: int, data: st.DataObject) -> None:
    """However the log was rebuilt afterwards."""
    old, new = sorted((first, second))
    changed = list(LEAVES[:new])
    changed[data.draw(st.integers(0, old - 1))] = sha256(b"rewritten").digest()
    log = Log(changed)

    with pytest.raises(Unverified, match=f"first {old} entries"):
        extends(checkpoint(old), log.checkpoint, log)


def test_true_tiles_of_another_log_are_no_proof() -> None:
    """The liar shows the old tile as it was, but its new tree does not contain it."""
    changed = [sha256(b"rewritten").digest(), *LEAVES[1:600]]
    liar = Log(changed)
    liar.files[Tile(0, 0).path] = b"".join(LEAVES[:WIDTH])

    with pytest.raises(Unverified, match="does not belong to its tree"):
        extends(checkpoint(100), liar.checkpoint, liar)


def test_an_edge_that_is_not_the_checkpoints_is_no_proof() -> None:
    """Nor are missing or short tiles."""
    for spoil in (b"\0" * 32 * 88, b"", b"\0" * 31):
        log = Log(LEAVES[:600])
        log.files[Tile(0, 2, 88).path] = spoil
        with pytest.raises(Unverified, match=r"hashes are not those|is missing"):
            extends(checkpoint(100), log.checkpoint, log)


def test_a_partial_tile_may_have_become_full_meanwhile() -> None:
    """The log grew between its reply and our question: the full tile begins with the partial one."""
    log = Log(LEAVES[:100])
    log.files = Log(LEAVES[:300]).files

    extends(checkpoint(50), log.checkpoint, log)

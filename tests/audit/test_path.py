"""Merkle paths: made from tiles, checked by the walks of RFC 9162, against the recursive definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import reference
from gov.audit.path import consistency, inclusion, root_of_inclusion, roots_of_consistency
from gov.audit.tree import Edge, leaf_hash

ENTRIES = [str(number).encode() for number in range(70_000)]
HASHES = [*map(leaf_hash, ENTRIES)]
SMALL = st.integers(1, 600)


def tiles(size: int, *sizes: int) -> dict[str, bytes]:
    """The tiles of a log that stopped at each of these sizes on its way."""
    edge, files = Edge(), {}
    for end in sorted({*sizes, size}):
        files |= {tile.path: data for tile, data in edge.append(HASHES[edge.size : end]).items()}
    return files


@given(SMALL, st.data())
def test_every_entry_has_a_path_to_the_root(size: int, data: st.DataObject) -> None:
    """And the path is the one of RFC 6962."""
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(index, size, tiles(size).get)

    assert path == reference.path(index, ENTRIES[:size])
    assert root_of_inclusion(HASHES[index], index, size, path) == reference.mth(ENTRIES[:size])


@given(SMALL, st.data())
def test_every_smaller_tree_has_a_path_to_the_larger(size: int, data: st.DataObject) -> None:
    """And the path is the one of RFC 6962."""
    old = data.draw(st.integers(0, size))
    path = consistency(old, size, tiles(size, old).get)
    before, after = reference.mth(ENTRIES[:old]), reference.mth(ENTRIES[:size])

    assert path == reference.consistency(old, ENTRIES[:size])
    assert roots_of_consistency(old, size, before, path) == (before, after if old else before)


@given(SMALL, st.data())
def test_no_other_leaf_place_or_path_has_that_root(size: int, data: st.DataObject) -> None:
    """A proof shows one entry at one place in one tree."""
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(index, size, tiles(size).get)
    root = reference.mth(ENTRIES[:size])
    others = [(HASHES[index + 1], index, path)]
    others += [(HASHES[index], index, path[:-1]), (HASHES[index], index, [*path, root])]
    others += [(HASHES[index], other, path) for other in {index ^ 1, index // 2, size - 1} - {index} if other < size]
    if path:
        others.append((HASHES[index], index, [bytes(32), *path[1:]]))
    for leaf, place, way in others:
        if way == path and leaf == HASHES[place]:
            continue
        try:
            found = root_of_inclusion(leaf, place, size, way)
        except ValueError:
            continue
        assert found != root or (way, place) == (path, index)


@given(SMALL, st.data())
def test_a_changed_consistency_path_leads_nowhere(size: int, data: st.DataObject) -> None:
    """Shorter, longer, or with another hash in it."""
    old = data.draw(st.integers(0, size))
    path = consistency(old, size, tiles(size).get)
    roots = (reference.mth(ENTRIES[:old]), reference.mth(ENTRIES[:size]))
    ways = [path[:-1], [*path, bytes(32)], *([*path[:at], bytes(32), *path[at + 1 :]] for at in range(len(path)))]
    for way in ways:
        if way == path:
            continue
        try:
            found = roots_of_consistency(old, size, roots[0], way)
        except ValueError:
            continue
        assert found != roots


def test_a_tree_of_three_levels() -> None:
    """70,000 entries, as in the example of tlog-tiles; partial tiles that are gone are cut from the full ones."""
    files = tiles(70_000)
    root = reference.mth(ENTRIES)
    for index in (0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999):
        path = inclusion(index, 70_000, files.get)
        assert root_of_inclusion(HASHES[index], index, 70_000, path) == root
    for old in (1, 256, 65_536, 65_537, 69_999):
        path = consistency(old, 70_000, files.get)
        assert roots_of_consistency(old, 70_000, reference.mth(ENTRIES[:old]), path)[1] == root
    smaller = inclusion(3, 300, files.get)
    assert root_of_inclusion(HASHES[3], 3, 300, smaller) == reference.mth(ENTRIES[:300])


def test_what_there_is_not() -> None:
    """Entries and sizes beyond the log, and logs without the tiles."""
    for what in (
        lambda: inclusion(5, 5, tiles(5).get), lambda: inclusion(-1, 5, tiles(5).get),
        lambda: consistency(6, 5, tiles(5).get), lambda: inclusion(0, 5, {}.get),
        lambda: root_of_inclusion(HASHES[0], 5, 5, []), lambda: roots_of_consistency(6, 5, bytes(32), []),
    ):
        with pytest.raises(ValueError, match=r"entr|missing"):
            what()

"""The tree agrees with the RFC, and its files with C2SP tlog-tiles."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit import reference
from gov.audit import tree
from gov.audit.tree import EMPTY, Edge, Tile, leaf_hash

# The test vectors of Certificate Transparency's reference implementation (merkletree tests).
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def numbered(size: int) -> list[bytes]:
    """That many different entries."""
    return [str(i).encode() for i in range(size)]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    """Another implementation's published vectors."""
    edge = Edge()
    edge.append(map(leaf_hash, CT_LEAVES[:size]))

    assert edge.root().hex() == CT_ROOTS[size - 1]


def test_the_tree_of_nothing_has_the_hash_of_nothing() -> None:
    """RFC 9162, 2.1.1."""
    assert Edge().root() == tree.root([]) == EMPTY == sha256(b"").digest()


@given(st.lists(st.binary(max_size=4), max_size=70))
@settings(deadline=None)
def test_root_is_the_rfc_definition(entries: list[bytes]) -> None:
    """Pairing level by level is splitting at the largest power of two."""
    assert tree.root([leaf_hash(entry) for entry in entries]) == reference.mth(entries)


@given(st.lists(st.integers(0, 300), max_size=6))
@example([255, 1, 256, 1])
@settings(deadline=None, max_examples=25)
def test_however_it_grows_the_tree_is_the_same(steps: list[int]) -> None:
    """In one go or step by step: same root; every tile needed was written and is the formula's."""
    entries = numbered(sum(steps))
    hashes = [leaf_hash(entry) for entry in entries]
    edge, written, at = Edge(), dict[Tile, bytes](), 0
    for step in steps:
        written |= edge.append(hashes[at : at + step])
        at += step

    assert edge.size == len(entries)
    assert edge.root() == reference.mth(entries)
    for tile in tree.tiles(len(entries)):
        assert tile.level is not None
        assert written[tile] == reference.tile(entries, tile.level, tile.number, tile.width)


def test_three_levels_of_tiles() -> None:
    """At 65,536 + 257 entries the first hash of level 2 appears, and the root is still the RFC's."""
    entries = numbered(65_536 + 257)
    edge = Edge()
    written = edge.append(map(leaf_hash, entries))

    assert edge.root() == reference.mth(entries)
    assert written[Tile(2, 0, 1)] == reference.mth(entries[:65_536])
    assert written[Tile(1, 1, 1)] == reference.mth(entries[65_536:65_792])
    assert set(tree.tiles(len(entries))) <= set(written)


def test_the_tiles_of_a_tree_of_70000_entries() -> None:
    """The example in tlog-tiles."""
    tiles = list(tree.tiles(70_000))

    assert len([tile for tile in tiles if tile.level == 0 and tile.width == 256]) == 273
    assert [tile for tile in tiles if tile.width != 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert Tile(1, 0) in tiles


def test_a_tree_of_256_entries_has_a_full_tile_and_a_partial_one_above() -> None:
    """The other example in tlog-tiles."""
    assert list(tree.tiles(256)) == [Tile(0, 0), Tile(1, 0, 1)]


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(1, 999, 17), "tile/1/999.p/17"),
        (Tile(None, 1000), "tile/entries/x001/000"),
        (Tile(None, 1234067, 255), "tile/entries/x001/x234/067.p/255"),
    ],
)
def test_paths(tile: Tile, path: str) -> None:
    """As tlog-tiles writes them, both ways."""
    assert tile.path == path
    assert tree.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0", "tile/0/0000", "tile/00/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01",
        "tile/0/x000/000", "tile/0/001/000", "tile/0/x1/000", "tile/100/000", "tile/0/000.new", "tile/e/000",
        "tile/0/000\n", "tile/0/٠٠٠", "/tile/0/000", "tile/entries/000.p",
    ],
)
def test_other_spellings_are_no_paths(path: str) -> None:
    """Each tile has one name; a second one would be a place to hide a file."""
    assert tree.parse(path) is None


@given(st.integers(0, 10**12))
def test_every_number_has_one_path(number: int) -> None:
    """However long the log grows."""
    assert tree.parse(Tile(0, number).path) == Tile(0, number)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_come_apart_as_they_were_put_together(entries: list[bytes]) -> None:
    """Lengths are big-endian uint16."""
    assert tree.unbundle(tree.bundle(entries)) == entries


def test_the_longest_entry() -> None:
    """65,535 bytes fit, one more does not, and nothing is cut short."""
    assert tree.unbundle(tree.bundle([b"x" * 65_535])) == [b"x" * 65_535]
    with pytest.raises(OverflowError):
        tree.bundle([b"x" * 65_536])


@given(st.lists(st.binary(max_size=10), min_size=1, max_size=5), st.data())
def test_a_bundle_cut_short_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    """Unless it happens to end where an entry ends: then it has fewer."""
    whole = tree.bundle(entries)
    cut = data.draw(st.integers(0, len(whole) - 1))
    ends = [len(tree.bundle(entries[:n])) for n in range(len(entries))]

    if cut in ends:
        assert tree.unbundle(whole[:cut]) == entries[: ends.index(cut)]
    else:
        with pytest.raises(ValueError, match="in the middle"):
            tree.unbundle(whole[:cut])


def test_a_tile_of_broken_hashes_is_refused() -> None:
    """Hashes are 32 bytes."""
    with pytest.raises(ValueError, match="middle of a hash"):
        tree.split(b"x" * 33)

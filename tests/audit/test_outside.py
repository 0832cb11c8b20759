"""Tools that others have written for C2SP logs accept ours, and its proofs, and refuse what is not in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash as their_leaf_hash
from tlog_scales.tlog import ConsistencyProofInvalid, InclusionProofInvalid

from audit import logs
from audit.logs import KEY
from gov.audit.checkpoint import unsigned
from gov.audit.proof import prove_consistency, prove_inclusion, read_consistency, read_inclusion
from gov.audit.tree import leaf_hash
from gov.store.disk import Files
from gov.store.log import Entries

SIZE = 600


@pytest.fixture(scope="module", name="directory")
def _directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("outside")
    logs.make(directory, SIZE, step=37)
    return directory


def test_tlog_scales(directory: Path) -> None:
    """It reads checkpoint, tiles and entries from the directory, and finds the proofs that we find."""
    reader, read = TilesReader(LocalBackend(directory)), Files(directory)
    head = reader.get_checkpoint()
    head.verify(Vkey.from_string(str(KEY.verifier)))
    assert (head.size, reader.calculate_root_hash()) == (SIZE, head.root_hash)
    for index in (0, 255, 256, 300, SIZE - 1):
        theirs, entry = reader.get_inclusion_proof(index, SIZE), reader.get_entry(index)
        theirs.check(their_leaf_hash(entry), head.root_hash)
        ours = prove_inclusion(index, (directory / "checkpoint").read_bytes(), read, entry)
        assert (theirs.node_hashes, entry) == ([*ours.path], Entries(read)[index].raw)
        with pytest.raises(InclusionProofInvalid):
            theirs.check(their_leaf_hash(entry + b" "), head.root_hash)
    for old in (1, 256, 300):
        growth = reader.get_consistency_proof(old, SIZE)
        before = TilesReader(LocalBackend(directory))
        before.set_size(SIZE)
        growth.check(before.mth(0, old), head.root_hash)
        assert growth.node_hashes == [*prove_consistency(old, (directory / "checkpoint").read_bytes(), read).path]
        with pytest.raises(ConsistencyProofInvalid):
            growth.check(bytes(32), head.root_hash)


def test_aics_tlog(directory: Path) -> None:
    """The same, where there is Python 3.12 and that tool."""
    tiles = pytest.importorskip("aics_tlog.tiles", reason="aics-tlog needs Python 3.12")
    from aics_tlog.checkpoint import checkpoint_from_note, verify_checkpoint  # type: ignore[import-not-found]
    from aics_tlog.note import parse_vkey  # type: ignore[import-not-found]
    from aics_tlog.tree import verify_consistency, verify_inclusion  # type: ignore[import-not-found]

    note, read = (directory / "checkpoint").read_bytes(), Files(directory)
    reader, signed = tiles.FileSystemTileReader(directory), checkpoint_from_note(note)[1]
    assert verify_checkpoint(signed, parse_vkey(str(KEY.verifier)), expected_origin=KEY.name).ok
    root = unsigned(note).root
    assert tiles.tree_root_from_tiles(reader, SIZE) == root
    for index in (0, 255, 256, 300, SIZE - 1):
        entry = tiles.read_entry(reader, index, SIZE)
        path = read_inclusion(bytes(prove_inclusion(index, note, read))).path
        assert tiles.inclusion_proof_from_tiles(reader, index, SIZE) == [*path]
        assert verify_inclusion(leaf_hash(entry), index, SIZE, path, root)
        assert not verify_inclusion(leaf_hash(entry + b" "), index, SIZE, path, root)
    for old in (1, 256, 300):
        way = read_consistency(bytes(prove_consistency(old, note, read))).path
        before = tiles.tree_root_from_tiles(reader, old)
        assert verify_consistency(old, SIZE, before, root, way)
        assert not verify_consistency(old, SIZE, bytes(32), root, way)

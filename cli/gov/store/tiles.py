"""The tree on disk: records in, tiles, bundles, payloads and a signed checkpoint out.

What the checkpoint in force covers never changes on disk: tiles and bundles of a larger tree have other
names, payload files grow at their end. So a stop anywhere before the new checkpoint leaves the old tree,
with files ahead of it that the next attempt writes again, byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from gov.audit import payload
from gov.audit.checkpoint import Checkpoint, open_any, sign
from gov.audit.entry import FIRST, Record
from gov.audit.note import SigningKey
from gov.audit.tree import WIDTH, Edge, Tile, bundle, numbered, split
from gov.errors import ConfigError, Unavailable
from gov.store.disk import Disk, Files

CHECKPOINT = "checkpoint"
KEY = "key.pub"
STAGING = "new"
"""Files that are being written; whatever is found here after a crash was never part of the log."""


class Tiles:
    """A log's directory, opened by its only writer. Not for two threads at once."""

    def __init__(self, directory: Path, keys: Sequence[SigningKey], disk: Disk) -> None:
        """`keys` all sign: the one in force is the last, those before it are being given up."""
        self.checkpoint = b""
        """The signed note in force."""
        self._announced = b""
        """The signed note that was last put in its place; in force only if that was certain to be on disk."""
        self.last = FIRST
        """The hash of the last leaf."""
        self.keys = tuple(keys)
        self._directory = directory
        self._disk = disk
        self._read = Files(directory)
        self._edge = Edge()
        self._bundle = b""
        self._payload_length = 0
        self._known: set[Path] = set()
        self._superseded: set[Path] = set()
        """Directories of partial tiles and bundles whose full ones are there."""
        self._doubtful: set[str] = set()
        """Payload files that were made anew, and whose names may not be on the disk."""
        self._open()

    @property
    def size(self) -> int:
        """Entries under the checkpoint."""
        return self._edge.size

    def extend(self, records: Sequence[Record]) -> None:
        """Append these records, which follow the last one, and sign the new root.

        Raises:
            OSError: The disk failed; the old checkpoint stays in force.
            Unavailable: A file of the log is shorter than it was left.
        """
        self._settle()
        edge = self._edge.copy()
        files = edge.append(record.hash for record in records)
        bundles, payloads = self._group(records)
        for number, sealed in payloads.items():
            self._append_payload(number, sealed)
        contents = {tile.path: data for tile, data in (bundles | files).items()}
        self.place(contents)
        note = sign(Checkpoint(self.keys[-1].name, edge.size, edge.root()), *self.keys)
        self._announced = note
        self.place({CHECKPOINT: note})
        self._accept(edge, records[-1].hash, note, bundles, payloads)

    @property
    def intact(self) -> bool:
        """Whether the checkpoint on disk is the one in force."""
        return self._read(CHECKPOINT) in (self.checkpoint, self._announced)

    def restore(self) -> None:
        """Let the checkpoint in force be on disk again. Raises OSError."""
        self.place({CHECKPOINT: self.checkpoint})

    def erase(self, places: Mapping[int, Collection[int]]) -> int:
        """Let the payloads at these places of these bundles be gone, salts and all; how many there were.

        Each file is replaced whole by one without them; then what the old one held is overwritten.

        Raises:
            OSError: The disk failed; some may be gone and others not.
        """
        self._settle()
        contents, count = dict[str, bytes](), 0
        for number, gone in places.items():
            items = payload.unpack(self._read(payload.path(number)) or b"", self._width(number))[0]
            kept = [b"" if place in gone else item for place, item in enumerate(items)]
            if kept != items:
                contents[payload.path(number)] = payload.pack(kept)
                count += sum(map(bool, items)) - sum(map(bool, kept))
        former = [self._disk.open_write(self._directory / name) for name in contents]
        try:
            self._doubtful |= contents.keys()
            self.place(contents)
            self._doubtful -= contents.keys()
            for fd in former:
                self._disk.scrub(fd)
        finally:
            for fd in former:
                self._disk.close(fd)
            self._measure()
        return count

    def forget(self, name: str) -> None:
        """Remove a file that is not needed any more. Raises OSError."""
        self._disk.remove(self._directory / name)
        self._disk.sync_directory((self._directory / name).parent)

    def _settle(self) -> None:
        """Make files anew whose names were not certain to be on the disk."""
        if self._doubtful:
            self.place({name: self._read(name) or b"" for name in sorted(self._doubtful)})
            self._doubtful.clear()

    def _width(self, number: int) -> int:
        return min(WIDTH, self.size - number * WIDTH)

    def _measure(self) -> None:
        """See how long the payload file is that grows: an erasure may have made it shorter."""
        if self.size % WIDTH:
            number = self.size // WIDTH
            data = self._read(payload.path(number)) or b""
            self._payload_length = payload.unpack(data, self._width(number))[1]

    def prune(self) -> None:
        """Partial tiles and bundles go when the full one is there (tlog-tiles allows it). Raises OSError.

        Apart from `extend`: what it added is in the tree whether this succeeds or not.
        """
        for partials in sorted(self._superseded):
            self._disk.remove_directory(partials)
            self._known.discard(partials)
            self._superseded.discard(partials)

    def _group(self, records: Sequence[Record]) -> tuple[dict[Tile, bytes], dict[int, bytes]]:
        """Entry bundles as they become, and what each payload file gains."""
        bundles: dict[Tile, bytes] = {}
        payloads: dict[int, bytes] = {}
        for number, group in groupby(records, lambda record: record.index // WIDTH):
            members = list(group)
            width = members[-1].index % WIDTH + 1
            before = self._bundle if number == self.size // WIDTH else b""
            bundles[Tile(None, number, width)] = before + bundle(record.leaf for record in members)
            payloads[number] = payload.pack(record.sealed for record in members)
        return bundles, payloads

    def _append_payload(self, number: int, items: bytes) -> None:
        path = self._directory / payload.path(number)
        known = self._payload_length if number == self.size // WIDTH else 0
        self._make(path.parent)
        if not known:
            self._disk.remove(path)  # left by an attempt whose sync may have failed: its name is made anew as well
        fd = self._disk.open_append(path)
        try:
            if self._disk.length(fd) < known:
                raise Unavailable(f"{payload.path(number)} was cut short", hint=_verify(self._directory))
            self._disk.truncate(fd, known)  # what an interrupted attempt left
            rest = memoryview(items)
            while rest:
                rest = rest[self._disk.write(fd, rest) :]
            self._disk.sync(fd)
        finally:
            self._disk.close(fd)
        if not known:
            self._disk.sync_directory(path.parent)

    def place(self, contents: Mapping[str, bytes]) -> None:
        """Let these files appear, each whole, all on the disk when this returns."""
        paths = [self._directory / name for name in contents]
        for number, data in enumerate(contents.values()):
            self._disk.create(self._directory / STAGING / str(number), data)
        for number, path in enumerate(paths):
            self._make(path.parent)
            self._disk.rename(self._directory / STAGING / str(number), path)
        for parent in dict.fromkeys(path.parent for path in paths):
            self._disk.sync_directory(parent)

    def _make(self, directory: Path) -> None:
        if directory in self._known:
            return
        if directory != self._directory:
            self._make(directory.parent)
        self._disk.make_directory(directory)
        try:
            self._disk.sync_directory(directory.parent)
        except OSError:
            self._disk.forget_directory(directory)  # so that the next attempt makes its name anew
            raise
        self._known.add(directory)

    def _accept(
        self, edge: Edge, last: bytes, note: bytes, bundles: dict[Tile, bytes], payloads: dict[int, bytes]
    ) -> None:
        tile, data = next(reversed(bundles.items()))
        grown = self._payload_length if tile.number == self.size // WIDTH else 0
        partial = tile.width < WIDTH
        self._payload_length = grown + len(payloads[tile.number]) if partial else 0
        self._bundle = data if partial else b""
        self._edge, self.last, self.checkpoint = edge, last, note
        full = [numbered(tile.number) for tile in bundles if tile.width == WIDTH]
        self._superseded |= {
            self._directory / "tile" / level / f"{number}.p" for number in full for level in ("entries", "0")
        }

    def _open(self) -> None:
        self._make(self._directory)
        self._make(self._directory / STAGING)
        for leftover in sorted((self._directory / STAGING).iterdir()):
            self._disk.remove(leftover)
        note = self._read(CHECKPOINT)
        if note is None:
            self._found()
        else:
            self._load(note)

    def _found(self) -> None:
        """Begin a log: its key, then the checkpoint of nothing, before there can be anything else."""
        strange = sorted({name.split("/")[0] for name in self._read.names()} - {KEY})
        if strange:
            raise Unavailable(
                f"{self._directory} has {', '.join(strange)} but no checkpoint: is it a log?",
                hint="restore the checkpoint from a backup, or name an empty directory",
            )
        note = sign(Checkpoint(self.keys[-1].name, 0), *self.keys)
        self.place({KEY: f"{self.keys[-1].verifier}\n".encode()})
        self.place({CHECKPOINT: note})
        self.checkpoint = note

    def _load(self, note: bytes) -> None:
        named = (self._read(KEY) or b"").splitlines()
        if not named or named[-1].decode(errors="replace") not in {str(key.verifier) for key in self.keys}:
            raise ConfigError(
                f"the log in {self._directory} was signed with another key",
                hint="restore the broker's audit key from a backup, or name an empty directory",
            )
        stated = open_any(note, [key.verifier for key in self.keys])
        self.checkpoint = note
        try:
            self._load_edge(stated.size)
        except ValueError as why:
            raise self._damaged(str(why)) from None
        if self._edge.root() != stated.root:
            raise self._damaged("its tiles do not have the root of its checkpoint")

    def _load_edge(self, size: int) -> None:
        levels: list[list[bytes]] = []
        hashes = size
        while hashes:
            width = hashes % WIDTH
            tile = Tile(len(levels), hashes // WIDTH, width)
            levels.append(split(self._need(tile.path)) if width else [])
            hashes //= WIDTH
        self._edge = Edge(size, levels)
        if width := size % WIDTH:
            self._bundle = self._need(Tile(None, size // WIDTH, width).path)
            self._payload_length = payload.unpack(self._need(payload.path(size // WIDTH)), width)[1]
            self.last = levels[0][-1]
        elif size:
            self.last = split(self._need(Tile(0, size // WIDTH - 1).path))[-1]

    def _need(self, path: str) -> bytes:
        data = self._read(path)
        if data is None:
            raise ValueError(f"{path} is missing")
        return data

    def _damaged(self, why: str) -> Unavailable:
        return Unavailable(f"the audit log is damaged: {why}", hint=_verify(self._directory))


def _verify(directory: Path) -> str:
    return f"gov audit verify --dir {directory}"

"""The child process that fills the index of the log: `python -m gov.broker.indexer LOG INDEX`.

A process of its own, and a patient one: filling takes a processor's time, and the broker's is for statements.
It looks at the log once a second, takes up what has come into the tree, and ends when its standard input does.
What it says on standard output is JSON, a line each time that something is different.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from gov.audit.tree import leaf_hash
from gov.broker.follower import alone
from gov.errors import GovError, NoSuch
from gov.store.disk import Files
from gov.store.edges import LineageFiller
from gov.store.index import EntryFiller, Filler, Writer
from gov.store.log import Entries, Found, integrated, of_tree

EVERY = 1.0
"""Seconds between two looks at the log."""
BATCH = 4096
"""Entries of one transaction: what a reader waits for at most."""
OCTETS = 4 << 20
"""Of the entries of one transaction, about: what it writes must fit into the room that is left."""
ROOM = 32 << 20
"""Bytes of a disk that the index leaves to the log and the state: without it questions are only slower."""
PATIENCE = 10
"""Added to the niceness."""


def fillers() -> tuple[Filler, ...]:
    """Everybody's tables."""
    return EntryFiller(), LineageFiller()


def bring_up(writer: Writer, read: Files, most: int = BATCH) -> bool:
    """Take up at most so many entries of the tree; whether there are more.

    Raises:
        Unavailable: the log cannot be read.
        sqlite3.Error: the index is damaged, or its disk full.
    """
    size = integrated(read)
    if not writer.is_there or not _continues(writer, read):
        writer.rebuild()
    if writer.size < size:
        writer.add(_portion(islice(of_tree(read, writer.size), min(most, size - writer.size))))
    writer.scrub()
    return writer.size < size


def _portion(entries: Iterable[Found]) -> Iterator[Found]:
    taken = 0
    for each in entries:
        yield each
        taken += len(each.raw) + len(each.sealed)
        if taken >= OCTETS:
            return


def _continues(writer: Writer, read: Files) -> bool:
    """Whether the log goes on from what the index has: it may have been restored, or be another."""
    if not writer.size:
        return True
    try:
        return leaf_hash(Entries(read)[writer.size - 1].raw).hex() == writer.last
    except NoSuch:
        return False


def run(directory: Path, path: Path) -> None:
    """Follow the log until nobody holds the other end of standard input."""
    while not has_room(path):
        _tell(0, _NO_ROOM)
        if select.select([sys.stdin], [], [], EVERY)[0]:
            return
    read, writer, told = Files(directory), Writer(path, fillers()), ""
    while True:
        more, error = False, ""
        try:
            if has_room(path):
                more = bring_up(writer, read)
            else:
                error = _NO_ROOM
        except GovError as why:
            error = why.what
        except sqlite3.DatabaseError as why:
            _tell(writer.size, str(why))
            # What the fillers remember is of no use after a failure. Damage is removed; a full disk is waited for.
            if not isinstance(why, sqlite3.OperationalError):
                path.unlink(missing_ok=True)
            raise SystemExit(1) from None
        if not more and (state := f"{writer.size} {error}") != told:
            told = state
            _tell(writer.size, error)
        if select.select([sys.stdin], [], [], 0 if more else EVERY)[0]:
            return


def has_room(path: Path) -> bool:
    """Whether the disk that the index is on has more than the index leaves to others."""
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize > ROOM


_NO_ROOM = "the disk is nearly full, and its last room is for the log"


def _tell(size: int, error: str) -> None:
    with suppress(OSError):
        print(json.dumps({"size": size, "error": error}), flush=True)


def main(arguments: Sequence[str]) -> None:
    """The process."""
    os.nice(PATIENCE)
    index = Path(arguments[1])
    alone(index.with_suffix(".lock"))
    run(Path(arguments[0]), index)


if __name__ == "__main__":
    main(sys.argv[1:])

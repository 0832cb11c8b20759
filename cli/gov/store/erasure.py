"""Payloads that may have to go: which they are, and how they go without breaking a proof.

    1. `erasing` says how many entries there are: an erasure may follow
    2. an entry `log.erased` says what is erased; it is on the disk, under a checkpoint, and out of the journal
    3. each payload file is replaced by one without them, and the old one overwritten
    4. `erasing` is removed

Whatever stops in between, opening the log again goes on from there: the entries that came after `erasing` was
written say what has to go. Before 2 nothing was erased and nothing will be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from gov.audit import payload
from gov.audit.checkpoint import unsigned
from gov.audit.entry import Entry, Leaf, read_leaf
from gov.audit.path import bundle_entries
from gov.audit.succession import ranges
from gov.audit.tree import WIDTH
from gov.errors import Unavailable
from gov.store.disk import Files
from gov.store.tiles import Tiles

if TYPE_CHECKING:
    from gov.store.journal import Journal

MARK = "erasing"
KIND = "log.erased"
AT_ONCE = 32
"""Payload files that are rewritten before others may write again."""
RANGES = 2000
"""In one entry: 65,535 bytes hold them, whatever the numbers are."""

Span = tuple[int, int]
"""Entries first ≤ index < end."""


def erase(journal: Journal, entry: Entry, spans: Sequence[Span]) -> int:
    """Erase the payloads of the entries in `spans`, which are in their order; how many there were. Blocks.

    `entry` is of the kind `log.erased`, and says who and why; which ones is added to it.

    Raises:
        Unavailable: the disk failed. What was not done is done by the next erasure, or when the log is opened.
    """
    if not spans:
        return 0
    with journal.erasing:
        resume(journal)
        journal.integrate()
        journal.change(lambda tiles: tiles.place({MARK: f"{journal.size}\n".encode()}))
        for at in range(0, len(spans), RANGES):
            journal.append(_saying(entry, spans[at : at + RANGES]))
        journal.sync()
        journal.integrate()  # all entries that are erased, and those that say so, are in the tree now
        return _carry_out(journal, spans)


def resume(journal: Journal) -> None:
    """Carry out what an erasure that was stopped had begun.

    Raises:
        Unavailable: the disk failed, or the log is damaged.
    """
    read = Files(journal.directory)
    mark = read(MARK)
    if mark is None:
        return
    journal.integrate()
    size = unsigned(journal.checkpoint).size
    try:
        spans = [span for leaf in leaves(read, size, int(mark)) if leaf.kind == KIND for span in _spans(leaf)]
    except ValueError as why:
        raise Unavailable(f"the audit log is damaged: {why}", hint="gov audit verify") from None
    _carry_out(journal, spans)


def aged(read: Files, size: int, before: float) -> list[Span]:
    """The entries from before that time, seconds since the epoch, that still have payloads: as one span.

    Raises:
        ValueError: the log is damaged.
    """
    end = _first_since(read, size, before)
    first = next(_with_payload(read, size, range(end)), end)
    return [(first, end)] if first < end else []


def chosen(
    read: Files, size: int, wanted: Callable[[Leaf], bool], *, needle: bytes = b"", among: Iterable[int] | None = None
) -> list[Span]:
    """The entries that are wanted and still have payloads.

    Those without `needle` in their bytes are not looked at, nor bundles without one of the entries `among`.

    Raises:
        ValueError: the log is damaged.
    """
    spans: list[Span] = []
    everywhere: Iterable[int] = range(-(-size // WIDTH))
    for number in everywhere if among is None else sorted({index // WIDTH for index in among if 0 <= index < size}):
        found = [*_wanted(read, size, number, wanted, needle)]
        there = set(_with_payload(read, size, found)) if found else set()
        for index in found:
            if index not in there:
                continue
            if spans and spans[-1][1] == index:
                spans[-1] = (spans[-1][0], index + 1)
            else:
                spans.append((index, index + 1))
    return spans


def leaves(read: Files, size: int, first: int = 0) -> Iterator[Leaf]:
    """The leaves of the tree from number `first` on. Raises ValueError."""
    for number in range(first // WIDTH, -(-size // WIDTH)):
        for index, entry in enumerate(bundle_entries(number, size, read), number * WIDTH):
            if index >= first:
                yield read_leaf(entry)


def _saying(entry: Entry, spans: Sequence[Span]) -> Entry:
    fields = {**entry.fields, "first": spans[0][0], "end": spans[-1][1]}
    if len(spans) > 1:
        fields["ranges"] = [list(span) for span in spans]
    return replace(entry, fields=fields)


def _spans(leaf: Leaf) -> Sequence[Span]:
    return ranges(leaf.index, leaf.fields)


def _carry_out(journal: Journal, spans: Iterable[Span]) -> int:
    count = 0
    for group in _groups(spans):
        count += journal.change(partial(Tiles.erase, places=group))
    journal.change(lambda tiles: tiles.forget(MARK))
    return count


def _groups(spans: Iterable[Span]) -> Iterator[dict[int, set[int]]]:
    """A few bundles at a time, each with the places in it that are erased."""
    group: dict[int, set[int]] = {}
    for first, end in spans:
        for number in range(first // WIDTH, -(-end // WIDTH)):
            if number not in group and len(group) == AT_ONCE:
                yield group
                group = {}
            start = number * WIDTH
            group.setdefault(number, set()).update(range(max(first - start, 0), min(end - start, WIDTH)))
    if group:
        yield group


def _wanted(
    read: Files, size: int, number: int, wanted: Callable[[Leaf], bool], needle: bytes
) -> Iterator[int]:
    for index, entry in enumerate(bundle_entries(number, size, read), number * WIDTH):
        if needle in entry and wanted(read_leaf(entry)):
            yield index


def _first_since(read: Files, size: int, before: float) -> int:
    """The first entry that is not older: by halves, as entries come in the order of their time."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        number, place = divmod(middle, WIDTH)
        if read_leaf(bundle_entries(number, size, read)[place]).at.timestamp() < before:
            low = middle + 1
        else:
            high = middle
    return low


def _with_payload(read: Files, size: int, indices: Iterable[int]) -> Iterator[int]:
    """Those of the entries, which are in their order, that have a payload on the disk."""
    for number, group in groupby(indices, lambda index: index // WIDTH):
        items = payload.unpack(read(payload.path(number)) or b"", min(WIDTH, size - number * WIDTH))[0]
        if any(items):
            yield from (index for index in group if items[index % WIDTH])

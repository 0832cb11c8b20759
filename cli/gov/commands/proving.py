"""What `gov audit verify` needs around the verifier: a log to read, a key to trust, a checkpoint to remember.

The verifier itself is `gov.audit.verify`, and `docs/spec/audit-log.md` says enough to write another one.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path
from typing import TYPE_CHECKING

from gov.audit.checkpoint import Checkpoint
from gov.audit.note import VerifierKey, verifier_key
from gov.audit.path import Read
from gov.audit.stretch import Stretch
from gov.audit.tree import HASH_SIZE, WIDTH, Tile, bundle, parse, unbundle
from gov.audit.verify import CHECKPOINT, KEY, Examine, Spread, Verified, verify
from gov.errors import ConfigError, NoSuch, Unavailable, Unverified, UsageError
from gov.store.disk import Files, Listing
from gov.ui.progress import Share, watched

if TYPE_CHECKING:
    from gov.client.api import Broker

_ATTEMPTS = 5
_PAUSE = 0.3
_WORTH_PROCESSES = 4
"""Stretches of a log, below which one process is as quick."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the log is measured by."""

    key: VerifierKey
    pinned: bool
    """Whether the key comes from somewhere else than whoever shows the log."""
    known: Checkpoint | None = None
    """The newest checkpoint seen before."""


def trust(key: str, offered: str) -> Trust:
    """The key to verify with: the given one, or the one pinned at a login for a log of the offered key's name.

    Raises:
        ConfigError: A key is none.
        Unverified: The log offers another key than the pinned one.
    """
    from gov.client.checkpoints import Witness
    from gov.client.config import Contexts, Places

    given = _given(key) if key else None
    places = Places.of()
    for context in Contexts(places).all().values():
        if not context.audit_key:
            continue
        witness = Witness(context, places)
        believed = witness.keys
        if given in believed or (given is None and _named(offered) == believed[-1].name):
            seen = witness.newest()
            return Trust(given or believed[-1], pinned=True, known=seen.checkpoint if seen else None)
    if given is not None:
        return Trust(given, pinned=True)
    if not offered:
        raise UsageError("the copy has no key.pub", hint="gov audit verify --dir COPY --key VKEY")
    try:
        return Trust(verifier_key(offered.splitlines()[-1]), pinned=False)
    except ConfigError as error:
        raise Unverified(f"the audit log is broken at {KEY}: {error.what}", hint=error.hint) from None


@dataclass(frozen=True, slots=True)
class Believed:
    """The keys that may have signed, the one in force last."""

    keys: tuple[VerifierKey, ...]
    pinned: bool
    """Whether they were pinned at a login."""


def believed(key: str, origin: str) -> Believed:
    """The key that is given, or those of the log of that name: what was ever believed of it still proves what it did.

    Raises:
        ConfigError: The key is none.
        UsageError: There is none for that log.
    """
    from gov.client.checkpoints import Witness
    from gov.client.config import Contexts, Places

    if key:
        return Believed((_given(key),), pinned=False)
    places = Places.of()
    for context in Contexts(places).all().values():
        witness = Witness(context, places)
        if witness.pinned and witness.keys[-1].name == origin:
            return Believed(witness.keys, pinned=True)
    raise UsageError(f"no key of the log `{origin}` is pinned here", hint="gov audit verify FILE --key VKEY")


def _given(key: str) -> VerifierKey:
    """The key in `key`, or in the file that it names."""
    if "+" in key and not Path(key).exists():
        return verifier_key(key)
    try:
        return verifier_key(Path(key).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the key cannot be read from {key}", hint="--key VKEY or --key FILE") from error


def _named(vkey: str) -> str:
    return vkey.partition("+")[0]


def verify_copy(directory: Path, key: str) -> tuple[Verified, Trust]:
    """What is true of the log in `directory`, of a live one too. Needs no broker.

    Raises:
        NoSuch: There is no log.
        Unverified: It does not hold.
    """
    files = Files(directory)
    if not directory.is_dir():
        raise NoSuch(f"no such directory: {directory}", hint="gov audit verify --dir COPY")
    measure = trust(key, (files(KEY) or b"").decode(errors="replace").strip())

    def once() -> Verified:
        return _shown(files, measure, names=Listing(files), spread=on_all_processors)

    return _patiently(once, lambda: files(CHECKPOINT)), measure


def _shown(
    read: Read, measure: Trust, *, names: Iterable[str] | None = None, spread: Spread = map
) -> Verified:
    """Verify, and show on a terminal how far it has come."""
    share = Share("entries", shown=watched())
    try:
        return verify(read, measure.key, known=measure.known, names=names, spread=spread, progress=share)
    finally:
        share.clear()


def on_all_processors(examine: Examine, numbers: Iterable[int]) -> Iterator[Stretch]:
    """Like `map`, in as many processes as there are processors, where that is worth their start."""
    numbers, processors = [*numbers], len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if len(numbers) < _WORTH_PROCESSES or processors == 1:
        yield from map(examine, numbers)
        return
    pool = ProcessPoolExecutor(processors, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        yield from pool.map(examine, numbers)
    except BrokenProcessPool:
        raise Unavailable("a process that verified was killed", hint="gov audit verify, with more memory") from None
    finally:  # also at the first break, and at Ctrl-C: what the others are still at is of no use
        pool.shutdown(wait=False, cancel_futures=True)
        for process in active_children():
            process.terminate()


def _patiently(once: Callable[[], Verified], checkpoint: Callable[[], bytes | None]) -> Verified:
    """Try again while the broker moves the log on: a break counts if the checkpoint stood still."""
    for _ in range(_ATTEMPTS):
        before = checkpoint()
        try:
            return once()
        except Unverified:
            time.sleep(_PAUSE)
            if checkpoint() == before:
                # Not enough: the files may have been of the next checkpoint, which came during the pause.
                return once()
    return once()


def verify_remote(broker: Broker, key: str) -> tuple[Verified, Trust]:
    """What is true of the broker's log up to its newest checkpoint, read over the control API.

    Raises:
        Denied: Only auditors read the entries.
        Unverified: It does not hold.
    """
    measure = trust(key, broker.log_key)
    return _shown(Remote(broker), measure), measure


class Remote:
    """The broker's log as it was at one checkpoint."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._checkpoint = broker.checkpoint()

    def __call__(self, path: str) -> bytes | None:
        """The content of `path`; a partial tile that has become full since then, cut back."""
        if path == CHECKPOINT:
            return self._checkpoint
        data = self._broker.audit_file(path)
        tile = parse(path)
        if data is not None or tile is None or tile.width == WIDTH:
            return data
        full = self._broker.audit_file(Tile(tile.level, tile.number).path)
        if full is None:
            return None
        if tile.level is None:
            return bundle(unbundle(full)[: tile.width])
        return full[: tile.width * HASH_SIZE]

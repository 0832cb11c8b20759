"""Bugs to plant in gov, each of a kind that somebody once wrote: the harness must notice every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any
from unittest.mock import patch

from gov.audit.entry import Entry
from gov.broker.trail import Trail
from gov.errors import StatementFailed, Unavailable
from gov.store.disk import Disk
from gov.store.journal import Journal

Plant = Callable[[], AbstractContextManager[None]]


@contextmanager
def ignore_fsync_error() -> Iterator[None]:
    """A sync that failed is taken for one that did not."""
    sync = Disk.sync

    def believing(self: Disk, fd: int) -> None:
        with suppress(OSError):
            sync(self, fd)

    with patch.object(Disk, "sync", believing):
        yield


@contextmanager
def believe_second_fsync() -> Iterator[None]:
    """After a failed sync the next one is believed."""
    with patch.object(Journal, "_refuse_trouble", lambda self: setattr(self, "_trouble", "")):
        yield


@contextmanager
def forget_refusing() -> Iterator[None]:
    """What cannot be recorded runs nevertheless."""
    record = Trail.record

    def careless(self: Trail, entry: Entry) -> int:
        try:
            return record(self, entry)
        except Unavailable:
            return 0

    with patch.object(Trail, "record", careless):
        yield


@contextmanager
def acknowledge_before_sync() -> Iterator[None]:
    """Nobody waits for the disk."""

    async def at_once(self: Trail, index: int) -> None:
        return

    with patch.object(Trail, "durable", at_once):
        yield


@contextmanager
def leave_half_a_line() -> Iterator[None]:
    """What a short write has left is not cut away."""
    with patch.object(Disk, "truncate", lambda self, fd, length: None):
        yield


@contextmanager
def stay_closed() -> Iterator[None]:
    """A journal that met trouble never heals."""
    with patch.object(Journal, "_absorb", _refusing):
        yield


def _refusing(self: Journal, count: int) -> None:
    if self._trouble:
        raise OSError("once in trouble, always in trouble")
    _absorb(self, count)


_absorb = Journal._absorb


@contextmanager
def another_sqlstate() -> Iterator[None]:
    """The refusal does not say that the audit log cannot answer."""
    record = Trail.record

    def vague(self: Trail, entry: Entry) -> int:
        try:
            return record(self, entry)
        except Unavailable as error:
            raise StatementFailed(error.what, hint=error.hint, state="XX000") from None

    with patch.object(Trail, "record", vague):
        yield


@contextmanager
def wait_for_ever() -> Iterator[None]:
    """No bound on how long a sync may take."""
    made = Trail.__init__

    def patient(self: Trail, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        self._patience = 10_000.0

    with patch.object(Trail, "__init__", patient):
        yield


@contextmanager
def write_in_the_loop() -> Iterator[None]:
    """The thread that serves everybody writes by itself, and nobody watches it."""
    with (
        patch.object(Trail, "_append_apart", lambda self, entry: self._journal.append(entry)),
        patch.object(Trail, "_watch", lambda self: None),
    ):
        yield


@contextmanager
def forget_erasing() -> Iterator[None]:
    """An erasure that was stopped is not carried out later."""
    with patch("gov.store.erasure.resume", lambda journal: None):
        yield


PLANTS: dict[str, Plant] = {
    "ignore-fsync-error": ignore_fsync_error,
    "believe-second-fsync": believe_second_fsync,
    "forget-refusing": forget_refusing,
    "acknowledge-before-sync": acknowledge_before_sync,
    "leave-half-a-line": leave_half_a_line,
    "stay-closed": stay_closed,
    "another-sqlstate": another_sqlstate,
    "wait-for-ever": wait_for_ever,
    "write-in-the-loop": write_in_the_loop,
    "forget-erasing": forget_erasing,
}
"""By name."""

"""Every client is a witness: it keeps the newest checkpoint it saw and refuses a log that goes back.

What is compared is what had been seen *before* the call: another process may see a newer checkpoint
while our reply is under way. That a longer log goes on from the shorter one takes a few more requests, so
it is proved now and then (`growth`), from the last checkpoint of which it was proved.

When the log changes its key, the witness follows by the proof that the one it believes has signed (`audit.rotation`).

One file for each broker holds the key it signs with, both notes, and when the proof was made.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from gov.audit.checkpoint import Checkpoint, open_any, open_checkpoint
from gov.audit.note import VerifierKey, signers, verifier_key
from gov.audit.rotation import Link
from gov.client.config import Context, Places, file_name
from gov.client.files import locked, read_private, write_private
from gov.errors import Unverified


@dataclass(frozen=True, slots=True)
class _Memory:
    """What the file holds."""

    key: str = ""
    note: str = ""
    """The newest checkpoint."""
    proved: str = ""
    """The last one that the log was proved to go on to; at first the first one seen."""
    proved_at: float = 0.0
    """Seconds since the epoch."""
    former: tuple[str, ...] = ()
    """Keys before `key`, each of which was proved to give way to the next."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint whose signature holds, and its signed note."""

    note: bytes
    checkpoint: Checkpoint


PROVE_EVERY: Final = 600.0
"""Seconds between two proofs that the log goes on from what it was."""


class Witness:
    """Remembers the newest checkpoint of one broker's log, and the key that signs it.

    The key is the one pinned at login; without a login (`GOV_TOKEN`) it is pinned at first sight.
    """

    def __init__(self, context: Context, places: Places) -> None:
        self._context = context
        self._path = places.state / "checkpoints" / f"{file_name(context.name)}.json"

    @property
    def pinned(self) -> bool:
        """Whether there is a key to check signatures with."""
        return bool(self._key)

    def pin(self, key: str) -> None:
        """Believe `key` from now on.

        Raises:
            ConfigError: it is no verifier key.
        """
        verifier_key(key)
        with locked(self._lock):
            if not self.pinned:
                self._write(_Memory(key=key))

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """Every key of the log that was ever believed, the one that is believed now last."""
        memory = self._memory
        known = dict.fromkeys((*memory.former, memory.key, self._key))
        return tuple(verifier_key(key) for key in known if key)

    def is_strange(self, header: str | None) -> bool:
        """Whether a reply's checkpoint is signed in the log's name with a key that was never believed."""
        believed = self.keys
        try:
            found = signers(b64decode(header or "", validate=True))
        except (ValueError, Unverified):
            return False
        return any(name == believed[-1].name and all(id != key.id for key in believed) for name, id in found)

    def follow(self, links: Sequence[Link]) -> None:
        """Believe the last key to which these links lead, if they lead on from the one believed now.

        Where another process has followed further meanwhile, nothing is taken back. That the log goes on from what
        it was is to be proved anew, whatever was proved before.
        """
        with locked(self._lock):
            if self._key not in {str(each.old) for each in links}:
                return
            newest = str(links[-1].new)
            former = dict.fromkeys([*map(str, self.keys), *(str(each.old) for each in links)])
            former.pop(newest, None)
            self._write(replace(self._memory, key=newest, former=tuple(former), proved_at=0.0))

    def forget(self) -> None:
        """Remember neither key nor checkpoint."""
        self._path.unlink(missing_ok=True)

    def newest(self) -> Seen | None:
        """The newest checkpoint seen, None when none was yet.

        Raises:
            Unverified: what is stored was not signed by the pinned key.
        """
        return self._known(self._memory.note)

    def unproved(self, now: float) -> Seen | None:
        """The last checkpoint that the log was proved to go on from, if another proof is due."""
        memory = self._memory
        return self._known(memory.proved) if now - memory.proved_at >= PROVE_EVERY else None

    def proved(self, seen: Seen, now: float) -> None:
        """Remember that the log up to `seen` goes on from what was proved before."""
        with locked(self._lock):
            memory = self._memory
            before = self._known(memory.proved)
            if before is None or before.checkpoint.size <= seen.checkpoint.size:
                self._write(replace(memory, proved=seen.note.decode(), proved_at=now))

    def compare(self, before: Seen | None, header: str | None) -> Seen:
        """The checkpoint in a reply's header, kept if it is newer; `before` is `newest()` before the call.

        Raises:
            Unverified: there is none, its signature does not hold, or the log is shorter or other than
                it was.
        """
        if header is None:
            raise self._broken("the reply carries no checkpoint of the audit log")
        try:
            now = self._opened(b64decode(header, validate=True))
        except ValueError as error:
            raise self._broken("the reply's checkpoint is not base64") from error
        if before is not None:
            old, new = before.checkpoint, now.checkpoint
            if new.size < old.size:
                raise self._broken(f"the audit log had {old.size} entries and now has {new.size}")
            if new.size == old.size and new.root != old.root:
                raise self._broken(f"the audit log of {old.size} entries is not the one seen before")
        if before is None or now.checkpoint.size > before.checkpoint.size:
            self._keep(now)
        return now

    def _keep(self, seen: Seen) -> None:
        with locked(self._lock):
            memory, note = self._memory, seen.note.decode()
            stored = self._known(memory.note)
            if stored is None or stored.checkpoint.size < seen.checkpoint.size:
                self._write(replace(memory, key=self._key, note=note, proved=memory.proved or note))

    def _known(self, note: str) -> Seen | None:
        """What is stored, signed by a key that was believed when it was."""
        if not note or not self.pinned:
            return None
        return Seen(note.encode(), open_any(note.encode(), self.keys))

    def _write(self, memory: _Memory) -> None:
        write_private(self._path, json.dumps(asdict(memory)) + "\n")

    @property
    def _key(self) -> str:
        pinned, memory = self._context.audit_key, self._memory
        return memory.key if not pinned or pinned in memory.former else pinned

    @property
    def _memory(self) -> _Memory:
        text = read_private(self._path)
        if text is None:
            return _Memory()
        try:
            raw = json.loads(text)
            former = tuple(map(str, raw.get("former", ())))
            return _Memory(str(raw["key"]), str(raw["note"]), str(raw["proved"]), float(raw["proved_at"]), former)
        except (ValueError, KeyError, TypeError) as error:
            raise Unverified(
                f"{self._path} cannot be read, so nothing is known of the audit log before",
                hint=f"gov login {self._context.broker} --new-log, to begin anew",
            ) from error

    @property
    def _lock(self) -> Path:
        return self._path.with_suffix(".lock")

    def _opened(self, note: bytes) -> Seen:
        return Seen(note, open_checkpoint(note, verifier_key(self._key)))

    def _broken(self, what: str) -> Unverified:
        where = self._context.broker
        return Unverified(f"{what}: {where} may have lost or changed its log", hint="gov audit verify")

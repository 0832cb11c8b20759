"""Every client is a witness: it keeps the newest checkpoint it saw and refuses a log that goes back.

What is compared is what had been seen *before* the call: another process may see a newer checkpoint
while our reply is under way. One file for each broker holds the key it signs with and the newest note.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from gov.audit.checkpoint import Checkpoint, open_checkpoint
from gov.audit.note import verifier_key
from gov.client.config import Context, Places, file_name
from gov.client.files import locked, read_private, write_private
from gov.errors import Unverified


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint whose signature holds, and its signed note."""

    note: bytes
    checkpoint: Checkpoint


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
                self._write(key, "")

    def forget(self) -> None:
        """Remember neither key nor checkpoint."""
        self._path.unlink(missing_ok=True)

    def newest(self) -> Seen | None:
        """The newest checkpoint seen, None when none was yet.

        Raises:
            Unverified: what is stored was not signed by the pinned key.
        """
        note = self._stored.get("note")
        return self._opened(note.encode()) if note and self.pinned else None

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
            stored = self.newest()
            if stored is None or stored.checkpoint.size < seen.checkpoint.size:
                self._write(self._key, seen.note.decode())

    def _write(self, key: str, note: str) -> None:
        write_private(self._path, json.dumps({"key": key, "note": note}) + "\n")

    @property
    def _key(self) -> str:
        return self._context.audit_key or self._stored.get("key", "")

    @property
    def _stored(self) -> dict[str, str]:
        text = read_private(self._path)
        if text is None:
            return {}
        try:
            stored = json.loads(text)
            return {"key": str(stored["key"]), "note": str(stored["note"])}
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(f"{self._path} cannot be read") from error

    @property
    def _lock(self) -> Path:
        return self._path.with_suffix(".lock")

    def _opened(self, note: bytes) -> Seen:
        return Seen(note, open_checkpoint(note, verifier_key(self._key)))

    def _broken(self, what: str) -> Unverified:
        where = self._context.broker
        return Unverified(f"{what}: {where} may have lost or changed its log", hint="gov audit verify")

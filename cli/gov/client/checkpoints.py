"""Every client is a witness: it keeps the newest checkpoint it saw and refuses a log that goes back.

What is compared is what had been seen *before* the call: another process may see a newer checkpoint
while our reply is under way. One file for each broker holds the key it signs with and the newest note.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass

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
    """Remembers the newest checkpoint of one broker's log."""

    def __init__(self, context: Context, places: Places) -> None:
        self._context = context
        self._path = places.state / "checkpoints" / f"{file_name(context.name)}.json"

    @property
    def pinned(self) -> bool:
        """Whether there is a key to check signatures with."""
        return bool(self._context.audit_key)

    def newest(self) -> Seen | None:
        """The newest checkpoint seen, None when none was yet.

        Raises:
            Unverified: what is stored was not signed by the pinned key.
        """
        text = read_private(self._path)
        if text is None or not self.pinned:
            return None
        try:
            note = str(json.loads(text)["note"]).encode()
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(f"{self._path} cannot be read") from error
        return self._opened(note)

    def compare(self, before: Seen | None, header: str) -> Seen | None:
        """The checkpoint in a reply's header, kept if it is newer; `before` is `newest()` before the call.

        None when no key is pinned to check it with.

        Raises:
            Unverified: the signature does not hold, or the log is shorter or other than it was.
        """
        if not self.pinned:
            return None
        try:
            now = self._opened(b64decode(header, validate=True))
        except ValueError as error:
            raise self._broken("the broker's checkpoint is not base64") from error
        if before is None:
            self._keep(now)
            return now
        old, new = before.checkpoint, now.checkpoint
        if new.size < old.size:
            raise self._broken(f"the audit log had {old.size} entries and now has {new.size}")
        if new.size == old.size and new.root != old.root:
            raise self._broken(f"the audit log of {old.size} entries is not the one seen before")
        if new.size > old.size:
            self._keep(now)
        return now

    def _keep(self, seen: Seen) -> None:
        with locked(self._path.with_suffix(".lock")):
            stored = self.newest()
            if stored is None or stored.checkpoint.size < seen.checkpoint.size:
                write_private(self._path, json.dumps({"note": seen.note.decode()}) + "\n")

    def _opened(self, note: bytes) -> Seen:
        return Seen(note, open_checkpoint(note, verifier_key(self._context.audit_key)))

    def _broken(self, what: str) -> Unverified:
        return Unverified(
            f"{what}: {self._context.broker} may have lost or changed its log", hint="gov audit verify"
        )

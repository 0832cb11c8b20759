"""The digest of what a COPY TO STDOUT brings: the very bytes that a client writes to its file.

Data come as CopyData messages, usually one a row; what counts is their content, however it was cut into
messages and reads. A read's worth is gathered and hashed at once.
"""

from __future__ import annotations

import struct
from hashlib import sha256

from gov.protocol.frames import HEADER

_header = struct.Struct("!BI")


class Copied:
    """The content of one COPY TO STDOUT so far."""

    __slots__ = ("_hash", "_left", "size")

    def __init__(self) -> None:
        self._hash = sha256()
        self._left = 0
        """Bytes of a message's content that are still to come."""
        self.size = 0

    def add(self, run: bytes | memoryview) -> None:
        """Some more CopyData messages: the first may be the rest of one, and the last its beginning."""
        view, end = memoryview(run), len(run)
        at = min(self._left, end)
        pieces = [view[:at]]
        self._left -= at
        unpack = _header.unpack_from
        while at < end:
            start, at = at + HEADER, at + 1 + unpack(view, at)[1]
            pieces.append(view[start:at])
        self._left += max(at - end, 0)
        content = b"".join(pieces)
        self.size += len(content)
        self._hash.update(content)

    @property
    def digest(self) -> str:
        """SHA-256, hex."""
        return self._hash.hexdigest()

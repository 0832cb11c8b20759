"""What a client may say when: one table, and nothing about transitions lives elsewhere.

The gateway's side of protocol 3 after start-up. What is not in the table does not happen: the
connection ends. Whether the *database* is failing or copying is told by its replies (`replies`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum, auto

from gov.errors import ProtocolError


class Phase(IntEnum):
    """Where the conversation stands. An integer, since those are the quickest keys of a table."""

    READY = auto()  # nothing is open
    BUILDING = auto()  # extended query: something was said, not yet synced
    SKIPPING = auto()  # we refused something: all is dropped up to Sync
    CLOSED = auto()


class Said(Enum):
    """A client message by its type byte."""

    QUERY = ord("Q")
    PARSE = ord("P")
    BIND = ord("B")
    DESCRIBE = ord("D")
    EXECUTE = ord("E")
    CLOSE = ord("C")
    FLUSH = ord("H")
    SYNC = ord("S")
    COPY_DATA = ord("d")
    COPY_DONE = ord("c")
    COPY_FAIL = ord("f")
    FUNCTION_CALL = ord("F")  # answered with a refusal
    TERMINATE = ord("X")


_EXTENDED = (Said.PARSE, Said.BIND, Said.DESCRIBE, Said.EXECUTE, Said.CLOSE)
# After a failed COPY a client may still be sending its data; PostgreSQL ignores that in any phase.
_COPY = (Said.COPY_DATA, Said.COPY_DONE, Said.COPY_FAIL)

NEXT: Mapping[tuple[Phase, Said], Phase] = {
    (Phase.READY, Said.QUERY): Phase.READY,
    (Phase.READY, Said.FUNCTION_CALL): Phase.READY,
    (Phase.READY, Said.SYNC): Phase.READY,
    (Phase.BUILDING, Said.SYNC): Phase.READY,
    (Phase.SKIPPING, Said.SYNC): Phase.READY,
    # PostgreSQL discards even Query and FunctionCall while it skips to Sync, and so do we.
    (Phase.SKIPPING, Said.QUERY): Phase.SKIPPING,
    (Phase.SKIPPING, Said.FUNCTION_CALL): Phase.SKIPPING,
    # Flush opens no group: libpq ends a pipeline with Sync, Flush, and goes on with Query.
    **{(phase, Said.FLUSH): phase for phase in (Phase.READY, Phase.BUILDING, Phase.SKIPPING)},
    **{(Phase.READY, said): Phase.BUILDING for said in _EXTENDED},
    **{(Phase.BUILDING, said): Phase.BUILDING for said in _EXTENDED},
    # Query ends a group as Sync does, and so asyncpg sends BEGIN behind Parse, Describe, Flush.
    (Phase.BUILDING, Said.QUERY): Phase.READY,
    **{(Phase.SKIPPING, said): Phase.SKIPPING for said in _EXTENDED},
    **{(phase, said): phase for phase in (Phase.READY, Phase.BUILDING, Phase.SKIPPING) for said in _COPY},
    **{(phase, Said.TERMINATE): Phase.CLOSED for phase in (Phase.READY, Phase.BUILDING, Phase.SKIPPING)},
}

_BY_BYTE = {(phase, said.value): after for (phase, said), after in NEXT.items()}


def hear(phase: Phase, kind: int) -> Phase:
    """The phase after the client has said a message of type byte `kind`.

    Raises:
        ProtocolError: The message is unknown or out of turn.
    """
    try:
        return _BY_BYTE[phase, kind]
    except KeyError:
        raise ProtocolError(
            f"message {bytes((kind,))!r} came while the conversation was {phase.name.lower()}",
            hint="the client library and the gateway disagree about the protocol",
        ) from None

"""What the gateway objects to before the database sees it; what PostgreSQL would refuse, in PostgreSQL's words."""

from __future__ import annotations

from gov.errors import GovError, LimitReached, NotUnderstood, StatementFailed
from gov.protocol import frames


def not_alone() -> GovError:
    """What a client hears that sends more than the held statement between two Syncs."""
    return NotUnderstood(
        "a statement that needs approval or runs as the owner must be sent alone",
        hint="turn pipelining off, or sync before and after it",
    )


def not_utf8(error: UnicodeDecodeError) -> GovError:
    """A statement is no UTF-8, which is all that is judged."""
    shown = " ".join(f"0x{each:02x}" for each in error.object[error.start : error.start + 1])
    return StatementFailed(
        f'invalid byte sequence for encoding "UTF8": {shown}', hint="SET client_encoding TO UTF8, and send UTF-8",
        state="22021",
    )


def no_statement(name: bytes) -> GovError:
    """A Bind names a prepared statement that is not there."""
    shown = name.decode(errors="replace")
    what = f'prepared statement "{shown}" does not exist' if name else "unnamed prepared statement does not exist"
    return StatementFailed(what, hint="", state="26000")


def in_use(name: bytes) -> GovError:
    """A Parse gives a name that another prepared statement has."""
    shown = name.decode(errors="replace")
    return StatementFailed(f'prepared statement "{shown}" already exists', hint="", state="42P05")


def too_many(things: str, way_out: str) -> GovError:
    """A session has as many `things` as it may; `way_out` is the statement that takes them away."""
    return LimitReached(
        f"the session has as many {things} as it may, or as much text in them", hint=way_out, state="53400"
    )


def reserved() -> GovError:
    """A statement or portal would have one of the gateway's own names."""
    return NotUnderstood(f"names that begin with `{frames.RESERVED}` are the gateway's own", hint="use another name")


def aborted() -> GovError:
    """The transaction has failed, and what does not end it is refused."""
    return StatementFailed(
        "current transaction is aborted, commands ignored until end of transaction block", hint="ROLLBACK",
        state="25P02",
    )


def trapped() -> GovError:
    """A Parse declares a parameter of a type whose input runs code: the text would not say so."""
    return NotUnderstood(
        "a parameter is declared to have a type with checks that call functions nobody vouches for",
        hint="leave its type to the server, and write the cast in the statement: $1::schema.type",
    )

"""What comes back from a statement, piece by piece, into a sink: as text, or as a file of columns."""

from __future__ import annotations

from typing import BinaryIO, Protocol, cast

from gov.commands.running import Columns, Copied, Done, Piece, Rows
from gov.commands.sink import Sink
from gov.errors import UsageError
from gov.ui.records import cut
from gov.ui.results import COLUMNAR, Format, writer


class Taker(Protocol):
    """Takes the pieces of one statement after another."""

    rows: int | None
    """Rows that came; None when there was a COPY, whose pieces are no rows."""
    columns: tuple[tuple[str, int], ...]
    """Of the last result: names, and the OIDs of their types."""

    def take(self, piece: Piece) -> int:
        """How many rows the piece has."""

    def cut(self) -> None:
        """The server has ended a statement with an error: what came of it is all there is."""

    def end(self) -> None:
        """All statements have ended well."""

    def abandon(self) -> None:
        """One of them has not."""


def taker(kind: Format, out: Sink) -> Taker:
    """What writes the format `kind` to `out`.

    Raises:
        UsageError: It needs a library that is not installed.
    """
    return _Columns(kind, out) if kind in COLUMNAR else _Text(kind, out)


class _Text:
    def __init__(self, kind: Format, out: Sink) -> None:
        self._out = out
        self._shown = writer(kind, out, terminal=out.isatty())
        self.rows: int | None = 0
        self.columns: tuple[tuple[str, int], ...] = ()

    def take(self, piece: Piece) -> int:
        match piece:
            case Columns(names, types):
                self._shown.columns(names, types)
                self.columns = tuple(zip(names, types, strict=True))
            case Rows(rows):
                self._shown.rows(rows)
                self.rows = None if self.rows is None else self.rows + len(rows)
                return len(rows)
            case Copied(data):
                self.rows = None
                # A file gets the very bytes, and a terminal what it can show.
                self._out.write(data.decode(errors="replace") if self._out.isatty() else data)
                return 1
            case Done(tag, _):
                self._shown.done(tag)
        return 0

    def cut(self) -> None:
        cut(self._shown)

    def end(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class _Columns:
    def __init__(self, kind: Format, out: Sink) -> None:
        from gov.ui.columnar import Columnar

        self._kind = kind
        self._shown = Columnar(kind, cast(BinaryIO, out))
        self.rows: int | None = 0
        self.columns: tuple[tuple[str, int], ...] = ()

    def take(self, piece: Piece) -> int:
        match piece:
            case Columns(names, types, modifiers):
                self._shown.columns(names, types, modifiers)
                self.columns = tuple(zip(names, types, strict=True))
            case Rows(rows):
                self._shown.rows(rows)
                self.rows = (self.rows or 0) + len(rows)
                return len(rows)
            case Copied():
                raise UsageError(f"COPY writes a form of its own, not {self._kind}", hint="-o FILE.csv, or select …")
            case Done():
                pass
        return 0

    def cut(self) -> None:
        pass

    def end(self) -> None:
        self._shown.end()

    def abandon(self) -> None:
        self._shown.abandon()

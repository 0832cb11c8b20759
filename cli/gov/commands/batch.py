"""Several statements over one connection, one after another, their results in one place."""

from __future__ import annotations

from contextlib import closing
from typing import IO, TYPE_CHECKING, Any

import psycopg

from gov.commands.opening import connect
from gov.commands.refusals import meant
from gov.commands.running import Columns, Copied, Done, Rows, run
from gov.commands.sink import ended_by_signals, sink
from gov.commands.statements import bound
from gov.commands.wallet import Grant
from gov.errors import UsageError
from gov.ui import hold
from gov.ui.escape import escape
from gov.ui.progress import Progress, watched
from gov.ui.results import Format, Writer, writer
from gov.ui.terminal import say

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.errors import Diagnostic


class Batch:
    """How statements are run: values, output and name; `run` does it."""

    def __init__(
        self, kind: Format, output: str | None, run_id: str,
        values: dict[str, str] | None = None, source: IO[bytes] | None = None,
    ) -> None:
        self._kind = kind
        self._output = output
        self._name = f"gov exec {run_id}".strip()
        self._values = values or {}
        self._source = source

    def check(self, texts: list[str]) -> None:
        """Every value must be used somewhere, or its name is a slip of the pen."""
        for name in self._values:
            if not any(bound(text, {name: ""})[1] for text in texts):
                raise UsageError(f"-p {name}: no statement has :{name}", hint=f"write :{name} in one")

    def run(self, grant: Grant, texts: list[str]) -> None:
        """Run `texts`; the first error ends it and, with an output file, leaves no file.

        So does a signal that ends us: what runs is cancelled at the server first.
        """
        with ended_by_signals(), sink(self._output) as out, closing(self._connection(grant)) as connection:
            progress = Progress(shown=watched() and not out.isatty())
            counted = _Counting(out)
            shown = writer(self._kind, counted, terminal=out.isatty())
            try:
                for text in texts:
                    self._one(connection, text, shown, counted, progress)
            finally:
                progress.clear()
        if self._output not in (None, "-"):
            say(f"{escape(self._output or '')}: {progress.summary()}")
        elif progress.drawn:
            say(f"gov: {progress.summary()}")

    def _connection(self, grant: Grant) -> Connection[Any]:
        return connect(grant, self._name, on_notice)

    def _one(
        self, connection: Connection[Any], text: str, shown: Writer, out: _Counting, progress: Progress
    ) -> None:
        statement, parameters = bound(text, self._values)
        try:
            for piece in run(connection, statement, parameters, self._source):
                match piece:
                    case Columns(names, types):
                        shown.columns(names, types)
                    case Rows(rows):
                        shown.rows(rows)
                        progress.add(len(rows), out.taken())
                    case Copied(data):
                        out.write(data.decode(errors="replace"))
                        progress.add(data.count(b"\n"), out.taken())
                    case Done(tag, _):
                        shown.done(tag)
        except psycopg.Error as error:
            raise meant(error, statement) from error


class _Counting:
    """A stream that knows how many bytes of UTF-8 went through."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._count = 0

    def write(self, text: str) -> int:
        self._count += len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
        return self._out.write(text)

    def taken(self) -> int:
        """Bytes since the last call."""
        count, self._count = self._count, 0
        return count


def on_notice(notice: Diagnostic) -> None:
    """Show a NOTICE on standard error; a hold with all that it says."""
    message = notice.message_primary or ""
    if notice.sqlstate == hold.HELD:
        for line in hold.Hold.of(message, notice.context, notice.message_detail).lines():
            say(f"gov: {line}")
    elif notice.sqlstate == hold.ANSWERED:
        say(f"gov: {escape(message)}")
    elif notice.sqlstate != hold.WAITING:
        say(f"{notice.severity or 'NOTICE'}: {escape(message)}")

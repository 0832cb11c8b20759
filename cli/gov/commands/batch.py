"""Several statements over one connection, one after another, their results in one place."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psycopg

from gov.commands.opening import connect
from gov.commands.receipts import Made
from gov.commands.refusals import meant
from gov.commands.running import Columns, run
from gov.commands.sink import Sink, ended_by_signals, sink, whole
from gov.commands.statements import bound
from gov.commands.taking import Taker, taker
from gov.commands.wallet import Grant
from gov.control.trail import FileClaim
from gov.errors import UsageError
from gov.ui import hold
from gov.ui.arrow import library
from gov.ui.escape import escape
from gov.ui.progress import Progress, watched
from gov.ui.results import COLUMNAR, Format
from gov.ui.terminal import say

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.errors import Diagnostic

    from gov.client.api import Broker
    from gov.commands.glass import Glass


class Batch:
    """How statements are run: values, output and name; `run` does it."""

    def __init__(
        self, kind: Format, output: str | None, run_id: str,
        values: dict[str, str] | None = None, source: IO[bytes] | None = None, *, receipt: bool = False,
        croissant: bool = False, glass: Glass | None = None,
    ) -> None:
        """With `receipt` a file that is written gets one beside it, and with `croissant` a description.

        What is held waits for its approvers, or for `glass`.
        """
        self._kind = kind
        self._output = output
        self._name = f"gov exec {run_id}".strip()
        self._values = values or {}
        self._source = source
        self._receipt = receipt and whole(output)
        self._croissant = croissant
        self._glass = glass

    def check(self, texts: list[str]) -> None:
        """Every value is used somewhere, or its name is a slip of the pen; what writes the format is there."""
        if self._kind in COLUMNAR:
            library()
        for name in self._values:
            if not any(bound(text, {name: ""})[1] for text in texts):
                raise UsageError(f"-p {name}: no statement has :{name}", hint=f"write :{name} in one")

    def run(self, broker: Broker, grant: Grant, texts: list[str]) -> None:
        """Run `texts`; the first error ends it and, with an output file, leaves no file.

        So does a signal that ends us: what runs is cancelled at the server first. What came is kept when only
        its receipt cannot be had, and the error says how to ask again.
        """
        with ended_by_signals(), sink(self._output) as out, closing(self._connection(grant)) as connection:
            progress = Progress(shown=watched() and not out.isatty())
            shown = taker(self._kind, out)
            try:
                for text in texts:
                    self._one(connection, text, shown, out, progress)
                shown.end()
                progress.add(0, out.taken())
                made = self._made(broker, grant, connection, out, shown.rows) if self._receipt else None
            except BaseException:
                shown.abandon()
                raise
            finally:
                progress.clear()
        if self._output not in (None, "-"):
            try:
                if made is not None:
                    made.put(Path(self._output or ""))
                    if self._croissant:
                        made.describe(Path(self._output or ""), shown.columns)
            finally:
                say(f"{escape(self._output or '')}: {progress.summary()}")
        elif progress.drawn:
            say(f"gov: {progress.summary()}")

    def _connection(self, grant: Grant) -> Connection[Any]:
        connection = connect(grant, self._name, on_notice)
        if (glass := self._glass) is not None:
            connection.add_notice_handler(lambda notice: glass.hears(notice, connection))
        style = connection.info.parameter_status("DateStyle") or ""
        if self._kind in COLUMNAR and not style.startswith("ISO"):
            connection.execute("SET DateStyle = 'ISO'")  # the one that dates can be read from
        return connection

    def _made(
        self, broker: Broker, grant: Grant, connection: Connection[Any], out: Sink, rows: int | None
    ) -> Made:
        claim = FileClaim(
            name=Path(self._output or "").name, sha256=out.digest, bytes=out.size, rows=rows, format=self._kind.value,
            session=f"{grant.lease.lease.id}/{connection.info.backend_pid}",
        )
        return Made.of(broker, [claim])

    def _one(
        self, connection: Connection[Any], text: str, shown: Taker, out: Sink, progress: Progress
    ) -> None:
        statement, parameters = bound(text, self._values)
        kept = whole(self._output)  # a file that an error ends is none
        try:
            for piece in run(connection, statement, parameters, self._source, whole=kept):
                if isinstance(piece, Columns):
                    self._same_names(piece)
                progress.add(shown.take(piece), out.taken())
        except psycopg.Error as error:
            shown.cut()
            if self._glass is not None and self._glass.refused is not None:
                raise self._glass.refused from error
            raise meant(error, statement) from error

    def _same_names(self, columns: Columns) -> None:
        """Say it of columns that a reader of the format cannot tell apart."""
        if self._kind not in (Format.JSON, Format.JSONL):
            return
        for name in sorted({name for name in columns.names if columns.names.count(name) > 1}):
            say(f"gov: more than one column is named {escape(name)}; readers of JSON keep one: name them with AS")


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

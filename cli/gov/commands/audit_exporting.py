"""`gov audit export`: the trail for other programs, as OCSF events, JSON Lines or CSV."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

import typer

from gov import __version__
from gov.audit.formats import Format, Writer, head
from gov.audit.ocsf import Source
from gov.commands.asking import broker
from gov.commands.lineage_lines import LineageWriter
from gov.commands.moments import Since, Until, moment
from gov.errors import UsageError
from gov.store.resuming import last_event, last_whole
from gov.ui.escape import escape, json_safe
from gov.ui.progress import Progress, watched

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.trail import EntryView

EXAMPLES = (
    "\b\nExamples:\n  gov audit export --format ocsf --since 24h -o yesterday.ocsf.jsonl\n"
    "  gov audit export -o trail.jsonl --resume\n  gov audit export --format openlineage --since 7d\n"
    "  gov audit export --format csv | less -S"
)
_PAGE = 1000


def export(
    format: Annotated[Literal["jsonl", "ocsf", "csv", "openlineage"], typer.Option(
        help="Entries, OCSF 1.8 events or OpenLineage events as JSON, one a line; or a table.")] = "jsonl",
    since: Since = None,
    until: Until = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Instead of standard output."
                                                )] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on behind the last whole line of FILE.")] = False,
) -> None:
    """Write the entries that you may see, oldest first, for another program to read."""
    kind = None if format == "openlineage" else Format(format)
    if resume and output is None:
        raise UsageError("only a file can be gone on with", hint="gov audit export -o FILE --resume")
    with broker() as asked, _file(output, resume) as stream:
        after, writer = _going_on(asked, output, kind)
        if kind is not None and (output is None or not output.stat().st_size):
            stream.write(head(kind))
        progress = Progress(shown=output is not None and watched())
        try:
            for page in _pages(asked, after, moment("--since", since), moment("--until", until)):
                lines = [*writer.lines(page)]
                stream.write(_shown("".join(lines), kind) if stream.isatty() else "".join(lines))
                progress.add(len(lines), sum(map(len, lines)))
        finally:
            progress.clear()
    if output is not None:
        print(f"{progress.summary()} to {output}", file=sys.stderr)


def _going_on(asked: Broker, output: Path | None, kind: Format | None) -> tuple[int | None, Writer | LineageWriter]:
    """The entry behind which to go on, and what writes from there."""
    if kind is not None:
        return None if output is None else last_whole(output, kind), Writer(kind, Source(_origin(asked), __version__))
    after, started = (None, set[int]()) if output is None else last_event(output)
    writer = LineageWriter(_origin(asked))
    writer.go_on(asked.entry(each) for each in sorted(started))
    return after, writer


def _shown(lines: str, kind: Format | None) -> str:
    """`lines` for a terminal: whoever wrote what is in them must not move its cursor."""
    return escape(lines, lines=True) if kind is Format.CSV else json_safe(lines)


def _origin(asked: Broker) -> str:
    """The log's name, from the key that it is signed with."""
    return (asked.context.audit_key or asked.info().audit_key).partition("+")[0]


def _pages(asked: Broker, after: int | None, since: str | None, until: str | None) -> Iterator[list[EntryView]]:
    """All there is until now, oldest first: what this very reading adds to the log is left out."""
    last = -1 if after is None else after
    end: int | None = None
    while True:
        page = asked.entries(after=last, before=end, since=since, until=until, oldest="true", limit=_PAGE)
        end = page.size if end is None else end
        yield page.entries
        if len(page.entries) < _PAGE:
            return
        last = page.entries[-1].index


@contextmanager
def _file(output: Path | None, resume: bool) -> Iterator[IO[str]]:
    """Where it is written."""
    if output is None:
        yield sys.stdout
        return
    if output.exists() and not resume:
        raise UsageError(f"{output} exists", hint=f"gov audit export -o {output} --resume, or name another file")
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"{output}: {(error.strerror or str(error)).lower()}", hint="-o FILE") from None
    with os.fdopen(descriptor, "a", encoding="utf-8", newline="") as stream:
        yield stream

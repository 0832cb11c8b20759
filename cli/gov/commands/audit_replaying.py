"""`gov audit replay`: a session as it happened, with its pauses, holds, answers and errors."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gov.audit import decoding
from gov.audit.telling import ERASED, masks_of, text, who
from gov.commands.asking import JsonFlag, broker
from gov.errors import NoSuch
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.progress import amount
from gov.ui.sql import highlight, one_line
from gov.ui.terminal import coloured

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.trail import EntryView

EXAMPLES = (
    "\b\nExamples:\n  gov audit replay ss-4bq2w9k1x7mz\n  gov audit replay ss-4bq2w9k1x7mz --speed 10 --max-pause 3\n"
    "  gov audit replay ss-4bq2w9k1x7mz --no-wait | less -R"
)
_PAGE = 1000
_INDENT = " " * 10
_WIDEST = 68
"""Characters of a line behind the indent: all fit on 80."""


def replay(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="As `gov audit tail` names it: ss-…")],
    speed: Annotated[float, typer.Option(min=0.01, metavar="TIMES", help="How many times as fast.")] = 1.0,
    max_pause: Annotated[float | None, typer.Option(
        min=0, metavar="SECONDS", help="The longest pause that is waited, after --speed.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="All at once; so it is where no terminal is.")] = False,
    json: JsonFlag = False,
) -> None:
    """Show a session as it happened: statements, parameters, rows, holds, answers and errors, in their time."""
    with broker() as asked:
        steps = [*_steps(_entries(asked, session))]
    if not steps:
        raise NoSuch(f"the trail has no session `{session}` that you may see", hint="gov audit search --kind session")
    if json:
        print_json({"session": session, "events": [step.plain() for step in steps]})
        return
    waits = sys.stdout.isatty() and not no_wait
    longest = max_pause if max_pause is not None else float("inf")
    before = 0.0
    for step in steps:
        if waits:
            time.sleep(min(max(step.offset - before, 0.0) / speed, longest))
        before = step.offset
        print("\n".join(_shown(step, coloured(sys.stdout))), flush=True)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened."""

    offset: float
    """Seconds since the beginning."""
    view: EntryView
    waited: float | None = None
    """Seconds between a request and what became of it."""

    def plain(self) -> dict[str, object]:
        """For other programs."""
        fields = {name: value for name, value in self.view.fields.items() if name != "done"}
        found: dict[str, object] = {
            "offset": round(self.offset, 6), "entry": self.view.index, "at": self.view.at, "kind": self.view.kind,
            "fields": fields, "payload": self.view.payload,
        }  # fmt: skip
        return found | ({} if self.waited is None else {"waited": round(self.waited, 6)})


def _entries(asked: Broker, session: str) -> list[EntryView]:
    """Everything of the session, and what was said to its requests, oldest first."""
    found = {each.index: each for each in _all(asked, session=session)}
    requests = {text(each.fields["request"]) for each in found.values() if each.fields.get("request")}
    for request in sorted(requests):
        found |= {each.index: each for each in _all(asked, request=request, kind="request")}
    return [found[index] for index in sorted(found)]


def _all(asked: Broker, **filters: str) -> Iterator[EntryView]:
    last = -1
    while page := asked.entries(after=last, oldest="true", limit=_PAGE, **filters).entries:
        yield from page
        last = page[-1].index


def _steps(views: list[EntryView]) -> Iterator[Step]:
    opened: dict[str, float] = {}
    begin = _seconds(views[0]) if views else 0.0
    for view in views:
        offset = _seconds(view) - begin
        request = text(view.fields.get("request"))
        waited = None
        if view.kind == "request.opened":
            opened[request] = offset
        elif view.kind.startswith("request.") and view.kind != "request.spent" and request in opened:
            waited = offset - opened[request]
        yield Step(offset, view, waited)


def _seconds(view: EntryView) -> float:
    return datetime.fromisoformat(view.at).timestamp()


# showing


def _shown(step: Step, colour: bool) -> list[str]:
    """The lines of one step, the first with the time since the beginning."""
    first, *rest = [*_LINES.get(step.view.kind, _other)(step, colour)] or [step.view.kind]
    return [f"{_clock(step.offset):>9} {first}", *(f"{_INDENT}{line}" for line in rest)]


def _clock(offset: float) -> str:
    minutes, seconds = divmod(max(offset, 0.0), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}" if hours else f"{minutes:02}:{seconds:06.3f}"


def _opened(step: Step, colour: bool) -> Iterator[str]:
    fields, payload = step.view.fields, step.view.payload or {}
    yield _paint(f"{who(step.view)} on {text(fields.get('target'))}, {text(fields.get('scope'))}", "1", colour)
    yield escape(f"{text(fields.get('session'))}  {text(payload.get('client'))}")
    yield escape(f"{step.view.at[:10]} {step.view.at[11:19]}Z  {_more(fields, ('lease', 'purpose', 'run'))}")


def _statement(step: Step, colour: bool) -> Iterator[str]:
    view = step.view
    payload: dict[str, Any] = view.payload if view.payload is not None else {"text": ERASED}
    yield from highlight(text(payload.get("text")).strip(), colour=colour).splitlines() or [""]
    for number, value in enumerate(decoding.shown(payload.get("parameters") or (), payload.get("types")), 1):
        yield one_line(f"${number} = {'null' if value is None else text(value)}", _WIDEST)
    masks = [f"{text(each.get('column'))} {text(each.get('mask'))}" for each in masks_of(view.fields)]
    if masks:
        yield _paint(one_line(f"masked: {', '.join(masks)}", _WIDEST), "2", colour)
    if clear := view.fields.get("clear_sensitive"):
        yield _paint(one_line(f"clear: {text(clear)}", _WIDEST), "33", colour)
    if error := payload.get("error"):
        yield _paint(one_line(f"{text(view.fields.get('verdict'))}: {text(error)}", 10 * _WIDEST), "31", colour)


def _done(step: Step, colour: bool) -> Iterator[str]:
    fields, payload = step.view.fields, step.view.payload or {}
    rows, size, took = fields.get("rows", 0), fields.get("bytes", 0), fields.get("duration_ms")
    count = f"{rows:,} row{'' if rows == 1 else 's'}, {amount(float(str(size)))}"
    said = f"{text(fields.get('outcome'))}: {count}" + (f" in {took} ms" if took is not None else "")
    yield _paint(f"→ {said}", "32" if fields.get("outcome") == "done" else "31", colour)
    if error := payload.get("error"):
        yield _paint(one_line(f"{text(fields.get('sqlstate'))} {text(error)}", 10 * _WIDEST), "31", colour)


def _held(step: Step, colour: bool) -> Iterator[str]:
    fields, payload = step.view.fields, step.view.payload or {}
    asks = text(fields.get("approver_groups"))
    held = f"held by {text(fields.get('rule'))}: {text(fields.get('request'))} asks {asks}"
    yield _paint(one_line(held, _WIDEST), "33", colour)
    yield from highlight(text(payload.get("text")).strip(), colour=colour).splitlines()


def _answered(step: Step, colour: bool) -> Iterator[str]:
    fields, payload = step.view.fields, step.view.payload or {}
    yes = fields.get("yes")
    bound = f", at most {text(fields['max_rows'])} rows" if fields.get("max_rows") is not None else ""
    after = f" after {step.waited:.1f} s" if step.waited is not None else ""
    by = text(payload.get("approver") or fields.get("by"))
    said = f"{'approved' if yes else 'denied'} by {by}{bound}{after}"
    if glass := fields.get("break_glass"):
        said = f"{by} goes ahead alone, by break glass (rule {text(glass)}){bound}{after}"
    yield _paint(escape(said), "32" if yes and not glass else "31", colour)
    if reason := payload.get("reason"):
        yield one_line(text(reason), _WIDEST)


def _ended(step: Step, colour: bool) -> Iterator[str]:
    after = f" after {step.waited:.1f} s" if step.waited is not None else ""
    fields = step.view.fields
    yield _paint(escape(f"{text(fields.get('request'))} {text(fields.get('state'))}{after}"), "33", colour)


def _closed(step: Step, colour: bool) -> Iterator[str]:
    because = text((step.view.payload or {}).get("because"))
    counted = _more(step.view.fields, ("statements", "rows"))
    said = "closed" + (f": {because}" if because else "") + (f"  {counted}" if counted else "")
    yield _paint(one_line(said, _WIDEST), "1", colour)


def _other(step: Step, colour: bool) -> Iterator[str]:
    yield escape(step.view.kind)


def _more(fields: dict[str, object], names: tuple[str, ...]) -> str:
    return "  ".join(f"{name} {text(fields[name])}" for name in names if fields.get(name))


def _paint(line: str, style: str, colour: bool) -> str:
    return f"\x1b[{style}m{line}\x1b[0m" if colour else line


_LINES = {
    "session.opened": _opened, "statement": _statement, "statement.done": _done, "request.opened": _held,
    "request.answered": _answered, "request.ended": _ended, "session.closed": _closed,
}  # fmt: skip

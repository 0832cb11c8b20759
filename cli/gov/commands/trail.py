"""Entries of the trail as rows and cards: who, when, where, what, masked or clear, and who approved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING

from gov.audit import decoding
from gov.audit.telling import ERASED, about, approval, how, listed, text, time, what, who
from gov.ui import lineage, times
from gov.ui.escape import escape
from gov.ui.sql import highlight, one_line
from gov.ui.tables import Heading

if TYPE_CHECKING:
    from gov.control.trail import EntryView

HEADINGS = (
    Heading("INDEX", right=True), Heading("TIME"), Heading("WHO", "bold"), Heading("TARGET"), Heading("WHAT"),
    Heading("HOW"), Heading("APPROVED BY"), Heading("ROWS", right=True), Heading("STATEMENT", gives=True),
)
_LABEL = 16
_NARROWEST = 24
_TEXT_WIDTH = 200


def row(view: EntryView, column: str | None = None, *, brief: bool = False) -> tuple[str, ...]:
    """The cells of one entry; with `column`, HOW says what became of that one. `brief` for a narrow terminal."""
    done = view.fields.get("done")
    rows = done.get("rows", "") if isinstance(done, Mapping) else view.fields.get("rows", "")
    when = time(view)[5:-1] if brief else time(view)
    return (
        str(view.index), when, who(view), text(view.fields.get("target")), what(view), how(view, column),
        ", ".join(approval(view)), text(rows), one_line(about(view), _TEXT_WIDTH),
    )


def card(view: EntryView, *, colour: bool, width: int = 1 << 20) -> str:
    """The whole entry, ready to print on a terminal of so many columns."""
    head = f"entry {view.index}  {view.kind}  {time(view)}  {times.relative(view.at)}"
    lines = [escape(head), ""]
    if said := text((view.payload or {}).get("text")):
        lines += [*(f"    {line}" for line in highlight(said.strip(), colour=colour).splitlines()), ""]
    for name, value in _facts(view):
        lines += _fact(escape(name), [escape(each) for each in _told(name, value, view)], width)
    return "\n".join(lines)


def _fact(name: str, values: list[str], width: int) -> list[str]:
    """`name  value`, the value on as many lines as it takes."""
    room = max(width - _LABEL - 2, _NARROWEST)
    first, *rest = [line for value in values for line in wrap(value, room, break_on_hyphens=False) or [""]] or [""]
    return [f"  {name:<{_LABEL}}{first}", *(f"{'':<{_LABEL + 2}}{line}" for line in rest)]


def _facts(view: EntryView) -> Iterator[tuple[str, object]]:
    yield from sorted((name, value) for name, value in view.fields.items() if name != "done")
    payload: dict[str, object] = {"payload": ERASED} if view.payload is None else dict(view.payload)
    if isinstance(sent := payload.get("parameters"), list):
        payload["parameters"] = decoding.shown(sent, payload.pop("types", None))
    if isinstance(view.fields.get("lineage"), list):
        payload.pop("outputs", None)  # told with what each of them is of
    yield from sorted((name, value) for name, value in payload.items() if name != "text")
    done = view.fields.get("done")
    if isinstance(done, Mapping):
        known = view.fields | payload
        yield from ((f"→ {name}", done[name]) for name in sorted(done) if done[name] != known.get(name))


def _told(name: str, value: object, view: EntryView) -> list[str]:
    """A field in lines, one for each thing that it says."""
    if name in ("lineage", "lineage_by_column") and isinstance(value, list):
        names = (view.payload or {}).get("outputs")
        return [*lineage.told(value, names if isinstance(names, list) else ())] or ["no column"]
    if name == "facts":  # of what waits for an approval: label and text
        return [f"{pair[0]}: {text(pair[1])}" for pair in listed(value) if isinstance(pair, list) and len(pair) == 2]
    if name == "document":
        return [f"a DSSE envelope of {len(str(value)):,} bytes: gov receipt show FILE prints what it says"]
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        return [_thing(each) for each in value]
    return [{True: "yes", False: "no"}[value] if isinstance(value, bool) else text(value)]


def _thing(value: object) -> str:
    """`public.customers.email: partial by contact-is-partial`: its name, and what is said of it."""
    if not isinstance(value, Mapping):
        return text(value)
    named = next((key for key in ("column", "table", "name", "budget") if key in value), "")
    if not named:
        return text(value)
    said = [text(value["mask"])] if "mask" in value else []
    said += [f"by {text(value['rule'])}"] if "rule" in value else []
    said += [f"{key} {text(part)}" for key, part in value.items() if key not in (named, "mask", "rule")]
    return f"{text(value[named])}: {' '.join(said)}" if said else text(value[named])

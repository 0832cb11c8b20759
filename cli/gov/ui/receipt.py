"""A receipt as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gov.ui.progress import amount

_LABEL = 12


def lines(predicate: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a receipt, not escaped."""
    for file in predicate.get("files", ()):
        by = "taken by the gateway" if file.get("digest_by") == "broker" else "as the client states it"
        yield f"{file.get('name')}: {file.get('rows', 0):,} rows, {amount(file.get('bytes', 0))}, digest {by}"
        yield f"  sha256 {file.get('sha256')}"
    yield from _facts(predicate)
    for number, each in enumerate(predicate.get("statements", ()), 1):
        yield ""
        yield from _statement(number, each)


def _facts(predicate: Mapping[str, Any]) -> Iterator[str]:
    actor, behalf = predicate.get("actor", {}), predicate.get("on_behalf_of")
    who = str(actor.get("name") or actor.get("subject"))
    if behalf:
        who += f", on behalf of {behalf.get('name') or behalf.get('subject')}"
    log = predicate.get("log", {})
    for label, text in (
        ("by", who),
        ("target", f"{predicate.get('target')} ({predicate.get('environment')})"),
        ("lease", ", ".join(predicate.get("leases", ()))),
        ("purpose", predicate.get("purpose")),
        ("run", predicate.get("run")),
        ("data set", predicate.get("dataset")),
        ("receipt", f"{predicate.get('receipt')}, {predicate.get('issued_at')}, log {log.get('origin')}"),
    ):
        if text:
            yield f"{label:<{_LABEL}}{text}"


def _statement(number: int, each: Mapping[str, Any]) -> Iterator[str]:
    yield (f"statement {number}: {each.get('command')}, entry {each.get('entry')}, {each.get('at')},"
           f" {each.get('rows', 0):,} rows")
    yield f"  sha256    {each.get('sha256')}"
    rule = f" by rule {each['rule']}" if each.get("rule") else ""
    yield f"  verdict   {each.get('verdict')}{rule}"
    for one in each.get("approvals", ()):
        name = one.get("name") or one.get("approver")
        if rule := one.get("break_glass"):
            yield f"  alone     {name}, by break glass (rule {rule}), {one.get('at', '')} ({one.get('request')})"
            continue
        yield f"  approved  {name}, {one.get('at', '')} ({one.get('request')})"
    yield from _columns(each.get("columns", ()))
    if by := [str(one.get("column")) for one in each.get("rows_by", ())]:
        yield f"  rows by   {', '.join(by)}"
    if clear := each.get("clear_sensitive"):
        yield f"  in clear  {', '.join(clear)}"
    for why in each.get("widened", ()):
        yield f"  at most   {why}"


def _columns(columns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    width = max((len(str(each.get("name"))) for each in columns), default=0)
    for place, each in enumerate(columns):
        inputs = ", ".join(map(_input, each.get("inputs", ()))) or "no column"
        yield f"  {'columns' if not place else '':<10}{each.get('name')!s:<{width}}  {inputs}"


def _input(one: Mapping[str, Any]) -> str:
    how = [word for word in one.get("how", ()) if word != "identity"]
    mask = f" masked: {one['mask']} ({one.get('rule')})" if one.get("mask") else ""
    return f"{one.get('column')}{mask}{' [' + ', '.join(how) + ']' if how else ''}"

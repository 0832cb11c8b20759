"""`gov requests`: what waits for an answer, and what became of what did."""

from __future__ import annotations

import json as encoding
import time
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import JsonFlag, broker
from gov.errors import Unreachable
from gov.ui import tables, times
from gov.ui.escape import escape, json_safe
from gov.ui.output import print_json
from gov.ui.sql import one_line
from gov.ui.tables import Heading
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.requests import RequestView

HEADINGS = (Heading("REQUEST", "bold"), Heading("STATE"), Heading("WHO"), Heading("TARGET"),
            Heading("EXPIRES"), Heading("RULE"), Heading("STATEMENT", gives=True))
EVERY = 2.0
"""Seconds between two looks of `--watch`."""


def run(
    all: Annotated[bool, typer.Option("--all", help="Answered, expired and withdrawn ones too.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and print each one as it changes.")] = False,
    json: JsonFlag = False,
) -> None:
    """List approval requests: your own and those you may answer."""
    with broker() as asked:
        if watch:
            _watch(asked, json)
        requests = asked.requests(all=all)
    if json:
        print_json(requests)
    else:
        show(requests)


def show(requests: list[RequestView]) -> None:
    """Print a table of requests."""
    tables.show(HEADINGS, map(row, requests), empty="no requests are waiting")


def row(view: RequestView) -> tuple[str, ...]:
    """The cells of one request."""
    who = f"{view.requester} for {view.on_behalf_of}" if view.on_behalf_of else view.requester
    waits = view.state in ("pending", "approved")
    state = f"{view.state}, break glass" if view.break_glass else view.state
    return (view.id, state, who, view.target, times.relative(view.expires_at) if waits else "",
            view.rule, one_line(view.statement, 200))


def _watch(broker: Broker, json: bool) -> None:
    """Print every request as it appears and changes, until interrupted; outlives a broker's restart.

    One that is opened and settled between two looks is printed, too: somebody may have gone ahead alone.
    """
    seen: dict[str, str] | None = None
    silent = False
    while True:
        try:
            requests = broker.requests(all=True)
            silent = False
        except Unreachable as error:
            if not silent:
                say(f"gov: {error.what}; still trying")
            silent, requests = True, []
        for view in requests:
            if view.state == "pending" if seen is None else seen.get(view.id) != view.state:
                _event(view, json)
        if not silent:
            seen = (seen or {}) | {view.id: view.state for view in requests}
        time.sleep(EVERY)


def _event(view: RequestView, json: bool) -> None:
    if json:
        line = json_safe(encoding.dumps(view.model_dump(mode="json"), ensure_ascii=False))
    else:
        id, state, who, target, expires, rule, statement = row(view)
        line = f"{id}  {state:<9}  {who} on {target}  {rule}  {expires}  {statement}"
        if view.break_glass:
            why = next((answer.reason for answer in view.answers if answer.break_glass), "")
            line = f"BREAK GLASS  {who} goes ahead alone, by {view.break_glass}: {escape(why)}  {line}"
    print(line, flush=True)

"""What `gov trace` needs besides the broker's answer: what is meant, proofs, and events for other systems."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gov.client.files import digest
from gov.errors import GovError, Unreachable, Unverified, UsageError
from gov.identity.config import loopback
from gov.lineage.openlineage import Ran
from gov.lineage.openlineage import events as events_of
from gov.ui.escape import json_safe
from gov.ui.terminal import say
from gov.ui.times import parse

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.tracing import About, StatementView, Trace

API_KEY = "OPENLINEAGE_API_KEY"
ATTEMPTS = 5
PAUSE = 0.5
"""Seconds before the second attempt to deliver an event; doubled before each one after it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a trace is about."""

    about: About
    name: str
    target: str = ""


def subject(what: str, user: str, run: str, *, table: bool) -> Subject:
    """What the words mean.

    Raises:
        UsageError: They name nothing, or several things.
    """
    if [bool(what), bool(user), bool(run)].count(True) != 1:
        raise UsageError("say one thing: a column, a table, a file, --user or --run", hint="gov trace customers.email")
    if user:
        return Subject("user", user)
    if run:
        return Subject("run", run)
    if not table and Path(what).is_file():
        return Subject("file", digest(Path(what)))
    target, colon, name = what.partition(":")
    target, name = (target, name) if colon else ("", what)
    if "/" in what and not colon:
        raise UsageError(f"there is no file {what}", hint="gov trace FILE, gov trace customers.email")
    return Subject("table" if table else "column", name, target)


# proofs


def proofs(broker: Broker, trace: Trace) -> list[str]:
    """Whether the entries that a file's trace rests on are in the log: a line for each.

    Raises:
        Unverified: One is not.
    """
    from gov.audit.proof import verify_inclusion
    from gov.commands.proving import trust

    measure = trust("", broker.context.audit_key or broker.info().audit_key)
    said = []
    for statement in trace.statements:
        if statement.way != "here":
            continue
        for entry in dict.fromkeys([statement.entry, *(file.entry for file in statement.files)]):
            included = verify_inclusion(broker.proof(entry), [measure.key])
            if included.index != entry:
                raise Unverified(f"the proof of entry {entry} is of another", hint="gov audit verify")
            said.append(f"verified: entry {entry} is in the log of {included.checkpoint.size} entries,"
                        f" signed by {measure.key}{'' if measure.pinned else ' (NOT pinned)'}")  # fmt: skip
    return said


# OpenLineage


def events(broker: Broker, trace: Trace) -> Iterator[dict[str, Any]]:
    """The run events of every statement of a trace, oldest first."""
    log = (broker.context.audit_key or broker.info().audit_key).partition("+")[0]
    for statement in sorted(trace.statements, key=lambda each: each.entry):
        yield from events_of(_ran(statement, log))


def _ran(statement: StatementView, log: str) -> Ran:
    tags = {
        "purpose": statement.purpose, "request": statement.request, "rule": statement.rule,
        "session": statement.session, "dataset": statement.dataset, "break_glass": statement.break_glass,
        "uses": str(statement.uses) if statement.uses > 1 else "",
    }  # fmt: skip
    return Ran(
        log=log, entry=statement.entry, target=statement.target, at=parse(statement.at), command=statement.command,
        lineage=statement.lineage, names=statement.names, outcome=statement.outcome,
        seconds=(statement.duration_ms or 0.0) / 1000, rows=statement.rows, text=statement.text, who=statement.who,
        agent=statement.agent, approved_by=tuple(statement.approved_by), run=statement.run, tags=tags,
        files=tuple((file.name, file.digest) for file in statement.files),
    )  # fmt: skip


def line(event: dict[str, Any]) -> str:
    """An event on one line."""
    return json_safe(json.dumps(event, ensure_ascii=False, separators=(",", ":")))


def deliver(found: Iterator[dict[str, Any]], to: str) -> None:
    """Append events to a file, or POST each to a URL until it is taken: at least once, in order.

    Raises:
        Unreachable: An endpoint does not take one; those before it were delivered.
    """
    if not to.startswith(("http://", "https://")):
        with Path(to).open("a") as file:
            count = sum(file.write(f"{line(event)}\n") > 0 for event in found)
        say(f"gov: {count} events appended to {to}")
        return
    import httpx

    with httpx.Client(timeout=30.0, headers=_headers(to)) as client:
        count = 0
        for event in found:
            _post(client, to, line(event), count)
            count += 1
    say(f"gov: {count} events delivered to {to}")


def _headers(to: str) -> dict[str, str]:
    """With the key that OpenLineage's own clients take from the environment.

    Raises:
        UsageError: It would travel in the clear.
    """
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(API_KEY):
        if not (to.startswith("https://") or loopback(to)):
            raise UsageError(f"{API_KEY} would travel in the clear to {to}", hint="use an https URL")
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _post(client: Any, to: str, body: str, before: int) -> None:
    import httpx

    why = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            reply = client.post(to, content=body.encode())
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            continue
        if reply.is_success:
            return
        why = f"it answers {reply.status_code}"
        if reply.status_code < 500 and reply.status_code not in (408, 425, 429):
            raise GovError(f"{to} refuses the events: {why}", hint="is it an OpenLineage endpoint?")
    raise Unreachable(
        f"{to} takes no events: {why}; {before} were delivered", hint="run it again: an event sent twice is the same"
    )

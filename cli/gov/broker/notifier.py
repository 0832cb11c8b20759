"""The child process that posts to webhooks: `python -m gov.broker.notifier LOG CURSORS` with its orders on stdin.

The trail is its queue: what is told stands in it, on disk, before anybody could be told, so nothing waits here and
no statement waits for it. Each webhook has a thread and a cursor of its own, which moves behind a delivery: after a
crash a message may come twice, with the same id. One that is not taken is tried again, ever more slowly, until it
is older than `PATIENCE`; then it is given up, which the broker is told and records. Each line of standard input is
the orders from then on: they change when policy does. It ends when standard input does.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gov.approval import templates
from gov.approval.notice import Notice, event_of, notice, rules_of
from gov.approval.signature import headers, keys
from gov.audit.telling import stamp
from gov.audit.tree import leaf_hash
from gov.broker.deliverer import EVERY, Cursor, keep, main, pause_after, say
from gov.broker.destinations import Endpoint, Undelivered
from gov.control.config import web_address
from gov.errors import GovError
from gov.policy.rules import Event, NotifyRule
from gov.store.disk import Files
from gov.store.log import Entries, Found, forwards, integrated
from gov.ui.escape import escape

PATIENCE: Final = 900.0
"""Seconds after an event in which it is tried to tell of it; what comes later than that helps nobody to answer."""
STRIDE: Final = 1000
"""Entries between two places that are kept on disk while nothing is told."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one webhook shall hear."""

    entry: int
    id: str
    at: float
    body: bytes
    notice: Notice


@dataclass(slots=True)
class State:
    """How a webhook is, as the broker hears it."""

    id: str
    sent: int = 0
    error: str = ""
    failures: int = 0
    given_up: int = 0
    waiting: bool = False
    delivered_at: float | None = None
    told: str = field(default="", repr=False)

    def said(self) -> dict[str, Any]:
        """What the broker hears of it."""
        return {
            "id": self.id, "sent": self.sent, "error": self.error, "failures": self.failures,
            "waiting": self.waiting, "given_up": self.given_up, "delivered_at": self.delivered_at,
        }  # fmt: skip


class Line:
    """One webhook and everything that it has not heard yet."""

    def __init__(self, read: Files, cursor: Cursor, name: str, said: dict[str, Any], origin: str) -> None:
        self._read, self._cursor, self._name, self._said, self._origin = read, cursor, name, said, origin
        self._endpoint: tuple[str, Endpoint] | None = None
        self._at: int | None = None
        """The next entry to look at; None before it is known where to begin."""
        self._message: Message | None = None
        self.rules: tuple[NotifyRule, ...] = ()
        self.state = State(name)

    def step(self) -> float:
        """Tell of the next thing if there is one; seconds until the next step."""
        try:
            if self._message is None and not self._next():
                return EVERY
            assert self._message is not None
            self._post(self._message)
        except Undelivered as why:
            return self._failed(str(why), why.wait)
        except (GovError, OSError, ValueError) as why:
            return self._failed(str(getattr(why, "what", why)), 0.0)
        self.state.sent, self.state.delivered_at = self.state.sent + 1, time.time()
        self._done()
        return 0.0

    def _next(self) -> bool:
        """Find the next message; whether there is one."""
        size = integrated(self._read)
        at = self._at if self._at is not None else self._begin(size)
        for found in islice(forwards(self._read, at), max(size - at, 0)):
            at = found.index + 1
            if (message := self._told(found)) is not None:
                self._at, self._message, self.state.waiting = at, message, True
                return True
        self._at, self.state.error, self.state.failures = at, "", 0
        if at - self._cursor.next >= STRIDE:
            self._keep(at)
        return False

    def _begin(self, size: int) -> int:
        """Where it was; at the end for a webhook that is new, and for a log that is not the one of before."""
        at = self._cursor.next
        if not self._cursor.last or at > size or at <= 0 or not self._cursor.follows(self._read):
            at = size
            self._keep(at)
        return at

    def _keep(self, at: int) -> None:
        if at > 0:
            self._cursor.move(at, leaf_hash(Entries(self._read)[at - 1].raw).hex())

    def _told(self, found: Found) -> Message | None:
        leaf = found.leaf
        event = event_of(leaf.kind, leaf.fields) if leaf.kind.startswith("request.") else None
        if event is None:
            return None
        where = str(leaf.fields.get("target", "")), str(leaf.fields.get("environment", ""))
        if not any(rule.hears(event, rules_of(leaf.fields), *where) for rule in self.rules):
            return None
        told = harmless(notice(event, leaf.fields, found.payload() or {}))
        body = templates.body(told, self._said["format"], at=stamp(leaf.at), origin=self._origin, entry=found.index)
        named = f"{self._origin} {found.index} {self._name}".encode()
        id = f"msg_{hashlib.sha256(named).hexdigest()[:32]}"
        return Message(found.index, id, leaf.at.timestamp(), body, told)

    def _post(self, message: Message) -> None:
        said = self._said
        signing = keys(Path(said["key"]).read_text()) if said.get("key") else ()
        url = said["to"] or web_address(Path(said["to_file"]).read_text().strip())
        if self._endpoint is None or self._endpoint[0] != url:
            headers_file, ca = (Path(said[each]) if said.get(each) else None for each in ("headers", "ca"))
            # Of some services the path is the secret.
            self._endpoint = url, Endpoint(url, headers_file, ca, shown=urlsplit(url).hostname or self._name)
        more = {"Content-Type": "application/json", **headers(message.id, int(time.time()), message.body, signing)}
        self._endpoint[1].post(message.body, more)

    def _failed(self, why: str, wait: float) -> float:
        state, message = self.state, self._message
        state.error, state.failures = why, state.failures + 1
        if message is None or time.time() - message.at < PATIENCE:
            return max(wait, pause_after(state.failures))
        say({
            "id": self._name, "lost": {
                "entry": message.entry, "event": message.notice.event, "request": message.notice.request,
                "tries": state.failures, "error": why,
            },
        })  # fmt: skip
        state.given_up += 1
        self._done()
        return 0.0

    def _done(self) -> None:
        """On to the next; that the place cannot be kept makes this one come twice at worst."""
        assert self._message is not None
        with suppress(GovError, OSError):
            self._keep(self._message.entry + 1)
        self._message, self.state.waiting, self.state.failures = None, False, 0


def harmless(told: Notice) -> Notice:
    """`told` without control, bidirectional and invisible characters: what people wrote shows itself."""
    return replace(
        told, asked_by=escape(told.asked_by), what=escape(told.what), why=escape(told.why), by=escape(told.by),
        said=escape(told.said), approvers=tuple(map(escape, told.approvers)),
    )


def rule_of(said: dict[str, Any]) -> NotifyRule:
    """A rule of policy as orders have it."""
    events = frozenset(map(Event, said["events"]))
    rules, targets, environments = (frozenset[str](said[each]) for each in ("rules", "targets", "environments"))
    return NotifyRule(said["name"], frozenset(said["webhooks"]), events, rules, targets, environments)


def run(directory: Path, cursors: Path, first: dict[str, Any]) -> None:
    """Tell until standard input ends."""
    over, lines = threading.Event(), dict[str, Line]()
    for name, said in first["webhooks"].items():
        lines[name] = Line(Files(directory), Cursor(cursors / f"{name}.json"), name, said, first["origin"])
    _order(lines, first)
    for line in lines.values():
        threading.Thread(target=keep, args=(line, over), daemon=True).start()
    for text in sys.stdin:
        _order(lines, json.loads(text))
    over.set()


def _order(lines: dict[str, Line], orders: dict[str, Any]) -> None:
    rules = [rule_of(each) for each in orders["rules"]]
    for name, line in lines.items():
        line.rules = tuple(rule for rule in rules if name in rule.webhooks)


if __name__ == "__main__":
    main(sys.argv[1:], run)

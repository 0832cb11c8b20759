"""Payloads that end: by age, as the configuration says, or because an auditor says so, with a reason.

Either way it is an entry first. What stays of an erased entry is what stands in the log for ever: kinds, ids,
columns, rules, counts. What goes is who it was by name, what was typed, and what the database said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from starlette.responses import Response

from gov.audit.checkpoint import unsigned
from gov.audit.encoding import encode
from gov.audit.entry import Leaf
from gov.broker import admission, entries
from gov.broker.house import House
from gov.broker.http import Call, reply
from gov.control.trail import EraseAsk, Erased
from gov.errors import Denied, GovError, NoSuch, Unavailable, UsageError
from gov.identity.principal import Principal
from gov.policy.roles import may_read_trail
from gov.store.disk import Files
from gov.store.erasure import KIND, Span, aged, chosen, erase

log = logging.getLogger(__name__)

LONGEST_PAUSE = 86_400.0
"""Seconds between two looks for what has aged; a short retention is looked at ten times in its length."""


async def by_hand(call: Call) -> Response:
    """Erase the payloads of entries, or of everything somebody did. For auditors."""
    house, ask = call.house, await call.body(EraseAsk)
    if not may_read_trail(house.policy, call.who):
        raise Denied("only auditors erase payloads", hint="ask whoever has the role `auditor` in the policy")
    admission.check_length("--reason", ask.reason)
    if not ask.reason.strip():
        raise UsageError("an erasure needs a reason", hint="gov audit erase --subject ID --reason TEXT")
    if bool(ask.entries) == (ask.subject is not None):
        raise UsageError("either entries or a subject", hint="gov audit erase INDEX..., or --subject ID")
    await house.trail.integrate()
    spans = await asyncio.to_thread(_spans, _files(house), unsigned(house.trail.checkpoint).size, ask)
    count = 0
    if spans:
        entry = entries.log_erased(call.who, house.clock(), of=ask.subject, reason=ask.reason)
        count = await asyncio.to_thread(erase, house.trail.journal, entry, spans)
    # Also when nothing was left in the log: the broker may have been stopped between the two.
    kept = await asyncio.to_thread(_forget, house, ask)
    if not spans and not kept:
        raise NoSuch("no such entry has a payload", hint="gov audit search --user NAME")
    first, end = (spans[0][0], spans[-1][1]) if spans else (0, 0)
    return reply(Erased(payloads=count, first=first, end=end))


class Retention:
    """Lets payloads go when they have reached their age."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def run(self) -> None:
        """Look again and again, until cancelled; at once, where there is no age, never."""
        kept = self._house.config.audit.retention.payload
        if kept is None:
            await asyncio.Event().wait()
            return
        while True:
            try:
                await self.look(kept)
            except GovError as error:
                log.error("payloads are not erased: %s", error)
            await asyncio.sleep(min(kept / 10, LONGEST_PAUSE))

    async def look(self, kept: float) -> int:
        """Erase what is older than so many seconds; how many payloads that were.

        Settled requests and ended leases of that age go with them.
        """
        house = self._house
        now, size = house.clock(), unsigned(house.trail.checkpoint).size
        for forget in (house.desk.forget, house.leases.forget):
            await asyncio.to_thread(forget, now - kept)
        try:
            spans = await asyncio.to_thread(aged, _files(house), size, now - kept)
        except ValueError as why:
            raise _damaged(why) from None
        if not spans:
            return 0
        entry = entries.log_erased(None, now, policy=f"payloads are kept for {kept:.0f} s")
        return await asyncio.to_thread(erase, house.trail.journal, entry, spans)


def _forget(house: House, ask: EraseAsk) -> int:
    """Let go what the broker's state still has of the subject: settled requests and ended leases; how many."""
    if ask.subject is None:
        return 0
    before = _moment(ask.before).timestamp() if ask.before else house.clock()

    def theirs(who: Principal) -> bool:
        return who.subject == ask.subject and ask.issuer in (None, who.issuer)

    return house.desk.forget(before, theirs) + house.leases.forget(before, theirs)


def _spans(read: Files, size: int, ask: EraseAsk) -> Sequence[Span]:
    before = _moment(ask.before) if ask.before else None
    indices = set(ask.entries)

    def wanted(leaf: Leaf) -> bool:
        # Who erased what, and why, stays until it has aged like everything else.
        return (
            leaf.kind != KIND
            and (before is None or leaf.at < before)
            and (leaf.index in indices if ask.subject is None else leaf.fields.get("subject") == ask.subject)
            and ask.issuer in (None, leaf.fields.get("issuer"))
        )

    try:
        if ask.subject is None:
            return chosen(read, size, wanted, among=indices)
        return chosen(read, size, wanted, needle=encode(ask.subject).encode())
    except ValueError as why:
        raise _damaged(why) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"`{text}` is no time", hint="--before 2026-01-31T12:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _files(house: House) -> Files:
    return Files(Path(house.config.audit.directory))


def _damaged(why: ValueError) -> Unavailable:
    return Unavailable(f"the audit log is damaged: {why}", hint="gov audit verify")

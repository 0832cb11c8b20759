"""What the database's replies tell: statements complete, transactions end, success is heard when it is on disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from gov.broker import allowing, upstream
from gov.broker.playing import Playing
from gov.errors import GovError, ProtocolError, Unavailable, Unverified
from gov.protocol import frames
from gov.protocol.allowance import Allowance
from gov.protocol.copied import Copied
from gov.protocol.replies import IDLE

if TYPE_CHECKING:
    from gov.broker.session import Session

log = logging.getLogger(__name__)

DESCRIPTIONS = 256
"""RowDescriptions that are remembered as harmless."""
_GONE = ("42P01", "3F000")
"""No such relation, no such schema."""
_OURS = b'"gov_m_'
_NO_RIGHT = "42501"
_OF_VIEWS = {
    "42803": "what it reads is masked or filtered, so gov reads it through a view, which has no key:"
             " name every column in GROUP BY",
    "0A000": "what it reads is masked or filtered, so gov reads it through a view: without TABLESAMPLE, FOR UPDATE and"
             " what else only tables have",
}
"""What nobody sees who wrote the name of a table, by SQLSTATE."""
_ENDS_TRANSACTION = ("COMMIT", "PREPARE TRANSACTION")


class Listening:
    """The listener of one session's replies (`protocol.replies.Listener`)."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._syncing: asyncio.Task[None] | None = None
        self._seen: set[bytes] = set()
        """RowDescriptions that hold nothing masked."""
        self._seen_under: frozenset[tuple[int, int]] = frozenset()
        self._exhausted: tuple[Playing, Allowance] | None = None

    def sending(self, playing: Playing) -> None:
        """A statement that changes something is about to be forwarded; its entry goes to disk meanwhile."""
        self._syncing = asyncio.get_running_loop().create_task(self.session.house.trail.durable(playing.index))
        self._syncing.add_done_callback(_heard)

    async def go_on(self) -> None:
        """Let the client hear what was withheld: success when its entry is on disk, rows when they are allowed."""
        session = self.session
        try:
            if self._exhausted is not None:
                await self._allow(*self._exhausted)
            elif not await self._on_disk():
                return
            out = session.replies.resume()
        except (ProtocolError, Unverified) as error:
            session.fatal(error)
            return
        except Exception as error:  # a bug of ours ends in a clear error, not in a session that hangs
            log.exception("session %s failed", session.id)
            session.fatal(Unavailable(f"the gateway failed: {type(error).__name__}", hint="please report it"))
            return
        session.answer(out)
        if not session.replies.withheld:
            session.link.side.resume("withheld")

    async def _on_disk(self) -> bool:
        """Wait for the entry of what changed something; False when it did not get there and the session is over."""
        assert self._syncing is not None
        try:
            await self._syncing
        except GovError:
            self.session.fatal(Unavailable(
                "the statement ran but its record is not on disk; whether it counts is unknown",
                hint="gov broker status; look before you run it again",
            ))
            return False
        return True

    async def _allow(self, turn: Playing, allowance: Allowance) -> None:
        """Ask for more rows; where there are none for it, stop the statement."""
        self._exhausted = None
        try:
            await allowance.more(allowance)
        except GovError as error:
            # Before any of the rest is read: what comes after this statement must not be hit by the cancel.
            await upstream.cancel(self.session.link)
            turn.stop(error, *self.session.replies.counted)
            self.session.judging.exceeded(turn.statement.text)
            self.session.replies.stop(frames.error(error))

    def exhausted(self, turn: Playing, allowance: Allowance) -> None:
        """A statement has more rows than it may show so far."""
        self._exhausted = turn, allowance

    def described(self, body: bytes) -> None:
        """The tripwire: no field may be a masked column of a base table."""
        masked = self.session.judging.masked
        if masked is not self._seen_under:
            self._seen_under = masked
            self._seen.clear()
        if body in self._seen:
            return
        for name, table, number in frames.described(body):
            if (table, number) in masked:
                raise Unverified(f"a masked column was about to leave in the clear: {name}", hint="please report it")
        if len(self._seen) < DESCRIPTIONS:
            self._seen.add(body)

    def completed(self, turn: Playing | None, tag: str, rows: int, octets: int, *, last: bool) -> bool:
        """A statement ended well; False while its entry is not yet on disk.

        Inside a transaction nothing is certain before COMMIT, so only then it is waited for.
        """
        ends = self.session.replies.status == IDLE or tag.startswith(_ENDS_TRANSACTION)
        if ends and not self.certain():
            return False
        if turn is not None:
            if turn.run is None or not turn.run.judged.steady:
                self.names(turn, tag)
            told = frames.tag_rows(tag)
            if tag.startswith("COPY "):
                rows = told  # what came are pieces of text, its heading among them
            turn.rows += max(rows, told)
            turn.relayed += rows
            turn.octets += octets
            if last:
                self._settle(turn.done)
        return True

    def certain(self) -> bool:
        """Whether every change that was forwarded is on record, on disk."""
        if self._syncing is not None:
            if not self._syncing.done() or self._syncing.exception() is not None:
                return False
            self._syncing = None
        return True

    def names(self, turn: Playing, tag: str) -> None:
        """PREPARE, DEALLOCATE and DISCARD change what prepared names stand for."""
        if tag == "PREPARE":
            self.session.judging.prepared(turn)
        elif tag.startswith(("DEALLOCATE", "DISCARD ALL")):
            # Which name it was is not worth knowing: what is unknown here is refused, never judged wrongly.
            self.session.group.names.deallocated(turn.statement.text)
            self.session.judging.deallocated(turn.statement.text)

    def suspended(self, turn: Playing | None, rows: int, octets: int) -> None:
        """A portal stopped at its row limit; its statement goes on with the next Execute."""
        if turn is not None:
            turn.rows += rows
            turn.relayed += rows
            turn.octets += octets

    def copied(self, turn: Playing | None, data: Copied) -> None:
        """A COPY TO STDOUT has brought all its data."""
        if turn is not None:
            turn.copied.append(data)

    def failed(self, turn: Playing | None, body: bytes, rows: int, octets: int) -> bytes | None:
        """The database refused."""
        said = self._overtaken(body)
        if turn is not None:
            fields = frames.read_error(body)
            words, original = fields.get("M", ""), ""
            judged = turn.run.judged if turn.run is not None else None
            unsaid = allowing.untold(self.session, judged, fields, counts=turn.counts)
            if said is None and unsaid is not None:
                said, words, original = frames.error(unsaid), unsaid.what, words
            hint = _OF_VIEWS.get(fields.get("C", ""))
            if said is None and hint and turn.run is not None and turn.run.judged.fields.get("rewritten"):
                said = frames.hinted(body, hint)
            turn.rows += rows
            turn.relayed += rows
            self._settle(turn.failed, fields.get("C", "XX000"), words, original)
        # An error takes every portal of its transaction with it.
        self._end_portals(Playing.skipped)
        return said

    def _overtaken(self, body: bytes) -> bytes | None:
        """When tables or views are not what we thought, somebody has changed them past gov: look, and say so."""
        state = frames.read_error(body).get("C")
        gone = state in _GONE and _OURS in body
        if gone or state == _NO_RIGHT:
            self.session.house.schemas.doubt(self.session.lease.target)
        return frames.error(Unavailable(
            "the table was changed past gov, which took its masked view along; it is made anew now",
            hint="try again in a moment; whoever changes tables past gov says before: gov broker release TARGET TABLE",
        )) if gone else None

    def ready(self, status: int, turn: Playing | None) -> None:
        """The database waits for the next statement."""
        if turn is not None:
            self._settle(turn.done)
        if status == IDLE:
            self._end_portals(Playing.done)
        self.session.judging.ready(status)

    def _end_portals(self, how: Callable[[Playing], None]) -> None:
        portals = self.session.group.portals
        for portal in portals.values():
            self._settle(how, portal)
        portals.clear()

    def parameter(self, name: str, value: str) -> None:
        """The database reports a setting."""
        self.session.judging.reported(name, value)

    def _settle(self, how: Callable[..., None], *args: object) -> None:
        """Complete an entry; a trail that fails now refuses the next statement, and this one's result stands."""
        try:
            how(*args)
        except GovError as error:
            self.session.ending = error.what


def _heard(task: asyncio.Task[None]) -> None:
    """An exception of a sync that nobody waits for any more has been heard of."""
    if not task.cancelled():
        task.exception()

"""What a session's statements mean: search_path, prepared names, and the judgments kept for the next time.

The database is the authority on its own settings. After something that may have changed search_path the
next statement is judged only when the answer to it is there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from gov.broker import datasets, objections
from gov.broker.analysis import Studied
from gov.broker.judge import (
    BeingAltered,
    Subject,
    computed,
    estimated,
    judge_studied,
    masked_fields,
    studied,
    trapped_types,
)
from gov.broker.plans import Plans
from gov.broker.playing import Playing
from gov.broker.prepared import named_by
from gov.broker.study import Executes, Prepares, Undoes
from gov.errors import GovError, LimitReached, NotUnderstood, StatementFailed, Unavailable
from gov.protocol import frames
from gov.protocol.replies import FAILED, IDLE
from gov.session.path import read_path
from gov.terms import Effect
from gov.turn import Judged, Statement, not_judged

if TYPE_CHECKING:
    from gov.broker.session import Session


READS_VALUES = frozenset({"datestyle", "timezone", "intervalstyle"})
"""Settings that give a literal another value. PostgreSQL reports each change of them."""


_COMPUTING = frozenset({Effect.UPDATE, Effect.DELETE, Effect.MERGE, Effect.CALL})
"""What meets rows that were there before; what an INSERT or COPY puts is the client's own."""
EXCEEDED = 64
"""Texts that are remembered for having had too many rows."""


class Judging:
    """The part of one session that knows what texts mean in it."""

    def __init__(self, session: Session, subject: Subject, reported_path: str | None) -> None:
        self.session, self.subject = session, subject
        self.search_path: tuple[str, ...] = ()
        self.masked: frozenset[tuple[int, int]] = frozenset()
        """What no RowDescription may name."""
        self._computed = False, False
        """Whether masked columns are computed with below the masks: see `judge.computed`."""
        self.trapped: frozenset[int] = frozenset()
        """Types that no parameter may be declared to have."""
        self.reads_otherwise = False
        """Whether the client has changed one of READS_VALUES."""
        self._plans = Plans()
        self._plans_for: tuple[object, ...] = ()
        self._prepared: dict[str, Prepares] = {}
        """What SQL's PREPARE gave names; a name that is gone fails at the database."""
        self._claims: dict[str, Playing] = {}
        """Who was the last to say PREPARE of a name: what is overtaken on its way does not count."""
        self._reported_path = reported_path
        """As PostgreSQL 18 and later report it; None before."""
        self._of_dataset = bool(session.lease.dataset)
        self._exceeded: set[str] = set()
        """Texts that had more rows than they might show."""
        self._stale = False
        self._stale_since = -1
        """In which group search_path was changed."""
        self._set_in_transaction = False

    def known(self, text: str) -> Judged | None:
        """The judgment of a text that came before in this session, while nothing has changed since."""
        if self._stale and not self.session.group.aborted:
            return None
        if self._plans_for != self._versions() or (self._of_dataset and datasets.reads(self.session, text)):
            return None
        return self._plans.get(text, self.search_path)

    async def judged(self, text: str) -> Judged:
        """The judgment of a text, which waits while what it touches is being altered.

        Raises like `studied` and `judge_studied`.
        """
        while True:
            try:
                judged = await self._judged(text)
            except BeingAltered as shut:
                if not await self.session.while_open(self.session.target.closing.settled(shut.relations)):
                    raise StatementFailed(
                        "canceling statement due to user request", hint="", state="57014"
                    ) from None
            else:
                if self._plans_for == self._versions():  # else the views it names may be gone meanwhile
                    return judged

    async def _judged(self, text: str) -> Judged:
        await self._fresh()
        session, house = self.session, self.session.house
        found = await studied(
            house, self.subject, text, self.search_path, tell=True, settled=not self._set_in_transaction
        )
        if isinstance(found, Undoes) or (isinstance(found, Studied) and found.undoing and self._set_in_transaction):
            raise NotUnderstood(
                "search_path was changed in the transaction that this text ends, so what names mean behind it"
                " is not certain", hint="send the statements one at a time",
            )
        if follows := isinstance(found, Executes):
            # What a name stands for is certain only when no PREPARE is on its way.
            await session.drained()
            names = {name: known.outline for name in found.names if (known := self._prepared.get(name)) is not None}
            found = await studied(house, self.subject, text, self.search_path, names=names)
            if isinstance(found, Executes):
                raise objections.no_statement(found.names[0].encode())
        assert isinstance(found, Studied)
        judged = await judge_studied(house, self.subject, text, found)
        # What has shown its estimate to be wrong, or comes with an approval, is not estimated (again).
        asked = text not in self._exceeded and session.lease.request is None and estimated(house, self.subject, judged)
        asked = asked and session.replies.status != FAILED and not session.group.partly
        if asked:
            rows = await self._estimate(judged)
            judged = await judge_studied(house, self.subject, text, found, rows=rows)
        if self._of_dataset and datasets.reads(session, text):
            return datasets.marked(session, judged, text)
        if judged.prepares:
            self._room(judged)
        if not follows and not asked and not found.undoing:
            self._plans.put(text, self.search_path, judged)
        return judged

    def exceeded(self, text: str) -> None:
        """A statement had more rows than it might show: it is asked about when it comes again."""
        if len(self._exceeded) >= EXCEEDED:
            self._exceeded.clear()
        self._exceeded.add(text)

    def _room(self, judged: Judged) -> None:
        """Raise LimitReached when what a text prepares is too much: in number, or to keep."""
        limits = self.session.house.config.limits
        octets = sum(each.octets for each in self._prepared.values())
        octets += sum(cast(Prepares, what).octets for _, what in judged.prepares)
        if len(self._prepared) >= limits.prepared_per_session or octets > limits.prepared_bytes:
            raise LimitReached(
                "the session has as many prepared statements as it may, or as much text in them",
                hint="DEALLOCATE ALL", state="53400",
            )

    def unjudged(self, text: str, error: GovError, protocol: str = "extended") -> GovError:
        """Record a Parse, or what is no statement, that could not be judged; what the client hears."""
        session = self.session
        try:
            session.recording.record(not_judged(Statement(text, (), session.count(), protocol), error))
        except Unavailable as worse:
            return worse
        return error

    async def _fresh(self) -> None:
        """See to it that search_path, policy and views are those of now."""
        session = self.session
        if self._stale and not session.group.aborted:
            if self._stale_since == session.group.number and session.group.gathering:
                raise NotUnderstood(
                    "search_path was changed in the same group, so what names mean here is not certain",
                    hint="sync after SET, or turn pipelining off",
                )
            await session.drained()
            if session.replies.status != FAILED:
                await self.learn()
        if self._plans_for != self._versions():
            await self._renew()

    def may_quote(self, judged: Judged) -> bool:
        """Whether what fails in it can quote a masked value, because the database computes with that below the mask."""
        changing, anyhow = self._computed
        return anyhow or (changing and not _COMPUTING.isdisjoint(judged.facts.effects))

    def _versions(self) -> tuple[object, ...]:
        """What every judgment depends on besides the text; the hour, since rules may speak of it."""
        house = self.session.house
        return house.policy_version, self.session.target.version, int(house.clock() // 3600)

    async def _renew(self) -> None:
        """Policy or catalog have changed: judge anew, over the newest views."""
        session = self.session
        versions = self._versions()
        outcome, profile = await session.house.leases.current(session.lease)
        self.subject = replace(self.subject, outcome=outcome, views=profile.views)
        catalog = await session.target.catalog()
        self.masked = masked_fields(catalog, outcome)
        self._computed = computed(catalog, self.masked)
        self.trapped = trapped_types(catalog, session.house.policy.vouched_functions)
        self._plans.clear()
        self._plans_for = versions

    async def learn(self) -> None:
        """Ask the database for its search_path; SHOW takes no snapshot, so it disturbs no transaction.

        PostgreSQL 18 reports every change by itself, and then there is nothing to ask.
        """
        shown = self._reported_path
        if shown is None:
            replies = await self.session.exchange(frames.build_own(b"SHOW search_path"))
            rows = [frames.data_row(body)[0] for kind, body in replies if kind == ord("D")]
            if not rows or rows[0] is None:
                raise Unavailable("the session's search_path cannot be read", hint="reconnect")
            shown = rows[0]
        self.search_path = read_path(shown, self.session.lease.role)
        self._stale = False

    async def _estimate(self, judged: Judged) -> int | None:
        """The planner's row estimate, taken as the requester's own role; None when there is none."""
        await self.session.drained()
        generic = "GENERIC_PLAN, " if "$" in judged.sent else ""
        explain = f"EXPLAIN ({generic}FORMAT TEXT) {judged.sent}"
        replies = await self.session.exchange(frames.build_own(explain.encode()))
        first = next((frames.data_row(body)[0] for kind, body in replies if kind == ord("D")), None)
        found = (first or "").partition(" rows=")[2].partition(" ")[0]
        return int(found) if found.isdigit() else None

    def sending(self, playing: Playing, judged: Judged) -> None:
        """A statement is about to be forwarded: what it may change is uncertain from now on."""
        for name, _ in judged.prepares:
            self.forget(name)
            self._claims[name] = playing
        sets_path = any(name in ("search_path", "all") for name, _ in judged.facts.settings)
        if sets_path or judged.facts.command.startswith("DISCARD"):
            self._set_in_transaction = True
            self._changed()
        elif Effect.TRANSACTION in judged.facts.effects and self._set_in_transaction:
            self._changed()

    def _changed(self) -> None:
        self._stale, self._stale_since = True, self.session.group.number

    def forget(self, name: str) -> None:
        """Another statement takes the prepared name."""
        self._prepared.pop(name, None)
        self._claims.pop(name, None)

    def prepared(self, playing: Playing) -> None:
        """A PREPARE has succeeded: the next of those in its text."""
        assert playing.run is not None
        if playing.prepared < len(playing.run.judged.prepares):
            name, what = playing.run.judged.prepares[playing.prepared]
            playing.prepared += 1
            if self._claims.get(name) is playing:
                self._prepared[name] = cast(Prepares, what)

    def deallocated(self, text: str) -> None:
        """A DEALLOCATE or DISCARD has run; where more was said than that, names that are gone stay known."""
        name = named_by(text)
        if name == "" or text.strip("; ").upper() == "DISCARD ALL":
            self._prepared.clear()
        elif name is not None:
            self._prepared.pop(name, None)

    def ready(self, status: int) -> None:
        """A transaction may have ended, and settings of it may have been undone."""
        if not self.session.replies.expected and not self.session.group.gathering:
            self._claims.clear()  # no PREPARE is on its way
        if status == IDLE and self._set_in_transaction:
            self._set_in_transaction, self._stale = False, True

    def reported(self, name: str, value: str) -> None:
        """The database reports a setting."""
        if name == "search_path":
            self._reported_path, self._stale = value, True
        elif name.lower() in READS_VALUES:
            self.reads_otherwise = True


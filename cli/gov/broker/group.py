"""What a client says, gathered up to Sync and judged before any of it is forwarded.

Here are the simple query and all that groups have in common; what a group is made of is `extended`'s. A message
that needs the database to answer first, or a person to, is awaited; the client's further messages wait meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from gov.broker import apart, extended, objections
from gov.broker.playing import Playing
from gov.broker.prepared import Names, Prepared
from gov.errors import GovError, NotUnderstood, ProtocolError
from gov.protocol import frames
from gov.protocol.conversation import Phase, hear
from gov.protocol.replies import FAILED, IDLE, Awaits, Expected
from gov.terms import Effect
from gov.turn import Judged, Need, Run, Statement

if TYPE_CHECKING:
    from gov.broker.session import Session

Work = Coroutine[Any, Any, None]
Runs = Callable[[Playing, Run], Work | None]
"""What to do once a turn may run; what of it takes time is handed back."""
HEAVIEST = 1 << 24
"""Bytes of a group that are kept until its Sync: 16 MiB; what is more goes to the database before."""
BURDEN = 1 << 12
"""Bytes that a message of a group takes besides its own, generously: what is noted of its statement."""
NOWHERE = frames.build_bind(b"", b"gov: refused", bytes(6))
"""A Bind of a statement that never exists: the database fails at this place, as it would after any error."""


class Group:
    """The client's side of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        limits = session.house.config.limits
        self.names = Names(limits.prepared_per_session, limits.prepared_bytes)
        self.most_portals = limits.prepared_per_session
        self.portals: dict[bytes, Playing] = {}
        self.doubtful: set[bytes] = set()
        """Those that may have become cursors of SQL's meanwhile, by the same name."""
        self.number = 0
        """Of the group, counted by Sync."""
        self.partly = False
        """Whether something of the group is at the database already."""
        self._phase = Phase.READY
        self._gathered: list[tuple[bytes, Expected | None]] = []
        self._answer_sync = False
        self._weight = 0
        """Bytes that were gathered since something was forwarded."""
        self.apart: apart.Apart | None = None
        self.ending = False
        """Whether a Query is being judged that ends a group, as Sync would."""
        self.runs = False
        """Whether something of the group runs as the session itself."""

    @property
    def aborted(self) -> bool:
        """Whether what is sent now meets a transaction that has failed, so that only its end will run."""
        replies = self.session.replies
        if replies.status != FAILED or replies.expected:
            return False
        return all(each is None or each.turn is None for _, each in self._gathered)

    @property
    def gathered(self) -> list[Expected]:
        """What is kept until the group is forwarded."""
        return [each for _, each in self._gathered if each is not None]

    @property
    def gathering(self) -> bool:
        """Whether a group is open: something of it was said, and Sync was not."""
        return self._phase is Phase.BUILDING or self.ending

    def hear(self, kind: int, body: bytes) -> None:
        """Take in one message. Raises ProtocolError when it is malformed or out of turn."""
        if self.session.replies.copying and kind not in _ENDS_COPY:
            self._beside_copy(kind)
            return
        if self._weight > HEAVIEST and self._phase is Phase.BUILDING:
            self._lighten()
        self._weight += len(body) + BURDEN
        before, self._phase = self._phase, hear(self._phase, kind)
        if before is self._phase is Phase.SKIPPING:
            return
        if self.apart is not None and kind in _NOT_BESIDE:
            self.refuse(objections.not_alone())
        else:
            _HEARD[kind](self, body)

    def _beside_copy(self, kind: int) -> None:
        """While it takes copy data PostgreSQL ignores Flush and Sync, and fails at everything else."""
        if kind not in (ord("H"), ord("S")):
            raise ProtocolError(
                f"message {bytes((kind,))!r} came in the middle of copy data", hint="send CopyDone or CopyFail first"
            )

    def bounded(self, playing: Playing, message: bytes) -> None:
        """An Execute whose rows are limited: nothing behind it is sent before it is certain that it was not stopped."""
        self.gather(message, Expected(Awaits.EXECUTE, playing, undone=playing.skipped, allowance=playing.allowance))
        self._flush(b"")
        self.session.inbox.later(self._unless_stopped(playing))

    async def _unless_stopped(self, playing: Playing) -> None:
        await self.session.drained()
        if playing.stopped is not None and not self.session.replies.failing:
            self.refuse(playing.stopped)

    def _lighten(self) -> None:
        """A group that grows and grows is not kept whole."""
        if self.apart is not None:
            self.refuse(objections.not_alone())
        elif self._gathered:
            self._flush(b"")

    # What is no part of the extended protocol

    def _query(self, body: bytes) -> None:
        try:
            text = _text(body)
        except GovError as error:
            self.refuse_query(error)
            return
        self.ending = self.partly or bool(self._gathered)
        if not self.ending:
            self._next()
        self.play(Statement(text, (), self.session.count(), "simple"), self._query_runs, self.refuse_query)

    def _next(self) -> None:
        """Sync or Query: the group is over, and what comes next is another."""
        self.number += 1
        self._weight = 0
        self.partly = self.runs = self.ending = False

    def _query_runs(self, playing: Playing, run: Run) -> Work | None:
        if run.apart:
            if self._gathered:
                self._flush(b"")
            self._next()
            return apart.simple(self.session, playing, run)
        query = Expected(Awaits.QUERY, playing, undone=playing.skipped, allowance=playing.allowance)
        self._gathered.append((frames.build_query(run.judged.sent.encode()), query))
        self.sending(playing, run)
        self._forward()
        self._next()
        return None

    def refuse_query(self, error: GovError) -> None:
        """Refuse a simple query; inside a transaction this fails the transaction, as any error does."""
        if self.session.idle and not self.ending:
            self.session.client.write(frames.error(error) + frames.ready(IDLE))
        else:
            self._refuse_in_place(error)

    def _refuse_in_place(self, error: GovError) -> None:
        """Let the database fail here, and the client hear our reason."""
        refused = Expected(Awaits.BIND, refusal=frames.error(error))
        self._gathered += [(NOWHERE, refused), (frames.SYNC, _SYNCED)]
        self._forward()
        self._next()

    def _function_call(self, body: bytes) -> None:
        error = NotUnderstood("function calls by the fast path do not pass", hint="use SELECT function(…)")
        called = f"(function call of oid {int.from_bytes(body[:4], 'big')})"
        self.refuse_query(self.session.judging.unjudged(called, error, "fast path"))

    def _terminate(self, body: bytes) -> None:
        self.session.terminate()

    def _copy_end(self, kind: bytes, body: bytes) -> None:
        replies = self.session.replies
        if replies.copying:
            replies.copying = False  # what comes now is no part of it, although the database has not said so yet
            self.session.link.side.write(frames.message(kind, body))
            if replies.expected and replies.expected[0].awaits is Awaits.QUERY:
                self.session.inbox.later(self.session.asked_for_data())

    # What is kept until Sync

    def gather(self, message: bytes, expected: Expected | None) -> None:
        """A message that joins the group."""
        self._gathered.append((message, expected))

    def set_apart(self, playing: Playing, run: Run, prepared: Prepared, bound: frames.Bind) -> None:
        """The rest of the group is gathered beside it, and nothing else that runs may be in it."""
        if self.runs:
            playing.skipped()
            self.refuse(objections.not_alone())
            return
        before = [message for message, _ in self._gathered]
        self.apart = apart.Apart(playing, run, prepared, bound, before, flushed=self.partly)
        self._drop()

    def beside(self, message: bytes, expected: Expected) -> None:
        """A message that joins the group, or what is gathered for a statement that runs apart."""
        if self.apart is not None:
            self.apart.later.append(message)
        else:
            self._gathered.append((message, expected))

    def _flush(self, body: bytes) -> None:
        if (held := self.apart) is None:
            self.partly = self.partly or bool(self._gathered)
            self._gathered.append((frames.FLUSH, None))
            self._forward()
        elif any(message[:1] == b"E" for message in held.later):
            self.apart = None
            self.partly = True
            self.session.inbox.later(apart.extended(self.session, held, synced=False))

    def _sync(self, body: bytes) -> None:
        self._next()
        if self._answer_sync:
            self._answer_sync = False
            self.session.client.write(frames.ready(self.session.replies.status))
            return
        if (held := self.apart) is not None:
            self.apart = None
            self.session.inbox.later(apart.extended(self.session, held, synced=True))
            return
        self._gathered.append((frames.SYNC, _SYNCED))
        self._forward()

    def refuse(self, error: GovError) -> None:
        """Refuse what stands in a group: all behind it up to Sync is skipped."""
        self._phase = Phase.SKIPPING
        refusal = frames.error(error)
        if (held := self.apart) is not None:
            self.apart = None
            held.playing.skipped()
        if self.session.idle and not self.partly and not self._gathered:
            # Nothing of the group is at the database, so it need not fail there.
            self._answer_sync = True
            self.session.client.write(refusal)
            return
        self._gathered.append((NOWHERE, Expected(Awaits.BIND, refusal=refusal)))
        self._forward()

    def _drop(self) -> None:
        """Forget what was gathered and not forwarded."""
        gathered, self._gathered = self._gathered, []
        for _, each in reversed(gathered):
            if each is not None:
                each.undone()

    def refuse_bound(self, error: GovError, *, synced: bool) -> None:
        """Refuse a statement of the extended protocol that ran apart; with `synced` its Sync was heard already."""
        if not synced:
            self.refuse(error)
        else:
            self.refuse_query(error)

    # From a statement's turn to the database

    def play(self, statement: Statement, then: Runs, refuse: Callable[[GovError], None]) -> None:
        """Begin a turn; `then` when it may run, `refuse` when it may not."""
        playing = Playing(statement, self.session)
        try:
            need = playing.advance()
        except GovError as error:
            refuse(error)
            return
        if not isinstance(need, Run):
            self.session.inbox.later(self._play_on(playing, need, then, refuse))
        elif (work := then(playing, need)) is not None:
            self.session.inbox.later(work)

    async def _play_on(
        self, playing: Playing, need: Need[Any], then: Runs, refuse: Callable[[GovError], None]
    ) -> None:
        try:
            run = await playing.finish(need)
        except GovError as error:
            refuse(error)
            return
        if (work := then(playing, run)) is not None:
            await work

    def sending(self, playing: Playing, run: Run) -> None:
        """A statement is about to be forwarded: what it changes counts from now on."""
        judged = run.judged
        if not judged.steady:
            self.changing(playing, judged)
        if judged.changes:
            self.session.listening.sending(playing)

    def changing(self, playing: Playing, judged: Judged) -> None:
        """What names and settings mean is uncertain from now on, where the statement changes it."""
        if not _CHANGES_NAMES.isdisjoint(judged.facts.kinds):
            self.names.changing(self.number, [name.encode() for name, _ in judged.prepares])
        if "DeclareCursorStmt" in judged.facts.kinds:
            self.doubtful = {*self.portals} - {b""}
        self.session.judging.sending(playing, judged)

    def _forward(self) -> None:
        """Send the group as far as it is gathered."""
        gathered, self._gathered, self._weight = self._gathered, [], 0
        expect = self.session.replies.expect
        messages, takes_data = [], False
        for message, expected in gathered:
            if expected is None or expect(expected):
                messages.append(message)
            if expected is not None and (turn := expected.turn) is not None and turn.run.judged.changes:
                takes_data = takes_data or _takes_data(expected)
        self.session.link.side.write(b"".join(messages))
        if takes_data:
            self.session.inbox.later(self.session.asked_for_data())


def _takes_data(expected: Expected) -> bool:
    """Whether the database will ask the client for copy data."""
    if expected.awaits not in (Awaits.QUERY, Awaits.EXECUTE):
        return False
    return Effect.COPY_IN in expected.turn.run.judged.facts.effects


def _text(body: bytes) -> str:
    if body.find(b"\0") != len(body) - 1:
        raise ProtocolError("a query has a NUL inside or none at its end", hint="check the client library")
    return extended.decoded(body[:-1])


_SYNCED = Expected(Awaits.SYNC)
"""Nothing hangs on it but its place, so that all of them are one."""
_CHANGES_NAMES = frozenset({"PrepareStmt", "DeallocateStmt", "DiscardStmt"})
_ENDS_COPY = frozenset(map(ord, "cfX"))
_NOT_BESIDE = frozenset(map(ord, "QPBF"))
_HEARD: dict[int, Callable[[Group, bytes], None]] = {
    ord("Q"): Group._query, ord("F"): Group._function_call, ord("P"): extended.parse, ord("B"): extended.bind,
    ord("D"): extended.describe, ord("E"): extended.execute, ord("C"): extended.close, ord("H"): Group._flush,
    ord("S"): Group._sync, ord("X"): Group._terminate,
    ord("c"): lambda group, body: group._copy_end(b"c", body),
    ord("f"): lambda group, body: group._copy_end(b"f", body),
}

"""What a client says, gathered up to Sync and judged before any of it is forwarded.

One method for each client message. A message that needs the database to answer first, or a person to,
is awaited by the session; the client's further messages wait meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from gov.broker import apart
from gov.broker.exchange import not_alone
from gov.broker.playing import Playing
from gov.broker.prepared import Names, Prepared
from gov.errors import GovError, LimitReached, NotUnderstood, ProtocolError, StatementFailed
from gov.policy.decision import Verdict
from gov.protocol import frames
from gov.protocol.conversation import Phase, hear
from gov.protocol.replies import FAILED, IDLE, Awaits, Expected
from gov.terms import Effect
from gov.turn import Judged, Route, Statement

if TYPE_CHECKING:
    from gov.broker.session import Session

Work = Coroutine[Any, Any, None]
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
        self._most_portals = limits.prepared_per_session
        self.portals: dict[bytes, Playing] = {}
        self._doubtful: set[bytes] = set()
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
        self._apart: apart.Apart | None = None
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
        if self._apart is not None and kind in _NOT_BESIDE:
            self._refuse(not_alone())
        else:
            _HEARD[kind](self, body)

    def _beside_copy(self, kind: int) -> None:
        """While it takes copy data PostgreSQL ignores Flush and Sync, and fails at everything else."""
        if kind not in (ord("H"), ord("S")):
            raise ProtocolError(
                f"message {bytes((kind,))!r} came in the middle of copy data", hint="send CopyDone or CopyFail first"
            )

    def _lighten(self) -> None:
        """A group that grows and grows is not kept whole."""
        if self._apart is not None:
            self._refuse(not_alone())
        elif self._gathered:
            self._flush(b"")

    # Simple query

    def _query(self, body: bytes) -> None:
        try:
            text = _text(body)
        except GovError as error:
            self.refuse_query(error)
            return
        self.ending = self.partly or bool(self._gathered)
        if not self.ending:
            self._next()
        self._play(Statement(text, (), self.session.count(), "simple"), self._query_runs, self.refuse_query)

    def _next(self) -> None:
        """Sync or Query: the group is over, and what comes next is another."""
        self.number += 1
        self._weight = 0
        self.partly = self.runs = self.ending = False

    def _query_runs(self, playing: Playing) -> Work | None:
        run = playing.run
        assert run is not None
        if run.apart:
            if self._gathered:
                self._flush(b"")
            self._next()
            return apart.simple(self.session, playing)
        query = Expected(Awaits.QUERY, playing, undone=playing.skipped)
        self._gathered.append((frames.build_query(run.judged.sent.encode()), query))
        self._sending(playing)
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
        self.refuse_query(NotUnderstood("function calls by the fast path do not pass", hint="use SELECT function(…)"))

    # Extended query

    def _parse(self, body: bytes) -> None:
        parse = frames.read_parse(body)
        try:
            text = _decoded(parse.text)
        except GovError as error:
            self._refuse(error)
            return
        self._settled(parse.name, lambda: self._with_judged(text, lambda judged: self._parsed(parse, text, judged)))

    def _parsed(self, parse: frames.Parse, text: str, judged: Judged) -> None:
        if judged.decision.verdict in (Verdict.DENY, Verdict.CONFIRM):
            self._play(Statement(text, (), self.session.count(), "extended"), lambda _: None, self._refuse)
            return
        if parse.name.startswith(_RESERVED):
            self._refuse(_reserved())
            return
        if self.names.taken(parse.name):
            self._refuse(_in_use(parse.name))
            return
        fresh = Prepared(parse.name, text, judged.sent, parse.types, self.number, self.session.target.version)
        if self.names.full(fresh):
            self._refuse(_too_many("prepared statements", "DEALLOCATE ALL"))
            return
        # PREPARE and Parse share their names: neither may be judged by what the other has replaced.
        self.session.judging.forget(parse.name.decode(errors="replace"))
        self._gathered.append((
            frames.build_parse(parse.name, judged.sent.encode(), parse.types),
            Expected(Awaits.PARSE, confirmed=self.names.confirm(fresh), undone=self.names.put(fresh)),
        ))

    def _bind(self, body: bytes) -> None:
        bound = frames.read_bind(body)
        if self.names.settled(bound.statement, self.number):
            self._bind_settled(bound)
        else:
            self._settled(bound.statement, lambda: self._bind_settled(bound))

    def _bind_settled(self, bound: frames.Bind) -> None:
        prepared = self.names.get(bound.statement)
        if prepared is None:
            self._refuse(_no_statement(bound.statement))
            return
        if bound.portal.startswith(_RESERVED):
            self._refuse(_reserved())
            return
        if bound.portal not in self.portals and len(self.portals) >= self._most_portals:
            self._refuse(_too_many("portals", "COMMIT"))
            return
        statement = Statement(prepared.text, frames.parameters(bound.tail), self.session.count(), "extended")
        self._play(statement, lambda playing: self._bind_runs(bound, prepared, playing), self._refuse)

    def _bind_runs(self, bound: frames.Bind, prepared: Prepared, playing: Playing) -> None:
        run = playing.run
        assert run is not None
        if run.apart:
            self._bind_apart(bound, prepared, playing)
            return
        self._up_to_date(prepared, run.judged.sent)
        self.runs = True
        self.portals[bound.portal] = playing
        self._doubtful.discard(bound.portal)
        self._gathered.append((
            frames.build_bind(bound.portal, bound.statement, bound.tail),
            Expected(Awaits.BIND, playing, undone=playing.skipped),
        ))
        self._sending(playing)

    def _bind_apart(self, bound: frames.Bind, prepared: Prepared, playing: Playing) -> None:
        """The rest of the group is gathered beside it, and nothing else that runs may be in it."""
        if self.runs:
            playing.skipped()
            self._refuse(not_alone())
            return
        before = [message for message, _ in self._gathered]
        self._apart = apart.Apart(playing, prepared, bound, before, flushed=self.partly)
        self._drop()

    def _up_to_date(self, prepared: Prepared, sent: str) -> None:
        """The tables have changed, or their masked views: prepare the same text anew, unseen by the client."""
        version = self.session.target.version
        if prepared.sent == sent and prepared.version == version:
            return
        if prepared.name:
            closed = frames.message(b"C", b"S" + prepared.name + b"\0")
            self._gathered.append((closed, Expected(Awaits.CLOSE, quiet=True)))
        parse = frames.build_parse(prepared.name, sent.encode(), prepared.types)
        before = prepared.sent, prepared.version
        prepared.sent, prepared.version = sent, version

        def undone() -> None:
            prepared.sent, prepared.version = before

        self._gathered.append((parse, Expected(Awaits.PARSE, quiet=True, undone=undone)))

    def _describe(self, body: bytes) -> None:
        message = frames.message(b"D", body)
        known = None if body[:1] != b"S" or self._apart is not None else self.names.get(body[1:-1])
        if known is None or known.version == self.session.target.version:
            self._beside(message, _DESCRIBED)
            return

        def anew(judged: Judged) -> None:
            if judged.route is Route.SESSION:
                self._up_to_date(known, judged.sent)
            self._beside(message, _DESCRIBED)

        self._settled(known.name, lambda: self._with_judged(known.text, anew))

    def _execute(self, body: bytes) -> None:
        portal, end, _ = body.partition(b"\0")
        if not end:
            raise ProtocolError("an Execute names no portal", hint="check the client library")
        name, message = frames.cut(portal), frames.message(b"E", body)
        playing = self.portals.get(name)
        if name and self._apart is None and (playing is None or playing.over):
            self._fetch(name, message)
        elif playing is not None and name in self._doubtful and self._apart is None:
            self.session.later(self._fetch_anew(playing, name, message))
        else:
            self._beside(message, Expected(Awaits.EXECUTE, playing))

    def _fetch(self, name: bytes, message: bytes) -> None:
        """Execute of a portal that no Bind has made: of SQL's DECLARE, if of anything. It counts as FETCH does."""

        def runs(playing: Playing) -> None:
            self.runs = True
            self.portals[name] = playing
            self._doubtful.discard(name)
            self._gathered.append((message, Expected(Awaits.EXECUTE, playing, undone=playing.skipped)))

        quoted = name.decode(errors="replace").replace('"', '""')
        self._play(Statement(f'FETCH FROM "{quoted}"', (), self.session.count(), "extended"), runs, self._refuse)

    async def _fetch_anew(self, before: Playing, name: bytes, message: bytes) -> None:
        """The portal has ended, or goes on as if SQL had declared it: its rows are not those of `before` any more."""
        await self.session.drained()
        before.done()
        self._fetch(name, message)

    def _close(self, body: bytes) -> None:
        kind, name = body[:1], frames.cut(frames.Cursor(body[1:]).raw())
        message = frames.message(b"C", body)
        if kind != b"S" or self._apart is not None:
            self._beside(message, Expected(Awaits.CLOSE))
            return

        def settled() -> None:
            confirmed, undone = self.names.close(name, self.number)
            self._gathered.append((message, Expected(Awaits.CLOSE, confirmed=confirmed, undone=undone)))

        self._settled(name, settled)

    def _beside(self, message: bytes, expected: Expected) -> None:
        """A message that joins the group, or what is gathered for a statement that runs apart."""
        if self._apart is not None:
            self._apart.later.append(message)
        else:
            self._gathered.append((message, expected))

    def _flush(self, body: bytes) -> None:
        if (held := self._apart) is None:
            self.partly = self.partly or bool(self._gathered)
            self._gathered.append((frames.FLUSH, None))
            self._forward()
        elif any(message[:1] == b"E" for message in held.later):
            self._apart = None
            self.partly = True
            self.session.later(apart.extended(self.session, held, synced=False))

    def _sync(self, body: bytes) -> None:
        self._next()
        if self._answer_sync:
            self._answer_sync = False
            self.session.client.write(frames.ready(self.session.replies.status))
            return
        if (held := self._apart) is not None:
            self._apart = None
            self.session.later(apart.extended(self.session, held, synced=True))
            return
        self._gathered.append((frames.SYNC, _SYNCED))
        self._forward()

    def _refuse(self, error: GovError) -> None:
        """Refuse what stands in a group: all behind it up to Sync is skipped."""
        self._phase = Phase.SKIPPING
        refusal = frames.error(error)
        if (held := self._apart) is not None:
            self._apart = None
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
            self._refuse(error)
        else:
            self.refuse_query(error)

    async def prepare_quietly(self, prepared: Prepared, sent: str) -> None:
        """After a run apart: let the database have the statement under the client's name, as if it had run here."""
        if self.names.get(prepared.name) is prepared or self.session.replies.status == FAILED:
            return
        parse = frames.build_parse(prepared.name, sent.encode(), prepared.types)
        replies = await self.session.exchange(parse + frames.SYNC)
        if any(kind == ord("1") for kind, _ in replies):
            prepared.sent, prepared.confirmed, prepared.closing = sent, True, False
            prepared.version = self.session.target.version
            self.names.put(prepared)

    # The rest

    def _terminate(self, body: bytes) -> None:
        self.session.terminate()

    def _copy_end(self, kind: bytes, body: bytes) -> None:
        replies = self.session.replies
        if replies.copying:
            replies.copying = False  # what comes now is no part of it, although the database has not said so yet
            self.session.link.side.write(frames.message(kind, body))
            if replies.expected and replies.expected[0].awaits is Awaits.QUERY:
                self.session.later(self.session.asked_for_data())

    def _play(
        self, statement: Statement, then: Callable[[Playing], Work | None], refuse: Callable[[GovError], None]
    ) -> None:
        """Begin a turn; `then` when it may run, `refuse` when it may not."""
        playing = Playing(statement, self.session)
        try:
            need = playing.advance()
        except GovError as error:
            refuse(error)
            return
        if need is not None:
            self.session.later(self._play_on(playing, need, then, refuse))
        elif (work := then(playing)) is not None:
            self.session.later(work)

    async def _play_on(
        self, playing: Playing, need: Any, then: Callable[[Playing], Work | None],
        refuse: Callable[[GovError], None],
    ) -> None:
        try:
            await playing.finish(need)
        except GovError as error:
            refuse(error)
            return
        if (work := then(playing)) is not None:
            await work

    def _with_judged(self, text: str, then: Callable[[Judged], None]) -> None:
        if (known := self.session.judging.known(text)) is not None:
            then(known)
            return

        async def wait() -> None:
            try:
                judged = await self.session.judging.judged(text)
            except GovError as error:
                self._refuse(self.session.judging.unjudged(text, error))
                return
            then(judged)

        self.session.later(wait())

    def _settled(self, name: bytes, then: Callable[[], None]) -> None:
        """`then`, once it is certain which text the name stands for (see `prepared`)."""
        if self.names.settled(name, self.number):
            then()
            return

        async def wait() -> None:
            await self.session.drained()
            then()

        self.session.later(wait())

    def _sending(self, playing: Playing) -> None:
        """A statement is about to be forwarded: what it changes counts from now on."""
        assert playing.run is not None
        judged = playing.run.judged
        if not judged.steady:
            self.changing(playing)
        if judged.changes:
            self.session.listening.sending(playing)

    def changing(self, playing: Playing) -> None:
        """What names and settings mean is uncertain from now on, where the statement changes it."""
        run = playing.run
        assert run is not None
        if not _CHANGES_NAMES.isdisjoint(run.judged.facts.kinds):
            self.names.changing(self.number, [name.encode() for name, _ in run.judged.prepares])
        if "DeclareCursorStmt" in run.judged.facts.kinds:
            self._doubtful = {*self.portals} - {b""}
        self.session.judging.sending(playing)

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
            self.session.later(self.session.asked_for_data())


def _takes_data(expected: Expected) -> bool:
    """Whether the database will ask the client for copy data."""
    if expected.awaits not in (Awaits.QUERY, Awaits.EXECUTE):
        return False
    return Effect.COPY_IN in expected.turn.run.judged.facts.effects


def _text(body: bytes) -> str:
    if body.find(b"\0") != len(body) - 1:
        raise ProtocolError("a query has a NUL inside or none at its end", hint="check the client library")
    return _decoded(body[:-1])


def _decoded(raw: bytes) -> str:
    """A statement's text; PostgreSQL refuses what is no UTF-8 with an error, and so do we."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        shown = " ".join(f"0x{each:02x}" for each in raw[error.start : error.start + 1])
        raise StatementFailed(
            f'invalid byte sequence for encoding "UTF8": {shown}', hint="SET client_encoding TO UTF8, and send UTF-8",
            state="22021",
        ) from None


def _no_statement(name: bytes) -> GovError:
    shown = name.decode(errors="replace")
    what = f'prepared statement "{shown}" does not exist' if name else "unnamed prepared statement does not exist"
    return StatementFailed(what, hint="", state="26000")


def _in_use(name: bytes) -> GovError:
    shown = name.decode(errors="replace")
    return StatementFailed(f'prepared statement "{shown}" already exists', hint="", state="42P05")


def _too_many(things: str, way_out: str) -> GovError:
    return LimitReached(
        f"the session has as many {things} as it may, or as much text in them", hint=way_out, state="53400"
    )


def _reserved() -> GovError:
    return NotUnderstood(f"names that begin with `{frames.RESERVED}` are the gateway's own", hint="use another name")


_RESERVED = frames.RESERVED.encode()
_DESCRIBED = Expected(Awaits.DESCRIBE)
_SYNCED = Expected(Awaits.SYNC)
"""Nothing hangs on these two but their place, so that all of a kind are one."""
_CHANGES_NAMES = frozenset({"PrepareStmt", "DeallocateStmt", "DiscardStmt"})
_ENDS_COPY = frozenset(map(ord, "cfX"))
_NOT_BESIDE = frozenset(map(ord, "QPBF"))
_HEARD: dict[int, Callable[[Group, bytes], None]] = {
    ord("Q"): Group._query, ord("F"): Group._function_call, ord("P"): Group._parse, ord("B"): Group._bind,
    ord("D"): Group._describe, ord("E"): Group._execute, ord("C"): Group._close, ord("H"): Group._flush,
    ord("S"): Group._sync, ord("X"): Group._terminate,
    ord("c"): lambda group, body: group._copy_end(b"c", body),
    ord("f"): lambda group, body: group._copy_end(b"f", body),
}

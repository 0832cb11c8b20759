"""Prepared statements and portals of the extended protocol: Parse, Bind, Describe, Execute and Close.

One function for each message, which joins the group once it is certain which text its name stands for
(see `prepared`). What they have in common with a simple query is the group's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gov.broker import objections
from gov.broker.playing import Playing
from gov.broker.prepared import Prepared
from gov.errors import GovError, ProtocolError
from gov.policy.decision import Verdict
from gov.protocol import frames
from gov.protocol.replies import FAILED, Awaits, Expected
from gov.turn import Judged, Route, Run, Statement

if TYPE_CHECKING:
    from gov.broker.group import Group
    from gov.broker.session import Session

_RESERVED = frames.RESERVED.encode()
_DESCRIBED = Expected(Awaits.DESCRIBE)
"""Nothing hangs on it but its place, so that all of them are one."""


def decoded(raw: bytes) -> str:
    """A statement's text; PostgreSQL refuses what is no UTF-8 with an error, and so do we."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise objections.not_utf8(error) from None


def parse(group: Group, body: bytes) -> None:
    """Prepare a statement, judged already: one that may not run is not prepared either."""
    asked = frames.read_parse(body)
    try:
        text = decoded(asked.text)
    except GovError as error:
        group.refuse(error)
        return
    _settled(group, asked.name, lambda: _with_judged(group, text, lambda judged: _parsed(group, asked, text, judged)))


def _parsed(group: Group, asked: frames.Parse, text: str, judged: Judged) -> None:
    if judged.decision.verdict in (Verdict.DENY, Verdict.CONFIRM):
        group.play(Statement(text, (), group.session.count(), "extended"), lambda *_: None, group.refuse)
        return
    if asked.declares(group.session.judging.trapped):
        group.refuse(objections.trapped())
        return
    if asked.name.startswith(_RESERVED):
        group.refuse(objections.reserved())
        return
    if group.names.taken(asked.name):
        group.refuse(objections.in_use(asked.name))
        return
    fresh = Prepared(asked.name, text, judged.sent, asked.types, group.number, group.session.target.version)
    if group.names.full(fresh):
        group.refuse(objections.too_many("prepared statements", "DEALLOCATE ALL"))
        return
    # PREPARE and Parse share their names: neither may be judged by what the other has replaced.
    group.session.judging.forget(asked.name.decode(errors="replace"))
    group.gather(
        frames.build_parse(asked.name, judged.sent.encode(), asked.types),
        Expected(Awaits.PARSE, confirmed=group.names.confirm(fresh), undone=group.names.put(fresh)),
    )


def bind(group: Group, body: bytes) -> None:
    """Begin to run a prepared statement with parameters: this is where its turn is played."""
    bound = frames.read_bind(body)
    if group.names.settled(bound.statement, group.number):
        _bind_settled(group, bound)
    else:
        _settled(group, bound.statement, lambda: _bind_settled(group, bound))


def _bind_settled(group: Group, bound: frames.Bind) -> None:
    prepared = group.names.get(bound.statement)
    if prepared is None:
        group.refuse(objections.no_statement(bound.statement))
        return
    if bound.portal.startswith(_RESERVED):
        group.refuse(objections.reserved())
        return
    if bound.portal not in group.portals and len(group.portals) >= group.most_portals:
        group.refuse(objections.too_many("portals", "COMMIT"))
        return
    parameters = frames.parameters(bound.tail)
    types = frames.binary_types(bound.tail, prepared.types) if parameters else ()
    statement = Statement(prepared.text, parameters, group.session.count(), "extended", types)
    group.play(statement, lambda playing, run: _bind_runs(group, bound, prepared, playing, run), group.refuse)


def _bind_runs(group: Group, bound: frames.Bind, prepared: Prepared, playing: Playing, run: Run) -> None:
    if run.apart:
        group.set_apart(playing, run, prepared, bound)
        return
    _up_to_date(group, prepared, run.judged.sent)
    group.runs = True
    group.portals[bound.portal] = playing
    group.doubtful.discard(bound.portal)
    group.gather(
        frames.build_bind(bound.portal, bound.statement, bound.tail),
        Expected(Awaits.BIND, playing, undone=playing.skipped),
    )
    group.sending(playing, run)


def _up_to_date(group: Group, prepared: Prepared, sent: str) -> None:
    """The tables have changed, or their masked views: prepare the same text anew, unseen by the client."""
    version = group.session.target.version
    if prepared.sent == sent and prepared.version == version:
        return
    if prepared.name:
        closed = frames.message(b"C", b"S" + prepared.name + b"\0")
        group.gather(closed, Expected(Awaits.CLOSE, quiet=True))
    message = frames.build_parse(prepared.name, sent.encode(), prepared.types)
    before = prepared.sent, prepared.version
    prepared.sent, prepared.version = sent, version

    def undone() -> None:
        prepared.sent, prepared.version = before

    group.gather(message, Expected(Awaits.PARSE, quiet=True, undone=undone))


def describe(group: Group, body: bytes) -> None:
    """Tell of a statement or portal; of a statement only as it is now."""
    message = frames.message(b"D", body)
    known = None if body[:1] != b"S" or group.apart is not None else group.names.get(body[1:-1])
    if known is None or known.version == group.session.target.version:
        group.beside(message, _DESCRIBED)
        return

    def anew(judged: Judged) -> None:
        if judged.route is Route.SESSION:
            _up_to_date(group, known, judged.sent)
        group.beside(message, _DESCRIBED)

    _settled(group, known.name, lambda: _with_judged(group, known.text, anew))


def execute(group: Group, body: bytes) -> None:
    """Run a portal, as far as its row limit."""
    portal, end, _ = body.partition(b"\0")
    if not end:
        raise ProtocolError("an Execute names no portal", hint="check the client library")
    name, message = frames.cut(portal), frames.message(b"E", body)
    playing = group.portals.get(name)
    if name and group.apart is None and (playing is None or playing.over):
        _fetch(group, name, message)
    elif playing is not None and name in group.doubtful and group.apart is None:
        group.session.inbox.later(_fetch_anew(group, playing, name, message))
    elif playing is not None and playing.allowance is not None and group.apart is None:
        group.bounded(playing, message)
    else:
        group.beside(message, Expected(Awaits.EXECUTE, playing))


def _fetch(group: Group, name: bytes, message: bytes) -> None:
    """Execute of a portal that no Bind has made: of SQL's DECLARE, if of anything. It counts as FETCH does."""

    def runs(playing: Playing, _: Run) -> None:
        group.runs = True
        group.portals[name] = playing
        group.doubtful.discard(name)
        if playing.allowance is not None:
            group.bounded(playing, message)
        else:
            group.gather(message, Expected(Awaits.EXECUTE, playing, undone=playing.skipped))

    quoted = name.decode(errors="replace").replace('"', '""')
    group.play(Statement(f'FETCH FROM "{quoted}"', (), group.session.count(), "extended"), runs, group.refuse)


async def _fetch_anew(group: Group, before: Playing, name: bytes, message: bytes) -> None:
    """The portal has ended, or goes on as if SQL had declared it: its rows are not those of `before` any more."""
    await group.session.drained()
    before.done()
    _fetch(group, name, message)


def close(group: Group, body: bytes) -> None:
    """Take a statement or portal away."""
    kind, name = body[:1], frames.cut(frames.Cursor(body[1:]).raw())
    message = frames.message(b"C", body)
    if kind != b"S" or group.apart is not None:
        group.beside(message, Expected(Awaits.CLOSE))
        return

    def settled() -> None:
        confirmed, undone = group.names.close(name, group.number)
        group.gather(message, Expected(Awaits.CLOSE, confirmed=confirmed, undone=undone))

    _settled(group, name, settled)


async def prepare_quietly(session: Session, prepared: Prepared, sent: str) -> None:
    """After a run apart: let the database have the statement under the client's name, as if it had run here."""
    names = session.group.names
    if names.get(prepared.name) is prepared or session.replies.status == FAILED:
        return
    message = frames.build_parse(prepared.name, sent.encode(), prepared.types)
    replies = await session.exchange(message + frames.SYNC)
    if any(kind == ord("1") for kind, _ in replies):
        prepared.sent, prepared.confirmed, prepared.closing = sent, True, False
        prepared.version = session.target.version
        names.put(prepared)


def _with_judged(group: Group, text: str, then: Callable[[Judged], None]) -> None:
    judging = group.session.judging
    if (known := judging.known(text)) is not None:
        then(known)
        return

    async def wait() -> None:
        try:
            judged = await judging.judged(text)
        except GovError as error:
            group.refuse(judging.unjudged(text, error))
            return
        then(judged)

    group.session.inbox.later(wait())


def _settled(group: Group, name: bytes, then: Callable[[], None]) -> None:
    """`then`, once it is certain which text the name stands for."""
    if group.names.settled(name, group.number):
        then()
        return

    async def wait() -> None:
        await group.session.drained()
        then()

    group.session.inbox.later(wait())

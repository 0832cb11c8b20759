"""Statements that do not simply travel on: approved ones, and those that run under a one-shot role.

They run alone, between our own messages: in a transaction that takes the locks first, looks at the
definitions again (a swap while the request waited voids it), counts what changed and rolls back what
exceeds the bound. The client gets the replies it would have got, once they are certain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from gov.approval.settle import Voided
from gov.broker import allowing, upstream
from gov.broker.exchange import Exchange, Message, own
from gov.broker.extended import prepare_quietly
from gov.broker.playing import LONGEST_ERROR, Playing, touched
from gov.broker.prepared import Prepared
from gov.errors import BoundExceeded, Denied, GovError, NotUnderstood, StatementFailed
from gov.protocol import frames
from gov.protocol.replies import BULK, IDLE, KEPT
from gov.sql.catalog import RelationKind
from gov.sql.rewrite import identifier, quoted
from gov.target.definitions import statement as definitions_query
from gov.target.oneshot import AsOwner, Lent, Ticket
from gov.terms import Effect, Relation
from gov.turn import Route, Run, Tally

if TYPE_CHECKING:
    from gov.broker.session import Session

LOCK_WITHIN = "5s"
_COUNT = (
    "SELECT pg_catalog.coalesce(pg_catalog.sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::pg_catalog.int8"
    " FROM pg_catalog.pg_stat_xact_user_tables"
).replace("pg_catalog.coalesce", "coalesce")
_ALONE = (
    "VACUUM", "CLUSTER", "CREATE DATABASE", "DROP DATABASE", "ALTER SYSTEM", "CREATE TABLESPACE", "DROP TABLESPACE",
)
"""Commands that PostgreSQL does not run in a transaction block, besides everything CONCURRENTLY."""


@dataclass(slots=True, eq=False)
class Apart:
    """An approved statement of the extended protocol, while the rest of its group is gathered."""

    playing: Playing
    run: Run
    prepared: Prepared
    bound: frames.Bind
    before: list[bytes]
    """Messages of its group that came before Bind: Parse, Describe."""
    later: list[bytes] = field(default_factory=list)
    """And after it: Describe, Execute, Close."""
    flushed: bool = False
    """Whether Parse or Describe of its group went to the database before, by Flush."""


async def simple(session: Session, playing: Playing, run: Run) -> None:
    """Run a simple query apart and answer the client."""
    query = frames.build_query(run.judged.sent.encode())
    try:
        replies = await _run(session, playing, run, query)
    except GovError as error:
        _refused(playing, error)
        session.group.refuse_query(error)
        return
    session.client.write(_joined(replies) + frames.ready(session.replies.status))


async def extended(session: Session, held: Apart, *, synced: bool) -> None:
    """Run a bound statement apart and answer every message of its group."""
    text = held.run.judged.sent
    describes_statement = any(message[:1] == b"D" and message[5:6] == b"S" for message in held.before + held.later)
    query = frames.build_own(
        text.encode(), held.prepared.types, held.bound.tail, describe=b"SP" if describes_statement else b"P"
    )
    try:
        if held.flushed:
            await session.exchange(frames.SYNC)  # what Parse has locked for its group is let go
        replies = await _run(session, held.playing, held.run, query)
    except GovError as error:
        _refused(held.playing, error)
        session.group.refuse_bound(error, synced=synced)
        return
    await prepare_quietly(session, held.prepared, text)
    answers = _answers(held, replies)
    session.client.write(answers + (frames.ready(session.replies.status) if synced else b""))


def _answers(held: Apart, replies: list[Message]) -> bytes:
    """The replies that the client's own messages ask for, in their order."""
    parameters = [each for each in replies if each[0] == ord("t")]
    described = [each for each in replies if each[0] in (ord("T"), ord("n"))]
    result = [each for each in replies if each[0] in map(ord, "DCIsHdcN")]
    out: list[Message] = []
    for message in [*held.before, b"B", *held.later]:
        match message[:1]:
            case b"P":
                out.append((ord("1"), b""))
            case b"B":
                out.append((ord("2"), b""))
            case b"D":
                out += [*parameters[:1], described[0]] if message[5:6] == b"S" else described[-1:]
            case b"E":
                out += result
                result = []
            case b"C":
                out.append((ord("3"), b""))
            case _:
                continue
    return _joined(out)


def _joined(replies: Sequence[Message]) -> bytes:
    return b"".join(frames.message(bytes((kind,)), body) for kind, body in replies)


def _refused(playing: Playing, error: GovError) -> None:
    outcome = "rolled_back" if isinstance(error, BoundExceeded | Voided) else "failed"
    original = error.original[:LONGEST_ERROR] if isinstance(error, WordsKept) else ""
    playing.end(Tally(outcome, sqlstate=error.wire_state, error=error.what, original=original))


async def _run(session: Session, playing: Playing, run: Run, query: bytes) -> list[Message]:
    """The replies to `query` up to ReadyForQuery, which is left out; the entry is completed on the way."""
    await session.drained()
    if run.permit.session != session.id:
        raise Denied("the permit belongs to another session", hint="run the statement again")
    try:
        replies = await _ran(session, playing, run, query)
    except GovError:
        raise
    except BaseException:  # the session was ended, by a kill for one
        with suppress(GovError):
            playing.failed("57P01", "the session ended while it ran")
        raise
    tag = next((body[:-1].decode() for kind, body in reversed(replies) if kind == ord("C")), "")
    playing.rows = sum(kind == ord("D") for kind, _ in replies)
    playing.relayed = playing.rows
    playing.octets = sum(len(body) for kind, body in replies if kind == ord("D"))
    playing.done(tag)
    if playing.index >= 0 and run.judged.changes:
        await session.house.trail.durable(playing.index)
    return replies


async def _ran(session: Session, playing: Playing, run: Run, query: bytes) -> list[Message]:
    """The replies to `query`, run where its route leads."""
    if run.judged.route is Route.SESSION:
        session.group.changing(playing, run.judged)
        begun = session.replies.status != IDLE
        replies = await _guarded(session, playing, run, session.exchange, query, open_already=begun)
        for kind, body in replies:
            if kind == ord("C"):
                session.listening.names(playing, body[:-1].decode())
        return replies
    if session.replies.status != IDLE:
        raise NotUnderstood(
            f"`{run.judged.facts.command}` runs on a connection of its own, so not inside a transaction",
            hint="run it outside the transaction (in autocommit mode)",
        )
    return await _one_shot(session, playing, run, query)


async def _one_shot(session: Session, playing: Playing, run: Run, query: bytes) -> list[Message]:
    """On a connection of its own, as a role that exists for this statement only."""
    target, facts = session.target, run.judged.facts
    if run.judged.route is Route.LENT:
        lent = await target.one_shot(Lent(session.judging.subject.outcome))
        return await _as_one_shot(session, playing, run, query, lent)
    # Only what changes or drops a table has our views in its way; the catalog is read anew for all.
    in_the_way = facts.writes if facts.effects & {Effect.ALTER, Effect.DROP} else frozenset[Relation]()
    async with target.altering(in_the_way, partial(session.house.sessions.quiet, target.name)):
        ticket = await target.one_shot(AsOwner(await target.owner_for(facts)))
        return await _as_one_shot(session, playing, run, query, ticket)


async def _as_one_shot(
    session: Session, playing: Playing, run: Run, query: bytes, ticket: Ticket
) -> list[Message]:
    try:
        parameters = {"application_name": f"gov:{session.lease.id}", "lock_timeout": LOCK_WITHIN}
        link = await upstream.connect(ticket.upstream, parameters)
        try:
            await _prepare(session, link.exchange, ticket)
            session.running_apart = link
            return await _guarded(session, playing, run, link.exchange, query, open_already=False)
        finally:
            session.running_apart = None
            link.close()
    finally:
        await asyncio.shield(_drop(session, ticket))


async def _drop(session: Session, ticket: Ticket) -> None:
    """Drop a one-shot role; what fails now is swept later."""
    try:
        await session.target.drop_one_shot(ticket)
    except GovError:
        return


async def _prepare(session: Session, exchange: Exchange, ticket: Ticket) -> None:
    """Pin what names mean, then become the owner where that is what the ticket is for.

    pg_catalog is not named, so it is searched first and nothing is created in it.
    """
    schemas = [schema for schema in session.judging.search_path if schema != "pg_catalog"]
    path = ", ".join(map(identifier, schemas)) or "''"
    await own(exchange, f"SET search_path = {path}")
    if ticket.set_role is not None:
        await own(exchange, f"SET ROLE {identifier(ticket.set_role)}")


async def _guarded(
    session: Session, playing: Playing, run: Run, exchange: Exchange, query: bytes, *, open_already: bool
) -> list[Message]:
    """Lock, compare, run, count; commit or roll back what we began."""
    alone = _runs_alone(run)
    if alone and (open_already or run.permit.max_rows is not None):
        raise NotUnderstood("it cannot run inside a transaction", hint="approve it without --max-rows, outside one")
    if alone:
        await _compare(session, run, exchange)
        return _certain(session, run, await exchange(query))
    if not open_already:
        await own(exchange, "BEGIN")
    try:
        await _lock(session, run, exchange)
        await _compare(session, run, exchange)
        replies = await _bounded(session, run, exchange, query)
        await _charged(playing, replies)
    except GovError:
        if not open_already:
            await exchange(frames.build_own(b"ROLLBACK"))
        raise
    if not open_already:
        await own(exchange, "COMMIT")
    return replies


def _runs_alone(run: Run) -> bool:
    if run.judged.route is not Route.OWNER:
        return False
    return run.judged.facts.command.startswith(_ALONE) or "concurrently" in run.statement.text.lower()


async def _lock(session: Session, run: Run, exchange: Exchange) -> None:
    """Take the statement's own locks on what it writes, before anything is compared."""
    if run.request is None:
        return
    catalog = await session.target.catalog()
    tables = [
        relation for relation in sorted(run.judged.facts.writes)
        if relation in catalog.relations
        and catalog.relations[relation].kind in (RelationKind.TABLE, RelationKind.PARTITIONED)
    ]
    mode = "ACCESS EXCLUSIVE" if run.judged.route is Route.OWNER else "ROW EXCLUSIVE"
    if tables:
        await own(exchange, f"LOCK TABLE {', '.join(map(quoted, tables))} IN {mode} MODE")


async def _compare(session: Session, run: Run, exchange: Exchange) -> None:
    """What is approved is still what is there, seen by the transaction that will run it."""
    if run.request is None:
        return
    text = definitions_query(touched(run.judged), run.judged.facts.functions)
    now = await own(exchange, text)
    if now != run.request.definitions:
        raise Voided(
            f"what {run.request.id} reaches was changed while it waited, so the approval is void",
            hint="run the statement again to ask anew",
        )


async def _bounded(session: Session, run: Run, exchange: Exchange, query: bytes) -> list[Message]:
    most = run.permit.max_rows
    before = int(await own(exchange, _COUNT)) if most is not None else 0
    replies = _certain(session, run, await exchange(query))
    if most is not None:
        changed = int(await own(exchange, _COUNT)) - before
        if changed > most:
            raise BoundExceeded(
                f"{changed} rows would have changed, and the approval is for {most} at most; all was rolled back",
                hint="run it again to ask for more, or narrow its WHERE",
            )
    return replies


async def _charged(playing: Playing, replies: list[Message]) -> None:
    """Take the rows that it returns, or makes of what it reads, off what it may show.

    Raises:
        GovError: They are too many, in the words that the client hears.
    """
    if playing.allowance is None:
        return
    rows = max(
        sum(kind in BULK for kind, _ in replies),
        sum(frames.tag_rows(body[:-1].decode(errors="replace")) for kind, body in replies if kind == ord("C")),
    )
    allowance = playing.allowance
    cost = allowance.cost(rows, sum(len(body) for kind, body in replies if kind in BULK))
    while allowance.left < cost:
        await allowance.more(allowance)
    allowance.left -= cost


def _certain(session: Session, run: Run, replies: list[Message]) -> list[Message]:
    """The replies without ReadyForQuery. Raises StatementFailed when there is an error among them."""
    for kind, body in replies:
        if kind == ord("T"):
            session.listening.described(body)
        if kind == ord("E"):
            raise _failure(session, frames.read_error(body), run)
        if kind == ord("G"):
            raise NotUnderstood("COPY FROM STDIN cannot be held", hint="connect with --scope write")
    if sum(len(body) for _, body in replies) > KEPT:
        raise NotUnderstood("it returns too much to be held back until it is certain", hint="leave RETURNING out")
    # Notices of a statement that runs as the owner can carry raw values.
    drop = {ord("Z"), ord("N")} if run.judged.route is Route.OWNER else {ord("Z")}
    return [(kind, body) for kind, body in replies if kind not in drop]


_SENTENCES = {
    "2BP01": "other objects depend on it; name them, or say CASCADE",
    "22001": "a value is longer than the new type has room for",
    "22003": "a number is larger than the new type has room for",
    "22007": "a value is no date or time",
    "22P02": "a value does not fit the new type",
    "23502": "a column would hold NULL that must not",
    "23503": "a row would refer to one that is not there",
    "23505": "two rows would have the same key",
    "23514": "a row would violate a check",
    "23P01": "two rows would exclude each other",
    "42501": "the owner may not do this",
    "42601": "the statement is not well formed",
    "42701": "there is a column of that name already",
    "42703": "a column that it names does not exist",
    "42704": "an object or type that it names does not exist",
    "42710": "there is an object of that name already",
    "42804": "the types do not fit",
    "42809": "it names an object of another kind",
    "42883": "a function or operator that it names does not exist",
    "42P01": "a relation that it names does not exist",
    "42P06": "there is a schema of that name already",
    "42P07": "there is a relation of that name already",
    "55006": "the object is in use",
    "55P03": f"somebody holds a lock on it for longer than {LOCK_WITHIN}",
}
"""Our own words for the SQLSTATEs (PostgreSQL manual, appendix A) that utility statements meet."""


class WordsKept(StatementFailed):
    """A statement failed as the owner, or on what counts: the client gets our sentence, the trail the database's."""

    original: str = ""


def _failure(session: Session, fields: dict[str, str], run: Run) -> GovError:
    """The database's refusal in our words: its own can carry values that are masked, or that a budget counts."""
    state = fields.get("C", "XX000")
    unsaid = allowing.untold(session, run.judged, fields, counts=bool(run.judged.decision.budgets))
    if run.judged.route is not Route.OWNER and unsaid is not None:
        failed = WordsKept(unsaid.what, hint=unsaid.hint, detail=unsaid.detail, state=state)
        failed.original = fields.get("M", "")
        return failed
    if run.judged.route is not Route.OWNER:
        what, hint, detail = (fields.get(key, "") for key in "MHD")
        return StatementFailed(what, hint=hint, detail=detail, state=state)
    names = ".".join(fields[key] for key in ("s", "t", "c", "n") if fields.get(key))
    about = f" ({names})" if names else ""
    why = _SENTENCES.get(state, "the statement failed as the owner")
    failed = WordsKept(
        f"{why}{about}", hint="the database's own message can hold values of rows; it is in the audit log",
        detail=f"SQLSTATE {state}, run as the owner", state=state,
    )
    failed.original = fields.get("M", "")
    return failed

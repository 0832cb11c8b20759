"""From a text to a judgment: facts from a worker, a decision from policy, the rewrite and its proof.

Everything the gateway, `gov explain` and `gov exec --no-wait` say about a statement is said here.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gov.broker.house import House
from gov.broker.lineages import NOTHING, lineage_of
from gov.errors import Denied, NotUnderstood, StatementFailed, Unavailable
from gov.identity.principal import Principal
from gov.policy.accepted import closed, narrowed
from gov.policy.decide import decide
from gov.policy.decision import MaskSpec, Outcome, Verdict
from gov.policy.outcome import outcome as outcome_of
from gov.policy.situation import Situation
from gov.protocol.frames import RESERVED
from gov.sql.bind import prepared
from gov.sql.calls import DOMAIN
from gov.sql.catalog import Catalog, Code
from gov.sql.columns import Columns
from gov.sql.facts import Facts
from gov.sql.outline import Outline, size
from gov.sql.resolve import resolve
from gov.sql.rewrite import renames, rewrite
from gov.sql.world import World, meanings, search, worlds
from gov.target.target import Target
from gov.terms import SYSTEM_SCHEMAS, Column, Effect, Relation, Scope
from gov.turn import Judged, Route, route


@dataclass(frozen=True, slots=True)
class Subject:
    """Who sends statements where: what is the same for every statement of a session."""

    who: Principal
    target: Target
    environment: str
    scope: Scope
    outcome: Outcome
    views: Mapping[Relation, Relation]
    """Base table to masked view; empty when nothing is rewritten, as for `gov explain` before a lease."""
    client: str = ""
    purpose: str = ""


def _client(who: Principal) -> str:
    """Who takes turns with others at being analysed."""
    return f"{who.issuer} {who.subject}"


async def outlined(house: House, text: str, who: Principal) -> Outline:
    """What a text of `who` says by itself.

    Raises:
        StatementFailed: PostgreSQL's grammar refuses it.
        NotUnderstood, TooComplex: It is beyond the bounds of analysis.
        Unavailable: No worker answers.
    """
    outline = await house.analysts.outline(text, _client(who))
    if outline.syntax_error is not None:
        raise StatementFailed(outline.syntax_error, hint="", state="42601", position=outline.position)
    return outline


async def judge_outline(
    house: House, subject: Subject, text: str, outline: Outline, search_path: tuple[str, ...], *,
    rows: int | None = None,
) -> Judged:
    """The judgment of `text`, `rows` being the planner's estimate where somebody asked it.

    Raises:
        NotUnderstood: It cannot run as it was sent.
        Unavailable: A table it touches is closed while its views are rebuilt, or a worker does not answer.
    """
    catalog = await subject.target.catalog()
    client, octets = _client(subject.who), _weight(text, outline)
    hidden = closed(subject.outcome, catalog)
    if hidden:
        await house.analysts.beside(
            octets, client, _none_closed, subject.target, outline, catalog, hidden, search_path
        )
        catalog = narrowed(catalog, hidden)
    facts = await house.analysts.beside(octets, client, resolve, outline, catalog, search_path)
    _open(subject.target, facts)
    if facts.temporary:
        raise NotUnderstood("temporary tables are not governed yet", hint="use a WITH query, or a table of your own")
    situation = replace(_situation(house, subject), estimated_rows=rows)
    decision = decide(house.policy, subject.who, situation, facts, subject.outcome)
    way = route(facts, decision, subject.scope)
    if way is not Route.SESSION and facts.command in ("PREPARE", "EXECUTE"):
        raise NotUnderstood(
            f"{facts.command} of a statement that runs on a connection of its own", hint="send the statement itself"
        )
    sent, lineage = text, NOTHING
    if decision.verdict is not Verdict.DENY:
        # Beside the rewrite and its proof: there are two analysts, and it never fails.
        tracing = lineage_of(house.analysts, client, text, outline, facts, catalog, search_path, subject.outcome)
        if way is not Route.OWNER and subject.views:
            rewriting = _rewritten(house, subject, text, outline, facts, catalog, hidden, search_path)
            sent, lineage = await asyncio.gather(rewriting, tracing)
        else:
            lineage = await tracing
    digest = hashlib.sha256(text.encode()).hexdigest()
    judged = Judged(facts, decision, digest, sent, way, prepares=tuple(prepared(outline)))
    _runs_here(judged)
    judged = _with_fields(house, subject, judged, text, catalog)
    return replace(judged, fields={**judged.fields, **lineage.fields}, octets=lineage.octets)


def _weight(text: str, outline: Outline) -> int:
    """How many bytes it is to judge: EXECUTE is short and what it runs may be long."""
    return max(len(text), _THING * sum(map(size, outline.statements)))


_THING = 4
"""Bytes that one of the things takes which a text names, at the least."""


def _runs_here(judged: Judged) -> None:
    """Refuse what would get away from the gateway.

    Raises:
        NotUnderstood: It takes one of the gateway's own names, or an approval for it would not hold:
            what it has changed could not be counted and rolled back any more.
    """
    if any(name.startswith(RESERVED) for name, _ in judged.prepares):
        raise NotUnderstood(f"names that begin with `{RESERVED}` are the gateway's own", hint="use another name")
    held = judged.decision.verdict is Verdict.HOLD
    if held and Effect.COPY_IN in judged.facts.effects:
        raise NotUnderstood("COPY FROM STDIN cannot be held", hint="INSERT the rows, or ask for a scope that has it")
    if judged.limited and judged.changes and Effect.TRANSACTION in judged.facts.effects:
        raise NotUnderstood(
            "a change that shows rows which are counted cannot come in one text with BEGIN, COMMIT or SAVEPOINT",
            hint="send them one at a time",
        )
    if held and judged.changes and Effect.TRANSACTION in judged.facts.effects:
        raise NotUnderstood(
            "a statement that needs approval cannot come in one text with BEGIN, COMMIT or SAVEPOINT",
            hint="send them one at a time",
        )


def _situation(house: House, subject: Subject) -> Situation:
    return Situation(
        subject.target.name, subject.environment, subject.scope, client=subject.client, purpose=subject.purpose,
        hour=datetime.fromtimestamp(house.clock(), UTC).hour,
    )


class BeingAltered(Unavailable):
    """An approved statement is changing what this one touches: it goes on in a moment."""

    def __init__(self, relations: frozenset[Relation]) -> None:
        super().__init__(f"{min(relations)} is being altered", hint="try again in a moment")
        self.relations = relations


def _open(target: Target, facts: Facts) -> None:
    """Refuse what touches a closed relation.

    Raises:
        BeingAltered: It opens by itself.
        Unavailable: It was released for a migration, or its masked views could not be made.
    """
    if not (shut := target.closed & (facts.reads | facts.writes)):
        return
    if shut <= target.closing.altering:
        raise BeingAltered(shut)
    first = min(shut - target.closing.altering)
    if first in target.closing.released:
        hint = f"when the migration is done, an operator runs: gov broker sync {target.name}"
    else:
        hint = f"a database administrator looks with: gov broker check {target.name}"
    raise Unavailable(f"{first} is closed: {target.closing.why(first)}", hint=hint)


def _none_closed(
    target: Target, outline: Outline, catalog: Catalog, hidden: frozenset[Column], search_path: tuple[str, ...]
) -> None:
    """Refuse what names a closed column; `*` gets along without.

    Raises:
        Denied: It does.
    """
    for statement, world, _ in worlds(outline, World(catalog, search(search_path), frozenset())):
        known = meanings(statement, world)
        named = {Column(known[hit.name], hit.column) for hit in Columns(statement, known, catalog).hits} & hidden
        if not named:
            continue
        column = min(named)
        raise Denied(
            f"the column {column} is closed: it is new in a table with classified data, and nobody has said what it"
            " holds",
            hint="ask whoever has the role `policy_admin` to classify it, or to say that it is clear:"
            f" gov policy accept {target.name} {column.relation}",
        )


async def _rewritten(
    house: House, subject: Subject, text: str, outline: Outline, facts: Facts, catalog: Catalog,
    hidden: frozenset[Column], search_path: tuple[str, ...],
) -> str:
    """The text as it is sent, proven to be the same statement over other relations."""
    # Of a relation with hidden rows every read goes to its view.
    masked = {
        relation: frozenset() if relation in subject.outcome.filters else frozenset(
            {*subject.outcome.masked_in(relation), *(each.name for each in hidden if each.relation == relation)}
        )
        for relation in subject.views
    }
    client = _client(subject.who)
    sent = await house.analysts.beside(
        _weight(text, outline), client, rewrite, text, outline, facts, catalog, subject.views, masked, search_path
    )
    if sent is text or sent == text:
        return sent
    if not await house.analysts.same(text, sent, renames(subject.views), client):
        raise Unavailable("rewriting to the masked views changed the statement", hint="please report the statement")
    return sent


def _with_fields(house: House, subject: Subject, judged: Judged, text: str, catalog: Catalog) -> Judged:
    facts, decision = judged.facts, judged.decision
    masks, clear = masked_and_clear(facts.columns_read, subject.outcome)
    fields: dict[str, object] = {
        "command": facts.command, "verdict": decision.verdict.value, "rule": decision.rule, "rules": decision.rules,
        "reasons": decision.reasons, "effects": sorted(facts.effects), "reads": _names(facts.reads),
        "writes": _names(facts.writes), "columns_read": _names(facts.columns_read),
        "columns_written": _names(facts.columns_written), "functions": sorted(facts.functions),
        "masks": [
            {"column": str(column), "mask": spec.mask, "rule": spec.rule} for column, spec in sorted(masks.items())
        ],
        "clear_sensitive": _names(clear), "rewritten": judged.sent != text, "policy": house.policy.digest,
        "catalog": catalog.version,
    }
    if unmasked := clear & subject.outcome.lifted.keys():
        fields["unmasked"] = _names(frozenset(unmasked))
    if decision.filters:
        fields["row_filters"] = [{"table": str(relation), "rule": rule} for relation, rule in decision.filters]
    if decision.budgets:
        fields["budgets"] = decision.budgets
    if facts.unknown:
        fields["unknown"] = facts.unknown
    if judged.route is not Route.SESSION:
        fields["one_shot"] = judged.route.value
    return replace(judged, fields=fields)


def masked_and_clear(
    columns: frozenset[Column], outcome: Outcome
) -> tuple[dict[Column, MaskSpec], frozenset[Column]]:
    """Of the classified columns among `columns` (`*` is all of a relation): the masked, and those read clear."""
    whole = {column.relation for column in columns if column.name == "*"}
    touched = {column for column in outcome.classified if column in columns or column.relation in whole}
    masks = {column: outcome.masks[column] for column in touched if column in outcome.masks}
    return masks, frozenset(touched - masks.keys())


def masked_fields(catalog: Catalog, outcome: Outcome) -> frozenset[tuple[int, int]]:
    """(OID, number) of every masked or closed column of a base table, and of every one of a table with hidden rows:

    what no RowDescription may name.
    """
    secret = outcome.masks.keys() | closed(outcome, catalog)
    return frozenset(
        (info.oid, column.number)
        for relation in {*(column.relation for column in secret), *outcome.filters}
        if (info := catalog.relations.get(relation)) is not None
        for column in info.columns
        if relation in outcome.filters or Column(relation, column.name) in secret
    )


def trapped_types(catalog: Catalog, vouched: frozenset[str]) -> frozenset[int]:
    """OIDs of the types whose input runs somebody's code that policy does not vouch for.

    A Parse can give them to its parameters, and then no text names what Bind runs.
    """

    def known(code: Code) -> bool:
        function = catalog.by_oid.get(code.function)
        names = (f"{function.schema}.{function.name}", function.signature) if function else ()
        return not vouched.isdisjoint(names)

    return frozenset(
        kind.oid for kind in catalog.types.values()
        if not all(known(code) for code in kind.code if code.why.startswith(DOMAIN))
    )


def _names(values: frozenset[Relation] | frozenset[Column]) -> list[str]:
    """Names for the trail; what every catalog query touches is not worth a line."""
    return sorted(
        str(each) for each in values
        if (each.relation if isinstance(each, Column) else each).schema not in SYSTEM_SCHEMAS
    )


def estimated(house: House, subject: Subject, judged: Judged) -> bool:
    """Whether the decision hinges on how many rows come back, and the planner can be asked.

    Planning runs functions, so every one must be vouched for.
    """
    facts = judged.facts
    if judged.decision.verdict is Verdict.ALLOW or facts.effects != {Effect.READ} or facts.count != 1:
        return False
    few = replace(_situation(house, subject), estimated_rows=0)
    return decide(house.policy, subject.who, few, facts, subject.outcome).verdict is Verdict.ALLOW


@dataclass(frozen=True, slots=True)
class Opinion:
    """What would happen to a statement that nobody has sent."""

    judged: Judged
    outcome: Outcome
    masks: Mapping[Column, MaskSpec]
    rewritten: str | None
    closed: tuple[Column, ...] = ()
    """Closed columns of the tables that it reads."""


async def judge(
    house: House, who: Principal, target: Target, scope: Scope, text: str, *, client: str = "", purpose: str = ""
) -> Opinion:
    """What would happen to `text` if `who` sent it in a new lease of that scope.

    Raises like `outlined` and `judge_outline`, and Unreachable when the target's catalog cannot be read.
    """
    environment = house.environment(target.name)
    catalog = await house.schemas.met(target.name)
    content, unbound = (
        outcome_of(house.policy, who, target.name, environment, scope, catalog, target.ledger, purpose=each)
        for each in (purpose, "")
    )
    hidden = closed(content, catalog)
    # The purpose changes tokens and nothing in the judgment: asking must not make a profile for each.
    same = content.filters == unbound.filters
    needed = content.masks or content.filters or hidden
    views = (await target.profile(unbound if same else content)).views if needed else {}
    subject = Subject(who, target, environment, scope, content, views, client, purpose)
    judged = await judge_outline(house, subject, text, await outlined(house, text, who), catalog.search_path)
    masks, _ = masked_and_clear(judged.facts.columns_read, content)
    read = tuple(sorted(column for column in hidden if column.relation in judged.facts.reads))
    return Opinion(judged, content, masks, judged.sent if judged.sent != text else None, read)

"""From a text to a judgment: facts, rewrite and lineage from an analyst, and a decision from policy.

Everything the gateway, `gov explain` and `gov exec --no-wait` say about a statement is said here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gov.broker.analysis import Studied
from gov.broker.grounds import Standing
from gov.broker.house import House
from gov.broker.study import Executes, Question, Refused, Undoes
from gov.errors import NotUnderstood, StatementFailed, Unavailable, error_of
from gov.identity.principal import Principal
from gov.policy.accepted import closed
from gov.policy.decide import decide
from gov.policy.decision import MaskSpec, Outcome, Verdict
from gov.policy.outcome import outcome as outcome_of
from gov.policy.situation import Situation
from gov.protocol.frames import RESERVED
from gov.sql.calls import DOMAIN
from gov.sql.catalog import Catalog, Code
from gov.sql.facts import Facts
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


async def studied(
    house: House, subject: Subject, text: str, search_path: tuple[str, ...], *,
    names: Mapping[str, str] | None = None, tell: bool = False, settled: bool = True,
) -> Studied | Executes | Undoes:
    """What a text of `subject` says, and what it means by today's catalog: see `study.Question`.

    Raises:
        StatementFailed: PostgreSQL's grammar refuses it.
        NotUnderstood, TooComplex: It is beyond the bounds of analysis.
        Denied: It names a closed column.
        Unavailable: No analyst answers.
    """
    target = subject.target
    standing = Standing(target.name, await target.catalog(), subject.outcome, subject.views)
    question = Question(text, search_path, names, tell, settled)
    found = await house.analysts.study(question, standing, f"{subject.who.issuer} {subject.who.subject}")
    if isinstance(found, Refused):
        raise StatementFailed(found.message, hint="", state="42601", position=found.position)
    return found


async def judge_studied(
    house: House, subject: Subject, text: str, found: Studied, *, rows: int | None = None
) -> Judged:
    """The judgment of `text`, `rows` being the planner's estimate where somebody asked it.

    Raises:
        NotUnderstood: It cannot run as it was sent.
        Unavailable: A table it touches is closed while its views are rebuilt.
    """
    facts = found.facts
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
    denied = decision.verdict is Verdict.DENY
    sent = text if denied or way is Route.OWNER else _sent(found)
    digest = hashlib.sha256(text.encode()).hexdigest()
    judged = Judged(facts, decision, digest, sent, way, prepares=found.prepares)
    _runs_here(judged)
    fields = _fields(house, subject, judged, text, found.catalog)
    if denied:
        return replace(judged, fields=fields)
    lineage = await found.lineage()  # an analyst has it ready by now, or soon
    return replace(judged, fields={**fields, **lineage}, octets=found.octets)


def _sent(found: Studied) -> str:
    """The text as it is sent. Raises what stands in its way."""
    if found.objection is not None:
        code, what, hint, detail = found.objection
        raise error_of(code, what, hint=hint, detail=detail)
    return found.sent


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


def _fields(
    house: House, subject: Subject, judged: Judged, text: str, catalog: str
) -> dict[str, object]:
    """What the entry of a statement says each time that its text comes."""
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
        "catalog": catalog,
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
    return fields


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


def computed(catalog: Catalog, masked: frozenset[tuple[int, int]]) -> tuple[bool, bool]:
    """Whether the database computes with `masked` columns below the masks: where rows are changed, and wherever
    rows are looked at. What fails there can quote their values, whoever's statement it is.
    """
    found = [column for oid, column in catalog.computed_with if (oid, column.number) in masked]
    return any(column.evaluated for column in found), any(column.policed for column in found)


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

    Raises like `studied` and `judge_studied`, and Unreachable when the target's catalog cannot be read.
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
    found = await studied(house, subject, text, catalog.search_path)
    assert isinstance(found, Studied)  # nothing else is asked for
    judged = await judge_studied(house, subject, text, found)
    masks, _ = masked_and_clear(judged.facts.columns_read, content)
    read = tuple(sorted(column for column in hidden if column.relation in judged.facts.reads))
    return Opinion(judged, content, masks, judged.sent if judged.sent != text else None, read)

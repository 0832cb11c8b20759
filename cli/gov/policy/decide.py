"""One statement, judged. A straight line of questions, each of which can only end in a refusal.

Denied is where every path ends that no rule leads away from: what is not understood is denied, a rule that
forbids outweighs one that holds, a hold outweighs a confirmation, and every relation touched needs an access
rule. An `allow` guardrail overrides none of these; it is named in the trail and nothing more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gov.errors import Denied
from gov.identity.principal import Principal
from gov.policy import glass, settings
from gov.policy.access import access, offers
from gov.policy.check import NEVER
from gov.policy.decision import Access, Decision, NoAccess, Outcome, Verdict
from gov.policy.matching import held_by_one, reads_of, speaks
from gov.policy.outcome import governed
from gov.policy.permit import Permit, grant
from gov.policy.rules import Guardrail, Policy, When
from gov.policy.situation import Situation
from gov.policy.unmask import liftable, lifting, unmask_command
from gov.sql.columns import SYSTEM_COLUMNS
from gov.sql.facts import Facts
from gov.terms import DDL, DML, WITHIN, Column, Effect, Relation, Scope

_PUBLIC_CATALOGS = frozenset({"pg_catalog", "information_schema"})
"""Readable by everybody, as PostgreSQL itself has it. Not pg_toast: it holds raw values."""

DUMP = "pg_dump"
"""What pg_dump calls itself."""
_READS_TARGET = frozenset({Effect.UPDATE, Effect.DELETE, Effect.MERGE})
_COPIES_ROWS = frozenset({Effect.CREATE, Effect.ALTER})

_SPOKEN = {
    Effect.ROLE: "roles belong to the broker: each lease has one of its own",
    Effect.NOTIFY: "notifications pass between sessions, outside the trail",
    Effect.UNKNOWN: "the statement does something that could not be told",
}


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything a question may look at."""

    policy: Policy
    who: Principal
    on: Situation
    facts: Facts
    outcome: Outcome
    access: Access | NoAccess
    hits: tuple[Guardrail, ...]

    @property
    def touched(self) -> frozenset[Relation]:
        return self.facts.reads | self.facts.writes

    @property
    def effects(self) -> frozenset[Effect]:
        """The effects, without the calls that policy vouches for."""
        vouched = bool(self.facts.calls) and not self.unvouched
        return self.facts.effects - {Effect.CALL} if vouched else self.facts.effects

    @property
    def unvouched(self) -> frozenset[str]:
        """The calls that policy vouches for neither by name nor by every overload that they may mean."""
        known, overloads = self.policy.vouched_functions, defaultdict[str, set[str]](set)
        for each in self.facts.called:
            if not each.extension or each.extension not in self.policy.vouched_extensions:
                overloads[each.bare].add(each.name)
        named = {each.bare for each in self.facts.called}
        return frozenset(name for name in self.facts.calls - known if name not in named or overloads[name] - known)

    @property
    def beyond(self) -> frozenset[Effect]:
        """The effects that the scope lacks."""
        return self.effects - WITHIN[self.on.scope]

    @property
    def lent(self) -> frozenset[Effect]:
        """The effects beyond the scope that a matching hold rule would have an approval lend."""
        spoken_of = (rule.when.effects or DML | DDL for rule in self.matching(Verdict.HOLD))
        return self.beyond & frozenset[Effect]().union(*spoken_of)

    @property
    def budgets(self) -> tuple[str, ...]:
        """The budgets that the rows of the statement count against, by name."""
        found = (each for each in self.policy.budget if each.meant(self.who, self.on.target))
        return tuple(sorted(each.name for each in found if reads_of(self.facts, self.outcome, each)))

    @property
    def row_counts(self) -> int | None:
        """As how many rows one of the answer counts against its budgets; None for any number."""
        known = {each.name: each for each in self.policy.budget}
        limits = (When(reads=known[name].data, unmasked=known[name].unmasked) for name in self.budgets)
        held = [held_by_one(each, self.facts, self.outcome) for each in limits]
        return None if None in held else max((each for each in held if each is not None), default=1)

    @property
    def filters(self) -> tuple[tuple[Relation, str], ...]:
        """(relation, rule) of each row filter on what it reads."""
        known = self.outcome.filters
        return tuple((each, spec.rule) for each in sorted(self.facts.reads & known.keys()) for spec in known[each])

    def matching(self, then: Verdict) -> tuple[Guardrail, ...]:
        return tuple(rule for rule in self.hits if rule.then is then)


def decide(policy: Policy, who: Principal, on: Situation, facts: Facts, outcome: Outcome) -> Decision:
    """The decision about a statement with `facts` that `who` sent in `on`, under the profile of `outcome`."""
    hits = [rule for rule in policy.guardrails if speaks(rule, who, on, facts, outcome)]
    hits.sort(key=lambda rule: rule.name)
    granted = access(policy, who, on.target, on.environment, on.scope)
    case = _Case(policy, who, on, facts, outcome, granted, tuple(hits))
    decision = next((found for question in QUESTIONS if (found := question(case)) is not None), None)
    decision = decision or _allow(case)
    return decision if decision.verdict is Verdict.DENY else _limited(case, decision)


def _limited(case: _Case, decision: Decision) -> Decision:
    """What is not denied, with what still limits the rows that it shows."""
    if not case.policy.rows and not case.policy.budget:
        return decision
    filters = case.filters
    more = tuple(f"{rule} hides rows of {relation}" for relation, rule in filters)
    return replace(
        decision, budgets=case.budgets, row_counts=1 if case.row_counts is None else case.row_counts, filters=filters,
        reasons=decision.reasons + more,
        rules=tuple(dict.fromkeys((*decision.rules, *(rule for _, rule in filters)))),
    )


def permit(decision: Decision, statement: str, session: str) -> Permit:
    """The permit for a statement (its digest) that was allowed outright.

    Raises:
        Denied: The decision is anything but allow; a held statement gets its permit from `approval.settle`.
    """
    if decision.verdict is not Verdict.ALLOW:
        raise Denied(f"the decision is {decision.verdict}: {decision.reasons[0]}", hint="gov why")
    return grant(statement, session)


def _not_understood(case: _Case) -> Decision | None:
    if not case.facts.unknown and Effect.UNKNOWN not in case.facts.effects:
        return None
    reasons = case.facts.unknown or (_SPOKEN[Effect.UNKNOWN],)
    return _deny(reasons, hint="write it so that its effects can be told; gov explain shows what was")


def _wrong_profile(case: _Case) -> Decision | None:
    """A bug of ours, or a policy that changed meanwhile: the judgment would be about something else."""
    if isinstance(case.access, NoAccess):
        return _deny(case.access.reasons, hint=case.access.hint)
    if (case.outcome.target, case.outcome.scope) != (case.on.target, case.on.scope.value):
        reasons = ("the session's profile is not the one of its lease",)
        return _deny(reasons, hint=f"gov connect {case.on.target}")
    return None


def _empty(case: _Case) -> Decision | None:
    """A statement must be known to do something, or to be none."""
    if case.facts.effects:
        return None
    if case.facts.count == 0:
        return Decision(Verdict.ALLOW, ("an empty statement does nothing",))
    return _deny(("nothing is known about what this statement does",), hint="please report the statement")


def _forbidden(case: _Case) -> Decision | None:
    rules = case.matching(Verdict.DENY)
    return _by_rules(Verdict.DENY, rules, hint="gov why") if rules else None


def _never(case: _Case) -> Decision | None:
    refused = sorted(case.effects & NEVER)
    return _deny((_SPOKEN[effect] for effect in refused), hint="gov why") if refused else None


def _settings(case: _Case) -> Decision | None:
    vouched = case.policy.vouched_settings
    asked = (settings.refusal(name, value, vouched) for name, value in case.facts.settings)
    refused = tuple(reason for reason in asked if reason)
    return _deny(refused, hint="leave the setting as it is, or have policy vouch for it") if refused else None


def _channels(case: _Case) -> Decision | None:
    """A trigger can send whole rows, and PostgreSQL knows no privilege that keeps anybody from listening."""
    unvouched = sorted(case.facts.listens - case.policy.vouched_channels)
    reasons = (f"nobody vouches for the channel {name}: what is sent on it passes by the masks" for name in unvouched)
    hint = f"have policy vouch for it: vouch: {{ channels: [{', '.join(unvouched)}] }}"
    return _deny(reasons, hint=hint) if unvouched else None


def _out_of_reach(case: _Case) -> Decision | None:
    # What does not exist yet is PostgreSQL's to make or refuse, but not in its own schemas or ours.
    missing = frozenset(filter(governed, case.facts.missing))
    bare = {each for each in case.touched - case.outcome.relations - missing if each.schema != "pg_temp"}
    bare -= {each for each in bare - case.facts.writes if each.schema in _PUBLIC_CATALOGS}
    reasons = (f"no rule lets {case.who.display} touch {relation}" for relation in sorted(bare))
    return _deny(reasons, hint="ask whoever owns the policy for access") if bare else None


def _raw(case: _Case) -> Decision | None:
    """What needs the raw value of a masked column; PostgreSQL would only say `permission denied`."""
    reason = _reads_raw(case) or _overwrites(case)
    if reason is None:
        return None
    what, columns = reason
    rule = case.outcome.masks[columns[0]].rule
    return Decision(
        Verdict.DENY,
        (f"{what} {columns[0]}, which {rule} masks",),
        rule=rule,
        rules=(rule,),
        hint=f"leave {columns[0].name} out, {_unmasking(case, columns)}",
        unmask=tuple(columns) if liftable(case.outcome, columns, case.on.purpose) else (),
    )


def _unmasking(case: _Case, columns: Sequence[Column]) -> str:
    """How to get at the raw values of masked columns: whom to ask and what to type, or that there is no way."""
    outcome = case.outcome
    if not liftable(outcome, columns, case.on.purpose):
        keepers = " and ".join(sorted({outcome.masks[column].keepers for column in columns}))
        return f"which {keepers} lets nobody unmask in this lease"
    terms = lifting(outcome, columns, reason="any", purpose=case.on.purpose).terms
    command = unmask_command(case.on.target, columns, case.on.scope)
    return f"or ask {' or '.join(sorted(terms.approvers))}: {command}"


def _reads_raw(case: _Case) -> tuple[str, list[Column]] | None:
    """A write reads its target as it is, not through the mask; so does DDL, as the owner."""
    facts = case.facts
    if facts.effects & _COPIES_ROWS and (columns := _masked(case, facts.columns_read)):
        return "the new object would hold raw values of", columns
    if facts.effects & _READS_TARGET:
        of_targets = frozenset(column for column in facts.columns_read if column.relation in facts.writes)
        if columns := _masked(case, of_targets):
            return "the write would read", columns
    return None


def _hidden_rows(case: _Case) -> Decision | None:
    """Of a table with a row filter only reads are safe: a write would touch hidden rows, or tell of them.

    Reads go to its view. What a view has not, or cannot do, PostgreSQL would refuse without a word of the filter.
    """
    filters = case.outcome.filters
    if not filters:
        return None
    found = next(_only_of_tables(case), None)
    if found is None:
        return None
    relation, what, hint = found
    rule = filters[relation][0].rule
    return Decision(
        Verdict.DENY, (f"{what}: {rule} hides some of its rows",), rule=rule, rules=(rule,),
        hint=hint or f"whoever {rule} makes an exception of can do it; ask the owner of the policy",
    )


def _only_of_tables(case: _Case) -> Iterator[tuple[Relation, str, str]]:
    """What the statement wants of a table with hidden rows that only a table gives: which, a sentence, a hint."""
    facts, filters = case.facts, case.outcome.filters
    for relation in sorted(facts.writes & filters.keys()) if facts.effects & DML else ():
        yield relation, f"{relation} is read-only for {case.who.display}", ""
    reads = sorted(facts.reads & filters.keys())
    for relation in reads if facts.effects & _COPIES_ROWS else ():
        yield relation, f"a copy of {relation} would hold every row", ""
    for column in sorted(facts.columns_read):
        if column.relation in filters and column.name in SYSTEM_COLUMNS:
            what = f"{column.relation} shows {case.who.display} no {column.name}"
            yield column.relation, what, "name the row by its key"
    if Effect.LOCK in facts.effects and reads and facts.reads <= filters.keys() and "SelectStmt" in facts.kinds:
        yield reads[0], f"{case.who.display} cannot lock rows of {reads[0]}", "leave FOR UPDATE out"


def _gathers(case: _Case) -> Decision | None:
    """What can put the values of any number of rows in one would let a budget count one."""
    if case.row_counts is not None:
        return None
    rule = case.budgets[0]
    return Decision(
        Verdict.DENY,
        (f"one row of its answer can hold values of any number of rows, and {rule} counts rows",),
        rule=rule,
        rules=case.budgets,
        hint="select the rows themselves",
    )


def _dumped(case: _Case) -> Decision | None:
    """A dump is there to be restored: masks in it would take the place of values."""
    columns = _masked(case, case.facts.columns_read) if case.on.client == DUMP else []
    if not columns:
        return None
    column, relation = columns[0], columns[0].relation
    rule = case.outcome.masks[column].rule
    return Decision(
        Verdict.DENY,
        (f"a dump of {relation} would hold masked values of {column.name}, which {rule} masks",),
        rule=rule,
        rules=(rule,),
        hint=f"pg_dump --exclude-table-data={relation}, and what you may see of it with"
        f" gov exec {case.on.target} -c 'SELECT * FROM {relation}' -o {relation.name}.csv",
    )


def _overwrites(case: _Case) -> tuple[str, list[Column]] | None:
    """ORMs save back what they read, so an UPDATE would replace the value by its mask.

    Beside an INSERT it cannot be told which of the two names the column; privileges decide then.
    """
    facts = case.facts
    if not facts.effects & {Effect.UPDATE, Effect.MERGE} or facts.effects & {Effect.INSERT, Effect.COPY_IN}:
        return None
    closed = frozenset(
        column for column in facts.columns_written
        if column in case.outcome.masks and not case.outcome.masks[column].write
    )
    columns = _masked(case, closed)
    return ("the update would overwrite", columns) if columns else None


def _masked(case: _Case, columns: frozenset[Column]) -> list[Column]:
    """The masked columns among `columns`, where `*` is every column of its relation; sorted."""
    whole = {column.relation for column in columns if column.name == "*"}
    return sorted(each for each in case.outcome.masks if each in columns or each.relation in whole)


def _beyond_scope(case: _Case) -> Decision | None:
    """What the scope lacks and no hold rule lends. GRANT is lent in admin scope only."""
    lacking = case.beyond - case.lent
    if case.on.scope is not Scope.ADMIN:
        lacking |= case.beyond & {Effect.GRANT}
    if not lacking:
        return None
    reasons = [f"{effect} is not within the scope {case.on.scope}" for effect in sorted(lacking)]
    if Effect.CALL in lacking and (names := sorted(case.unvouched)):
        by = {each.bare: each.why for each in case.facts.called if each.why}
        told = [f"{name} (called by {by[name]})" if name in by else name for name in names[:_NAMED]]
        reasons.append(f"nobody vouches for {', '.join(told)}{' and more' * (len(names) > _NAMED)}")
    return _deny(reasons, hint=_wider(case, lacking))


def _wider(case: _Case, lacking: frozenset[Effect]) -> str:
    """The command for a scope that includes `lacking`, where one is offered."""
    for offer in offers(case.policy, case.who, case.on.target, case.on.environment):
        if lacking <= WITHIN[Scope(offer.scope)]:
            return f"gov connect {case.on.target} --scope {offer.scope}"
    if any(lacking <= within for within in WITHIN.values()):
        return f"gov targets shows your scopes on {case.on.target}; none of them includes it"
    names = sorted(case.unvouched)
    if lacking == {Effect.CALL} and names and all("." in name and " " not in name for name in names):
        return f"whoever owns the policy can vouch for it: vouch: {{ functions: [{', '.join(names[:_NAMED])}] }}"
    return "no scope includes it; ask whoever owns the policy for a hold rule"


_NAMED = 5
"""How many functions a refusal names."""


def _held(case: _Case) -> Decision | None:
    rules = case.matching(Verdict.HOLD)
    if not rules:
        return None
    decision = _by_rules(Verdict.HOLD, rules, hint="gov requests", lends=case.lent)
    if decision.approvers:
        return _alone(case, decision, rules)
    names = " and ".join(decision.rules)
    reasons = (f"{names} hold it for different approvers, so nobody can answer",)
    return _deny(reasons, hint="split the statement")


def _alone(case: _Case, decision: Decision, rules: tuple[Guardrail, ...]) -> Decision:
    """A hold, with the rules by which whoever sent it need not wait."""
    return replace(decision, alone=glass.alone(case.policy, case.who, case.on, case.facts, case.outcome, rules))


def _confirmed(case: _Case) -> Decision | None:
    rules = case.matching(Verdict.CONFIRM)
    return _by_rules(Verdict.CONFIRM, rules, hint="type the object's name") if rules else None


QUESTIONS: tuple[Callable[[_Case], Decision | None], ...] = (
    _not_understood, _wrong_profile, _empty, _forbidden, _never, _settings, _channels,
    _out_of_reach, _raw, _hidden_rows, _gathers, _dumped, _beyond_scope, _held, _confirmed,
)
"""In this order. Removing one can only make decisions wider, never narrower."""


def _allow(case: _Case) -> Decision:
    assert isinstance(case.access, Access)
    notes = tuple(rule.name for rule in case.matching(Verdict.ALLOW))
    reason = f"{case.access.rule} gives {case.who.display} the scope {case.on.scope} on {case.on.target}"
    most, by, ask = _most_rows(case)
    return Decision(
        Verdict.ALLOW, (reason,), rule=case.access.rule, rules=(case.access.rule, *notes), most_rows=most,
        most_rows_by=by, most_rows_ask=ask,
    )


def _most_rows(case: _Case) -> tuple[int | None, str, frozenset[str]]:
    """How many rows may pass before a rule that an estimate has kept silent would speak after all; which, and whom
    it would ask."""
    unknown, found = replace(case.on, estimated_rows=None), []
    for rule in case.policy.guardrails:
        most = rule.when.rows_over
        if most is None or rule.then is Verdict.ALLOW or not speaks(rule, case.who, unknown, case.facts, case.outcome):
            continue
        each = held_by_one(rule.when, case.facts, case.outcome)
        assert each is not None  # or it would have spoken
        found.append((most // each, rule.name, rule.approvers))
    return min(found, key=lambda bound: bound[:2], default=(None, "", frozenset[str]()))


def _deny(reasons: Iterable[str], *, hint: str) -> Decision:
    return Decision(Verdict.DENY, tuple(reasons), hint=hint)


def _by_rules(
    verdict: Verdict, rules: tuple[Guardrail, ...], *, hint: str, lends: frozenset[Effect] = frozenset()
) -> Decision:
    """What all of `rules` say together: only groups that every one of them names may answer."""
    first = rules[0]
    return Decision(
        verdict,
        tuple(rule.message or _because(rule) for rule in rules),
        rule=first.name,
        rules=tuple(rule.name for rule in rules),
        approvers=frozenset.intersection(*(rule.approvers for rule in rules)),
        count=max(rule.count for rule in rules),
        expires=min(rule.expires for rule in rules),
        message=first.message,
        hint=hint,
        lends=lends,
    )


def _because(rule: Guardrail) -> str:
    match rule.then:
        case Verdict.HOLD:
            return f"{rule.name} holds it for {' or '.join(sorted(rule.approvers))}"
        case Verdict.CONFIRM:
            return f"{rule.name} asks for a confirmation"
        case Verdict.DENY:
            return f"{rule.name} forbids it"
        case Verdict.ALLOW:
            return f"{rule.name} allows it"

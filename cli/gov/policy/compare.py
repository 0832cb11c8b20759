"""Whose access changes from one policy to another: leases, tables in reach, masks, and what becomes of statements.

Both policies are asked about everything in `universe`; what they answer differently is a change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from gov.policy import universe
from gov.policy.access import access
from gov.policy.decide import decide
from gov.policy.decision import Access, Decision, Outcome, Verdict, every
from gov.policy.glass import lifting_alone
from gov.policy.masks import parse, strictest
from gov.policy.outcome import filtered, outcome
from gov.policy.render import duration
from gov.policy.rules import Budget, NotifyRule, People, Policy, Roles
from gov.policy.situation import Situation
from gov.policy.universe import OTHERWISE, Circumstances, Subject, World
from gov.policy.unmask_compare import lift_change
from gov.sql.catalog import Catalog
from gov.sql.facts import Facts
from gov.terms import Relation, Scope

ANY_OTHER = "any other environment"
CLEAR = "clear"
NONE = "none"

_SEVERITY = {Verdict.ALLOW: 0, Verdict.CONFIRM: 1, Verdict.HOLD: 2, Verdict.DENY: 3}


class Direction(StrEnum):
    """Whether more is possible than before."""

    WIDER = "wider"
    NARROWER = "narrower"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One thing that is otherwise, for everybody and everything in the lists."""

    who: tuple[str, ...]
    target: str
    environments: tuple[str, ...]
    """Empty: in all."""
    scopes: tuple[str, ...]
    kind: str
    """`lease`, `reach`, `mask`, `rows`, `budget`, `statement`, `role` or `trust`."""
    on: tuple[str, ...]
    """Tables or columns; empty where it is about none."""
    doing: tuple[str, ...]
    """Of statements: what they do."""
    when: tuple[str, ...]
    """Of statements: in which circumstances; empty: in all."""
    old: str
    new: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class _Place:
    """One subject in one lease, under both policies."""

    subject: Subject
    target: str
    environment: str
    scope: Scope

    def change(self, kind: str, on: str, old: str, new: str, direction: Direction, doing: str = "",
               when: str = "") -> Change:
        """A change here."""
        return Change(
            (self.subject.label,), self.target, (self.environment or ANY_OTHER,), (self.scope.value,), kind,
            (on,) if on else (), (doing,) if doing else (), (when,) if when else (), old, new, direction,
        )  # fmt: skip


def changes(old: Policy, new: Policy, catalogs: Sequence[tuple[str, str, Catalog]] = ()) -> list[Change]:
    """Everything that is otherwise in `new`, put together where it can be said in one line.

    `catalogs` are targets to look at, as (name, environment, catalog); without any, all that the policies name.
    """
    named = universe.catalog(old, new)
    given = list(catalogs) or [(target, environment, named) for target, environment in universe.places(old, new)]
    where = [(target, environment, universe.world(catalog, old, new)) for target, environment, catalog in given]
    found: list[Change] = []
    for target, environment, world in where:
        for scope in Scope:
            seen: dict[str, set[Change]] = {}
            for subject in universe.subjects(old, new):
                here = set(_here(_Place(subject, target, environment, scope), old, new, world))
                seen[subject.label] = {replace(each, who=()) for each in here}
                known = set().union(*(seen.get(part, set()) for part in subject.parts))
                found += [each for each in here if replace(each, who=()) not in known]
    whole = {
        "when": {each.label for each in universe.circumstances(old, new)},
        "environments": {environment or ANY_OTHER for _, environment, _ in where},
    }
    return [*_together(found, whole), *_governing(old, new)]


def _here(place: _Place, old: Policy, new: Policy, world: World) -> Iterator[Change]:
    who, where = place.subject.who, (place.target, place.environment, place.scope)
    before, after = (access(policy, who, *where) for policy in (old, new))
    # Leases and reach of two put together are the better of both: what changes there, changes for one of them.
    alone = not place.subject.parts
    if alone:
        yield from _lease(place, before, after)
    if not (isinstance(before, Access) and isinstance(after, Access)):
        return
    was, now = (outcome(policy, who, *where, world.catalog) for policy in (old, new))
    for relation in sorted(was.relations ^ now.relations) if alone else ():
        wider = relation in now.relations
        old_word, new_word = ("out of reach", "in reach") if wider else ("in reach", "out of reach")
        direction = Direction.WIDER if wider else Direction.NARROWER
        for each in world.alike[relation]:
            yield place.change("reach", universe.said(str(each)), old_word, new_word, direction)
    yield from _masks(place, was, now, world)
    yield from _lifted_alone(place, old, new, (was, now), world)
    yield from _rows(place, old, new, was.relations & now.relations, world)
    yield from _budgets(place, old, new)
    yield from _statements(place, old, new, was, now, world)


def _lease(place: _Place, before: object, after: object) -> Iterator[Change]:
    terms = [_terms(each) if isinstance(each, Access) else None for each in (before, after)]
    if terms[0] == terms[1]:
        return
    pairs = list(zip(*(each[1] for each in terms if each), strict=True)) if all(terms) else []
    if not pairs:
        direction = Direction.WIDER if terms[1] else Direction.NARROWER
    else:
        direction = _direction(more=any(b > a for a, b in pairs), less=any(b < a for a, b in pairs))
    old, new = (each[0] if each else "no lease" for each in terms)
    yield place.change("lease", "", old, new, direction)


def _terms(granted: Access) -> tuple[str, tuple[float, ...]]:
    """In words, and as numbers of which more is wider."""
    asks = [word for word, asked in (("a reason", granted.reason_required), ("a purpose", granted.purpose_required))
            if asked]
    words = f"a lease of {duration(granted.max_ttl)}" + (f" with {' and '.join(asks)}" if asks else "")
    if granted.max_statement:
        words += f", statements run on for {duration(granted.max_statement)}"
    return words, (
        granted.max_ttl, -granted.reason_required, -granted.purpose_required, granted.max_statement or 0.0,
    )


def _direction(*, more: bool, less: bool) -> Direction:
    if more == less:
        return Direction.DIFFERENT
    return Direction.WIDER if more else Direction.NARROWER


def _masks(place: _Place, was: Outcome, now: Outcome, world: World) -> Iterator[Change]:
    for column in sorted(was.masks.keys() | now.masks.keys()):
        if column.relation not in was.relations & now.relations:
            continue
        specs = [each.masks.get(column) for each in (was, now)]
        old, new = (each.mask if each else CLEAR for each in specs)
        writes = [each.write if each else True for each in specs]
        names = [universe.said(f"{each}.{column.name}") for each in world.alike[column.relation]]
        if old != new:
            for name in names:
                yield place.change("mask", name, old, new, _unmasked(old, new))
        elif writes[0] != writes[1] and place.scope is not Scope.READ:
            was_set, is_set = ("may be set by UPDATE" if each else "may not be set by UPDATE" for each in writes)
            direction = _direction(more=writes[1], less=writes[0])
            for name in names:
                yield place.change("mask", name, was_set, is_set, direction)
        if specs[0] and specs[1] and (lifting := lift_change(specs[0].unmask, specs[1].unmask, place.scope)):
            direction = _direction(more=lifting.more, less=lifting.less)
            for name in names:
                yield place.change("mask", name, lifting.old, lifting.new, direction)


def _lifted_alone(
    place: _Place, old: Policy, new: Policy, outcomes: tuple[Outcome, Outcome], world: World
) -> Iterator[Change]:
    """Masks that somebody may lift without an approver, or may no longer; for how long is no wider than the rule."""
    for circumstances in universe.circumstances(old, new):
        on = _situation(place, circumstances)
        found = [
            {
                column: max(ttls)
                for column, spec in content.masks.items() if spec.unmask is not None
                and (ttls := [min(rule.max_ttl or spec.unmask.max_ttl, spec.unmask.max_ttl) for rule in lifting_alone(
                    policy, place.subject.who, on, spec.rules or (spec.rule,))])
            }
            for policy, content in zip((old, new), outcomes, strict=True)
        ]
        for column in sorted(found[0].keys() | found[1].keys()):
            ttls = [each.get(column, 0.0) for each in found]
            if ttls[0] == ttls[1]:
                continue
            words = [f"unmasked alone for {duration(ttl)}" if ttl else "not unmasked alone" for ttl in ttls]
            direction = _direction(more=ttls[1] > ttls[0], less=ttls[1] < ttls[0])
            for each in world.alike.get(column.relation, ()):
                name = universe.said(f"{each}.{column.name}")
                yield place.change("mask", name, words[0], words[1], direction, when=circumstances.label)


def _rows(
    place: _Place, old: Policy, new: Policy, reach: frozenset[Relation], world: World
) -> Iterator[Change]:
    """Row filters: each more hides rows, and of two that are otherwise nobody knows which shows more."""
    purposes = {"", *(each for policy in (old, new) for rule in policy.rows for each in rule.purposes)}
    for purpose in sorted(purposes):
        when = f"purpose {purpose}" if purpose else OTHERWISE if len(purposes) > 1 else ""
        was, now = (
            filtered(policy, place.subject.who, place.target, purpose, world.catalog) for policy in (old, new)
        )
        for relation in sorted((was.keys() | now.keys()) & reach):
            before, after = ({spec.where for spec in each.get(relation, ())} for each in (was, now))
            words = [every(sorted(each)) or "all rows" for each in (before, after)]
            direction = _direction(more=after < before, less=before < after)
            for each in world.alike[relation] if before != after else ():
                yield place.change("rows", universe.said(str(each)), words[0], words[1], direction, when=when)


def _budgets(place: _Place, old: Policy, new: Policy) -> Iterator[Change]:
    """Budgets, by what they count: of a name that stays, more rows or less time is wider."""
    known = [
        {each.name: each for each in policy.budget if each.meant(place.subject.who, place.target)}
        for policy in (old, new)
    ]
    for name in sorted(known[0].keys() | known[1].keys()):
        before, after = (each.get(name) for each in known)
        if before is not None and after is not None:
            same = before.data == after.data and before.unmasked == after.unmasked
            if same and (before.rows, before.per) == (after.rows, after.per):
                continue
            direction = _direction(
                more=same and after.rows / after.per >= before.rows / before.per and after.rows >= before.rows,
                less=same and after.rows / after.per <= before.rows / before.per and after.rows <= before.rows,
            )
        else:
            direction = Direction.WIDER if after is None else Direction.NARROWER
        was, now = (_amount(each) if each else "no budget" for each in (before, after))
        yield place.change("budget", name, was, now, direction)


def _amount(budget: Budget) -> str:
    clear = " clear" if budget.unmasked else ""
    return f"{budget.rows} rows of{clear} {budget.data} in {duration(budget.per)}"


def _unmasked(old: str, new: str) -> Direction:
    if CLEAR in (old, new):
        return Direction.WIDER if new == CLEAR else Direction.NARROWER
    both = strictest((parse(old), parse(new)))
    return _direction(more=both == parse(old), less=both == parse(new))


def _statements(
    place: _Place, old: Policy, new: Policy, was: Outcome, now: Outcome, world: World
) -> Iterator[Change]:
    changed = [each.when.effects for each in (*old.guardrails, *new.guardrails)
               if not (each in old.guardrails and each in new.guardrails)]  # fmt: skip
    changed += [rule.when.effects for rule in {*old.break_glass} ^ {*new.break_glass}]
    around = universe.circumstances(old, new)
    for relations, facts, same in _kinds(was, now, world):
        for doing, each in facts:
            # A rule that speaks of other effects only can change nothing here.
            for circumstances in around if not same or any(not e or e & each.effects for e in changed) else ():
                on = _situation(place, circumstances)
                verdicts = [
                    decide(policy, place.subject.who, on, each, content)
                    for policy, content in ((old, was), (new, now))
                ]
                if _said(verdicts[0]) == _said(verdicts[1]):
                    continue
                before, after = map(_words, verdicts)
                direction = _milder(*verdicts)
                for name in relations or [""]:
                    yield place.change("statement", name, before, after, direction, doing, circumstances.label)


def _kinds(was: Outcome, now: Outcome, world: World) -> Iterator[tuple[list[str], list[tuple[str, Facts]], bool]]:
    """Tables that no rule tells apart, with statements on one of them, and whether both policies know them alike.

    And statements on no table.
    """
    known = [_by_relation(each) for each in (was, now)]
    for relation in sorted(was.relations & now.relations):
        names = [universe.said(str(each)) for each in world.alike[relation]]
        yield names, list(universe.statements(relation)), known[0].get(relation) == known[1].get(relation)
    yield [], list(universe.elsewhere()), True


def _by_relation(outcome: Outcome) -> dict[Relation, set[tuple[str, str, object]]]:
    """What is classified and masked of each relation that has such columns."""
    found: defaultdict[Relation, set[tuple[str, str, object]]] = defaultdict(set)
    for column, data in outcome.classified.items():
        found[column.relation].add((column.name, data, outcome.masks.get(column)))
    return found


def _situation(place: _Place, each: Circumstances) -> Situation:
    return Situation(
        place.target, place.environment, place.scope, client=each.client, purpose=each.purpose, hour=each.hour,
        estimated_rows=each.rows,
    )


def _said(decision: Decision) -> tuple[object, ...]:
    """What makes a difference to the person: not the name of the rule."""
    if decision.verdict is not Verdict.HOLD:
        return (decision.verdict,)
    return decision.verdict, decision.approvers, decision.count, decision.expires, bool(decision.alone)


def _words(decision: Decision) -> str:
    by = f" by {decision.rule}" if decision.rule and decision.verdict is not Verdict.ALLOW else ""
    if decision.verdict is not Verdict.HOLD:
        return f"{decision.verdict}{by}"
    count = f"{decision.count} of " if decision.count > 1 else ""
    alone = f", or alone by {', '.join(decision.alone)}" if decision.alone else ""
    return f"hold{by} for {count}{', '.join(sorted(decision.approvers))}, {duration(decision.expires)}{alone}"


def _milder(old: Decision, new: Decision) -> Direction:
    before, after = _SEVERITY[old.verdict], _SEVERITY[new.verdict]
    if before != after:
        return _direction(more=after < before, less=after > before)
    return _direction(
        more=old.approvers < new.approvers or new.count < old.count or new.expires > old.expires
        or bool(new.alone) > bool(old.alone),
        less=new.approvers < old.approvers or new.count > old.count or new.expires < old.expires
        or bool(new.alone) < bool(old.alone),
    )


# Many small changes, said in few lines


def _together(found: Iterable[Change], whole: Mapping[str, set[str]]) -> list[Change]:
    """Changes that differ in one list only become one, list by list; a list of all in `whole` says nothing."""
    merged = sorted(set(found))
    for name in ("when", "doing", "environments", "on", "scopes", "who"):
        merged = [
            _with(each, name, ()) if {*getattr(each, name)} == whole.get(name) else each
            for each in _merged(merged, name)
        ]
    return sorted(merged)


def _with(change: Change, name: str, values: tuple[str, ...]) -> Change:
    changed: dict[str, Any] = {name: values}
    return replace(change, **changed)


def _merged(found: Iterable[Change], name: str) -> list[Change]:
    alike: defaultdict[Change, list[Change]] = defaultdict(list)
    for each in found:
        alike[_with(each, name, ())].append(each)
    order = {scope.value: place for place, scope in enumerate(Scope)}
    merged = []
    for rest, parts in alike.items():
        values = {value for part in parts for value in getattr(part, name)}
        joined = tuple(sorted(values, key=lambda value: (order.get(value, 0), value)))
        merged.append(_with(rest, name, joined))
    return merged


def _governing(old: Policy, new: Policy) -> list[Change]:
    """Roles, what is vouched for, who may have data sets, and how fresh an approver's login must be."""
    found = []
    for each in fields(Roles):
        before, after = (frozenset(_named(getattr(policy.roles, each.name))) for policy in (old, new))
        found += [_role(each.name, name, wider=name in after) for name in before ^ after]
    for what in ("functions", "extensions", "settings", "channels"):
        known, vouched = (getattr(policy, f"vouched_{what}") for policy in (old, new))
        found += [_trust(f"{what.removesuffix('s')} {name}", wider=name in vouched) for name in known ^ vouched]
    found += [_offered(rule.name, wider=rule in new.datasets) for rule in {*old.datasets} ^ {*new.datasets}]
    found += [_told(rule, now=rule in new.notify) for rule in {*old.notify} ^ {*new.notify}]
    if old.fresh_within != new.fresh_within:
        direction = _direction(more=new.fresh_within > old.fresh_within, less=new.fresh_within < old.fresh_within)
        words = [f"a login of the last {duration(policy.fresh_within)}" for policy in (old, new)]
        found.append(Change(("approvers",), "", (), (), "trust", (), (), (), words[0], words[1], direction))
    return sorted(found)


def _named(people: People) -> Iterator[str]:
    for each in fields(People):
        for name in getattr(people, each.name):
            yield f"{each.name.removesuffix('s')} {name}"


def _role(role: str, name: str, *, wider: bool) -> Change:
    words = (NONE, role) if wider else (role, NONE)
    direction = Direction.WIDER if wider else Direction.NARROWER
    return Change((name,), "", (), (), "role", (), (), (), *words, direction)


def _trust(what: str, *, wider: bool) -> Change:
    words = ("not vouched for", "vouched for") if wider else ("vouched for", "not vouched for")
    direction = Direction.WIDER if wider else Direction.NARROWER
    return Change((), "", (), (), "trust", (what,), (), (), *words, direction)


def _told(rule: NotifyRule, *, now: bool) -> Change:
    """What webhooks hear: nobody's access."""
    said = f"hears of {', '.join(sorted(rule.events))} by {rule.name}"
    words = (NONE, said) if now else (said, NONE)
    who = tuple(f"webhook {each}" for each in sorted(rule.webhooks))
    return Change(who, "", (), (), "trust", ("notifications",), (), (), *words, Direction.DIFFERENT)


def _offered(rule: str, *, wider: bool) -> Change:
    """A rule that changed is two: the one that was, and the one that is."""
    words = (NONE, f"offered by {rule}") if wider else (f"offered by {rule}", NONE)
    direction = Direction.WIDER if wider else Direction.NARROWER
    return Change((), "", (), (), "trust", ("data sets",), (), (), *words, direction)

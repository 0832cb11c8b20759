"""What may be meant otherwise in a policy that is in order: names close to others, patterns that meet nothing.

Doubts are shown, and nothing is refused for them: a group may have one rule, a table may come tomorrow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from gov.policy.complaint import Complaint, Position, did_you_mean
from gov.policy.conditions import unsuited
from gov.policy.decision import Verdict
from gov.policy.pattern import ColumnPattern, RelationPattern, any_word
from gov.policy.rules import BreakGlass, Budget, Guardrail, Marks, People, Policy, RowRule
from gov.sql.catalog import Catalog
from gov.terms import SYSTEM_SCHEMAS, Effect

_CLOSE = 0.8
"""`dbas` and `dba` are this close, `sales` and `audit` are not."""

_NOWHERE = Position("policy", 1, 1)


def doubts(policy: Policy) -> list[Complaint]:
    """Groups that are named once and spelled nearly as one that is named more often."""
    named = [*_groups(policy)]
    count = Counter(group for group, _ in named)
    found = []
    for group, at in named:
        others = sorted(other for other in count if count[other] > 1)
        close = get_close_matches(group, others, n=1, cutoff=_CLOSE) if count[group] == 1 else []
        if close:
            found.append(Complaint(at, f"no other rule speaks of the group `{group}`, did you mean `{close[0]}`?"))
    return sorted([*found, *_unheld(policy)])


def _unheld(policy: Policy) -> Iterator[Complaint]:
    """Rules that let somebody go ahead alone with effects that no guardrail which they stand in for speaks of."""
    holds = [rule for rule in policy.guardrails if rule.then is Verdict.HOLD]
    for glass in policy.break_glass:
        meant = [rule.when.effects for rule in holds if not glass.rules or rule.name in glass.rules]
        if glass.when.effects and all(meant) and glass.when.effects.isdisjoint(frozenset[Effect]().union(*meant)):
            words = ", ".join(sorted(glass.when.effects))
            yield Complaint(_at(glass.marks, "when"), f"no guardrail that it stands in for speaks of {words}")


def unmatched(policy: Policy, catalogs: Mapping[str, Catalog]) -> list[Complaint]:
    """Patterns that meet no table and no column of any target they are for; `catalogs` by target."""
    return sorted(set(_unmatched(policy, catalogs)))


def _unmatched(policy: Policy, catalogs: Mapping[str, Catalog]) -> Iterator[Complaint]:
    for each in policy.classify:
        yield from _columns(each.columns, catalogs, _at(each.marks, "columns"))
    for access in policy.access:
        there = {name: catalog for name, catalog in catalogs.items() if any_word(name, access.targets)}
        yield from _relations(access.relations, there, _at(access.marks, "relations"))
    for row_rule in policy.rows:
        there = {
            name: each for name, each in catalogs.items() if not row_rule.targets or any_word(name, row_rule.targets)
        }
        yield from _relations(row_rule.tables, there, _at(row_rule.marks, "table"))
        for filtered in (catalog for catalog in there.values()):
            yield from (
                Complaint(_at(row_rule.marks, "where"), f"the filter cannot be made, so its table is closed: {why}")
                for why in unsuited(row_rule.where.tables, row_rule.where.calls, filtered)
            )
    speakers: tuple[Guardrail | BreakGlass, ...] = policy.guardrails + policy.break_glass
    for rule in speakers:
        when, at = rule.when, _at(rule.marks, "when")
        there = {name: each for name, each in catalogs.items() if not when.targets or any_word(name, when.targets)}
        yield from _relations(when.relations, there, at)
        yield from _columns(when.columns, there, at)


def _relations(
    patterns: tuple[RelationPattern, ...], catalogs: Mapping[str, Catalog], at: Position
) -> Iterator[Complaint]:
    known = {relation for catalog in catalogs.values() for relation in catalog.relations}
    for pattern in patterns if catalogs else ():
        if not any(map(pattern.matches, known)):
            meant = did_you_mean(str(pattern), {str(each) for each in known if each.schema not in SYSTEM_SCHEMAS})
            yield Complaint(at, f"`{pattern}` meets no table of {_places(catalogs)}{meant}")


def _columns(patterns: tuple[ColumnPattern, ...], catalogs: Mapping[str, Catalog], at: Position) -> Iterator[Complaint]:
    infos = [info for catalog in catalogs.values() for info in catalog.relations.values()]
    for pattern in patterns if catalogs else ():
        there = [info for info in infos if pattern.relation.matches(info.relation)]
        if any(pattern.among([each.name for each in info.columns]) for info in there):
            continue
        near = there if there else infos
        known = {
            f"{info.relation}.{each.name}" for info in near if info.relation.schema not in SYSTEM_SCHEMAS
            for each in info.columns
        }
        meant = did_you_mean(str(pattern), known)
        yield Complaint(at, f"`{pattern}` meets no column of {_places(catalogs)}{meant}")


def _places(catalogs: Mapping[str, Catalog]) -> str:
    return ", ".join(sorted(catalogs))


def _groups(policy: Policy) -> Iterator[tuple[str, Position]]:
    for access in policy.access:
        yield from _of(access.people, _at(access.marks, "groups"))
    for mask in policy.masking:
        yield from _of(mask.excepted, _at(mask.marks, "except"))
        yield from _of(People(mask.unmask.approvers if mask.unmask else frozenset()), _at(mask.marks, "unmask"))
    limits: tuple[RowRule | Budget, ...] = policy.rows + policy.budget
    for limit in limits:
        yield from _of(limit.people, _at(limit.marks, "for"))
        yield from _of(limit.excepted, _at(limit.marks, "except"))
    for glass in policy.break_glass:
        yield from _of(glass.people, _at(glass.marks, "groups"))
        yield from _of(glass.when.people, _at(glass.marks, "when"))
    for rule in policy.guardrails:
        yield from _of(rule.when.people, _at(rule.marks, "when"))
        yield from _of(People(rule.approvers), _approvers(rule))


def _of(people: People, at: Position) -> Iterator[tuple[str, Position]]:
    yield from ((group, at) for group in sorted(people.groups))


def _approvers(rule: Guardrail) -> Position:
    return _at(rule.marks, "approvers")


def _at(marks: Marks, key: str) -> Position:
    return marks.get(key) or marks.get("", _NOWHERE)

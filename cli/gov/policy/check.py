"""Complaints about a policy that is well written but cannot mean what its author thinks.

Duplicate names, data that nothing is classified as, and guardrails that can never apply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gov.policy.complaint import Complaint, Position, did_you_mean
from gov.policy.decision import Verdict
from gov.policy.pattern import within
from gov.policy.rules import AccessRule, Guardrail, Marks, MaskRule, People, Policy, When
from gov.terms import Effect

NEVER = frozenset({Effect.UNKNOWN, Effect.ROLE, Effect.NOTIFY})
"""Effects that are denied whatever a rule says."""

_NOWHERE = Position("policy", 1, 1)


def complaints_about(policy: Policy) -> list[Complaint]:
    """Every complaint, at the rule or value it is about."""
    return [*_names(policy), *_data(policy), *_idle(policy), *_shadowed(policy.guardrails)]


def _at(marks: Marks, key: str) -> Position:
    return marks.get(key) or marks.get("", _NOWHERE)


def _names(policy: Policy) -> Iterator[Complaint]:
    """A decision names its rule, so a name may belong to one rule only, of whatever section."""
    first: dict[str, AccessRule | MaskRule | Guardrail] = {}
    rules: tuple[AccessRule | MaskRule | Guardrail, ...] = policy.access + policy.masking + policy.guardrails
    for rule in rules:
        other = first.setdefault(rule.name, rule)
        if other is not rule:
            what = f"`{rule.name}` is already the name of a rule at {_at(other.marks, 'name')}"
            yield Complaint(_at(rule.marks, "name"), what)


def _data(policy: Policy) -> Iterator[Complaint]:
    known = frozenset(each.data for each in policy.classify)
    for mask in policy.masking:
        yield from _classified(mask.data, known, _at(mask.marks, "data"))
    for rule in policy.guardrails:
        if rule.when.reads is not None:
            yield from _classified(rule.when.reads, known, _at(rule.marks, "when"))
        elif rule.when.unmasked and not known:
            yield Complaint(_at(rule.marks, "when"), "can never apply: nothing is classified")


def _classified(data: str, known: frozenset[str], at: Position) -> Iterator[Complaint]:
    if not any(within(each, data) for each in known):
        yield Complaint(at, f"nothing is classified as `{data}`{did_you_mean(data, _prefixes(known))}")


def _prefixes(known: Iterable[str]) -> frozenset[str]:
    return frozenset(
        ".".join(parts[:length])
        for parts in (each.split(".") for each in known)
        for length in range(1, len(parts) + 1)
    )


def _idle(policy: Policy) -> Iterator[Complaint]:
    """Guardrails whose own conditions exclude each other or the verdict."""
    for rule in policy.guardrails:
        effects, at = rule.when.effects, _at(rule.marks, "when")
        if rule.then is not Verdict.DENY and effects and effects <= NEVER:
            words = ", ".join(sorted(effects))
            yield Complaint(at, f"can never apply: {words} is denied whatever a rule says")
        if rule.when.where_missing and effects and not effects & {Effect.UPDATE, Effect.DELETE}:
            yield Complaint(at, "can never apply: `where: missing` is for update and delete")


def _shadowed(rules: tuple[Guardrail, ...]) -> Iterator[Complaint]:
    """A hold, confirm or allow behind a deny that is met whenever it is."""
    denials = [rule for rule in rules if rule.then is Verdict.DENY]
    for rule in rules:
        if rule.then is Verdict.DENY:
            continue
        for denial in denials:
            if _covers(denial.when, rule.when):
                what = f"can never apply: `{denial.name}` denies whatever it speaks of"
                yield Complaint(_at(rule.marks, "when"), what)


def _covers(outer: When, inner: When) -> bool:
    """Whether `outer` certainly holds where `inner` does. May say no where it is yes, never the reverse."""
    return (
        all(
            _part_of(getattr(inner, name), getattr(outer, name))
            for name in (
                "effects", "relations", "columns", "environments", "targets", "scopes", "clients", "purposes",
            )
        )
        and (outer.reads is None or (inner.reads is not None and within(inner.reads, outer.reads)))
        and _people_part_of(inner.people, outer.people)
        and (inner.unmasked or not outer.unmasked)
        and (not outer.unmasked or outer.reads == inner.reads)
        and (inner.where_missing or not outer.where_missing)
        and (outer.hours is None or outer.hours == inner.hours)
        and (outer.rows_over is None or (inner.rows_over is not None and inner.rows_over >= outer.rows_over))
    )


def _part_of(inner: Iterable[object], outer: Iterable[object]) -> bool:
    """Whether every alternative of `inner` is one of `outer`; no alternatives stand for all."""
    narrow, wide = frozenset(inner), frozenset(outer)
    return not wide or (bool(narrow) and narrow <= wide)


def _people_part_of(inner: People, outer: People) -> bool:
    if not outer:
        return True
    parts = ("groups", "users", "services", "agents")
    return bool(inner) and all(getattr(inner, part) <= getattr(outer, part) for part in parts)

"""Rules that stand behind others and can never be the ones that decide.

Each finding is certain: patterns are compared as they are written, so some that stand behind are not found,
but none is said to that does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gov.policy.decision import Verdict
from gov.policy.glass import whole
from gov.policy.masks import parse, strictest
from gov.policy.pattern import within
from gov.policy.rules import REACH, AccessRule, BreakGlass, Budget, Guardrail, MaskRule, People, Policy, RowRule, When

_OUTWEIGHS = {
    Verdict.DENY: ("denies", frozenset({Verdict.HOLD, Verdict.CONFIRM, Verdict.ALLOW})),
    Verdict.HOLD: ("holds", frozenset({Verdict.CONFIRM})),
}
"""What a verdict does to a statement, and which other verdicts then come too late."""


def behind(policy: Policy) -> Iterator[tuple[AccessRule | MaskRule | RowRule | Budget | Guardrail | BreakGlass, str]]:
    """Each such rule with the reason."""
    for guardrail in policy.guardrails:
        for before in policy.guardrails:
            verb, later = _OUTWEIGHS.get(before.then, ("", frozenset()))
            if guardrail.then in later and covers(before.when, guardrail.when):
                yield guardrail, f"`{before.name}` {verb} whatever it speaks of"
    for glass in policy.break_glass:
        for before in policy.guardrails:
            if before.then is Verdict.DENY and covers(before.when, whole(glass)):
                yield glass, f"`{before.name}` denies whatever it speaks of"
    for mask in policy.masking:
        for other in policy.masking:
            if _masks_as_much(other, mask):
                yield mask, f"`{other.name}` masks the same data as strictly for the same people"
    limits: tuple[RowRule | Budget, ...] = policy.rows + policy.budget
    for limit in limits:
        if limit.people and _people_among(limit.people, limit.excepted):
            yield limit, "everybody it is for is excepted"
    for access in policy.access:
        for wider in policy.access:
            if _grants_more(wider, access):
                yield access, f"`{wider.name}` gives the same people as much on better terms"


def covers(outer: When, inner: When) -> bool:
    """Whether `outer` certainly holds where `inner` does. May say no where it is yes, never the reverse."""
    return (
        all(
            _part_of(getattr(inner, name), getattr(outer, name))
            for name in (
                "effects", "relations", "columns", "environments", "targets", "scopes", "clients", "purposes",
            )
        )
        and (outer.reads is None or (inner.reads is not None and within(inner.reads, outer.reads)))
        and (not outer.people or (bool(inner.people) and _people_among(inner.people, outer.people)))
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


def _people_among(inner: People, outer: People) -> bool:
    """Whether everybody whom `inner` includes is in `outer`; nobody is in everything."""
    if not all(getattr(inner, part) <= getattr(outer, part) for part in ("groups", "users", "services")):
        return False
    if not inner.agents and not inner.on_behalf_of:
        return True
    return bool(outer.agents or outer.on_behalf_of) and all(
        _part_of(getattr(inner, part), getattr(outer, part)) for part in ("agents", "on_behalf_of")
    )


def _masks_as_much(other: MaskRule, rule: MaskRule) -> bool:
    if other.name == rule.name or not within(rule.data, other.data):
        return False
    stricter = strictest((parse(other.mask), parse(rule.mask))) == parse(other.mask)
    as_closed = rule.write or not other.write
    if not (stricter and as_closed and _people_among(other.excepted, rule.excepted)):
        return False
    # Of two that say the same one stays.
    return other.name < rule.name or not _masks_as_much(replace(rule, name=""), other)


def _grants_more(wider: AccessRule, rule: AccessRule) -> bool:
    """On equal terms both are somebody's way of saying it, and neither misleads."""
    return (
        wider.name != rule.name
        and REACH[rule.scope] <= REACH[wider.scope]
        and rule.targets <= wider.targets
        and _part_of(rule.environments, wider.environments)
        and _part_of(rule.relations, wider.relations)
        and _people_among(rule.people, wider.people)
        and wider.terms[:-1] < rule.terms[:-1]
    )


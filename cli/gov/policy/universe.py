"""Whom, where and what to try two policies on: everything that either of them speaks of, and one of the rest.

Groups are tried alone and, where a rule makes an exception of somebody, together with that one. A pattern is
tried by its own text, which it matches, and which narrower patterns do not: `*.*` stands for every other table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from gov.identity.principal import Kind, Principal
from gov.policy.outcome import governed
from gov.policy.pattern import wild
from gov.policy.rules import Budget, People, Policy, RowRule, When
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.facts import Facts
from gov.terms import Column, Effect, Relation

NOBODY = "somebody"
MOST_CIRCUMSTANCES = 48
"""Beyond it circumstances are tried one at a time instead of all together."""

EVERY_OTHER = "*"
OTHERWISE = "otherwise"
NOON = 12


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody to try, in words and as a principal."""

    label: str
    who: Principal
    parts: tuple[str, ...] = ()
    """Labels of the two that were put together; what is true of one of them needs no second line."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What may differ from one time to the next."""

    label: str = ""
    hour: int = NOON
    rows: int = 0
    client: str = ""
    purpose: str = ""


def subjects(*policies: Policy) -> list[Subject]:
    """Everybody whom access rules speak of, alone and with whatever other rules make of them; and a stranger."""
    base = {each.label: each for policy in policies for rule in policy.access for each in _of(rule.people)}
    others = {
        each.label: each
        for policy in policies
        for people in (
            *(rule.excepted for rule in policy.masking),
            *(each for limit in limits(policy) for each in (limit.people, limit.excepted)),
            *(rule.when.people for rule in policy.guardrails),
            *(each for rule in policy.break_glass for each in (rule.people, rule.when.people)),
            *(rule.people for rule in policy.access),
        )
        for each in _of(people)
    }
    together = [
        both for one in base.values() for other in others.values()
        if one.label != other.label and not (one.label > other.label and other.label in base)
        and (both := _together(one, other)) is not None
    ]
    return [*base.values(), *(each for label, each in others.items() if label not in base), *together]


def limits(policy: Policy) -> tuple[RowRule | Budget, ...]:
    """Everything that limits which rows, or how many."""
    return (*policy.rows, *policy.budget)


def whens(policy: Policy) -> tuple[When, ...]:
    """The conditions of all rules about statements."""
    return (*(rule.when for rule in policy.guardrails), *(rule.when for rule in policy.break_glass))


def _of(people: People) -> Iterator[Subject]:
    nobody = Principal("https://example.invalid", NOBODY, NOBODY)
    for group in sorted(people.groups):
        yield Subject(f"group {group}", replace(nobody, groups=frozenset({group})))
    for user in sorted(people.users):
        yield Subject(f"user {user}", replace(nobody, name=user, subject=user))
    for service in sorted(people.services):
        yield Subject(f"service {service}", replace(nobody, name=service, subject=service, kind=Kind.SERVICE))
    humans = sorted(people.on_behalf_of)
    for agent in sorted(people.agents) or ([EVERY_OTHER] if humans else []):
        for human in humans or [NOBODY]:
            whose = f" for {human}" if humans else ""
            name = "any agent" if agent == EVERY_OTHER else f"agent {agent}"
            yield Subject(f"{name}{whose}", replace(nobody, name=human, subject=human, agent=agent, kind=Kind.AGENT))


def _together(one: Subject, other: Subject) -> Subject | None:
    """One person who is both, or None where nobody can be."""
    first, second = one.who, other.who
    if Kind.SERVICE in (first.kind, second.kind) and first.kind is not second.kind and second.name != NOBODY:
        return None
    if NOBODY not in (first.name, second.name) and first.name != second.name:
        return None
    if first.agent and second.agent and first.agent != second.agent:
        return None
    named = second if first.name == NOBODY else first
    agent = first.agent or second.agent
    kind = Kind.AGENT if agent else named.kind
    if agent and Kind.SERVICE in (first.kind, second.kind):
        return None
    who = replace(named, groups=first.groups | second.groups, agent=agent, kind=kind)
    return Subject(f"{one.label} as {other.label}" if agent else f"{one.label} + {other.label}", who,
                   (one.label, other.label))


def places(*policies: Policy) -> list[tuple[str, str]]:
    """(target, environment) pairs; an empty environment is one that no rule names."""
    targets, environments = set[str](), {""}
    for policy in policies:
        for access in policy.access:
            targets |= access.targets
            environments |= access.environments
        for when in whens(policy):
            targets |= when.targets
            environments |= when.environments
        for glass in policy.break_glass:
            targets |= glass.targets
            environments |= glass.environments
        for limit in limits(policy):
            targets |= limit.targets
    return sorted(product(targets, environments))


def catalog(*policies: Policy) -> Catalog:
    """A database that has what the policies name: a table for each pattern, with each column it may have."""
    patterns = {
        str(pattern): pattern
        for policy in policies
        for pattern in (
            *(each for rule in policy.access for each in rule.relations),
            *(each for rule in policy.rows for each in rule.tables),
            *(each for when in whens(policy) for each in when.relations),
            *(column.relation for when in whens(policy) for column in when.columns),
            *(column.relation for rule in policy.classify for column in rule.columns),
        )
    }
    columns = [
        column for policy in policies
        for column in (
            *(each for rule in policy.classify for each in rule.columns),
            *(each for when in whens(policy) for each in when.columns),
        )
    ]
    named = {Relation(each.schema, each.name) for each in patterns.values()} | {Relation(EVERY_OTHER, EVERY_OTHER)}
    infos = []
    for number, relation in enumerate(sorted(named), start=1):
        names = sorted({each.column for each in columns if each.relation.matches(relation)} | {EVERY_OTHER})
        infos.append(RelationInfo(
            relation, number, RelationKind.TABLE, "owner",
            tuple(ColumnInfo(name, "text", place) for place, name in enumerate(names, start=1)),
        ))  # fmt: skip
    return Catalog("named", {info.relation: info for info in infos})


@dataclass(frozen=True)
class World:
    """A catalog with one of each kind of table, and which tables are of the same kind."""

    catalog: Catalog
    alike: Mapping[Relation, tuple[Relation, ...]]


def world(whole: Catalog, *policies: Policy) -> World:
    """`whole`, of the tables that no pattern of any policy tells apart only the first: the others fare like it."""
    tables = [each for policy in policies for rule in policy.access for each in rule.relations]
    tables += [each for policy in policies for when in whens(policy) for each in when.relations]
    tables += [each for policy in policies for rule in policy.rows for each in rule.tables]
    columns = [each for policy in policies for rule in policy.classify for each in rule.columns]
    columns += [each for policy in policies for when in whens(policy) for each in when.columns]
    parents = {info.parent for info in whole.relations.values()} - {None}
    kinds: defaultdict[object, list[Relation]] = defaultdict(list)
    for relation, info in sorted(whole.relations.items()):
        if info.parent is not None or relation in parents:
            kinds[relation].append(relation)
            continue
        names = [each.name for each in info.columns]
        kinds[(
            info.kind, governed(relation),
            tuple((each.matches(relation), each.exact == relation) for each in tables),
            tuple(tuple(each.among(names)) if each.relation.matches(relation) else () for each in columns),
            tuple((each.name, each.derived) for each in info.columns if each.derived),
        )].append(relation)  # fmt: skip
    alike = {relations[0]: tuple(relations) for relations in kinds.values()}
    return World(replace(whole, relations={each: whole.relations[each] for each in alike}), alike)


def circumstances(*policies: Policy) -> list[Circumstances]:
    """The ordinary one first, then each in which some rule would speak and otherwise would not."""
    around = [when for policy in policies for when in whens(policy)]
    bounds = sorted({when.rows_over for when in around if when.rows_over is not None})
    dimensions = (
        _hours({when.hours for when in around if when.hours is not None}),
        [Circumstances(), *(Circumstances(f"over {each} rows", rows=each + 1) for each in bounds)],
        [Circumstances(),
         *(Circumstances(f"client {each}", client=each) for each in _words(w.clients for w in around))],
        [Circumstances(),
         *(Circumstances(f"purpose {each}", purpose=each) for each in _words(w.purposes for w in around))],
    )  # fmt: skip
    together = [_joined(each) for each in product(*dimensions)]
    if len(together) > MOST_CIRCUMSTANCES:
        together = [together[0], *(each for values in dimensions for each in values[1:])]
    return [each if each.label or len(together) == 1 else replace(each, label=OTHERWISE) for each in together]


def _joined(chosen: Sequence[Circumstances]) -> Circumstances:
    hour, rows, client, purpose = chosen
    label = ", ".join(each.label for each in chosen if each.label)
    return Circumstances(label, hour.hour, rows.rows, client.client, purpose.purpose)


def _hours(spans: set[tuple[int, int]]) -> list[Circumstances]:
    """An hour of each stretch between the edges of the spans; the one with noon in it first."""
    edges = sorted({edge % 24 for span in spans for edge in span})
    if len(edges) < 2:
        return [Circumstances()]
    noon = max((edge for edge in edges if edge <= NOON), default=edges[-1])
    stretches = zip(edges, [*edges[1:], edges[0]], strict=True)
    found = [Circumstances(f"{first}-{second} h", hour=first) for first, second in stretches]
    return sorted(found, key=lambda each: each.hour != noon)


def _words(patterns: Iterable[frozenset[str]]) -> list[str]:
    return sorted(frozenset[str]().union(*patterns))


def statements(relation: Relation) -> Iterator[tuple[str, Facts]]:
    """A statement of every kind on one table, in words and as facts."""
    one, everything = frozenset({relation}), frozenset({Column(relation, "*")})
    yield "read", Facts(frozenset({Effect.READ}), reads=one, columns_read=everything)
    yield "copy_out", Facts(frozenset({Effect.READ, Effect.COPY_OUT}), reads=one, columns_read=everything)
    for effect in (Effect.UPDATE, Effect.DELETE):
        yield effect.value, Facts(frozenset({effect}), writes=one)
        yield f"{effect.value} without WHERE", Facts(frozenset({effect}), writes=one, unbounded=frozenset({effect}))
    for effect in (
        Effect.INSERT, Effect.MERGE, Effect.COPY_IN, Effect.TRUNCATE, Effect.CREATE, Effect.ALTER, Effect.DROP,
        Effect.GRANT, Effect.LOCK, Effect.MAINTENANCE,
    ):
        yield effect.value, Facts(frozenset({effect}), writes=one)


def elsewhere() -> Iterator[tuple[str, Facts]]:
    """Statements that touch no table."""
    for effect in (Effect.CALL, Effect.SERVER_FILE, Effect.PROGRAM, Effect.NETWORK, Effect.SESSION, Effect.TRANSACTION):
        yield effect.value, Facts(frozenset({effect}))


def said(name: str) -> str:
    """A relation or column of `catalog` in words."""
    if not wild(name):
        return name
    if name == f"{EVERY_OTHER}.{EVERY_OTHER}":
        return "every other table"
    if name.endswith(f".{EVERY_OTHER}") and name.count(".") == 2:
        table = name.removesuffix(f".{EVERY_OTHER}")
        return f"every other column of {said(table)}"
    return name

"""What policy makes of one principal in one scope on one target: what is in reach, and what is masked.

Four things are stricter than the patterns alone:

* A partition or child holds its parent's rows and a parent returns its children's, so a column classified in
  one relation of a family is classified in all of them.
* A generated column that the policy does not speak of holds what it is computed from, and since nobody said what
  its shape tells (the cents of a rounded salary, an address spelled backwards), it is redacted.
* A view runs with its owner's rights and may return a masked column under any name. While anything on the
  target is masked or filtered for the principal, views are in reach only when a rule names them without a wildcard.
* Of several masks for one column the strictest counts, as `masks.strictest` has it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gov.identity.principal import Principal
from gov.policy.accepted import Ledger, met, watched
from gov.policy.access import granting
from gov.policy.decision import FilterSpec, MaskSpec, Outcome
from gov.policy.masks import for_purpose, parse, strictest
from gov.policy.pattern import within
from gov.policy.rules import AccessRule, Policy
from gov.policy.unmask import together
from gov.sql.catalog import Catalog, RelationInfo, RelationKind
from gov.terms import SYSTEM_SCHEMAS, Column, Relation, Scope

_TABLES = frozenset({
    RelationKind.TABLE, RelationKind.PARTITIONED, RelationKind.FOREIGN_TABLE, RelationKind.SEQUENCE,
})
_ROWS = frozenset(RelationKind) - {RelationKind.SEQUENCE, RelationKind.COMPOSITE}
_VIEWS = frozenset({RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW})

OURS = "gov_m_"
"""Schemas of gov's masked views begin so. They stand behind the tables and are nobody's by name."""

Classes = Mapping[Column, frozenset[str]]


def outcome(
    policy: Policy, principal: Principal, target: str, environment: str, scope: Scope, catalog: Catalog,
    ledger: Ledger | None = None, *, purpose: str = "",
) -> Outcome:
    """The content of the profile; without an access rule nothing is in reach.

    `ledger` says which columns of classified tables are accepted; None: all that there are. `purpose` is the
    lease's: what `hash` and `pseudonym` make is for it alone, unless their rule names another.
    """
    classes, computed = _spread(policy, catalog)
    known = met({}, classes, catalog) if ledger is None else ledger
    made = {each: _mask(policy, principal, each, purpose) for each in set(classes.values())}
    masks = {
        column: _shapeless(spec) if column in computed else spec
        for column, each in classes.items() if (spec := made[each])
    }  # fmt: skip
    filters = filtered(policy, principal, target, purpose, catalog)
    rules = granting(policy, principal, target, environment, scope)
    reach = frozenset(
        relation
        for relation, info in catalog.relations.items()
        if governed(relation) and _in_reach(info, rules, masked=bool(masks or filters))
    )
    return Outcome(
        target=target,
        scope=scope.value,
        relations=reach,
        masks={column: spec for column, spec in masks.items() if column.relation in reach},
        classified={
            column: ", ".join(sorted(each)) for column, each in classes.items() if column.relation in reach
        },
        filters={relation: specs for relation, specs in filters.items() if relation in reach},
        opened={name: columns for name, columns in watched(known, classes, catalog).items() if name in reach},
    )


def classified(policy: Policy, catalog: Catalog) -> Classes:
    """Every classified column outside system schemas, with all its classifications."""
    return _spread(policy, catalog)[0]


def _spread(policy: Policy, catalog: Catalog) -> tuple[Classes, frozenset[Column]]:
    """Every classified column, and those of them that are so only for what they are computed from."""
    classes: dict[Column, frozenset[str]] = {}
    computed: set[Column] = set()
    for family in _families(catalog):
        found: defaultdict[str, set[str]] = defaultdict(set)
        for info in family:
            for column, data in _spoken_of(policy, info):
                found[column].add(data)
        if not found:
            continue
        derived = _derived(family, found)
        for info in family:
            for each in info.columns:
                if each.name in found or each.name in derived:
                    classes[Column(info.relation, each.name)] = frozenset(found.get(each.name) or derived[each.name])
            computed.update(Column(info.relation, each.name) for each in info.columns if each.name in derived)
    return classes, frozenset(computed)


def _derived(family: Iterable[RelationInfo], found: Mapping[str, set[str]]) -> Mapping[str, set[str]]:
    """Generated columns that `found` does not name, with the classifications of what they are computed from.

    None is computed from another generated column: PostgreSQL does not have that.
    """
    derived: defaultdict[str, set[str]] = defaultdict(set)
    for info in family:
        for each in info.columns:
            for source in each.derived if each.name not in found else ():
                derived[each.name] |= found.get(source, set())
    return {name: data for name, data in derived.items() if data}


def _shapeless(spec: MaskSpec) -> MaskSpec:
    return spec if spec.mask == "null" else replace(spec, mask="redact")


def filtered(
    policy: Policy, who: Principal, target: str, purpose: str, catalog: Catalog
) -> dict[Relation, tuple[FilterSpec, ...]]:
    """Every relation outside system schemas of which `who` sees some rows only, in a lease for `purpose`.

    As with classifications, what filters one relation of a family filters all of it.
    """
    meant = [rule for rule in policy.rows if rule.meant(who, target, purpose)]
    values: dict[str, str | tuple[str, ...]] = {
        "user": who.name, "subject": who.subject, "agent": who.agent or "", "groups": tuple(who.groups),
        "purpose": purpose,
    }
    found: dict[Relation, tuple[FilterSpec, ...]] = {}
    for family in _families(catalog) if meant else ():
        speaking = [
            rule for rule in meant
            if any(pattern.matches(info.relation) for pattern in rule.tables for info in family)
        ]
        specs = tuple(sorted({
            FilterSpec(
                rule.name, rule.where.bound(values), tuple(sorted(rule.where.tables)), tuple(sorted(rule.where.calls))
            )
            for rule in speaking
        }))
        found |= {info.relation: specs for info in family if specs and info.kind in _ROWS}
    return found


def _spoken_of(policy: Policy, info: RelationInfo) -> Iterable[tuple[str, str]]:
    """(column name, classification) of each pattern that meets a column of the relation itself."""
    names = [each.name for each in info.columns]
    for rule in policy.classify:
        for pattern in rule.columns:
            if pattern.relation.matches(info.relation):
                yield from ((name, rule.data) for name in pattern.among(names))


def _families(catalog: Catalog) -> Iterable[list[RelationInfo]]:
    """Relations grouped with their partitions and children, at any depth."""
    families: defaultdict[Relation, list[RelationInfo]] = defaultdict(list)
    for relation, info in catalog.relations.items():
        if governed(relation):
            families[_head(catalog, info).relation].append(info)
    return families.values()


def _head(catalog: Catalog, info: RelationInfo) -> RelationInfo:
    """The topmost ancestor. A cycle, which PostgreSQL never makes, ends where it began."""
    seen = {info.relation}
    while info.parent is not None and info.parent not in seen:
        parent = catalog.relations.get(info.parent)
        if parent is None:
            break
        info = parent
        seen.add(info.relation)
    return info


def governed(relation: Relation) -> bool:
    """Whether it can be in anybody's profile: not PostgreSQL's own, nor ours."""
    return relation.schema not in SYSTEM_SCHEMAS and not relation.schema.startswith((OURS, "pg_"))


def _in_reach(info: RelationInfo, rules: Iterable[AccessRule], *, masked: bool) -> bool:
    if info.kind in _TABLES:
        return any(_speaks_of(rule, info.relation) for rule in rules)
    if info.kind not in _VIEWS:
        return False
    if not masked:
        return any(_speaks_of(rule, info.relation) for rule in rules)
    return any(pattern.exact == info.relation for rule in rules for pattern in rule.relations)


def _speaks_of(rule: AccessRule, relation: Relation) -> bool:
    return not rule.relations or any(pattern.matches(relation) for pattern in rule.relations)


def _mask(policy: Policy, principal: Principal, data: frozenset[str], purpose: str) -> MaskSpec | None:
    """The mask of a column that holds `data`; the strictest, and write only where every rule allows it."""
    meant = sorted(
        ((rule, each) for rule in policy.masking if not rule.excepted.includes(principal)
         for each in data if within(each, rule.data)),
        key=lambda pair: (pair[0].name, pair[1]),
    )  # fmt: skip
    if not meant:
        return None
    mask = str(strictest(parse(rule.mask) for rule, _ in meant))
    # Two rules that only together are this strict: the first by name speaks for both.
    rule, each = next((pair for pair in meant if pair[0].mask == mask), meant[0])
    rules = {each.name: each for each, _ in meant}
    return MaskSpec(
        str(for_purpose(parse(mask), purpose)), rule.name, each, write=all(r.write for r, _ in meant),
        rules=tuple(rules), unmask=together(each.unmask for each in rules.values()),
    )

"""Masks lifted for one lease: which columns are meant, on whose word, and what is left masked.

A mask is lifted on the terms of every rule that makes it: only groups that all of them name may answer, the
shortest lease and the highest count stand, and one rule without `unmask` keeps the mask for ever. Lifting
takes a mask away and nothing else: what is in reach stays what policy made it while the mask was there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from shlex import quote

from gov.errors import Denied, NoSuch, UsageError
from gov.policy.complaint import did_you_mean
from gov.policy.decision import MaskSpec, Outcome, Unmask
from gov.policy.pattern import any_word
from gov.policy.rules import Policy
from gov.sql.catalog import Catalog
from gov.terms import Column, Relation, Scope

_PART = r'"(?:[^"]|"")+"|[^".\s]+'
_COLUMN = re.compile(rf"(?:{_PART})(?:\.(?:{_PART})){{0,2}}")
_UNQUOTED = re.compile(r"[a-z_][a-z0-9_]*")
_ORDER = [*Scope]


@dataclass(frozen=True, slots=True)
class Lifting:
    """Masks that an approval shall lift, and on what terms of theirs together."""

    columns: tuple[Column, ...]
    """Sorted, each once."""
    rules: tuple[str, ...]
    """Every rule that masks one of them, by name."""
    terms: Unmask


def together(terms: Iterable[Unmask | None]) -> Unmask | None:
    """What several say together; None when one of them says never."""
    whole: Unmask | None = None
    for each in terms:
        if each is None:
            return None
        whole = each if whole is None else _both(whole, each)
    return whole


def _both(one: Unmask, other: Unmask) -> Unmask:
    return Unmask(
        approvers=one.approvers & other.approvers,
        max_ttl=min(one.max_ttl, other.max_ttl),
        scope=min(one.scope, other.scope, key=_ORDER.index),
        reason_required=one.reason_required or other.reason_required,
        purposes=tuple(dict.fromkeys((*one.purposes, *other.purposes))),
        count=max(one.count, other.count),
        expires=min(one.expires, other.expires),
    )


def named(names: Sequence[str], outcome: Outcome, catalog: Catalog) -> tuple[Column, ...]:
    """The masked columns that `names` mean: `table.column` by the search path, or `schema.table.column`.

    Raises:
        UsageError: None is given, one is no name of a column, or is not masked in `outcome`.
        NoSuch: There is no such table or column in reach.
    """
    if not names:
        raise UsageError("no column to unmask", hint="--unmask TABLE.COLUMN")
    columns = {_named(name, outcome, catalog) for name in names}
    clear = sorted(column for column in columns if column not in outcome.masks)
    if clear:
        raise UsageError(f"{clear[0]} is not masked for you", hint=_masked(outcome, clear[0].relation))
    return tuple(sorted(columns))


def _named(name: str, outcome: Outcome, catalog: Catalog) -> Column:
    parts = _parts(name)
    if len(parts) == 1:
        # Several tables may have one of that name, so a column alone is not enough.
        meant = sorted(spelled(column) for column in outcome.masks if column.name == parts[0])
        hint = f"--unmask {quote(meant[0])}" if meant else "--unmask TABLE.COLUMN"
        raise UsageError(f"`{name}` does not say of which table", hint=hint)
    relation = _relation(parts[:-1], outcome, catalog)
    if relation is None:
        known = {str(each) for each in outcome.relations} | {each.name for each in outcome.relations}
        table = ".".join(parts[:-1])
        raise NoSuch(
            f"you reach no table `{table}` on {outcome.target}{did_you_mean(table, known)}",
            hint=f"gov explain {outcome.target} -c 'SELECT …' shows what a statement reads and what masks it",
        )
    columns = {each.name for each in catalog.relations[relation].columns}
    if parts[-1] not in columns:
        masked = {column.name for column in outcome.masks if column.relation == relation}
        raise NoSuch(
            f"{relation} has no column `{parts[-1]}`{did_you_mean(parts[-1], masked or columns)}",
            hint=_masked(outcome, relation),
        )
    return Column(relation, parts[-1])


def _relation(parts: Sequence[str], outcome: Outcome, catalog: Catalog) -> Relation | None:
    schemas = [parts[0]] if len(parts) == 2 else [*catalog.search_path]
    places = (Relation(schema, parts[-1]) for schema in schemas)
    return next((each for each in places if each in outcome.relations and each in catalog.relations), None)


def _parts(name: str) -> list[str]:
    """The parts of a name as PostgreSQL reads it: folded to lower case unless it is quoted."""
    if not _COLUMN.fullmatch(name):
        raise UsageError(f"`{name}` is no column", hint="--unmask TABLE.COLUMN, like customers.email")
    return [
        each[1:-1].replace('""', '"') if each.startswith('"') else each.lower() for each in re.findall(_PART, name)
    ]


def spelled(column: Column) -> str:
    """The column as `--unmask` takes it: quoted as in SQL where it must be."""
    parts = (column.relation.schema, column.relation.name, column.name)
    return ".".join(
        each if _UNQUOTED.fullmatch(each) else '"' + each.replace('"', '""') + '"' for each in parts
    )


def _masked(outcome: Outcome, relation: Relation) -> str:
    """Which columns of a table are masked, for a hint."""
    masked = sorted(column.name for column in outcome.masks if column.relation == relation)
    if not masked:
        return f"nothing of {relation} is masked for you"
    return f"masked there: {', '.join(masked)}"


def lifting(outcome: Outcome, columns: Sequence[Column], *, reason: str, purpose: str) -> Lifting:
    """On what terms the masks of `columns` may be lifted in a lease for `purpose`.

    Raises:
        Denied: A rule keeps one of them, or not in this scope or for this purpose, or nobody could answer for all.
        UsageError: A reason is owed.
    """
    specs = [outcome.masks[column] for column in columns]
    for column, spec in zip(columns, specs, strict=True):
        _liftable(outcome, column, spec, purpose)
    rules = tuple(sorted({rule for spec in specs for rule in spec.rules}))
    terms = together(spec.unmask for spec in specs)
    assert terms is not None
    if not terms.approvers:
        raise Denied(
            f"nobody can answer for {' and '.join(map(str, columns))}: {' and '.join(rules)} name different approvers",
            hint="ask for one column at a time" if len(columns) > 1 else "ask whoever owns the policy",
        )
    if terms.reason_required and not reason.strip():
        raise UsageError(f"{' and '.join(rules)} asks for a reason", hint="add --reason TEXT")
    return Lifting(tuple(columns), rules, terms)


def _liftable(outcome: Outcome, column: Column, spec: MaskSpec, purpose: str) -> None:
    terms = spec.unmask
    if terms is None:
        raise Denied(
            f"{spec.keepers} masks {column}, and nobody may lift that",
            hint="ask whoever owns the policy: a mask can be lifted when each of its rules has `unmask`",
        )
    if _ORDER.index(Scope(outcome.scope)) > _ORDER.index(terms.scope):
        raise Denied(
            f"{spec.keepers} lets {column} be unmasked in the scope {terms.scope} only, not {outcome.scope}",
            hint=unmask_command(outcome.target, (column,), terms.scope),
        )
    if not all(any_word(purpose, each) for each in terms.purposes):
        allowed = " and ".join(", ".join(sorted(each)) for each in terms.purposes)
        said = f"not for `{purpose}`" if purpose else "and none was given"
        raise Denied(f"{spec.keepers} lets {column} be unmasked for the purpose {allowed}, {said}",
                     hint="add --purpose TEXT")


def liftable(outcome: Outcome, columns: Iterable[Column], purpose: str) -> bool:
    """Whether somebody could lift the masks of all of `columns` in a lease like that of `outcome`."""
    try:
        lifting(outcome, [*columns], reason="any", purpose=purpose)
    except Denied:
        return False
    return True


def approvers_of(policy: Policy, rules: Iterable[str]) -> frozenset[str]:
    """The groups that may lift the masks of all of these rules, as `policy` has them."""
    known = {rule.name: rule.unmask for rule in policy.masking}
    terms = together(known.get(name) for name in rules)
    return terms.approvers if terms else frozenset()


def lifted(outcome: Outcome, columns: Collection[Column]) -> Outcome:
    """`outcome` without the masks of `columns`. Whatever else it says stays."""
    masks = {column: spec for column, spec in outcome.masks.items() if column not in columns}
    gone = {column: spec for column, spec in outcome.masks.items() if column in columns}
    return replace(outcome, masks=masks, lifted=gone)


def unmask_command(target: str, columns: Iterable[Column], scope: Scope = Scope.READ) -> str:
    """What to type to ask for a lease in which `columns` are clear."""
    asked = " ".join(f"--unmask {quote(spelled(column))}" for column in columns)
    wider = "" if scope is Scope.READ else f" --scope {scope}"
    return f"gov connect {target}{wider} {asked} --reason TEXT"

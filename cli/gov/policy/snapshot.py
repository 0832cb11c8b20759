"""A catalog as JSON, so that policy can be tested where there is no database.

`gov policy catalog TARGET` writes one. Only names, types and kinds are in it, never a row. The fields are those
of `sql.catalog`, relations and functions as lists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from gov.sql.catalog import (
    Catalog,
    Code,
    ColumnInfo,
    Event,
    EventTrigger,
    FunctionInfo,
    OperatorInfo,
    RelationInfo,
    RelationKind,
    TypeInfo,
)
from gov.terms import Relation

FORMAT = "gov-catalog-1"


def dump(catalog: Catalog) -> dict[str, object]:
    """`catalog` as values that JSON knows."""
    relations = sorted(catalog.relations.values(), key=lambda info: info.relation)
    return {
        "format": FORMAT,
        "version": catalog.version,
        "server_version": catalog.server_version,
        "database": catalog.database,
        "search_path": list(catalog.search_path),
        "relations": [asdict(info) for info in relations],
        "functions": [asdict(each) for name in sorted(catalog.functions) for each in catalog.functions[name]],
        "operators": [asdict(each) for name in sorted(catalog.operators) for each in catalog.operators[name]],
        "types": [asdict(catalog.types[name]) for name in sorted(catalog.types)],
        "casts": sorted(map(list, catalog.casts)),
        "event_triggers": [asdict(each) for each in catalog.event_triggers],
    }


def load(value: object) -> Catalog:
    """The catalog that `dump` made `value` of.

    Raises:
        ValueError: It is something else, or of a version of gov that knows other fields.
    """
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ValueError(f"it is no catalog of the format {FORMAT}")
    try:
        infos = [_relation(each) for each in value["relations"]]
        types = [_made(TypeInfo, {**each, "code": _code(each)}) for each in value.get("types", ())]
        return Catalog(
            version=str(value["version"]),
            relations={info.relation: info for info in infos},
            functions=_overloads(FunctionInfo, value["functions"]),
            search_path=tuple(map(str, value["search_path"])),
            server_version=int(value["server_version"]),
            database=str(value.get("database", "")),
            operators=_overloads(OperatorInfo, value.get("operators", ())),
            types={each.name: each for each in types},
            casts=frozenset((source, to) for source, to in value.get("casts", ())),
            event_triggers=tuple(_made(EventTrigger, each) for each in value.get("event_triggers", ())),
        )
    except (KeyError, TypeError, AttributeError) as why:
        raise ValueError(f"it is not a whole catalog: {why}") from None


def _relation(value: Mapping[str, Any]) -> RelationInfo:
    parent = value.get("parent")
    info: RelationInfo = _made(RelationInfo, {
        **value,
        "relation": Relation(**value["relation"]),
        "kind": RelationKind(value["kind"]),
        "columns": tuple(_made(ColumnInfo, {**each, "derived": tuple(each.get("derived", ()))})
                         for each in value["columns"]),
        "parent": Relation(**parent) if parent else None,
        "code": _code(value),
    })  # fmt: skip
    return info


def _overloads(kind: Any, values: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for each in values:
        found[each["name"]].append(_made(kind, each))
    return {name: tuple(each) for name, each in found.items()}


def _code(value: Mapping[str, Any]) -> tuple[Code, ...]:
    found = value.get("code", ())
    return tuple(_made(Code, {**each, "event": Event(each["event"]) if each["event"] else None}) for each in found)


def _made(kind: Any, value: Mapping[str, Any]) -> Any:
    """A `kind` of the fields in `value`. One it does not know is a mistake, as it may mean something."""
    if unknown := sorted(set(value) - {each.name for each in fields(kind)}):
        raise ValueError(f"it has the field `{unknown[0]}`, which this version of gov does not know")
    return kind(**{name: tuple(each) if isinstance(each, list) else each for name, each in value.items()})

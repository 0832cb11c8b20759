"""Statements as OpenLineage 2-0-2 run events: START, then COMPLETE, FAIL or ABORT, with column lineage.

What a statement reads and writes are datasets of the namespace `gov://TARGET`; its result is one as well, and
so is a file made of it. Run ids are made from the log's name and the entry's number, so that an event that is
sent twice is the same event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gov.audit.telling import stamp

PRODUCER = "https://pypi.org/project/gov-broker/"
SPEC = "https://openlineage.io/spec"
SCHEMA = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet", "schema": "1-2-0/SchemaDatasetFacet",
    "datasetType": "1-0-1/DatasetTypeDatasetFacet", "ownership": "1-0-1/OwnershipJobFacet",
    "sql": "1-1-0/SQLJobFacet", "jobType": "2-0-4/JobTypeJobFacet", "tags": "1-0-0/TagsRunFacet",
    "parent": "1-2-0/ParentRunFacet", "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
}  # fmt: skip
_DIRECT = frozenset({"identity", "transformation", "aggregation"})
_ENDS = {"done": "COMPLETE", "failed": "FAIL", "cancelled": "ABORT", "rolled_back": "ABORT", "stopped": "ABORT"}


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a statement, as the trail has it."""

    log: str
    """The origin of the log."""
    entry: int
    target: str
    at: datetime
    command: str
    lineage: list[Any]
    """The field of its entry: see `lineage.form`."""
    names: list[list[str]] = field(default_factory=list)
    """Of the output columns; empty where they were erased."""
    outcome: str = ""
    """Empty while it is open."""
    seconds: float = 0.0
    rows: int | None = None
    text: str = ""
    who: str = ""
    agent: str = ""
    approved_by: tuple[str, ...] = ()
    run: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
    """(name, digest) of each file made of its result."""


def events(ran: Ran) -> Iterator[dict[str, Any]]:
    """The events of one run; only its START while it is open."""
    inputs, outputs = [*_inputs(ran)], [*_outputs(ran)]
    common = {
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": str(uuid5(NAMESPACE_URL, f"{ran.log}/{ran.entry}")), "facets": _run_facets(ran)},
        "job": {"namespace": _namespace(ran), "name": _job(ran), "facets": _job_facets(ran)},
    }
    yield {"eventType": "START", "eventTime": stamp(ran.at), **common, "inputs": inputs, "outputs": []}
    end = _ENDS.get(ran.outcome)
    if end is not None:
        at = ran.at + timedelta(seconds=ran.seconds)
        yield {"eventType": end, "eventTime": stamp(at), **common, "inputs": inputs, "outputs": outputs}


def _inputs(ran: Ran) -> Iterator[dict[str, Any]]:
    columns: dict[str, set[str]] = {}
    for statement in ran.lineage:
        for source in statement.get("sources", ()):
            relation, name = _split(source["column"])
            columns.setdefault(relation, set()).add(name)
    for relation, names in sorted(columns.items()):
        yield {"namespace": _namespace(ran), "name": relation, "facets": _schema(sorted(names - {"*"}))}


def _outputs(ran: Ran) -> Iterator[dict[str, Any]]:
    for number, statement in enumerate(ran.lineage):
        sources = statement.get("sources") or []
        if "outputs" in statement or "more" in statement:
            names = ran.names[number] if number < len(ran.names) else []
            yield from _results(ran, statement, sources, names, number)
        for write in statement.get("writes", ()):
            columns = write.get("columns") or {}
            yield _dataset(ran, write["relation"], columns, write.get("rows") or {}, sources)


def _results(
    ran: Ran, statement: Mapping[str, Any], sources: list[Any], names: list[str], number: int
) -> Iterator[dict[str, Any]]:
    columns = {
        (names[place] if place < len(names) else f"column {place + 1}"): flow
        for place, flow in enumerate(statement.get("outputs") or ())
    }
    if "more" in statement:
        columns["*"] = statement["more"]
    rows = statement.get("rows") or {}
    if not ran.files:
        suffix = f".{number}" if len(ran.lineage) > 1 else ""
        yield _dataset(ran, f"result.{ran.entry}{suffix}", columns, rows, sources, kind="JOB_OUTPUT")
    for name, digest in ran.files:
        yield _dataset(ran, name or digest, columns, rows, sources, kind="FILE", namespace=f"sha256:{digest}")


def _dataset(
    ran: Ran, name: str, columns: Mapping[str, Any], rows: Mapping[str, Any], sources: list[Any], *,
    kind: str = "TABLE", namespace: str = "",
) -> dict[str, Any]:
    facets = _schema([each for each in columns if each != "*"])
    facets["datasetType"] = _facet("datasetType", datasetType=kind)
    facets["columnLineage"] = _facet(
        "columnLineage",
        fields={column: {"inputFields": [*_fields(ran, flow, sources)]} for column, flow in columns.items()},
        dataset=[*_fields(ran, rows, sources)],
    )
    found: dict[str, Any] = {"namespace": namespace or _namespace(ran), "name": name, "facets": facets}
    if ran.rows is not None and len(ran.lineage) == 1:
        found["outputFacets"] = {"outputStatistics": _facet("outputStatistics", rowCount=ran.rows)}
    return found


def _fields(ran: Ran, flow: Mapping[str, list[int]], sources: list[Any]) -> Iterator[dict[str, Any]]:
    kinds: dict[int, list[str]] = {}
    for word, places in flow.items():
        for place in places:
            kinds.setdefault(place, []).append(word)
    for place, words in sorted(kinds.items()):
        source = sources[place]
        relation, column = _split(source["column"])
        yield {
            "namespace": _namespace(ran), "name": relation, "field": column,
            "transformations": [_transformation(word, source) for word in words],
        }  # fmt: skip


def _transformation(word: str, source: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": "DIRECT" if word in _DIRECT else "INDIRECT", "subtype": word.upper(), "masking": "mask" in source,
    }  # fmt: skip
    about = [f"mask {source['mask']} by rule {source.get('rule', '')}"] if "mask" in source else []
    about += [f"through {', '.join(source['via'])}"] if source.get("via") else []
    return said | ({"description": "; ".join(about)} if about else {})


def _run_facets(ran: Ran) -> dict[str, Any]:
    tags = [{"key": key, "value": value, "source": "gov"} for key, value in sorted(ran.tags.items()) if value]
    doubts = [why for each in ran.lineage for why in each.get("widened", ())]
    tags += [{"key": "widened", "value": why, "source": "gov"} for why in dict.fromkeys(doubts)]
    tags.append({"key": "entry", "value": str(ran.entry), "source": "gov"})
    facets = {"tags": _facet("tags", tags=tags)}
    if ran.run:
        run = {"runId": str(uuid5(NAMESPACE_URL, f"{ran.log}/run/{ran.run}"))}
        facets["parent"] = _facet("parent", run=run, job={"namespace": "gov://run", "name": ran.run})
    if _ENDS.get(ran.outcome, "COMPLETE") != "COMPLETE":
        facets["errorMessage"] = _facet("errorMessage", message=ran.outcome, programmingLanguage="SQL")
    return facets


def _job_facets(ran: Ran) -> dict[str, Any]:
    facets = {"jobType": _facet("jobType", processingType="BATCH", integration="GOV", jobType="QUERY")}
    if ran.text:
        facets["sql"] = _facet("sql", query=ran.text, dialect="postgresql")
    owners = [{"name": f"user:{ran.who}", "type": "REQUESTER"}] if ran.who else []
    owners += [{"name": f"application:{ran.agent}", "type": "AGENT"}] if ran.agent else []
    owners += [{"name": f"user:{each}", "type": "APPROVER"} for each in ran.approved_by]
    if owners:
        facets["ownership"] = _facet("ownership", owners=owners)
    return facets


def _schema(names: Iterable[str]) -> dict[str, Any]:
    fields = [{"name": name} for name in names]
    return {"schema": _facet("schema", fields=fields)} if fields else {}


def _facet(name: str, **members: Any) -> dict[str, Any]:
    path = _FACETS[name]
    kind = path.partition("/")[2]
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{path}.json#/$defs/{kind}", **members}


def _job(ran: Ran) -> str:
    """The same for every run of the same text."""
    what = ran.text or str(ran.lineage)
    return f"{ran.command or 'statement'} {hashlib.sha256(what.encode()).hexdigest()[:12]}".lower().replace(" ", "-")


def _namespace(ran: Ran) -> str:
    return f"gov://{ran.target}"


def _split(column: str) -> tuple[str, str]:
    relation, _, name = column.rpartition(".")
    return (relation, name) if relation else ("*", "*")

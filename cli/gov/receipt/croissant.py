"""A Croissant 1.1 description of files that have a receipt: tools of machine learning show where they came from.

JSON-LD with the context that mlcommons publishes. Beside what Croissant asks for (files with their digests, fields with
their types) it says with PROV whom and what the data come from: `prov:wasDerivedFrom` the columns of the target,
`prov:wasAttributedTo` who ran the query, and the receipt that proves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
_FORMATS = {
    "parquet": "application/x-parquet", "csv": "text/csv", "jsonl": "application/jsonlines", "json": "application/json",
    "arrow": "application/vnd.apache.arrow.file",
}
_TYPES = {
    16: "sc:Boolean", 20: "sc:Integer", 21: "sc:Integer", 23: "sc:Integer", 26: "sc:Integer", 700: "sc:Float",
    701: "sc:Float", 1700: "sc:Float", 1082: "sc:Date", 1114: "sc:DateTime", 1184: "sc:DateTime", 1083: "sc:Time",
}
_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn", "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field",
    "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key",
    "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/", "recordSet": "cr:recordSet", "references": "cr:references",
    "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace", "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the files."""

    name: str
    oid: int
    """Its PostgreSQL type."""


def describe(predicate: Mapping[str, Any], fields: Sequence[Field], receipt: str, name: str = "") -> dict[str, Any]:
    """The description of the files that a receipt's predicate names; `receipt` is how the file of it is called."""
    files = predicate.get("files") or []
    title = name or str(predicate.get("dataset") or (files[0].get("name") if files else "data"))
    objects = [_file(each) for each in files]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": title,
        "description": _description(predicate),
        "conformsTo": CONFORMS_TO,
        "license": f"use limited to the purpose: {predicate.get('purpose') or 'none was stated'}",
        "url": f"urn:gov:{predicate.get('receipt')}",
        "version": "1.0.0",
        "citeAs": f"gov receipt {predicate.get('receipt')}, {predicate.get('issued_at')}",
        "datePublished": predicate.get("issued_at"),
        "creator": _people(predicate),
        "distribution": objects,
        "recordSet": [_records(each, fields) for each in objects if fields],
        "prov:wasDerivedFrom": [{"@id": f"urn:gov:{predicate.get('target')}:{each}"} for each in _sources(predicate)],
        "prov:wasAttributedTo": _people(predicate),
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity", "@id": f"urn:gov:{predicate.get('run') or predicate.get('receipt')}",
            "prov:used": [{"@id": f"urn:sha256:{each.get('sha256')}"} for each in predicate.get("statements") or ()],
            "prov:wasAssociatedWith": [
                {"@type": "prov:Agent", "name": one.get("name") or one.get("approver"), "prov:hadRole": "approver"}
                for each in predicate.get("statements") or () for one in each.get("approvals") or ()
                if not one.get("break_glass")
            ],
        },
        "subjectOf": {"@type": "sc:CreativeWork", "name": receipt, "encodingFormat": "application/vnd.in-toto+json"},
    }


def _description(predicate: Mapping[str, Any]) -> str:
    rows = sum(each.get("rows", 0) for each in predicate.get("files") or ())
    masks = sorted({f"{one.get('column')} ({one.get('mask')})"
                    for each in predicate.get("statements") or () for one in each.get("masks") or ()})  # fmt: skip
    parts = [
        f"{rows} rows of {predicate.get('target')}",
        f"for the purpose {predicate['purpose']}" if predicate.get("purpose") else "",
        f"in the run {predicate['run']}" if predicate.get("run") else "",
        f"masked: {', '.join(masks)}" if masks else "",
        f"receipt {predicate.get('receipt')}",
    ]
    return "; ".join(part for part in parts if part)


def _people(predicate: Mapping[str, Any]) -> list[dict[str, Any]]:
    people = [predicate.get("actor"), predicate.get("on_behalf_of")]
    return [
        {"@type": "sc:Person" if each.get("kind") == "user" else "sc:Organization",
         "name": each.get("name") or each.get("subject"), "identifier": each.get("subject")}
        for each in people if each
    ]  # fmt: skip


def _sources(predicate: Mapping[str, Any]) -> list[str]:
    return sorted({column for each in predicate.get("statements") or () for column in each.get("inputs") or ()})


def _file(each: Mapping[str, Any]) -> dict[str, Any]:
    name = str(each.get("name"))
    return {
        "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
        "contentSize": f"{each.get('bytes')} B",
        "encodingFormat": _FORMATS.get(str(each.get("format")), "text/plain"), "sha256": each.get("sha256"),
    }


def _records(file: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    records = f"{file['@id']}/rows"
    return {
        "@type": "cr:RecordSet", "@id": records, "name": records,
        "field": [
            {"@type": "cr:Field", "@id": f"{records}/{each.name}", "name": f"{records}/{each.name}",
             "dataType": _TYPES.get(each.oid, "sc:Text"),
             "source": {"fileObject": {"@id": file["@id"]}, "extract": {"column": each.name}}}
            for each in fields
        ],
    }  # fmt: skip

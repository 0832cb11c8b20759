"""Croissant descriptions of files with a receipt."""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gov.receipt.croissant import CONFORMS_TO, Field, describe

PREDICATE: dict[str, Any] = {
    "receipt": "rc-1", "issued_at": "2026-01-31T12:00:00Z", "target": "prod", "purpose": "train:churn",
    "run": "churn:1", "dataset": "churn-v4", "actor": {"subject": "assistant", "kind": "agent"},
    "on_behalf_of": {"subject": "u-alice", "name": "alice", "kind": "user"},
    "files": [{"name": "out.csv", "bytes": 12, "rows": 2, "format": "csv"}],
    "statements": [{"sha256": "a" * 64, "inputs": ["public.c.id", "public.c.email"],
                    "masks": [{"column": "public.c.email", "mask": "partial"}],
                    "approvals": [{"name": "carol", "request": "rq-1"}]}],
}  # fmt: skip
FIELDS = [Field("id", 23), Field("email", 25)]


def test_it_says_where_the_data_come_from() -> None:
    """Columns, people, approvers, masks, purpose and the receipt stand in it."""
    said = describe(PREDICATE, FIELDS, "out.csv.receipt.json")

    assert (said["conformsTo"], said["name"]) == (CONFORMS_TO, "churn-v4")
    assert said["prov:wasDerivedFrom"] == [{"@id": "urn:gov:prod:public.c.email"}, {"@id": "urn:gov:prod:public.c.id"}]
    assert [each["name"] for each in said["prov:wasAttributedTo"]] == ["assistant", "alice"]
    assert said["prov:wasGeneratedBy"]["prov:wasAssociatedWith"][0]["name"] == "carol"
    assert "masked: public.c.email (partial)" in said["description"]
    assert [each["dataType"] for each in said["recordSet"][0]["field"]] == ["sc:Integer", "sc:Text"]
    assert said["subjectOf"]["name"] == "out.csv.receipt.json"


def test_the_reference_library_reads_it(tmp_path: Path) -> None:
    """mlcroissant validates the description, checks the file's digest and yields its rows."""
    mlcroissant = pytest.importorskip("mlcroissant", reason="Croissant's own library is large and optional")
    path = tmp_path / "out.csv"
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([["id", "email"], [1, "j***"], [2, "k***"]])
    file = {**PREDICATE["files"][0], "sha256": sha256(path.read_bytes()).hexdigest()}
    described = tmp_path / "out.csv.croissant.json"
    described.write_text(json.dumps(describe({**PREDICATE, "files": [file]}, FIELDS, "out.csv.receipt.json")))

    dataset = mlcroissant.Dataset(jsonld=described)
    assert not dataset.metadata.ctx.issues.errors
    assert [row["out.csv/rows/id"] for row in dataset.records("out.csv/rows")] == [1, 2]

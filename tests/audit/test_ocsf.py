"""Events are valid by the published schema of OCSF 1.8, whatever the entry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from gov.audit.kinds import KINDS
from gov.audit.ocsf import API, AUTHENTICATION, DATASTORE, Source, event
from gov.control.trail import EntryView

SOURCE = Source("gov.example.com/gov", "1.2.3")
NAMES = {DATASTORE: "datastore_activity", AUTHENTICATION: "authentication", API: "api_activity"}


@cache
def published() -> dict[str, Any]:
    """The whole schema."""
    schema: dict[str, Any] = get_ocsf_schema("1.8.0")
    return schema


@cache
def validator(class_uid: int) -> jsonschema.Draft202012Validator:
    """The published schema of a class, with the profile that our events name, and nothing else allowed."""
    schema = OcsfJsonSchemaEmbedded(published()).get_class_schema(NAMES[class_uid], ["security_control"])
    for part in (schema, *schema["$defs"].values()):
        if part.get("properties"):
            part["additionalProperties"] = False
    schema["properties"]["unmapped"] = {"type": "object"}
    return jsonschema.Draft202012Validator(schema)


def entry(kind: str, fields: Mapping[str, Any], payload: Mapping[str, Any] | None = None) -> EntryView:
    """An entry as the API shows it."""
    return EntryView(index=7, at="2026-01-31T12:00:00.250Z", kind=kind, fields=dict(fields),
                     payload=None if payload is None else dict(payload))


def made(kind: str, fields: Mapping[str, Any], payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The event of an entry, valid, and what the schema says of enumerations and constraints too."""
    found = event(entry(kind, fields, payload), SOURCE)
    json.dumps(found)
    errors = [f"{'.'.join(map(str, each.path))}: {each.message}"
              for each in validator(found["class_uid"]).iter_errors(found)]
    assert not errors, errors
    return found


STATEMENT = {
    "session": "ss-1", "lease": "ls-1", "subject": "8f2c", "issuer": "https://id", "target": "prod", "verdict": "allow",
    "rule": "engineers-read", "policy": "ab" * 32, "effects": ["read"], "reads": ["public.customers"],
    "columns_read": ["public.customers.email"], "masks": [{"column": "public.customers.email", "mask": "partial"}],
    "done": {"rows": 3, "bytes": 70, "duration_ms": 1.6, "sqlstate": "00000", "outcome": "done"},
}  # fmt: skip
SAID = {"principal": "alice", "client": "psql from 127.0.0.1:51234", "text": "select email from customers",
        "parameters": ["7", None]}  # fmt: skip


def test_a_statement() -> None:
    """Who, from where, on what, the query itself, the decision, and how it ended."""
    found = made("statement", STATEMENT, SAID)

    assert (found["class_uid"], found["category_uid"], found["activity_id"], found["type_uid"]) == (6005, 6, 4, 600504)
    assert found["actor"] == {"app_name": "psql", "session": {"uid": "ss-1", "issuer": "https://id"},
                              "user": {"name": "alice", "uid": "8f2c", "type_id": 1}}
    assert found["src_endpoint"] == {"ip": "127.0.0.1", "port": 51234}
    assert found["query_info"] == {"query_string": "select email from customers", "uid": "7",
                                   "data": {"parameters": ["7", None]}}
    assert found["table"]["name"] == "public.customers"
    assert (found["action"], found["status"], found["status_code"], found["duration"]) == (
        "Modified", "Success", "00000", 2)  # fmt: skip
    assert found["authorizations"][0]["policy"]["name"] == "engineers-read"
    assert found["metadata"]["uid"] == "gov.example.com/gov/7"
    assert found["time"] == 1769860800250
    assert found["unmapped"]["rows"] == 3


@pytest.mark.parametrize(("effects", "activity"), [
    (["read"], "Query"), (["read", "insert"], "Write"), (["update", "read"], "Update"), (["delete"], "Delete"),
    (["create", "read"], "Create"), (["drop"], "Delete"), (["copy_out", "read"], "Read"), (["session"], "statement"),
])  # fmt: skip
def test_the_gravest_effect_names_the_activity(effects: list[str], activity: str) -> None:
    """A statement that reads and deletes is a deletion."""
    assert made("statement", {"effects": effects, "target": "prod"}, {})["activity_name"] == activity


def test_what_was_refused() -> None:
    """Blocked, failed, and graver than what was let through."""
    found = made("statement", {"verdict": "deny", "target": "prod"}, {"error": "denied", "text": "drop table x"})

    assert (found["disposition"], found["status"], found["severity"], found["status_detail"]) == (
        "Blocked", "Failure", "Medium", "denied")  # fmt: skip


def test_an_end_names_its_statement() -> None:
    """When it comes by itself."""
    found = made("statement.done", {"statement": 5, "outcome": "failed", "sqlstate": "42P01"}, {"error": "no table"})

    assert (found["metadata"]["correlation_uid"], found["status"]) == ("gov.example.com/gov/5", "Failure")


def test_erased() -> None:
    """Where the payload is gone the event says so, and is valid."""
    found = made("statement", STATEMENT, None)

    assert found["query_info"]["query_string"] == "(erased)"
    assert found["src_endpoint"] == {"name": "unknown"}


def test_the_schema_bites() -> None:
    """What is missing, misspelt or of another class is found."""
    good = made("statement", STATEMENT, SAID)
    harms = {"severity_id": 77}, {"extra": 1}, {"time": "now"}, {"class_uid": 6003}, {"actor": {"user": {"nme": "x"}}}
    for harm in harms:
        assert not validator(DATASTORE).is_valid(good | harm), harm
    assert not validator(DATASTORE).is_valid({name: good[name] for name in good if name != "src_endpoint"})


LISTS = frozenset({"effects", "reads", "writes", "groups", "reasons"})


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_kind(kind: str, data: st.DataObject) -> None:
    """Whatever its fields say, in their places or in the payload."""
    texts = st.text(max_size=8)
    lists = st.lists(texts, max_size=3)
    given_fields: dict[str, Any] = {}
    for name in KINDS[kind]:
        if data.draw(st.booleans()):
            given_fields[name] = data.draw(lists if name in LISTS else texts)
    fields = {name: value for name, value in given_fields.items() if name not in ("client", "text", "error")}
    payload = {name: value for name, value in given_fields.items() if name not in fields}
    fields.pop("duration_ms", None)
    made(kind, fields, data.draw(st.none() | st.just(payload)))

"""OpenLineage events: what the published schemas say of them, and what they say of a statement."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gov.lineage.form import Masked, names_of, stated
from gov.lineage.openlineage import Ran, events
from gov.lineage.statement import lineage
from lineage.small_world import known

SCHEMAS = Path(__file__).parents[3] / "shared/data/openlineage"
MASKS = {"public.customers.email": Masked("partial", "contact-is-partial")}
TEXTS = [
    "SELECT email, count(*) FROM customers WHERE country = 'SE' GROUP BY 1",
    "INSERT INTO report (email, total) SELECT mail, spent FROM spenders",
    "DELETE FROM t USING u WHERE t.id = u.t_id RETURNING t.a",
    "SELECT a FROM t; UPDATE t SET b = c",
    "DO 'BEGIN END'",
    "COPY t (a) FROM STDIN",
]


def ran(text: str, **more: Any) -> Ran:
    """A run of `text` by alice, approved by carol."""
    found = lineage(text, known())
    whole = {
        "log": "gov.example.com", "entry": 7, "target": "prod", "at": datetime(2026, 1, 31, 12, tzinfo=UTC),
        "command": text.split()[0], "lineage": stated(found, MASKS)[0], "names": names_of(found), "text": text,
        "outcome": "done", "seconds": 1.5, "rows": 3, "who": "alice", "agent": "helper", "run": "churn-4",
        "approved_by": ("carol",), "tags": {"purpose": "train"},
    }  # fmt: skip
    return Ran(**{**whole, **more})


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the published schemas are not in ../shared/data/openlineage")
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("outcome", ["done", "failed", ""])
def test_events_and_facets_are_as_published(text: str, outcome: str) -> None:
    """OpenLineage 2-0-2, and each facet by the schema that it names."""
    validators = _validators()

    for event in events(ran(text, outcome=outcome, files=(("out.parquet", "ab" * 32),))):
        validators(event["schemaURL"]).validate(event)
        for facets in _facets(event):
            for facet in facets.values():
                validators(facet["_schemaURL"]).validate(facet)


def _validators() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    from referencing import Registry, Resource

    documents = [json.loads(path.read_text()) for path in [SCHEMAS / "OpenLineage.json", *SCHEMAS.glob("facets/*")]]
    registry = Registry().with_resources((each["$id"], Resource.from_contents(each)) for each in documents)

    def of(url: str) -> Any:
        return jsonschema.Draft202012Validator(
            {"$ref": url}, registry=registry, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )

    return of


def _facets(event: dict[str, Any]) -> list[dict[str, Any]]:
    things = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    return [each.get(kind, {}) for each in things for kind in ("facets", "inputFacets", "outputFacets")]


def test_a_mask_is_said_at_the_column_that_it_lies_on() -> None:
    """`masking` of the transformation, with mask and rule in words."""
    _, end = events(ran(TEXTS[0]))

    fields = end["outputs"][0]["facets"]["columnLineage"]["fields"]

    assert end["eventType"] == "COMPLETE"
    assert fields["email"]["inputFields"] == [{
        "namespace": "gov://prod", "name": "public.customers", "field": "email", "transformations": [{
            "type": "DIRECT", "subtype": "IDENTITY", "masking": True,
            "description": "mask partial by rule contact-is-partial",
        }],
    }]  # fmt: skip
    dataset = end["outputs"][0]["facets"]["columnLineage"]["dataset"]
    assert {(each["field"], each["transformations"][0]["subtype"]) for each in dataset} == {
        ("country", "FILTER"), ("email", "GROUP_BY"),
    }  # fmt: skip


def test_an_event_sent_twice_is_the_same_event() -> None:
    """The run id is made of the log and the entry."""
    assert [*events(ran(TEXTS[0]))] == [*events(ran(TEXTS[0]))]
    (first, _), (other, _) = events(ran(TEXTS[0])), events(ran(TEXTS[0], entry=8))
    assert first["run"]["runId"] != other["run"]["runId"]


@pytest.mark.parametrize(("outcome", "ends"), [
    ("done", ["START", "COMPLETE"]), ("failed", ["START", "FAIL"]), ("cancelled", ["START", "ABORT"]), ("", ["START"]),
])
def test_a_run_ends_as_it_ended(outcome: str, ends: list[str]) -> None:
    """And has no end while it is open."""
    assert [each["eventType"] for each in events(ran(TEXTS[0], outcome=outcome))] == ends

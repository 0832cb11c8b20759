"""A catalog survives JSON, and what is none is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gov.policy.snapshot import FORMAT, dump, load
from gov.sql.catalog import Code, Event, EventTrigger, FunctionInfo, OperatorInfo, TypeInfo
from policy_worlds import CATALOG


def test_a_catalog_is_read_back() -> None:
    """Relations, parents, columns, functions and path, and the code that runs by itself."""
    functions = {
        "f": (
            FunctionInfo("public", "f", "v", True, "f", None, 7, ("integer",), 1, True, "text", True, False),
            FunctionInfo("x", "f", "i", False, "a", "ext"),
        )
    }
    code = (Code(7, "trigger t", Event.INSERT), Code(7, "cast"))
    relations = {name: replace(info, code=code) for name, info in CATALOG.relations.items()}
    whole = replace(
        CATALOG, relations=relations, functions=functions, search_path=("app", "public"), server_version=180_000,
        operators={"=": (OperatorInfo("public", "=", ("a", "b"), "boolean", 7),)},
        types={"public.d": TypeInfo("public.d", ("public", "d"), 9, True, code)}, casts=frozenset({("a", "b")}),
        event_triggers=(EventTrigger("e", "sql_drop", ("DROP TABLE",), 7),),
    )  # fmt: skip

    assert load(json.loads(json.dumps(dump(whole)))) == whole


@pytest.mark.parametrize(
    "value",
    [[], {}, {"format": "gov-catalog-2"}, {"format": FORMAT}, dump(CATALOG) | {"relations": [{}]},
     dump(CATALOG) | {"functions": [1]}, dump(CATALOG) | {"search_path": None}],
)  # fmt: skip
def test_what_is_no_catalog_is_refused(value: Any) -> None:
    """With a sentence, whatever is in it."""
    with pytest.raises(ValueError, match="it is no"):
        load(value)


def test_a_field_from_the_future_is_refused() -> None:
    """It may mean that something is closed."""
    value: Any = json.loads(json.dumps(dump(CATALOG)))
    value["relations"][0]["columns"][0]["secret"] = True

    with pytest.raises(ValueError, match="`secret`, which this version of gov does not know"):
        load(value)

"""Every field of every kind is classified once, and the specification lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gov.audit.kinds import KINDS, PUBLIC, Sensitivity, sensitivity

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "audit-log.md"


def test_what_nobody_named_is_secret() -> None:
    """An unknown field, and any field of an unknown kind."""
    assert sensitivity("login", "subject") is Sensitivity.PUBLIC
    assert sensitivity("login", "principal") is Sensitivity.PERSONAL
    assert sensitivity("login", "surprise") is Sensitivity.SECRET
    assert sensitivity("surprise", "subject") is Sensitivity.SECRET


@pytest.mark.parametrize("kind", KINDS)
def test_leaves_name_nobody_and_quote_nothing(kind: str) -> None:
    """Ids may stay for ever; names, words and values of people may not."""
    erasable = {"principal", "approvers", "approver", "client", "reason", "because", "text", "parameters", "error",
                "notices", "digest", "user", "filters", "unknown"}

    if kind in ("broker.stopped", "role.swept"):  # in the broker's own words
        erasable.remove("because")

    assert not erasable & PUBLIC[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_specification_lists_the_kind(kind: str) -> None:
    """With its public fields, and those of the payload."""
    (row,) = (line for line in SPEC.read_text().splitlines() if line.startswith(f"| `{kind}` |"))
    public, payload = (set(cell.split()) for cell in row.split("|")[2:4])

    assert public == PUBLIC[kind]
    assert payload == KINDS[kind].keys() - PUBLIC[kind]


def test_the_specification_lists_no_other_kind() -> None:
    """Nor one that is gone."""
    table = SPEC.read_text().partition("## Kinds")[2]

    assert {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")} == set(KINDS)

"""The line below the prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.ui.escape import harmless
from gov.ui.results import cell_width
from gov.ui.status import STYLES, Status, line

PROD = Status("prod", "production", "read", 3599.0, masked=5)


def text(status: Status, columns: int = 80) -> list[str]:
    """What it reads like, line by line, without colour."""
    return "".join(shown for _, shown in line(status, columns)).split("\n")


def changed(**fields: object) -> Status:
    """`PROD` with other fields."""
    return Status(**{**{name: getattr(PROD, name) for name in Status.__slots__}, **fields})  # type: ignore[arg-type]


def test_where_one_is() -> None:
    """Environment in capitals, target, scope, time to the second, masked columns, and where help is."""
    assert text(PROD) == [" PRODUCTION  prod · read · lease 59:59 · 5 masked                       \\? help "]
    assert "lease 0:59 · in transaction" in text(changed(left=59.9, transaction="in transaction"))[0]


def test_production_has_a_style_of_its_own() -> None:
    """Red on every part of the line, which no other environment has."""
    production = {style for style, _ in line(PROD, 80)}
    staging = {style for style, _ in line(changed(environment="staging"), 80)}

    assert all("class:production" in style for style in production)
    assert not any("class:production" in style for style in staging)
    assert {STYLES["production status"], STYLES["production target"]} <= {
        "bg:#5f0000 #ffffff", "bg:#d70000 #ffffff bold"}


@pytest.mark.parametrize(("fields", "expected", "style"), [
    ({"left": 301}, "", ""),
    ({"left": 299}, "the lease ends in 4:59: then your next statement takes a new one", "warned"),
    ({"left": 59}, "the lease ends in 0:59: then your next statement takes a new one", "urgent"),
    ({"left": 59, "transaction": "in transaction"}, "commit before, or what is open is rolled back", "urgent"),
    ({"left": 59, "renews": False}, "and SET and PREPARE with it: \\lease new takes another", "urgent"),
    ({"lost": "revoked by bob"}, "revoked by bob: your next statement connects again", "urgent"),
])
def test_the_warning(fields: dict[str, object], expected: str, style: str) -> None:
    """From five minutes on what will happen, in the last minute and after the end in red."""
    shown = line(changed(**fields), 80)

    assert expected in "".join(text(changed(**fields))[1:])
    assert shown[-1][0].endswith(style)
    assert bool(expected) == (len(shown) > 2)


@given(st.text(), st.text(), st.text(max_size=20), st.integers(20, 200))
def test_it_fits_any_terminal(target: str, environment: str, lost: str, columns: int) -> None:
    """No line is wider than the terminal, and nothing in it can command one."""
    for shown in text(changed(target=target, environment=environment, lost=lost), columns):
        assert cell_width(shown) <= columns
        assert all(map(harmless, shown))

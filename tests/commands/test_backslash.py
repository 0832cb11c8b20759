"""What backslash commands are called and set."""

from __future__ import annotations

import pytest

from gov.commands.backslash import OURS, Settings, help_text, parse
from gov.commands.describing import commands, syntax
from gov.errors import UsageError


@pytest.mark.parametrize(("line", "expected"), [
    ("\\d", ("\\d", "")), ("\\d+ public.people;", ("\\d+", "public.people")), ("\\q;", ("\\q", "")),
    ("\\o  | sort -u ", ("\\o", "| sort -u")), ("\\watch\t5", ("\\watch", "5")), ("\\", ("\\", ""))])
def test_name_and_argument(line: str, expected: tuple[str, str]) -> None:
    """The name to the first space, and the rest without a `;` of habit."""
    assert parse(line) == expected


def test_toggles_take_turns() -> None:
    """`\\x` and `\\timing` alone change, with a word set."""
    settings = Settings()

    assert [settings.toggle_expanded(value) for value in ("", "", "auto", "on")] == [
        "expanded is on", "expanded is off", "expanded is auto", "expanded is on"]
    assert [settings.toggle_timing(value) for value in ("", "", "off")] == [
        "timing is off", "timing is on", "timing is off"]


def test_settings_are_told_and_changed() -> None:
    """`\\pset` alone tells all, with a name one, with a value changes it; psql's `aligned` is our table."""
    settings = Settings()

    assert settings.set("null", "'∅'") == "null is ∅"
    assert settings.set("format", "aligned") == "format is table"
    assert settings.set("pager", "") == "pager is on"
    assert settings.set("", "").splitlines() == [
        "expanded is auto", "format is table", "null is ∅", "pager is on", "timing is on"]


@pytest.mark.parametrize(("name", "value", "said"), [
    ("border", "2", "no such setting"), ("pager", "maybe", "cannot be `maybe`"), ("format", "html", "cannot be")])
def test_what_cannot_be_set(name: str, value: str, said: str) -> None:
    """Is said, with what could."""
    with pytest.raises(UsageError, match=said):
        Settings().set(name, value)


def test_help_names_every_command_and_fits_80_columns() -> None:
    """Ours, the catalog's, and the keys."""
    text = help_text(commands())

    assert all(each.name in text for each in (*OURS, *commands()))
    assert max(map(len, text.splitlines())) < 80


def test_the_syntax_of_a_sql_command() -> None:
    """In any case and spacing; alone the list; what PostgreSQL does not have is said."""
    assert syntax("drop  table").startswith("DROP TABLE [ IF EXISTS ]")
    assert "CREATE INDEX" in syntax("")
    with pytest.raises(UsageError, match="no such command: frobnicate"):
        syntax("frobnicate")

"""Every line of the threat model names a test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

from bypass import regression
from bypass.interference import EXCEPTIONS, corpora

HERE = Path(__file__).parents[2]
TEXT = (HERE / "docs" / "threat-model.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_ROW = re.compile(r"^\| (?!attempt|reason|---|`).*\|$", re.MULTILINE)
_EXCEPTION = re.compile(r"^\| `(\w+)` \| .* \| .* \|$", re.MULTILINE)


def test_the_tests_it_names_exist() -> None:
    """By file and function."""
    named = _TEST.findall(TEXT)
    assert len(named) > 20
    missing = [(file, name) for file, name in named if f"def {name}(" not in (HERE / file).read_text(encoding="utf-8")]
    assert missing == []


def test_every_attempt_has_a_test() -> None:
    """A row without one would be a promise that nobody checks."""
    rows = [row for row in _ROW.findall(TEXT) if not row.startswith("|---")]
    assert len(rows) > 20
    assert [row for row in rows if not _TEST.search(row)] == []


def test_every_exception_of_the_gate_is_a_line() -> None:
    """Of the gate's own list, and each is used by an attempt of the corpus; nothing else is excepted."""
    _, _, section = TEXT.partition("## What the gate excepts")
    listed = _EXCEPTION.findall(section.partition("\n## ")[0])
    assert sorted(listed) == sorted(EXCEPTIONS)
    assert {each.excepted for each in corpora()} - {""} == set(EXCEPTIONS)
    assert set(regression.EXCEPTED.values()) <= set(EXCEPTIONS)

"""The named questions: each documented, and fed with exactly the words that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gov.audit.questions import QUESTIONS, question
from gov.errors import UsageError

DOCUMENT = (Path(__file__).parents[2] / "docs" / "questions.md").read_text()


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_is_documented(name: str) -> None:
    """With an example, its controls and the columns of its answer."""
    which = QUESTIONS[name]
    section = DOCUMENT.partition(f"\n## {name}\n")[2].partition("\n## ")[0]

    assert f"\n    gov audit ask {name}" in section
    assert f"| [{name}](#{name}) | {', '.join(which.controls)} |\n" in DOCUMENT
    assert f"Columns: {', '.join(f'`{each}`' for each in which.columns)}." in section
    assert which.controls


def test_words_become_arguments() -> None:
    """In order; what is left out has its default."""
    assert question("population").given(["10"]) == {"size": "10", "seed": "gov"}
    assert question("activity").given(["alice"]) == {"who": "alice"}


@pytest.mark.parametrize(("name", "words", "says"), [
    ("activity", [], "`activity` needs a name, a subject or an agent"),
    ("denied", ["alice"], "`denied` does not know what `alice` is"),
    ("who-did-it", [], "no question is called `who-did-it`"),
])  # fmt: skip
def test_what_is_not_understood(name: str, words: list[str], says: str) -> None:
    """Says what is missing or too much."""
    with pytest.raises(UsageError, match=says):
        question(name).given(words)

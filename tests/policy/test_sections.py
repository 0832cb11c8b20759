"""The manual of the format tells the truth: its examples load, and it knows every key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gov.policy import document, sections
from gov.policy.document import load
from gov.policy.masks import WORDS
from gov.policy.rules import Event
from gov.terms import Effect

MANUAL = (Path(__file__).parents[2] / "docs/policy.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
BASE = 'version: 1\nclassify: [{ columns: "*.*.ssn", as: pii.secret }]\n'


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_manuals_examples_load(example: str) -> None:
    """Whole documents as they are, parts beside a document that classifies something."""
    load([("base", BASE), ("example", example if "version:" in example else f"version: 1\n{example}")])


@pytest.mark.parametrize(
    "word",
    sorted({
        *document.KEYS, *sections.CLASSIFY, *sections.ACCESS, *sections.MASKING, *sections.UNMASK,
        *sections.GUARDRAIL, *sections.WHEN, *sections.DATASETS, *sections.BREAK_GLASS, *sections.NOTIFY,
        *sections.ROLES, *WORDS, *Effect, *Event,
    }),
)  # fmt: skip
def test_the_manual_knows_every_word(word: str) -> None:
    """Each key, mask and effect is mentioned."""
    assert re.search(rf"(`|\b){re.escape(word)}(`|\b)", MANUAL)

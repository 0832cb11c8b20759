"""The README is true: two commands, words that exist, a policy that loads, exit statuses as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gov.commands import load
from gov.commands.words import WORDS
from gov.errors import every_error
from gov.policy.document import load as load_policy

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
SHELL = "".join(text for kind, text in BLOCKS if kind == "sh")
TYPED = sorted(set(re.findall(r"\bgov ([a-z]+)(?: ([a-z]+)\b)?", SHELL + "".join(re.findall(r"`[^`]*`", README)))))


def test_the_first_screen_has_the_two_commands() -> None:
    """One shows it, one tests it; each is a single line to paste."""
    first, second = [text for kind, text in BLOCKS if kind == "sh"][:2]

    assert first == "pip install '.[demo]' && gov demo tour\n"
    assert second == "pip install '.[demo,test]' && pytest -n 4\n"
    assert README.index("docs/tour.svg") < README.index("\n## ")


@pytest.mark.parametrize(("word", "inner"), TYPED)
def test_every_command_exists(word: str, inner: str) -> None:
    """What the README types can be typed."""
    assert word in WORDS
    words = getattr(load(word), "commands", None)
    if words is not None and inner:
        assert inner in words


def test_every_link_leads_somewhere() -> None:
    """Files that the README names are there."""
    for link in re.findall(r"\]\((?!https:)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_policy_example_loads() -> None:
    """The example is a policy, not a sketch of one."""
    (text,) = [text for kind, text in BLOCKS if kind == "yaml"]

    assert load_policy([("README.md", text)]).digest


def test_exit_statuses_are_those_of_the_errors() -> None:
    """The list names every status that a command of ours can leave with."""
    said = {int(number) for number in re.findall(r"(?:·|status:)\s+(\d+)\s", README)}

    assert said == {0, 130} | {error.exit_status for error in every_error()}


def test_the_picture_is_of_a_tour_that_held() -> None:
    """It shows the first and the last scene, and no check that failed."""
    picture = (ROOT / "docs" / "tour.svg").read_text().replace("&#160;", " ")

    assert "gov login" in picture
    assert "one changed byte is found" in picture
    assert "✗" not in picture


MANUAL = (ROOT / "docs" / "commands.md").read_text()
LINES = sorted(set(re.findall(r"^    (?:\$ |eval \"\$\()?(gov [^|#\n]*)", MANUAL, re.MULTILINE)))


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_the_manual_can_be_typed(line: str) -> None:
    """The command, the word inside it, and each of its options exist."""
    _, word, *rest = line.partition(" -- ")[0].split()
    command = load(word)
    inner = getattr(command, "commands", {})
    command = inner.get(rest[0], command) if rest else command
    known = {name for each in command.params for name in each.opts} | {"--help"}

    assert {part for part in rest if re.fullmatch(r"--?[a-z]+(-[a-z]+)*", part)} <= known

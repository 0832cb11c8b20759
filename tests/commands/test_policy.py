"""`gov policy check`, which needs no broker."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from commands.fake_broker import Gov

SHOP = Path(__file__).parents[1] / "cases/policy/shop.yaml"


def test_a_good_policy_is_summed_up(gov: Gov) -> None:
    """Exit 0, how many rules of each kind, and the digest that the trail will name."""
    ran = gov("policy", "check", str(SHOP))

    assert ran.status == 0
    assert "6 access rules, 2 maskings, 4 guardrails, 2 classifications" in ran.out
    assert "digest " in ran.out


def test_every_mistake_is_a_line(gov: Gov, tmp_path: Path) -> None:
    """Exit 2, and each complaint with file, line and column."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 1\nacces: []\nguardrails: {}\n")
    ran = gov("policy", "check", str(SHOP), str(broken))

    assert ran.status == 2
    assert f"{broken}:2:1: `acces` is not a key here, did you mean `access`?" in ran.err
    assert f"{broken}:3:13: `guardrails` must be a list of rules" in ran.err
    assert f"hint: correct it, then: gov policy check {SHOP} {broken}" in ran.err


def test_json_lists_the_complaints(gov: Gov, tmp_path: Path) -> None:
    """For editors and other programs."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 2\n")
    ran = gov("policy", "check", str(broken), "--json")

    assert ran.status == 2
    assert json.loads(ran.out) == {
        "valid": False,
        "digest": None,
        "complaints": [
            {"file": str(broken), "line": 1, "column": 10, "what": "`version` cannot be `2`; it can be 1"}
        ],
    }
    assert json.loads(gov("policy", "check", str(SHOP), "--json").out)["valid"] is True


def test_standard_input_is_a_file_like_any(gov: Gov, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"- 1\n")))
    ran = gov("policy", "check", "-")

    assert ran.status == 2
    assert "<stdin>:1:1: must be a mapping" in ran.err


@pytest.mark.parametrize("content", [None, b"version: \xff"])
def test_what_cannot_be_read_is_said_plainly(gov: Gov, tmp_path: Path, content: bytes | None) -> None:
    """A file that is not there, or not text."""
    path = tmp_path / "policy.yaml"
    if content is not None:
        path.write_bytes(content)
    ran = gov("policy", "check", str(path))

    assert ran.status == 2
    assert ("is not UTF-8 at byte 9" if content else "no such file or directory") in ran.err

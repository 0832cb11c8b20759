"""A permit comes out of a judgment."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import gov
from gov.policy.permit import Permit, grant

PACKAGE = Path(gov.__file__).parent


def test_nobody_makes_one_by_hand() -> None:
    """Not by the constructor and not by copying another."""
    with pytest.raises(TypeError, match="out of thin air"):
        Permit("digest", "ss-1")
    with pytest.raises(TypeError):
        replace(grant("digest", "ss-1"), statement="another")


def test_only_judgments_import_grant() -> None:
    """`policy.decide` and `approval.settle` mint permits; everybody else is handed one."""
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and node.module == "gov.policy.permit"
            and {"grant", "_SEAL", "*"} & {alias.name for alias in node.names})
        or (isinstance(node, ast.Import) and "gov.policy.permit" in {alias.name for alias in node.names})
    }  # fmt: skip

    assert importers == {"policy/decide.py", "approval/settle.py"}

"""Data for other programs: JSON on standard output, stable names, one value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from gov.ui.escape import json_safe

if TYPE_CHECKING:
    from pydantic import BaseModel

Printable: TypeAlias = "BaseModel | Sequence[BaseModel] | dict[str, object]"


def print_json(value: Printable) -> None:
    """Print `value` as indented JSON; control and bidirectional characters as JSON escapes."""
    print(json_safe(json.dumps(_plain(value), indent=2, ensure_ascii=False)))


def _plain(value: Printable) -> object:
    if isinstance(value, dict):
        return value
    if isinstance(value, Sequence):
        return [item.model_dump(mode="json") for item in value]
    return value.model_dump(mode="json")

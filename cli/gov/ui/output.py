"""Data for other programs: JSON on standard output, stable names, one value."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import BaseModel

from gov.ui.escape import json_safe

Printable = BaseModel | Sequence[BaseModel] | dict[str, object]


def print_json(value: Printable) -> None:
    """Print `value` as indented JSON; control and bidirectional characters as JSON escapes."""
    print(json_safe(json.dumps(_plain(value), indent=2, ensure_ascii=False)))


def _plain(value: Printable) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return value
    return [item.model_dump(mode="json") for item in value]

"""gov: the governed way into a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "connect", "engine"]

if TYPE_CHECKING:
    from gov.client.python import connect, engine


def __getattr__(name: str) -> object:
    """`connect` and `engine`, loaded when first asked for, so that `import gov` stays light."""
    if name in ("connect", "engine"):
        from gov.client import python

        return getattr(python, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

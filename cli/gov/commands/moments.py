"""Times on a command line: a length of time before now, or a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from gov.errors import UsageError
from gov.ui import times

Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="2h, 7d, or 2026-01-31T12:00Z.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="The same; up to then.")]


def moment(option: str, value: str | None) -> str | None:
    """What was given to `option` as RFC 3339.

    Raises:
        UsageError: It is neither a length of time nor a moment.
    """
    if value is None:
        return None
    try:
        found = datetime.now(UTC) - timedelta(seconds=times.duration(value))
    except ValueError:
        try:
            found = times.parse(value)
        except ValueError:
            hint = f"{option} 2h, {option} 7d or {option} 2026-01-31T12:00:00Z"
            raise UsageError(f"{option}: `{value}` is no time", hint=hint) from None
    return found.isoformat().replace("+00:00", "Z")

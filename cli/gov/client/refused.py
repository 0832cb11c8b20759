"""Why a connection to the gateway failed. libpq tells it as text only, a line for every address that it tried."""

from __future__ import annotations

from gov.errors import GovError, LeaseEnded, Unreachable


def refused(said: str) -> GovError:
    """The error that libpq's words `said` stand for: the lease is over, or nobody answers as they should."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    what = lines[0] if lines else "the connection failed"
    fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    hints = [line.partition("HINT:")[2].strip() for line in lines if line.startswith("HINT:")]
    if fatal and "lease" in fatal[0]:
        return LeaseEnded(fatal[0], hint=hints[0] if hints else "gov leases")
    return Unreachable(fatal[0] if fatal else what, hint=hints[0] if hints else "gov status")

"""What the prompt tells about itself: where one is, and with which lease."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gov.ui import times
from gov.ui.escape import escape

if TYPE_CHECKING:
    from gov.commands.session import Session
    from gov.control.access import LeaseGrant


def greeting(given: LeaseGrant) -> list[str]:
    """The first lines of a prompt."""
    lease = given.lease
    lines = [f"{lease.target} ({given.environment}), {lease.scope} scope,"
             f" lease {lease.id} ends {times.relative(lease.expires_at)}"]
    if lease.unmasked:
        lines.append(f"unmasked in this lease by {lease.approval}: {', '.join(lease.unmasked)}")
    if given.masked:
        lines.append(f"masked for you: {', '.join(given.masked)}")
    return [escape(line) for line in [*lines, "everything here is recorded; \\? for help"]]


def conninfo(session: Session) -> str:
    """`\\conninfo`."""
    given, connection = session.grant.lease, session.connection
    lease = given.lease
    version = connection.info.parameter_status("server_version") if not connection.closed else ""
    return _told([
        ("target", f"{lease.target} ({given.environment}), database {given.database}"),
        ("as", lease.principal),
        ("scope", f"{lease.scope}, by rule {lease.rule}"),
        ("lease", f"{lease.id}, {times.countdown(session.left)} left"),
        ("gateway", f"{given.host} port {given.port}, over TLS, its certificate verified"),
        ("server", f"PostgreSQL {version}" if version else ""),
        ("session", session.lost() or session.transaction or "no transaction open"),
    ])


def lease(session: Session) -> str:
    """`\\lease`."""
    given = session.grant.lease
    held = given.lease
    unmasked = [("" if number else "unmasked", column) for number, column in enumerate(held.unmasked)]
    masked = [("" if number else "masked", column) for number, column in enumerate(given.masked)]
    return _told([
        ("lease", held.id), ("scope", f"{held.scope}, by rule {held.rule}"), ("reason", held.reason),
        ("purpose", held.purpose), ("begun", times.relative(held.created_at)),
        ("ends", f"in {times.countdown(session.left)}, at {held.expires_at}"), ("approved", held.approval or ""),
        *unmasked, *masked,
    ])


def _told(facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{label:<9}{escape(text)}" for label, text in facts if text)

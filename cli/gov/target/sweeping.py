"""Find the roles of ours that nobody answers for any more, and end them."""

from __future__ import annotations

from collections.abc import Collection

from gov.errors import Unavailable
from gov.lease.names import Marker, decode_marker
from gov.target import roles
from gov.target.connection import Connection

MARKED = r"""
SELECT r.rolname, shobj_description(r.oid, 'pg_authid'),
       EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid
                 AND m.member <> (SELECT oid FROM pg_roles WHERE rolname = current_user))
  FROM pg_roles r
 WHERE r.rolname LIKE 'gov\_%'
 ORDER BY r.oid
"""


Whose = tuple[str, str]
"""Installation and target. The roles of other targets, maybe on the same cluster, are left alone."""


async def ephemeral(
    connection: Connection, whose: Whose, *, live: Collection[str], keep: Collection[str]
) -> list[str]:
    """Roles of leases that are not in `live`, and of one-shots, but for the roles in `keep`."""
    return [
        role
        for role, marker, _ in await _marked(connection, whose)
        if ((marker.kind == "lease" and marker.id not in live) or marker.kind == "one-shot")
        and role not in keep
    ]


async def profiles(connection: Connection, whose: Whose, *, keep: Collection[str]) -> list[str]:
    """Profile roles that no lease is a member of, but for those in `keep`."""
    return [
        role
        for role, marker, has_members in await _marked(connection, whose)
        if marker.kind == "profile" and not has_members and role not in keep
    ]


async def end_all(connection: Connection, names: Collection[str]) -> tuple[list[str], dict[str, str]]:
    """End these roles: those that are gone, and those that are stuck, each with what is in the way."""
    ended: list[str] = []
    stuck: dict[str, str] = {}
    for role in names:
        try:
            await roles.end(connection, role)
            ended.append(role)
        except Unavailable as error:
            stuck[role] = error.detail or error.what
    return ended, stuck


async def _marked(connection: Connection, whose: Whose) -> list[tuple[str, Marker, bool]]:
    found: list[tuple[str, Marker, bool]] = []
    for name, comment, has_members in await (await connection.execute(MARKED)).fetchall():
        marker = decode_marker(str(comment)) if comment else None
        if marker is not None and (marker.gov, marker.target) == whose:
            found.append((str(name), marker, bool(has_members)))
    return found

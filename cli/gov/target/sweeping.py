"""Find the roles of ours that nobody answers for any more."""

from __future__ import annotations

from collections.abc import Collection

from gov.lease.names import Marker, decode_marker
from gov.target.connection import Connection

MARKED = r"""
SELECT r.rolname, shobj_description(r.oid, 'pg_authid'),
       EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid
                 AND m.member <> (SELECT oid FROM pg_roles WHERE rolname = current_user))
  FROM pg_roles r
 WHERE r.rolname LIKE 'gov\_%'
 ORDER BY r.oid
"""


async def leftovers(
    connection: Connection, installation: str, target: str, *, live: Collection[str], keep: Collection[str]
) -> list[str]:
    """Names of marked roles of this installation and target that may go, those of leases first.

    Args:
        connection: Of the broker.
        installation: Whose marker counts.
        target: The roles of other targets, maybe on the same cluster, are left alone.
        live: Ids of the leases that are open.
        keep: Roles in use right now: one-shots and profiles.
    """
    found: dict[bool, list[str]] = {False: [], True: []}
    for name, comment, has_members in await (await connection.execute(MARKED)).fetchall():
        marker = decode_marker(str(comment)) if comment else None
        if marker is None or (marker.gov, marker.target) != (installation, target) or name in keep:
            continue
        is_profile = marker.kind == "profile"
        if _abandoned(marker, live, has_members=bool(has_members)):
            found[is_profile].append(str(name))
    return found[False] + found[True]


def _abandoned(marker: Marker, live: Collection[str], *, has_members: bool) -> bool:
    match marker.kind:
        case "lease":
            return marker.id not in live
        case "one-shot":
            return True
        case "profile":
            return not has_members
        case "views":
            return False

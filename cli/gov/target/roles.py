"""Ephemeral roles: minting them, and ending them for certain.

Ending is fence, kill, verify, drop: NOLOGIN and commit, terminate what is still connected, make sure
that nothing is, DROP OWNED and DROP ROLE, and look for the OID. VALID UNTIL ends no session and DROP
ROLE succeeds under a live one, so neither of them is an end.

On PostgreSQL 16 and later whoever creates a role may grant it but is no member of it, and only a member
may end its sessions or drop what it owns: so the broker grants each role to itself, without SET.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import psycopg
from psycopg import errors
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from gov.errors import Unavailable
from gov.lease.names import Marker
from gov.target.connection import Connection

SESSIONS = 64
"""Connections that one role may have at once."""
PAD = 60.0
"""Seconds that VALID UNTIL lies behind the end of a lease: the broker ends leases, this catches the rest."""
KILL_WITHIN = 10.0
"""Seconds in which the sessions of a role must be gone."""
KILL_AGAIN = 0.025
"""Seconds between two looks. A backend that has just logged in shows up a moment later, so none must be
seen in two looks."""
TRIES = 5

_PASSING = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.ObjectInUse,
    errors.QueryCanceled,
    errors.InternalError_,  # "tuple concurrently updated": two changes of one catalog row
)
"""What a second try may overcome."""


STANDING = """
SELECT (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid),
       coalesce((SELECT s.setconfig FROM pg_db_role_setting s
                  WHERE s.setrole = r.oid AND s.setdatabase = 0), '{}')
  FROM pg_roles r
 WHERE r.rolname = %(role)s
   AND NOT EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase <> 0)
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Birth:
    """Everything a new ephemeral role gets."""

    role: str
    verifier: str
    """SCRAM-SHA-256, so that the password itself never travels and is in no log."""
    marker: Marker
    lifetime: float
    """Seconds from the target's own now."""
    member_of: str
    inherits: bool
    """Has the rights of `member_of` at once (a lease), or only after SET ROLE (a one-shot as the owner)."""
    settings: tuple[tuple[str, str], ...] = ()
    search_path: tuple[str, ...] | None = None


async def create(connection: Connection, birth: Birth) -> int:
    """Make the role in one transaction; its OID.

    Raises:
        psycopg.Error: 42710 when there is one already, 42704 when `member_of` does not exist.
    """
    cursor = await connection.execute(
        "SELECT (now() + make_interval(secs => %s))::text", (birth.lifetime,)
    )
    row = await cursor.fetchone()
    assert row is not None
    script = _creation(birth, valid_until=str(row[0]), version=connection.info.server_version)
    async with connection.transaction():
        await connection.execute(script)
        oid = await oid_of(connection, birth.role)
    assert oid is not None
    return oid


def _creation(birth: Birth, *, valid_until: str, version: int) -> Composed:
    role, member_of = Identifier(birth.role), Identifier(birth.member_of)
    inherit = SQL("INHERIT") if birth.inherits else SQL("NOINHERIT")
    parts: list[Composable] = [
        SQL(
            "CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS {inherit}"
            " CONNECTION LIMIT {limit} VALID UNTIL {until} PASSWORD {verifier}"
        ).format(
            role=role,
            inherit=inherit,
            limit=SQL(str(SESSIONS if birth.inherits else 1)),
            until=Literal(valid_until),
            verifier=Literal(birth.verifier),
        ),
        SQL("COMMENT ON ROLE {} IS {}").format(role, Literal(birth.marker.encode())),
        membership(role, SQL("CURRENT_USER"), version, inherit=True, become=False),
        membership(member_of, role, version, inherit=birth.inherits, become=not birth.inherits),
    ]
    parts += [
        SQL("ALTER ROLE {} SET {} = {}").format(role, Identifier(name), Literal(value))
        for name, value in birth.settings
    ]
    if birth.search_path is not None:
        path: list[Composable] = [Identifier(schema) for schema in birth.search_path] or [Literal("")]
        parts.append(SQL("ALTER ROLE {} SET search_path = {}").format(role, SQL(", ").join(path)))
    return SQL(";\n").join(parts)


def membership(
    role: Composable, member: Composable, version: int, *, inherit: bool, become: bool
) -> Composed:
    """GRANT `role` TO `member`; before 16 the member's own INHERIT attribute says the rest."""
    grant = SQL("GRANT {} TO {}").format(role, member)
    if version < 160000:
        return grant
    return grant + SQL(f" WITH INHERIT {str(inherit).upper()}, SET {str(become).upper()}")


async def move(connection: Connection, role: str, old: str, new: str) -> None:
    """Make `role`, a lease's, a member of the profile `new` instead of `old`, in one step.

    Raises:
        psycopg.Error: 42704 when one of them does not exist.
    """
    version = connection.info.server_version
    async with connection.transaction():
        await connection.execute(
            membership(Identifier(new), Identifier(role), version, inherit=True, become=False)
        )
        await connection.execute(SQL("REVOKE {} FROM {}").format(Identifier(old), Identifier(role)))


async def oid_of(connection: Connection, role: str) -> int | None:
    """The OID of the role, None when there is none."""
    row = await (
        await connection.execute("SELECT oid::int8 FROM pg_roles WHERE rolname = %s", (role,))
    ).fetchone()
    return int(str(row[0])) if row else None


async def end(connection: Connection, role: str) -> None:
    """Fence, kill, verify, drop. A role that is not there is a success.

    Raises:
        Unavailable: It could not be ended; the words say what is in the way.
        psycopg.OperationalError: The connection was lost.
    """
    oid = await oid_of(connection, role)
    if oid is None:
        return
    with suppress(errors.UndefinedObject):
        await again(lambda: _fence(connection, role), f"role {role} could not be fenced")
        await _kill(connection, role, oid)
        await again(lambda: _drop(connection, role), f"role {role} could not be dropped")
    left = await (await connection.execute("SELECT 1 FROM pg_roles WHERE oid = %s", (oid,))).fetchone()
    if left is not None:
        raise Unavailable(f"role {role} is still there", hint="gov leases --stuck")


async def _fence(connection: Connection, role: str) -> None:
    name = Identifier(role)
    await connection.execute(SQL("ALTER ROLE {} NOLOGIN CONNECTION LIMIT 0").format(name))
    version = connection.info.server_version
    await connection.execute(
        membership(name, SQL("CURRENT_USER"), version, inherit=True, become=False)
    )


async def _kill(connection: Connection, role: str, oid: int) -> None:
    """Terminate the sessions of `oid` until two looks in a row find none."""
    quiet = 0
    try:
        async with asyncio.timeout(KILL_WITHIN):
            while quiet < 2:
                cursor = await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = %s", (oid,)
                )
                quiet = 0 if await cursor.fetchall() else quiet + 1
                if quiet < 2:
                    await asyncio.sleep(KILL_AGAIN)
    except TimeoutError:
        raise Unavailable(f"sessions of role {role} do not end", hint="gov leases --stuck") from None


async def _drop(connection: Connection, role: str) -> None:
    async with connection.transaction():
        await connection.execute(SQL("DROP OWNED BY {}").format(Identifier(role)))
        await connection.execute(SQL("DROP ROLE {}").format(Identifier(role)))


async def intact(connection: Connection, role: str, settings: Collection[tuple[str, str]]) -> bool:
    """Whether the role's settings are as it was made, `search_path` aside, and it is in one role only."""
    row = await (await connection.execute(STANDING, {"role": role})).fetchone()
    if row is None:
        return False
    memberships, found = row
    assert isinstance(found, list)
    kept = {str(setting) for setting in found if not str(setting).startswith("search_path=")}
    return memberships == 1 and kept == {f"{name}={value}" for name, value in settings}


async def again(step: Callable[[], Awaitable[T]], what: str) -> T:
    """Run `step` until it succeeds, with jitter between the tries.

    Raises:
        Unavailable: It failed for good, or `TRIES` times.
        errors.UndefinedObject: Its subject is gone.
        psycopg.OperationalError: The connection was lost.
    """
    for attempt in range(TRIES):
        try:
            return await step()
        except _PASSING as error:
            problem: psycopg.Error = error
        except (errors.UndefinedObject, psycopg.OperationalError):
            raise
        except psycopg.Error as error:
            raise _stuck(what, error) from error
        await asyncio.sleep(0.05 * 2**attempt * (0.5 + random.random()))  # noqa: S311 - jitter is no secret
    raise _stuck(what, problem) from problem


def _stuck(what: str, error: psycopg.Error) -> Unavailable:
    reason = error.diag.message_primary or type(error).__name__
    detail = f"{error.sqlstate}: {reason}"
    if error.diag.message_detail:
        detail += f" ({' '.join(error.diag.message_detail.split())})"
    return Unavailable(what, hint="gov leases --stuck", detail=detail)

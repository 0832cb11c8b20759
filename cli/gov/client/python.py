"""gov from Python: `gov.connect("prod")` and `gov.engine("prod")`.

Both take a lease as whoever is logged in (or `GOV_TOKEN`) and connect through the gateway. The engine
takes a new lease when the old one is about to end, so that a pool outlives its leases.

`unmask` names columns to see without their masks: the call waits until somebody has said yes, and an engine
ends with that lease, because a program must not go on with masks in the place of values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gov.client import approvals
from gov.client.api import Broker
from gov.client.config import Places, file_name
from gov.client.files import read_private, write_private
from gov.client.leases import Leases
from gov.client.refused import refused
from gov.control.access import LeaseAsk, LeaseGrant
from gov.control.requests import UnmaskAsk
from gov.errors import LeaseEnded, Unreachable, UsageError
from gov.terms import Scope

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy

_PATIENCE = 8


def connect(
    target: str,
    *,
    scope: str | Scope = Scope.READ,
    ttl: int | None = None,
    reason: str = "",
    purpose: str = "",
    run: str = "",
    unmask: Sequence[str] = (),
    **options: Any,
) -> psycopg.Connection[Any]:
    """A psycopg connection to `target` through the gateway, under a lease of its own.

    `ttl` is in seconds, `run` the id of the run that this is for; `unmask` are columns (`table.column`) whose
    masks shall be lifted; `options` go to `psycopg.connect`.

    Raises:
        NotLoggedIn, Denied: no lease.
        UsageError: there is no such scope, `run` is no id, or a column is not masked.
        ApprovalDenied, NotApproved: nobody lifts the masks.
        Unreachable: the broker or its gateway does not answer.
    """
    return _open(_lease(_ask(target, scope, ttl, reason, purpose, run), unmask), options)


def engine(
    target: str,
    *,
    scope: str | Scope = Scope.READ,
    ttl: int | None = None,
    reason: str = "",
    purpose: str = "",
    run: str = "",
    unmask: Sequence[str] = (),
    **options: Any,
) -> sqlalchemy.Engine:
    """A SQLAlchemy engine over the gateway; `options` go to `sqlalchemy.create_engine`.

    With `unmask` this waits for the approval, as `connect` does, and raises like it.
    """
    import sqlalchemy

    ask = _ask(target, scope, ttl, reason, purpose, run)
    leases = Leases(_once(_lease(ask, unmask)) if unmask else lambda: _lease(ask))
    return sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: _next(leases), **options)


def _next(leases: Leases) -> psycopg.Connection[Any]:
    """A connection under the lease of the moment; one that was ended before its time is replaced."""
    grant = leases.current()
    try:
        return _open(grant, {})
    except LeaseEnded:
        return _open(leases.current(refused=grant.lease.id), {})


def _ask(
    target: str, scope: str | Scope, ttl: int | None, reason: str, purpose: str, run: str
) -> LeaseAsk:
    if scope not in set(Scope):
        raise UsageError(f"no scope is called {scope!r}", hint=f"one of: {', '.join(Scope)}")
    return LeaseAsk(target=target, scope=str(scope), ttl=ttl, reason=reason, purpose=purpose, run=run)


def _lease(ask: LeaseAsk, unmask: Sequence[str] = ()) -> LeaseGrant:
    with Broker.current() as broker:
        if not unmask:
            return broker.lease(ask)
        wanted = UnmaskAsk(
            target=ask.target, scope=ask.scope, columns=[*unmask], ttl=ask.ttl, reason=ask.reason, purpose=ask.purpose
        )
        return broker.lease(ask.model_copy(update={"request": approvals.unmasked(broker, wanted)}))


def _once(grant: LeaseGrant) -> Callable[[], LeaseGrant]:
    """Gives the one lease that an approval was for, and no other behind it."""
    left = [grant]

    def take() -> LeaseGrant:
        if not left:
            columns = ", ".join(grant.lease.unmasked)
            raise LeaseEnded(f"the approval to unmask {columns} is over", hint="make a new engine to ask again")
        return left.pop()

    return take


def _open(grant: LeaseGrant, options: dict[str, Any]) -> psycopg.Connection[Any]:
    import psycopg

    settings: dict[str, Any] = {
        "host": grant.host,
        "port": grant.port,
        "user": grant.user,
        "password": grant.password,
        "dbname": grant.database,
        "connect_timeout": _PATIENCE,
        "application_name": "python",
        **options,
        "sslmode": "verify-full",
        "sslrootcert": str(_root(grant)),
    }
    try:
        return psycopg.connect(**settings)
    except psycopg.OperationalError as error:
        target, why = grant.lease.target, refused(str(error))
        if isinstance(why, LeaseEnded):
            raise LeaseEnded(f"the lease on {target} is over", hint=f"gov connect {target}") from error
        raise Unreachable(
            f"the gateway {grant.host}:{grant.port} gives no connection to {target}",
            hint="gov status",
            detail=str(error),
        ) from error


def _root(grant: LeaseGrant) -> Path:
    """A file with the root that signs the gateway's certificate, as libpq wants it."""
    path = Places.of().state / "roots" / f"{file_name(f'{grant.host}_{grant.port}')}.pem"
    if read_private(path) != grant.ca:
        write_private(path, grant.ca)
    return path

"""Lease secrets kept on this machine, so that the next command uses the lease instead of asking again.

The broker shows a secret once and keeps only its verifier, so whoever wants to use the lease twice must
keep it: one file for each context and target, mode 0600, dead when the lease is. Whether a lease still
lives is asked of the broker every time; a revoked one is never used from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gov.client.config import Contexts, Places, file_name
from gov.client.files import read_private, write_private
from gov.commands.asking import Asking
from gov.errors import GovError
from gov.ui import times
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.control.access import LeaseGrant, LeaseView

MARGIN = 60.0
"""Seconds of life below which a kept lease is left alone."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease in hand, and the file that says whom to trust at the gateway."""

    lease: LeaseGrant
    ca_file: str
    """A file, or `system` for the roots of the machine (libpq 16 and later)."""

    def settings(self) -> dict[str, str]:
        """The environment variables by which libpq and its kin find the gateway."""
        given = self.lease
        return {
            "PGHOST": given.host, "PGPORT": str(given.port), "PGUSER": given.user,
            "PGPASSWORD": given.password, "PGDATABASE": given.database,
            "PGSSLMODE": "verify-full", "PGSSLROOTCERT": self.ca_file,
        }


@dataclass(frozen=True, slots=True)
class Wallet:
    """The kept leases of one context."""

    directory: Path

    @classmethod
    def of(cls, broker: Broker) -> Wallet:
        """The wallet of the broker's context."""
        return cls._named(broker.context.name)

    @classmethod
    def here(cls) -> Wallet:
        """The wallet of the current context, without a word to its broker."""
        try:
            return cls._named(Contexts(Places.of()).current().name)
        except GovError:
            return cls._named("none")

    @classmethod
    def _named(cls, context: str) -> Wallet:
        return cls(Places.of().state / "leases" / file_name(context))

    def lease(self, broker: Broker, asking: Asking) -> Grant:
        """A lease for what is asked: a kept one that still lives and fits, else a new one."""
        kept = self._fitting(asking)
        if kept and (kept := _alive(kept, broker.leases())):
            return self._grant(kept)
        return self.fresh(broker, asking)

    def has(self, broker: Broker, asking: Asking) -> bool:
        """Whether a kept lease fits and still lives."""
        kept = self._fitting(asking)
        return kept is not None and _alive(kept, broker.leases()) is not None

    def fresh(self, broker: Broker, asking: Asking) -> Grant:
        """A new lease, kept for the next command."""
        lease = _taken(broker, asking)
        write_private(self._path(asking, unmasked=bool(lease.lease.unmasked)), lease.model_dump_json())
        return self._grant(lease)

    def once(self, broker: Broker, asking: Asking, request: str | None = None) -> Grant:
        """A lease that is not kept, since it ends with what it is for: a program, or an approved `request`."""
        return self._grant(_taken(broker, asking, request))

    def targets(self) -> list[str]:
        """The targets that leases are kept for."""
        return sorted({path.name.rsplit(".", 2)[0] for path in self.directory.glob("*.*.json")})

    def _fitting(self, asking: Asking) -> LeaseGrant | None:
        from pydantic import ValidationError

        from gov.control.access import LeaseGrant

        if asking.request:  # it is there to be used, and says by itself what for
            return None
        if asking.ttl is not None:  # how long was asked for: what is left of another does not answer that
            return None
        with suppress(ValidationError):
            path = self._path(asking, unmasked=bool(asking.unmask))
            kept = LeaseGrant.model_validate_json(read_private(path, secret=True) or "")
            same = (asking.purpose, asking.run) == (kept.lease.purpose, kept.lease.run)
            wanted = same and asking.reason in ("", kept.lease.reason)
            wanted = wanted and _same_columns(asking.unmask, kept.lease.unmasked)
            return kept if wanted and times.left(kept.lease.expires_at) > MARGIN else None
        return None

    def _path(self, asking: Asking, *, unmasked: bool) -> Path:
        """Apart, so that nobody is handed a lease without masks who did not ask for it."""
        kind = f"{asking.scope.value}{'+unmasked' if unmasked else ''}"
        return self.directory / f"{file_name(asking.target)}.{kind}.json"

    def _grant(self, lease: LeaseGrant) -> Grant:
        if not lease.ca:
            return Grant(lease, "system")
        ca_file = self.directory / "gateway-ca.pem"
        if read_private(ca_file) != lease.ca:
            write_private(ca_file, lease.ca)
        return Grant(lease, str(ca_file))


def _same_columns(typed: Sequence[str], unmasked: Sequence[str]) -> bool:
    """Whether a lease unmasks just what was typed, with or without the schema."""
    found = {name for each in typed for name in unmasked if each in (name, name.partition(".")[2])}
    return found == {*unmasked} and len(found) == len({*typed})


def _taken(broker: Broker, asking: Asking, request: str | None = None) -> LeaseGrant:
    """A new lease; that it is shorter than was asked for is said."""
    from gov.commands import unmasking

    lease = broker.lease(asking.ask(request)) if request else unmasking.taken(broker, asking)
    given = (times.parse(lease.lease.expires_at) - times.parse(lease.lease.created_at)).total_seconds()
    if asking.ttl is not None and given < asking.ttl:
        say(f"gov: policy gives {times.span(given)}, not the {times.span(asking.ttl)} that --ttl asks for")
    return lease


def _alive(kept: LeaseGrant, leases: Iterable[LeaseView]) -> LeaseGrant | None:
    """The kept lease as the broker knows it now, or None when it has ended."""
    for lease in leases:
        if lease.id == kept.lease.id and lease.state == "active":
            return kept.model_copy(update={"lease": lease})
    return None

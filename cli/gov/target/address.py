"""Where a target is, and how whoever connects there must behave."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gov.errors import ConfigError

Tls = Literal["verify-full", "off"]


@dataclass(frozen=True, slots=True)
class Upstream:
    """Everything that one connection of an ephemeral role needs."""

    host: str
    """A name, an address, or the directory of a Unix socket (begins with `/`)."""
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    tls: Tls
    ca: str | None = None
    """File with the roots that a certificate is verified against; None: the system's."""


@dataclass(frozen=True, slots=True)
class Address:
    """A target's place, from its DSN."""

    host: str
    port: int
    database: str
    broker: str
    """The broker's own role there."""
    tls: Tls
    ca: str | None
    conninfo: str = field(repr=False)
    """For the broker's own connections; holds its password."""

    def upstream(self, user: str, password: str) -> Upstream:
        """The same place for somebody else."""
        return Upstream(self.host, self.port, user, password, self.database, self.tls, self.ca)


def parse(name: str, dsn: str, tls: Tls = "verify-full") -> Address:
    """Read a libpq connection string (`host=… dbname=… user=…` or a URI) with exactly one host.

    Raises:
        ConfigError: It is not one, lacks a part, or leaves TLS out on the way to another machine.
    """
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    except ProgrammingError as error:
        raise _wrong(name, f"is no connection string: {error}".rstrip()) from error
    host = parts.get("host", "")
    for key in ("host", "dbname", "user"):
        if not parts.get(key):
            raise _wrong(name, f"lacks {key}=")
    if "," in host or "," in parts.get("port", ""):
        raise _wrong(name, "names more than one host")
    local = host.startswith("/") or _loopback(host)
    if tls == "off" and not local:
        raise _wrong(name, f"goes to {host} without TLS: only a socket or the loopback address may")
    if host.startswith("/"):
        tls = "off"
    return Address(
        host=host,
        port=int(parts.get("port", "5432")),
        database=parts["dbname"],
        broker=parts["user"],
        tls=tls,
        ca=parts.get("sslrootcert"),
        conninfo=make_conninfo(dsn, **_transport(tls, parts), connect_timeout=5, application_name="gov"),
    )


def _transport(tls: Tls, parts: dict[str, str]) -> dict[str, str]:
    if tls == "off":
        return {"sslmode": "disable"}
    return {"sslmode": "verify-full", "sslrootcert": parts.get("sslrootcert", "system")}


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wrong(name: str, what: str) -> ConfigError:
    return ConfigError(f"the dsn of target {name} {what}", hint=f"correct targets.{name} in broker.yaml")

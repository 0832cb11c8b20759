"""Where a target is."""

from __future__ import annotations

import pytest

from gov.errors import ConfigError
from gov.target.address import Upstream, parse


def test_tls_is_verified_unless_somebody_says_otherwise() -> None:
    """The broker and the gateway both verify the server's certificate and name."""
    address = parse("prod", "host=db.internal dbname=shop user=gov_broker sslmode=prefer")

    assert (address.tls, address.port) == ("verify-full", 5432)
    assert "sslmode=verify-full" in address.conninfo
    assert "sslrootcert=system" in address.conninfo


def test_tls_off_stays_on_this_machine() -> None:
    """Loopback and sockets only."""
    assert parse("prod", "host=127.0.0.1 dbname=a user=b", "off").tls == "off"
    assert parse("prod", "host=::1 dbname=a user=b", "off").tls == "off"
    assert parse("prod", "host=localhost dbname=a user=b", "off").tls == "off"
    assert parse("prod", "host=/run/postgresql dbname=a user=b").tls == "off"
    with pytest.raises(ConfigError, match="without TLS"):
        parse("prod", "host=10.0.0.1 dbname=a user=b", "off")


@pytest.mark.parametrize(
    ("dsn", "complaint"),
    [
        ("host=a dbname=b", "lacks user="),
        ("dbname=b user=c", "lacks host="),
        ("host=a,b dbname=c user=d", "more than one host"),
        ("nonsense", "no connection string"),
    ],
)
def test_a_wrong_dsn_is_refused_by_name(dsn: str, complaint: str) -> None:
    """The complaint names the target and what is wrong."""
    with pytest.raises(ConfigError, match=f"target prod .*{complaint}"):
        parse("prod", dsn)


def test_no_password_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the broker's nor a role's password is in what a log may print."""
    address = parse("prod", "host=127.0.0.1 dbname=a user=b password=hunter2", "off")

    assert "hunter2" not in repr(address)
    assert "hunter2" not in repr(address.upstream("role", "hunter2"))
    assert isinstance(address.upstream("role", "x"), Upstream)

"""The broker's own certificates: accepted by strict clients, renewed in time, refused when damaged."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.rig import CONFIG
from gov.broker.authority import RENEW_DAYS, SERVER_DAYS, Authority, configured, own
from gov.control.config import parse
from gov.errors import ConfigError

NOW = datetime.now(UTC)
Played = Callable[[Awaitable[Any]], Any]


async def shake(authority: Authority, name: str, **client: Any) -> ssl.SSLObject:
    """A TLS handshake with a client that trusts the authority's root and asks for `name`."""
    trust = ssl.create_default_context(cadata=authority.root)
    trust.set_alpn_protocols(["postgresql"])
    for setting, value in client.items():
        setattr(trust, setting, value)
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, ssl=authority.context())
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=name)
        found = writer.get_extra_info("ssl_object")
        writer.transport.abort()
        assert isinstance(found, ssl.SSLObject)
        return found


@pytest.mark.parametrize("name", ["gov.example.com", "localhost", "127.0.0.1", "::1"])
def test_a_strict_client_accepts_it(tmp_path: Path, played: Played, name: str) -> None:
    """By public name and on this machine, with the strictest checks that OpenSSL has."""
    authority = own(tmp_path, ["gov.example.com"], NOW)
    strict = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_TRUSTED_FIRST
    found = played(shake(authority, name, verify_flags=strict))

    assert found.version() == "TLSv1.3"
    assert found.selected_alpn_protocol() == "postgresql"


def test_another_name_is_refused(tmp_path: Path, played: Played) -> None:
    """The certificate is for what the configuration names and nothing else."""
    authority = own(tmp_path, ["gov.example.com"], NOW)

    with pytest.raises(ssl.SSLCertVerificationError):
        played(shake(authority, "evil.example.com"))


def test_old_protocols_are_refused(tmp_path: Path) -> None:
    """TLS 1.2 is the least."""
    assert own(tmp_path, [], NOW).context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_it_stays_until_it_must_change(tmp_path: Path) -> None:
    """The root never changes; the server certificate does near its end or for a new name."""
    first = own(tmp_path, ["a.example.com"], NOW)
    leaf = first.certificate.read_bytes()

    assert own(tmp_path, ["a.example.com"], NOW + timedelta(days=30)).certificate.read_bytes() == leaf
    late = NOW + timedelta(days=SERVER_DAYS - RENEW_DAYS + 1)
    renewed = own(tmp_path, ["a.example.com"], late)
    assert renewed.certificate.read_bytes() != leaf
    renamed = own(tmp_path, ["b.example.com"], late)
    assert renamed.root == first.root


@pytest.mark.parametrize("file", ["server.pem", "server.key"])
def test_a_damaged_server_certificate_is_made_anew(tmp_path: Path, played: Played, file: str) -> None:
    """Nothing depends on this very certificate, only on the root."""
    root = own(tmp_path, [], NOW).root
    (tmp_path / file).write_text("damaged")
    mended = own(tmp_path, [], NOW)

    assert mended.root == root
    assert played(shake(mended, "localhost"))


def test_a_lost_root_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    """Clients trust the root: without its key somebody has to decide."""
    own(tmp_path, [], NOW)
    (tmp_path / "ca.key").unlink()

    with pytest.raises(ConfigError, match=r"ca\.key"):
        own(tmp_path, [], NOW)


def test_a_configured_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    """Found at start, not at the first connection."""
    (tmp_path / "chain.pem").write_text("nothing")
    text = CONFIG + "tls: { certificate: chain.pem, key: key.pem }"
    files = parse("broker.yaml", text, tmp_path).tls
    assert files is not None

    with pytest.raises(ConfigError, match="cannot use the certificate"):
        configured(files).context()

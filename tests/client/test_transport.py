"""HTTP that ends in time and says what helps. TLS against real servers is in test_api.py and test_login.py."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from gov.client.transport import CONNECT, TOTAL, Transport, trust
from gov.errors import ConfigError, Unreachable
from servers import scripted


def transport(url: str) -> Transport:
    """A transport to that address."""
    return Transport(url, trust(None), peer="the peer", hint="start it", root_hint="trust it")


def test_the_limits_add_up_to_less_than_ten_seconds() -> None:
    """A broker that is down is known to be within ten."""
    assert CONNECT < TOTAL < 10


def test_a_proxy_of_the_environment_does_not_see_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not reach our machine, and must not learn its tokens."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)

    with scripted() as server:
        server.answer = lambda asked: (200, {}, "here")
        assert transport(server.url).send("GET", "/").text == "here"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://127.0.0.1:0"])
def test_silence_names_the_peer_and_what_helps(url: str) -> None:
    """Nobody listens there."""
    with pytest.raises(Unreachable, match="the peer cannot be reached") as caught:
        transport(url).send("GET", "/")

    assert caught.value.hint == "start it"


def test_an_answer_that_is_not_http_is_silence() -> None:
    """As from a port of another service."""
    with scripted() as server:
        server.answer = lambda asked: (200, {"Content-Encoding": "gzip"}, "not gzip")
        with pytest.raises(Unreachable):
            transport(server.url).send("GET", "/")


def test_trust_is_verified_tls_of_today(tmp_path: Path) -> None:
    """At least 1.2, host names checked; a file that holds no certificate is named."""
    context = trust(None)
    empty = tmp_path / "empty.pem"
    empty.touch()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    for file in (empty, tmp_path / "missing.pem"):
        with pytest.raises(ConfigError, match="not a usable CA file"):
            trust(file)

"""HTTP to a broker or an issuer: bounded in time, without redirects, and with errors that say what helps."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from gov import __version__
from gov.client.bounded import within
from gov.errors import ConfigError, GovError, Unreachable
from gov.identity.config import loopback

CONNECT: Final = 3.0
"""Seconds to connect."""
TOTAL: Final = 9.0
"""Seconds for a whole exchange, name resolution and TLS included."""


class Untrusted(Unreachable):
    """The peer's certificate is not signed by anybody we trust."""


def trust(ca_file: str | Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later, verified against `ca_file`, or the system's roots when it is None.

    Raises:
        ConfigError: the file is missing or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{ca_file} is not a usable CA file",
            hint="gov login https://BROKER --ca-file FILE",
            detail=str(error),
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Late(Unreachable):
    """The peer did not answer in time."""


def unsafe_trust_anybody() -> ssl.SSLContext:
    """TLS that verifies nothing: only to ask a stranger which root it claims, before a person compares it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Transport:
    """One peer and how to reach it. Safe to use from several threads."""

    def __init__(self, base: str, tls: ssl.SSLContext, *, peer: str, hint: str, root_hint: str) -> None:
        """`peer` is what messages call it (`the broker https://…`), `hint` what helps when it is silent.

        `root_hint` says how to make its root known when the certificate does not verify.
        """
        self._peer = peer
        self._hint = hint
        self._root_hint = root_hint
        self._client = httpx.Client(
            base_url=base,
            verify=tls,
            timeout=httpx.Timeout(TOTAL, connect=CONNECT),
            follow_redirects=False,
            trust_env=not loopback(base),  # a proxy of the environment cannot reach our loopback
            headers={"User-Agent": f"gov/{__version__}"},
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        patience: float = TOTAL,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> httpx.Response:
        """The reply, whatever its status. `patience` is the seconds for all of it.

        Raises:
            Unreachable: no answer in time, or none at all.
            Untrusted: the certificate does not verify.
        """
        timeout = httpx.Timeout(patience, connect=min(CONNECT, patience))
        arguments: dict[str, Any] = {"headers": headers, "json": json, "data": form, "params": query}
        if auth is not None:
            arguments["auth"] = auth
        return self._bounded(patience, lambda: self._client.request(method, path, timeout=timeout, **arguments))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _bounded(self, patience: float, request: Callable[[], httpx.Response]) -> httpx.Response:
        try:
            return within(patience, request)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Late(f"{self._peer} does not answer in time", hint=self._hint) from error
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise self._untrusted(error) from error
            raise self._silent("cannot be reached", str(error)) from error
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise self._silent("answers nonsense", str(error)) from error

    def _silent(self, what: str, detail: str = "") -> GovError:
        return Unreachable(f"{self._peer} {what}", hint=self._hint, detail=detail)

    def _untrusted(self, error: Exception) -> GovError:
        return Untrusted(
            f"{self._peer} shows a certificate that nobody trusted vouches for",
            hint=self._root_hint,
            detail=str(error),
        )

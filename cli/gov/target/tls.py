"""Why a server's certificate is not trusted, in words: libpq only says that it is not."""

from __future__ import annotations

import asyncio
import ssl

from gov.target.address import Address

_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
"""PostgreSQL manual, 55.7: its own length, and a version that no protocol has."""
WITHIN = 3.0
"""Seconds that the look may take."""


async def distrust(address: Address) -> str | None:
    """The reason why nobody should connect there; None when the certificate is fine, or nothing can be told."""
    try:
        async with asyncio.timeout(WITHIN):
            return await _look(address)
    except (OSError, TimeoutError, EOFError):
        return None


async def _look(address: Address) -> str | None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(_SSL_REQUEST)
        if await reader.readexactly(1) != b"S":
            return "the server does not support SSL"
        context = ssl.create_default_context(cafile=None if address.ca in (None, "system") else address.ca)
        await writer.start_tls(context, server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        writer.close()
    return None


def hint(reason: str, address: Address) -> str:
    """What to do about it."""
    if "does not support SSL" in reason:
        return "turn TLS on at the server (ssl = on); only a loopback address may go without (tls: off)"
    if "match" in reason:
        return "write the host into the dsn as the certificate names it"
    if "expired" in reason:
        return "renew the server's certificate"
    roots = address.ca or "that of the system"
    return f"sslrootcert in the dsn must be the root that signed the certificate; now it is {roots}"

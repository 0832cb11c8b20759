"""The broker's own certificates: a root made at first start, and a server certificate it signs.

A configured certificate takes their place. Keys are P-256: an RSA handshake costs ten times as much.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gov.broker.keys import write_secret
from gov.control.config import Certificate
from gov.errors import ConfigError

ROOT_DAYS = 3650
SERVER_DAYS = 397
"""The longest that browsers accept of a server certificate."""
RENEW_DAYS = 30
"""A server certificate with less than this left is made anew at start."""
SKEW = timedelta(hours=1)
"""Certificates begin in the past, for clients whose clock is slow."""
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Authority:
    """The files of a certificate chain and its key, and the root that clients shall trust."""

    certificate: Path
    key: Path
    root: str
    """PEM; empty where the system's own roots are meant."""

    def context(self) -> ssl.SSLContext:
        """A server's TLS context: 1.2 or newer, and ALPN `postgresql` for direct TLS.

        Raises:
            ConfigError: certificate and key cannot be loaded, or do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["postgresql"])
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"cannot use the certificate {self.certificate}: {error}",
                hint="tls: { certificate: CHAIN.pem, key: KEY.pem }",
            ) from None
        return context


def configured(files: Certificate) -> Authority:
    """The authority of a certificate that the configuration names.

    Raises:
        ConfigError: its root cannot be read.
    """
    try:
        root = files.ca.read_text(encoding="ascii") if files.ca else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {files.ca}: {error}", hint="tls: { ca: ROOT.pem }") from None
    return Authority(files.certificate, files.key, root)


def own(directory: Path, names: Sequence[str], now: datetime) -> Authority:
    """The authority kept in `directory`, with a certificate for `names` that is good for a while yet.

    What is missing is made: the root once, the server certificate whenever it nears its end or a
    name is new.
    """
    wanted = tuple(dict.fromkeys((*names, *LOCAL)))
    root, root_key = _root(directory, now)
    certificate, key = directory / "server.pem", directory / "server.key"
    if not _good(certificate, key, root, wanted, now):
        _issue(certificate, key, root, root_key, wanted, now)
    return Authority(certificate, key, _pem(root))


def _root(directory: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate, key = directory / "ca.pem", directory / "ca.key"
    if certificate.exists():
        return x509.load_pem_x509_certificate(certificate.read_bytes()), _load(key)
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gov broker root")])
    root = (
        _builder(name, name, private.public_key(), now, ROOT_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(private, hashes.SHA256())
    )
    # The key first: a root whose key is lost could never renew its server certificate.
    write_secret(key, _dump(private))
    _publish(certificate, _pem(root))
    return root, private


def _good(certificate: Path, key: Path, root: x509.Certificate, names: Sequence[str], now: datetime) -> bool:
    if not (certificate.exists() and key.exists()):
        return False
    try:
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        leaf.verify_directly_issued_by(root)
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        same = leaf.public_key() == _load(key).public_key()
    except Exception:  # a damaged file is made anew, whatever is wrong with it
        return False
    return (
        same
        and leaf.not_valid_after_utc > now + timedelta(days=RENEW_DAYS)
        and set(alternatives) >= set(map(_alternative, names))
    )


def _issue(
    certificate: Path,
    key: Path,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    now: datetime,
) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    leaf = (
        _builder(subject, root.subject, private.public_key(), now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([*map(_alternative, names)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    write_secret(key, _dump(private))
    # The chain holds the root too: psql's sslrootcert=system aside, clients pin it by file.
    _publish(certificate, _pem(leaf) + _pem(root))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """A root signs certificates and does nothing else; a server signs handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _dump(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot use the key {path}: {error}", hint="restore it from a backup") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} is not an elliptic-curve key", hint=f"move {path} away; it is made anew")
    return key


def _publish(path: Path, pem: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(pem, encoding="ascii")
    os.replace(temporary, path)


def today() -> datetime:
    """Now, in UTC: certificates are dated by the wall clock."""
    return datetime.now(UTC)

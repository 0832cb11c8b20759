"""Debian's PostgreSQL 15 as organisations run it: TLS only, certificates of a CA of our own, SCRAM."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gov.demo.cluster import free_port

PASSWORD = "superuser"
NAME = "localhost"
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.key'
fsync = off
lc_messages = 'C'
"""
_ACCESS = "hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n"


def programs() -> Path:
    """Where the programs of its server are, or the test is skipped."""
    known = [Path("/usr/lib/postgresql/15/bin"), Path("/usr/pgsql-15/bin"), Path("/opt/homebrew/opt/postgresql@15/bin")]
    if asked := shutil.which("pg_config"):
        told = subprocess.run([asked, "--version", "--bindir"], capture_output=True, text=True, check=False).stdout
        if told.startswith("PostgreSQL 15"):
            known.append(Path(told.splitlines()[-1]))
    for place in known:
        if (place / "initdb").exists():
            return place
    pytest.skip("the server of PostgreSQL 15 is not installed (Debian: apt-get install postgresql-15)")


class Authority:
    """A CA that signs what it is told to."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.root = self._certificate(self._name, self._key, days=30, ca=True)

    @property
    def pem(self) -> bytes:
        """Its root."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    def issue(self, host: str, *, days: int = 30) -> tuple[bytes, bytes]:
        """Certificate and key for a host; with a negative number of days it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._certificate(_named(host), key, days=days, ca=False, host=host)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return signed.public_bytes(serialization.Encoding.PEM), private

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int, ca: bool, host: str = ""
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass
class Fifteen:
    """A running server."""

    data: Path
    port: int
    authority: Authority
    ca_file: Path
    reload: Callable[[], None]

    def dsn(self, user: str, password: str, database: str = "postgres", *, host: str = NAME) -> str:
        """A libpq connection string, verified."""
        return (
            f"host={host} port={self.port} dbname={database} user={user} password={password}"
            f" sslmode=verify-full sslrootcert={self.ca_file}"
        )

    def admin(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Its superuser."""
        return psycopg.connect(self.dsn("postgres", PASSWORD, database), autocommit=True)

    def show(self, certificate: bytes, key: bytes) -> None:
        """Have it use another certificate for connections that come from now on."""
        (self.data / "server.pem").write_bytes(certificate)
        (self.data / "server.key").write_bytes(key)
        self.reload()
        expected = ssl.PEM_cert_to_DER_cert(certificate.decode())
        for _ in range(600):
            if self._shown() == expected:
                return
            time.sleep(0.05)
        raise AssertionError("the server does not take up its certificate")

    def _shown(self) -> bytes | None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
            plain.sendall(bytes((0, 0, 0, 8, 4, 210, 22, 47)))  # SSLRequest
            assert plain.recv(1) == b"S"
            with context.wrap_socket(plain) as encrypted:
                return encrypted.getpeercert(binary_form=True)


@contextmanager
def running(ca_file: Path) -> Iterator[Fifteen]:
    """A new server, whose root is written to `ca_file`; it is gone afterwards.

    As root it runs as an unprivileged user, with its files where that user can reach them.
    """
    place, authority, port = programs(), Authority("a root of the tests"), free_port()
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="gov-fifteen-"))
    identity: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}

    def run(program: str, *words: str) -> None:
        command = [str(place / program), *words]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **identity)

    ca_file.write_bytes(authority.pem)
    data, password = home / "data", home / "password"
    try:
        password.write_text(PASSWORD)
        if user:
            for path in (home, password):
                os.chown(path, user.pw_uid, user.pw_gid)
        run(
            "initdb", "-D", str(data), "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}",
            "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        (data / "pg_hba.conf").write_text(_ACCESS)
        server = Fifteen(data, port, authority, ca_file, lambda: run("pg_ctl", "reload", "-D", str(data)))
        for name, content in zip(("server.pem", "server.key"), authority.issue(NAME), strict=True):
            (data / name).write_bytes(content)
            (data / name).chmod(0o600)
            if user:
                os.chown(data / name, user.pw_uid, user.pw_gid)
        run("pg_ctl", "start", "-w", "-D", str(data), "-o", f"-p {port}", "-l", str(home / "log"))
        try:
            yield server
        finally:
            run("pg_ctl", "stop", "-D", str(data), "-m", "immediate")
    finally:
        shutil.rmtree(home)

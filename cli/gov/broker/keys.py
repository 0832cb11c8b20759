"""The broker's own secrets on disk: made at first start, readable by nobody else."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from gov.audit.note import SigningKey, signing_key
from gov.errors import ConfigError

SIZE = 32


def prepare(directory: Path) -> None:
    """Make the key directory, 0700.

    Raises:
        ConfigError: it cannot be made, or others may look into it.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(directory.stat().st_mode)
    except OSError as error:
        raise ConfigError(f"cannot make {directory}: {error.strerror}", hint="keys: DIRECTORY") from None
    if mode & 0o077:
        raise ConfigError(f"others may look into {directory}", hint=f"chmod 700 {directory}")


def broker_key(directory: Path) -> bytes:
    """The root from which the passwords of lease roles are derived.

    Raises:
        ConfigError: it is damaged, or others can read it.
    """
    key = _secret(directory / "broker.key", secrets.token_bytes(SIZE))
    if len(key) != SIZE:
        raise ConfigError(f"{directory / 'broker.key'} holds {len(key)} bytes, not {SIZE}", hint="restore it")
    return key


def audit_keys(directory: Path, origin: str) -> tuple[SigningKey, ...]:
    """The keys that sign checkpoints of the log called `origin`, in the form of Go's sumdb/note, one a line.

    The last is the one in force; one before it is being given up.

    Raises:
        ConfigError: the file is damaged, others can read it, or a key signs for a log of another name.
    """
    path = directory / "audit.key"
    fresh = SigningKey(origin, secrets.token_bytes(SIZE))
    lines = _secret(path, f"{fresh}\n".encode()).decode("ascii", errors="replace").splitlines()
    keys = tuple(map(signing_key, lines)) or (signing_key(""),)
    for key in keys:
        if key.name != origin:
            raise ConfigError(
                f"{path} signs for the log `{key.name}`, not `{origin}`", hint=f"audit: {{ origin: {key.name} }}"
            )
    return keys


def write_audit_keys(directory: Path, keys: Iterable[SigningKey]) -> None:
    """Let these keys be the ones that sign, from the next start on."""
    write_secret(directory / "audit.key", "".join(f"{key}\n" for key in keys).encode())


def receipt_key(directory: Path, origin: str) -> SigningKey:
    """The key that signs receipts; the log names it in the entry of each.

    Raises:
        ConfigError: it is damaged, or others can read it.
    """
    fresh = SigningKey(f"{origin}/receipts", secrets.token_bytes(SIZE))
    return signing_key(_secret(directory / "receipt.key", f"{fresh}\n".encode()).decode("ascii", errors="replace"))


def _secret(path: Path, fresh: bytes) -> bytes:
    """What the file holds; `fresh` becomes its content when it is not there yet."""
    if not path.exists():
        write_secret(path, fresh)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(f"others can read {path}", hint=f"chmod 600 {path}")
    return path.read_bytes()


def write_secret(path: Path, content: bytes) -> None:
    """Put `content` into a file of mode 0600, whole or not at all, and on disk."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    # What follows counts on this file: a log that is signed with a key that is not on the disk is lost.
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

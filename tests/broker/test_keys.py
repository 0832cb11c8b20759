"""The broker's keys: made once, for its own eyes, and never replaced in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from gov.broker import keys
from gov.errors import ConfigError


def test_they_are_made_once(tmp_path: Path) -> None:
    """The second start finds what the first has made."""
    directory = tmp_path / "keys"
    keys.prepare(directory)
    first = keys.broker_key(directory), keys.audit_keys(directory, "test/gov")

    assert (keys.broker_key(directory), keys.audit_keys(directory, "test/gov")) == first
    assert len(first[0]) == keys.SIZE
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert sorted(path.name for path in directory.iterdir()) == ["audit.key", "broker.key"]


def test_others_must_not_look(tmp_path: Path) -> None:
    """Neither into the directory nor into a key."""
    directory = tmp_path / "keys"
    keys.prepare(directory)
    keys.broker_key(directory)
    (directory / "broker.key").chmod(0o640)
    with pytest.raises(ConfigError, match="others can read"):
        keys.broker_key(directory)
    directory.chmod(0o755)
    with pytest.raises(ConfigError, match="others may look into"):
        keys.prepare(directory)


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_damaged_broker_key_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    """With another key the roles of before would be a stranger's."""
    keys.write_secret(tmp_path / "broker.key", content)

    with pytest.raises(ConfigError, match=r"holds \d+ bytes"):
        keys.broker_key(tmp_path)


def test_a_log_of_another_name(tmp_path: Path) -> None:
    """Clients would take it for another log: the old name can be kept by configuration."""
    keys.audit_keys(tmp_path, "old.example.com/gov")

    with pytest.raises(ConfigError) as error:
        keys.audit_keys(tmp_path, "new.example.com/gov")
    assert "origin: old.example.com/gov" in error.value.hint


def test_a_damaged_audit_key(tmp_path: Path) -> None:
    """It says so, without a traceback."""
    keys.write_secret(tmp_path / "audit.key", b"\xff\xfe nothing")

    with pytest.raises(ConfigError):
        keys.audit_keys(tmp_path, "test/gov")


def test_a_secret_is_written_whole(tmp_path: Path) -> None:
    """No half of it is ever seen, nothing else is left, and a link is not followed."""
    target = tmp_path / "elsewhere"
    (tmp_path / ".key.new").symlink_to(target)
    keys.write_secret(tmp_path / "key", b"secret")

    assert (tmp_path / "key").read_bytes() == b"secret"
    assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["key"]

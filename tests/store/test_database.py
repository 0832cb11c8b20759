"""The store opens, refuses and fails as it says."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from gov.errors import ConfigError, Unavailable
from gov.store.database import Database


def test_a_new_store_is_private_and_durable(tmp_path: Path) -> None:
    """The file belongs to its user alone; commits are in WAL and synced."""
    database = Database(f"sqlite:///{tmp_path}/state.db")

    with database.read() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert pragmas == ["wal", 2, 1]
    assert (tmp_path / "state.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("url", ["nonsense", "postgresql://localhost/gov", "sqlite://", "sqlite:///"])
def test_only_a_sqlite_file_is_a_store(url: str) -> None:
    """Anything else is a mistake in the configuration, and the hint shows a right line."""
    with pytest.raises(ConfigError) as error:
        Database(url)

    assert error.value.hint.startswith("state: sqlite:///")


def test_a_store_of_another_version_is_left_alone(tmp_path: Path) -> None:
    """A newer gov's store is not written by an older one."""
    Database(f"sqlite:///{tmp_path}/state.db").close()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE gov_schema SET version = 99")

    with pytest.raises(ConfigError, match="version 99"):
        Database(f"sqlite:///{tmp_path}/state.db")


def test_a_place_that_is_not_there_makes_the_store_unavailable(tmp_path: Path) -> None:
    """The directory is somebody's decision; it is not made in passing."""
    with pytest.raises(Unavailable, match="No such file"):
        Database(f"sqlite:///{tmp_path}/missing/state.db")


def test_a_file_that_is_no_database_makes_the_store_unavailable(tmp_path: Path) -> None:
    """Damage is said, and nothing is overwritten."""
    (tmp_path / "state.db").write_bytes(b"not a database at all" * 100)

    with pytest.raises(Unavailable, match="not a database"):
        Database(f"sqlite:///{tmp_path}/state.db")

    assert (tmp_path / "state.db").read_bytes().startswith(b"not a database")


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    """While one transaction writes, another thread reads the state before it."""
    database = Database(f"sqlite:///{tmp_path}/state.db")
    seen: list[int] = []

    def look() -> None:
        with database.read() as connection:
            seen.append(connection.exec_driver_sql("SELECT version FROM gov_schema").scalar_one())

    with database.write() as connection:
        connection.exec_driver_sql("UPDATE gov_schema SET version = 7")
        reader = threading.Thread(target=look)
        reader.start()
        reader.join()

    assert seen == [1]

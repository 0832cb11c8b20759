"""A broker as a process of its own, with a real shop, a real issuer, and people who log in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from broker.rig import POLICY, Shop
from gov.client.access import Access
from gov.client.api import Broker
from gov.client.checkpoints import Witness
from gov.client.config import Contexts, Places
from gov.client.login import device_login
from gov.control.access import LeaseGrant
from gov.demo.cluster import free_port
from gov.demo.issuer_client import approve_device
from gov.demo.process import clean_environment

CONFIG = """\
listen: {{ gateway: 127.0.0.1:{gateway}, api: 127.0.0.1:{api} }}
public: {{ gateway: 127.0.0.1:{gateway}, api: https://127.0.0.1:{api} }}
identity: [{{ issuer: "{issuer}", client_id: gov-cli, audience: gov }}]
state: sqlite:///state.db
keys: keys
audit: {{ directory: audit }}
policy: [policy.yaml]
targets: {{ prod: {{ dsn: "{dsn}", tls: off, environment: production }} }}
"""


class Site:
    """One broker by its directory; it can be ended, killed and started again."""

    def __init__(self, directory: Path, shop: Shop, issuer: str) -> None:
        self.directory, self.shop, self.issuer = directory, shop, issuer
        self.api, self.gateway = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.policy = directory / "policy.yaml"
        self.policy.write_text(POLICY)
        self.config = directory / "broker.yaml"
        self.config.write_text(CONFIG.format(gateway=self.gateway, api=self.api, issuer=issuer, dsn=shop.broker_dsn))
        self._tokens: dict[str, Broker] = {}

    @property
    def url(self) -> str:
        """The control API."""
        return f"https://127.0.0.1:{self.api}"

    @property
    def ca_file(self) -> Path:
        """The root of the broker's certificates."""
        return self.directory / "keys" / "ca.pem"

    @property
    def log(self) -> str:
        """What the broker said on standard error."""
        return (self.directory / "log").read_text()

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the broker and do not wait."""
        self._ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "gov.broker", "--config", str(self.config), "--ready-file", str(self._ready)]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=clean_environment()
            )
        return self.process

    def start(self) -> None:
        """Start the broker and wait until it serves."""
        process = self.spawn()
        deadline = time.monotonic() + 60
        while not self._ready.exists():
            assert process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        assert json.loads(self._ready.read_text())["pid"] == process.pid

    def end(self, word: signal.Signals = signal.SIGTERM) -> int:
        """Send it `word` and wait for its end; the exit status."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(word)
        return process.wait(30)

    def kill(self) -> None:
        """kill -9."""
        assert self.end(signal.SIGKILL) == -signal.SIGKILL

    def hang_up(self) -> None:
        """SIGHUP: reload."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGHUP)

    def as_user(self, name: str) -> Broker:
        """The broker as somebody of the demo sees it, logged in by device code."""
        if name not in self._tokens:
            places = Places.below(self.directory / "users" / name)
            device_login(
                self.url, places=places, ca_file=self.ca_file,
                show=lambda challenge: approve_device(self.issuer, challenge.user_code, name),
            )  # fmt: skip
            context = Contexts(places).current({})
            access = Access(context, places, {})
            self._tokens[name] = Broker(context, token=access.token, witness=Witness(context, places))
        return self._tokens[name]

    def token(self, name: str) -> str:
        """The access token of somebody who is logged in."""
        places = Places.below(self.directory / "users" / name)
        return Access(Contexts(places).current({}), places, {}).token()

    @contextmanager
    def session(self, grant: LeaseGrant) -> Iterator[psycopg.Connection[Any]]:
        """A session through the gateway."""
        with psycopg.connect(
            host=grant.host, port=grant.port, user=grant.user, password=grant.password, dbname=grant.database,
            sslmode="verify-full", sslrootcert=str(self.ca_file), autocommit=True,
        ) as connection:  # fmt: skip
            yield connection

    @property
    def _ready(self) -> Path:
        return self.directory / "ready.json"

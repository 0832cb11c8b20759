"""Real servers on loopback for tests: the demo's issuer as a process, and one that answers as it is told."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class RunningIssuer:
    """The demo's issuer, running."""

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def secrets(self) -> dict[str, str]:
        """Its clients' secrets."""
        secrets: dict[str, str] = json.loads((self.directory / "issuer-clients.json").read_text())
        return secrets


@contextmanager
def running_issuer(directory: Path, *, port: int = 0) -> Iterator[RunningIssuer]:
    """The demo's issuer as a process of its own."""
    ready = directory / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "gov.demo.issuer", "--dir", str(directory), "--port", str(port)]
    process = subprocess.Popen([*command, "--ready-file", str(ready)])
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert process.poll() is None, "the issuer ended"
            assert time.monotonic() < deadline, "the issuer does not start"
            time.sleep(0.02)
        yield RunningIssuer(json.loads(ready.read_text())["issuer"], directory, process)
    finally:
        process.terminate()
        process.wait(20)


@dataclass(frozen=True)
class Asked:
    """One request that a scripted server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        """The fields of its form."""
        return dict(parse_qsl(self.body))


@dataclass
class Scripted:
    """A server that answers with what `answer` says: status, headers and body (text, or JSON otherwise)."""

    url: str = ""
    answer: Callable[[Asked], tuple[int, dict[str, str], Any]] = lambda asked: (404, {}, "nothing here")
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        """The paths asked for so far."""
        return [asked.path for asked in self.asked]


@contextmanager
def scripted(tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """A scripted server, over TLS when a context is given."""
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            script.asked.append(asked)
            status, headers, content = script.answer(asked)
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = handle_any

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        script.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()

"""An HTTP endpoint on loopback that keeps what is posted, and fails as it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """`faults` has what befalls the next requests, first one first; where it is empty all is well.

    `status N`: refused, nothing kept. `lost`: cut before anything is kept. `kept`: kept, and cut before the answer.
    `endless`: kept, and answered without an end.
    `drip`: the same, by a letter at a time; `drips on`: by a letter at a time after the status.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults: list[str] = []
        self.always = ""
        """What befalls every request."""
        self.ended = threading.Event()
        """Whoever was answered without an end has gone."""
        self.lines: list[str] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/in"

    def handle_error(self, request: object, client_address: object) -> None:
        """A cut connection is what it was told to do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        """Keep it, or not."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fault = self.server.always or (self.server.faults.pop(0) if self.server.faults else "")
        if fault == "lost":
            self.connection.close()
            raise ConnectionError
        if fault.startswith("status"):
            self._answer(int(fault.split()[1]))
            return
        self.server.headers.append(dict(self.headers.items()))
        self.server.lines += body.splitlines()
        if fault == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(bytes(65536))
        if fault == "kept":
            self.connection.close()
            raise ConnectionError
        if fault.startswith("drip"):
            self._drip(b"HTTP/1.1 200 OK\r\n" + (b"X-More: " if fault == "drip" else b"\r\n"))
        self._answer(204)

    def _drip(self, begins: bytes) -> None:
        """Answer without an end, until nobody listens."""
        self.wfile.write(begins)
        try:
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            self.server.ended.set()
            raise

    def _answer(self, status: int) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """One that runs."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()

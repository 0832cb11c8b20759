"""Where entries are shipped to: a file, or whatever takes them by HTTP. Delivered means that it is theirs to keep."""

from __future__ import annotations

import errno
import os
import ssl
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx

from gov import __version__
from gov.audit.formats import Format, head
from gov.client.bounded import within
from gov.store.resuming import last_told

CONNECT: Final = 5.0
TOTAL: Final = 30.0
"""Seconds for a whole delivery."""
LONGEST_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read."""
LONGEST_WAIT: Final = 300.0
"""Seconds of a `Retry-After` that are waited."""
_TYPES: Final = {Format.CSV: "text/csv; charset=utf-8", Format.JSONL: "application/x-ndjson",
                 Format.OCSF: "application/x-ndjson"}


class Undelivered(Exception):
    """It was not taken, or nobody can tell; it is sent again."""

    def __init__(self, why: str, *, wait: float = 0.0, smaller: bool = False) -> None:
        """`wait`: seconds that the other side asks for. `smaller`: it wants less at a time."""
        super().__init__(why)
        self.wait = wait
        self.smaller = smaller


@dataclass(frozen=True, slots=True)
class Parcel:
    """Some entries, as lines, in order."""

    first: int
    last: int
    body: str
    origin: str


class Destination(Protocol):
    """What takes parcels."""

    def known(self) -> tuple[int, str] | None:
        """The last entry that it has for certain, and when that was; None when it cannot tell."""

    def deliver(self, parcel: Parcel) -> None:
        """Return when it has the parcel for good. Raises Undelivered."""


class FileDestination:
    """A file that lines are appended to. It is opened for each parcel, so that it may be rotated away."""

    def __init__(self, path: Path, format: Format) -> None:
        self._path, self._format = path, format

    def known(self) -> tuple[int, str] | None:
        """The entry of its last whole line; a line that a crash cut short is cut away. Raises Undelivered."""
        try:
            return last_told(self._path, self._format) if self._path.is_file() else None
        except Exception as why:
            raise Undelivered(str(why)) from why

    def deliver(self, parcel: Parcel) -> None:
        """Append it, and have it on the disk. Raises Undelivered; what was written of it by then is cut away."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not waiting: a named pipe that nobody reads would hold up everything, unseen.
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise OSError(errno.EINVAL, "it is no file that keeps what is written")
                length = os.fstat(fd).st_size
                self._append(fd, ("" if length else head(self._format)) + parcel.body, length)
            finally:
                os.close(fd)
        except OSError as why:
            raise Undelivered(f"{self._path}: {why.strerror or why}") from why

    @staticmethod
    def _append(fd: int, text: str, length: int) -> None:
        rest = memoryview(text.encode())
        try:
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, length)
            raise


class HttpDestination:
    """An endpoint that answers 2xx when it has kept what was posted."""

    def __init__(self, url: str, format: Format, headers: Path | None, ca: Path | None) -> None:
        """`headers` and `ca` as `Endpoint` has them."""
        self._endpoint, self._format = Endpoint(url, headers, ca, shown=place(url)), format

    def known(self) -> tuple[int, str] | None:
        """Nobody asks it."""
        return None

    def deliver(self, parcel: Parcel) -> None:
        """Post it. Raises Undelivered."""
        name = f"{parcel.origin}/{parcel.first}-{parcel.last}"
        headers = {
            "Content-Type": _TYPES[self._format], "Idempotency-Key": name, "Gov-Log": parcel.origin,
            "Gov-First": str(parcel.first), "Gov-Last": str(parcel.last),
        }  # fmt: skip
        self._endpoint.post(parcel.body.encode(), headers)


class Endpoint:
    """Where something is posted to by HTTP. No redirect is followed: who answers is who is configured."""

    def __init__(self, url: str, headers: Path | None, ca: Path | None, *, shown: str) -> None:
        """`headers` is a file of `Name: value` lines, read for each post, so that secrets in it can change.

        `shown` is what errors call it.
        """
        self._url, self._headers, self._ca, self._shown = url, headers, ca, shown
        self._client: httpx.Client | None = None

    def post(self, content: bytes, headers: dict[str, str]) -> None:
        """Return when it answered 2xx. Raises Undelivered."""
        try:
            headers = headers | _read_headers(self._headers)
            client = self._client = self._client or self._made()
            heard: list[httpx.Response] = []
            try:
                within(TOTAL, lambda: _post(client, self._url, content, headers, heard))
            except TimeoutError:
                self._cut()
                if not heard:  # neither did what trickles
                    raise Undelivered(f"{self._shown}: no answer in time") from None
            reply = heard[0]
        except (httpx.HTTPError, OSError, ssl.SSLError, ValueError) as why:
            self._client = None
            # An exception's text may quote what was sent; its name does not.
            raise Undelivered(f"{self._shown}: {_reason(why)}") from None
        if not reply.is_success:
            raise Undelivered(
                f"{self._shown}: HTTP status {reply.status_code}", wait=_retry_after(reply),
                smaller=reply.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE,
            )  # fmt: skip

    def _cut(self) -> None:
        """Cut what still waits, so that nobody can have it pile up."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close()

    def _made(self) -> httpx.Client:
        host = urlsplit(self._url).hostname or ""
        tls = ssl.create_default_context(cafile=str(self._ca) if self._ca else None)
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        return httpx.Client(
            verify=tls, timeout=httpx.Timeout(TOTAL, connect=CONNECT), follow_redirects=False,
            trust_env=host not in ("127.0.0.1", "::1", "localhost"), headers={"User-Agent": f"gov/{__version__}"},
        )  # fmt: skip


def _post(
    client: httpx.Client, url: str, content: bytes, headers: dict[str, str], heard: list[httpx.Response]
) -> None:
    """The answer's status is `heard` as soon as it is there, whatever follows."""
    with client.stream("POST", url, content=content, headers=headers) as reply:
        heard.append(reply)
        _let_go(reply)


def _let_go(reply: httpx.Response) -> None:
    """Take in what little is said beside the status, so that the connection can be used again; no more than that."""
    size, until = 0, time.monotonic() + CONNECT
    with suppress(httpx.HTTPError):
        for chunk in reply.iter_raw():
            size += len(chunk)
            if size > LONGEST_ANSWER or time.monotonic() > until:
                return


def place(to: str) -> str:
    """Where a destination is, without what may be secret in its address."""
    parts = urlsplit(to)
    if not parts.hostname:
        return to
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def made(said: dict[str, Any]) -> Destination:
    """The destination that a `ship:` entry of the configuration means."""
    format = Format(said["format"])
    if "://" not in said["to"]:
        return FileDestination(Path(said["to"]), format)
    headers, ca = (Path(said[name]) if said.get(name) else None for name in ("headers", "ca"))
    return HttpDestination(said["to"], format, headers, ca)


def _read_headers(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    found = {}
    for line in path.read_text().splitlines():
        name, colon, value = line.partition(":")
        if line.strip() and not line.startswith("#"):
            if not colon or not name.strip() or not (name + value).isprintable():
                raise ValueError("a line that is no header")
            found[name.strip()] = value.strip()
    return found


def _reason(why: Exception) -> str:
    if isinstance(why, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(why, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(why):
        return "its certificate does not verify"
    if isinstance(why, httpx.ConnectError):
        return "no connection"
    if isinstance(why, OSError):
        return f"{why.filename}: {why.strerror}" if why.filename else str(why.strerror)
    return "the headers file has a line that is no header" if isinstance(why, ValueError) else type(why).__name__


def _retry_after(reply: httpx.Response) -> float:
    text = reply.headers.get("Retry-After", "")
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0

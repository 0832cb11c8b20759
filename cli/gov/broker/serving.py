"""The log as a tiled transparency log of C2SP, read-only, under `/gov/`: for any tool that reads such logs.

    checkpoint, key.pub, key/…, tile/<L>/…     hashes: whoever is logged in, or anybody (`audit.tiles`)
    tile/entries/…, payload/…                  what somebody did: auditors, and it is recorded

What never changes may be kept for ever by whoever asked. Tiles are shown when a checkpoint covers them, and no sooner.
"""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gov.audit import payload
from gov.audit.checkpoint import unsigned
from gov.audit.tree import parse
from gov.broker import entries
from gov.broker.house import House
from gov.broker.http import Call, Front
from gov.errors import Denied, NoSuch
from gov.policy.roles import may_read_trail
from gov.store.disk import Files

PREFIX = "/gov/"
_KEYS = re.compile(r"key\.pub|key/[0-9a-f]{8}\.tlog-proof", re.ASCII)
_ASK_AUDITOR = "ask whoever has the role `auditor` in the policy"
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_FOR_EVER = "max-age=31536000, immutable"


def route(front: Front, house: House) -> Route:
    """The one route of all its files."""

    def is_open(request: Request) -> bool:
        return house.config.audit.tiles == "public" and not _is_content(_path(request))

    return front.half_open_route(f"{PREFIX}{{path:path}}", is_open, _hashes, _file)


async def _hashes(house: House, request: Request) -> Response:
    """A file of hashes, for anybody."""
    return await _answered(house, _path(request), "public")


async def _file(call: Call) -> Response:
    """A file, for somebody who is known."""
    path = _path(call.request)
    if not _is_content(path):
        return await _answered(call.house, path, "private")
    if not may_read_trail(call.house.policy, call.who):
        raise Denied("only auditors read the contents of the log", hint=_ASK_AUDITOR)
    response = await _answered(call.house, path, "private")
    if "gzip" in call.request.headers.get("Accept-Encoding", ""):
        response.body = await asyncio.to_thread(gzip.compress, response.body, 1)
        response.headers["Content-Length"] = str(len(response.body))
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    call.house.trail.record(entries.log_read(call.who, "file", call.house.clock(), path=path))
    return response


async def _answered(house: House, path: str, cache: str) -> Response:
    note = house.trail.checkpoint
    if path == "checkpoint":
        return Response(note, media_type=_TEXT)
    tile = parse(path)
    known = _KEYS.fullmatch(path) is not None or payload.number(path) is not None
    if tile.end > unsigned(note).size if tile else not known:
        raise NoSuch(f"the log has no file `{path}`", hint="gov audit verify")
    data = await asyncio.to_thread(Files(Path(house.config.audit.directory)), path)
    if data is None:
        raise NoSuch(f"the log has no file `{path}`", hint="gov audit verify")
    if tile is None:
        return Response(data, media_type=_TEXT if path == "key.pub" else _BYTES)
    headers = {"Cache-Control": f"{cache}, {_FOR_EVER}"}
    return Response(data, media_type=_BYTES, headers=headers)


def _path(request: Request) -> str:
    return str(request.path_params["path"])


def _is_content(path: str) -> bool:
    tile = parse(path)
    return (tile is not None and tile.level is None) or payload.number(path) is not None

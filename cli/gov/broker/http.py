"""What stands between a socket and a handler of the API: who calls, what they sent, how it failed.

Every reply, good or bad, carries the newest checkpoint, so that every client is a witness of the log.
A failure is a `Problem` with a status; whatever is not one of our errors is a bug, logged here and
told to nobody.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gov.broker import entries
from gov.broker.house import House
from gov.control.model import CHECKPOINT_HEADER, Problem
from gov.errors import (
    AlreadySettled,
    ApprovalDenied,
    Denied,
    GovError,
    LeaseEnded,
    LimitReached,
    NoSuch,
    NotApproved,
    NotLoggedIn,
    NotUnderstood,
    TooComplex,
    Unavailable,
    Unreachable,
    UsageError,
)
from gov.identity.principal import Principal

log = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)

STATUS: Mapping[type[GovError], int] = {
    UsageError: 400,
    NotLoggedIn: 401,
    Denied: 403,
    ApprovalDenied: 403,
    NoSuch: 404,
    NotApproved: 409,
    AlreadySettled: 409,
    LeaseEnded: 410,
    NotUnderstood: 422,
    TooComplex: 422,
    Unreachable: 503,
    LimitReached: 503,
    Unavailable: 503,
}
"""HTTP status of each error; what is not here is 500."""
TOKENS_REMEMBERED = 10_000
TOKEN_LIMIT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request."""

    house: House
    who: Principal
    expires_at: float
    """When the caller's token ends, seconds since the epoch."""
    request: Request

    @property
    def id(self) -> str:
        """The id in the path."""
        return str(self.request.path_params["id"])

    @property
    def all(self) -> bool:
        """Whether the caller asks for everybody's, or for what is over too."""
        return self.request.query_params.get("all") == "true"

    async def body(self, model: type[M]) -> M:
        """The request's JSON as `model`; a field that the model does not know is a mistake.

        Raises:
            UsageError: it is too large, not JSON, or not such a model.
        """
        raw = await self._raw(self.house.config.limits.body_bytes)
        try:
            value = model.model_validate_json(raw, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the body"
            raise UsageError(f"{where}: {first['msg'].lower()}", hint=_VERSIONS) from None
        unknown = sorted(json.loads(raw).keys() - model.model_fields.keys())
        if unknown:
            raise UsageError(f"unknown field `{unknown[0]}`", hint=_VERSIONS)
        return value

    async def _raw(self, limit: int) -> bytes:
        parts, size = [], 0
        async for part in self.request.stream():
            size += len(part)
            if size > limit:
                raise UsageError(f"the request is larger than {limit} bytes", hint="split the statement")
            parts.append(part)
        return b"".join(parts)


_VERSIONS = "gov --version: client and broker may be of different versions"

Handler = Callable[[Call], Awaitable[Response]]
OpenHandler = Callable[[House], Awaitable[Response]]
HalfOpenHandler = Callable[[House, Request], Awaitable[Response]]


def reply(value: BaseModel, status: int = 200) -> Response:
    """One value as JSON."""
    return Response(value.model_dump_json(), status, media_type="application/json")


def replies(values: list[M]) -> Response:
    """A list of values as JSON."""
    return JSONResponse([value.model_dump(mode="json") for value in values])


class Front:
    """Turns handlers into routes."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._seen: dict[bytes, float] = {}

    def route(self, method: str, path: str, handler: Handler) -> Route:
        """The route of a handler that needs to know who calls."""

        async def endpoint(request: Request) -> Response:
            return await self._guarded(self._known(request, handler))

        return Route(path, endpoint, methods=[method])

    def open_route(self, path: str, handler: OpenHandler) -> Route:
        """The route of a handler that answers anybody."""

        async def endpoint(request: Request) -> Response:
            return await self._guarded(handler(self._house))

        return Route(path, endpoint, methods=["GET"])

    def half_open_route(
        self, path: str, is_open: Callable[[Request], bool], anybody: HalfOpenHandler, known: Handler
    ) -> Route:
        """The route of what `is_open` says anybody may have; the rest needs to know who calls."""

        async def endpoint(request: Request) -> Response:
            opened = anybody(self._house, request) if is_open(request) else self._known(request, known)
            return await self._guarded(opened)

        return Route(path, endpoint, methods=["GET"])

    async def no_route(self, request: Request, error: Exception) -> Response:
        """The answer where there is nothing."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        what = f"the API has no {request.method} {request.url.path}"
        return self._stamped(_problem(NoSuch(what, hint=_VERSIONS), status))

    async def _known(self, request: Request, handler: Handler) -> Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_LIMIT:
            raise NotLoggedIn("the request carries no token", hint="gov login")
        client = f"{request.headers.get('User-Agent', 'unknown')} from {_peer(request)}"[:200]
        try:
            who, expires_at = await self._house.verifier.verify(token)
        except NotLoggedIn as why:
            house = self._house
            house.refused_logins.refused(house.trail, house.clock, token, client, (why.detail or why.what)[:200])
            raise
        await self._greet(token, client, who, expires_at)
        return await handler(Call(self._house, who, expires_at, request))

    async def _greet(self, token: str, client: str, who: Principal, expires_at: float) -> None:
        """The first time a token is seen it is recorded, and leases that its groups no longer grant end."""
        key = sha256(token.encode()).digest()
        if key in self._seen:
            return
        now = self._house.clock()
        self._house.trail.record(entries.login(who, now, expires_at=expires_at, client=client))
        if len(self._seen) >= TOKENS_REMEMBERED:
            self._seen = {each: end for each, end in self._seen.items() if end > now}
        self._seen[key] = expires_at
        await self._house.leases.reconsider(who)

    async def _guarded(self, answer: Awaitable[Response]) -> Response:
        try:
            return self._stamped(await answer)
        except GovError as error:
            return self._stamped(_problem(error, STATUS.get(type(error), 500)))
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:
            log.exception("a handler failed")
            bug = Unavailable("the broker made a mistake; its log says more", hint="gov broker status")
            return self._stamped(_problem(bug, 500))

    def _stamped(self, response: Response) -> Response:
        response.headers[CHECKPOINT_HEADER] = b64encode(self._house.trail.checkpoint).decode()
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _problem(error: GovError, status: int) -> Response:
    response = reply(Problem(code=error.code, what=error.what, hint=error.hint, detail=error.detail), status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _peer(request: Request) -> str:
    return f"{request.client.host}:{request.client.port}" if request.client else "unknown"

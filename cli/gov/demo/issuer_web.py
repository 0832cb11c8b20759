"""Forms in, JSON or pages out: the issuer's manners on the wire (RFC 6749, sections 3.1 and 5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from gov.demo.accounts import PUBLIC_CLIENT
from gov.demo.issuer_pages import HEADERS
from gov.demo.issuer_state import OAuthError

HOST: Final = "127.0.0.1"
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_LARGEST_FORM: Final = 64 * 1024

Form = Mapping[str, str]
Endpoint = Callable[[Form, Request], Awaitable[dict[str, Any]]]


def answering_json(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """`endpoint` as a view: a form in, JSON out."""

    async def view(request: Request) -> Response:
        return JSONResponse(await endpoint(await form_of(request), request), headers=_NO_STORE)

    return view


async def oauth_error(request: Request, error: Exception) -> Response:
    """The reply to an `OAuthError` (RFC 6749, 5.2)."""
    if not isinstance(error, OAuthError):
        raise error
    body = {"error": error.error}
    body |= {"error_description": error.description} if error.description else {}
    return JSONResponse(body, status_code=error.status, headers=_NO_STORE)


def html(text: str, status: int = 200) -> Response:
    """A page that nobody may frame, cache or put a script into."""
    return HTMLResponse(text, status_code=status, headers=HEADERS)


async def form_of(request: Request) -> Form:
    """The fields of an urlencoded form. A field given twice is refused (RFC 6749, 3.1)."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            raise OAuthError("invalid_request", "too long", status=413)
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs):
        raise OAuthError("invalid_request", "a parameter was given twice")
    return form


def authorization_complaint(parameters: Form) -> str:
    """What is wrong with an authorization request; empty when nothing is."""
    redirect = urlsplit(parameters.get("redirect_uri", ""))
    if parameters.get("client_id") != PUBLIC_CLIENT or parameters.get("response_type") != "code":
        return "Unknown client or response type."
    if (redirect.scheme, redirect.hostname, redirect.path) != ("http", HOST, "/callback") or redirect.query:
        return "The redirect address is not one of this client's."
    if parameters.get("code_challenge_method") != "S256" or len(parameters.get("code_challenge", "")) != 43:
        return "PKCE with S256 is required."
    return ""

"""What a person does at the issuer's pages, and an agent at its token endpoint, as functions."""

from __future__ import annotations

import httpx

from gov.demo.accounts import PEOPLE
from gov.demo.issuer import ACCESS_TOKEN, EXCHANGE
from gov.errors import GovError, NoSuch, NotLoggedIn

_PATIENCE = 9.0


def approve_device(issuer: str, user_code: str, account: str) -> None:
    """Confirm the device login that shows `user_code`, as `account` (a name of `demo.accounts`).

    Raises:
        NoSuch: no such account, or the code is unknown, expired or used.
    """
    if account not in PEOPLE:
        raise NoSuch(f"nobody is called `{account}` in the demo", hint=f"one of: {', '.join(PEOPLE)}")
    _answer(issuer, {"user_code": user_code, "account": account})


def refuse_device(issuer: str, user_code: str) -> None:
    """Refuse the device login that shows `user_code`."""
    _answer(issuer, {"user_code": user_code, "deny": "yes"})


def exchange(issuer: str, subject_token: str, client: str, secret: str) -> str:
    """The access token with which `client` acts for the person of `subject_token` (RFC 8693).

    Raises:
        NotLoggedIn: the issuer refuses.
    """
    form = {"grant_type": EXCHANGE, "subject_token": subject_token, "subject_token_type": ACCESS_TOKEN}
    reply = _post(f"{issuer}/token", form, auth=(client, secret))
    if not reply.is_success:
        raise NotLoggedIn("the issuer refuses the exchange", hint="gov login", detail=reply.text)
    return str(reply.json()["access_token"])


def _answer(issuer: str, form: dict[str, str]) -> None:
    if not _post(f"{issuer}/device", form).is_success:
        raise _unknown(form["user_code"])


def _post(url: str, form: dict[str, str], auth: tuple[str, str] | None = None) -> httpx.Response:
    with httpx.Client(timeout=_PATIENCE, trust_env=False, auth=auth) as client:
        return client.post(url, data=form)


def _unknown(user_code: str) -> GovError:
    return NoSuch(f"the issuer knows no pending login with the code {user_code}", hint="gov login")

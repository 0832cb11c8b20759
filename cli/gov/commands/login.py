"""`gov login`: sign in at the organisation's identity provider, by device code unless told otherwise."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from gov.client.config import Contexts, Places, StoreKind
from gov.client.device import Challenge
from gov.client.login import Login, Way, by_browser, by_device, by_secret, log_in, meet
from gov.errors import UsageError
from gov.ui import times
from gov.ui.escape import escape
from gov.ui.terminal import interactive, say

_FITS = 200
"""Characters whose QR code fits a terminal of ordinary size."""


def run(
    broker: Annotated[
        str, typer.Argument(metavar="[BROKER]", help="The broker's address; left out: the current one.")
    ] = "",
    browser: Annotated[bool, typer.Option("--browser", help="Sign in with this machine's browser.")] = False,
    client_credentials: Annotated[
        bool, typer.Option("--client-credentials", help="As a service: GOV_CLIENT_ID, GOV_CLIENT_SECRET.")
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", metavar="FILE", help="The root that signs the broker's certificate."),
    ] = None,
    store: Annotated[
        str, typer.Option("--store", metavar="keyring|encrypted|file", help="Where tokens are kept.")
    ] = "",
    new_log: Annotated[
        bool, typer.Option("--new-log", help="Accept that the broker was set up anew, with a new audit log.")
    ] = False,
    no_qr: Annotated[bool, typer.Option("--no-qr", help="Show no QR code.")] = False,
) -> None:
    """Sign in. By default you get a code to confirm on any device that has a browser."""
    if browser and client_credentials:
        raise UsageError("a person or a service, not both", hint="gov login --browser")
    kept = _store(store)
    places = Places.of()
    context = meet(
        broker or Contexts(places).current().broker,
        places,
        ca_file=ca_file,
        trust=_trust if interactive() else None,
        new_log=new_log,
    )
    signing_in = f"signing in to the broker {escape(context.broker)} at the issuer {escape(context.issuer)}"
    way = _way(browser, client_credentials, signing_in, qr=not no_qr and sys.stderr.isatty())
    login = log_in(context, places, way, store=kept or context.store)
    print(_welcome(login))
    if os.environ.get("GOV_TOKEN"):
        say("GOV_TOKEN is set and goes before this login; unset it to use the login")


def _way(browser: bool, service: bool, signing_in: str, *, qr: bool) -> Way:
    if not browser and not service:
        return by_device(lambda challenge: _show(challenge, signing_in, qr=qr))
    say(signing_in)
    return by_secret() if service else by_browser(_open)


def _store(word: str) -> StoreKind | None:
    match word:
        case "":
            return None
        case "keyring" | "encrypted" | "file":
            return word
        case _:
            hint = "--store keyring, --store encrypted or --store file"
            raise UsageError(f"tokens cannot be kept in `{word}`", hint=hint)


def _show(challenge: Challenge, signing_in: str, *, qr: bool) -> None:
    """The code, the page, and on a terminal the page as a QR code. The code is always there to compare.

    The QR code comes first: in 24 lines everything else must stay in sight.
    """
    complete = challenge.verification_uri_complete
    if qr and complete and len(complete) <= _FITS:
        import segno

        segno.make(complete, micro=False).terminal(out=sys.stderr, compact=True)
    say(signing_in)
    say(f"open   {escape(complete or challenge.verification_uri)}")
    if complete:
        say(f"       or {escape(challenge.verification_uri)} and type the code")
    say(f"code   {escape(challenge.user_code)}")
    say(f"confirm only if the page shows this very code; it is good for {times.span(challenge.expires_in)}")


def _open(url: str) -> None:
    say(f"open   {escape(url)}")
    webbrowser.open(url)


def _trust(broker: str, fingerprint: str) -> bool:
    """Ask the person whether the root with that fingerprint is the broker's."""
    say(f"{escape(broker)} has a certificate by an authority of its own, which this machine does not know")
    say(f"SHA-256 of its root: {fingerprint}")
    say("compare it on the broker's machine: openssl x509 -noout -fingerprint -sha256 -in keys/ca.pem")
    return typer.confirm("is it the same, and shall it be trusted from now on?", err=True)


def _welcome(login: Login) -> str:
    who = login.whoami
    groups = ", ".join(who.groups) or "none"
    until = times.parse(who.expires_at).astimezone().strftime("%H:%M %Z")
    valid = f"valid until {until}" + (", renewed by itself" if login.renews else "")
    return escape(f"logged in to {login.context.broker} as {who.display} (groups: {groups}), {valid}")

"""The issuer's two pages: enter a code, and choose who you are."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from gov.demo.accounts import PEOPLE

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --accent: #2f6feb }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 12vh auto; padding: 0 1rem }
h1 { font-size: 1.25rem } .code { font: 600 1.6rem ui-monospace, monospace; letter-spacing: .12em }
button { display: block; width: 100%; margin: .4rem 0; padding: .6rem .9rem; font: inherit; text-align: left;
  border: 1px solid var(--line); border-radius: .5rem; background: none; color: inherit; cursor: pointer }
button:hover, button:focus-visible { border-color: var(--accent) } small { opacity: .7 }
input { font: inherit; padding: .5rem; width: 12rem; text-transform: uppercase }
"""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


def page(title: str, body: str) -> str:
    """A whole page; `title` is text, `body` is HTML."""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>{body}"
    )


def enter_code(complaint: str = "") -> str:
    """The page that asks for a code."""
    said = f"<p><strong>{escape(complaint)}</strong>" if complaint else ""
    return page(
        "Sign in on another device",
        f"{said}<form action=/device><p><label>The code that your terminal shows<br>"
        "<input name=user_code autofocus autocomplete=off required></label><button>Continue</button></form>",
    )


def choose_for_device(user_code: str, client_id: str) -> str:
    """The page that confirms a device login."""
    return page(
        f"Sign in to {client_id}",
        f"<p>A terminal asks to act as you. Go on only if it is yours and shows this code:"
        f"<p class=code>{escape(user_code)}"
        f"{_accounts('/device', {'user_code': user_code})}",
    )


def choose_for_browser(client_id: str, parameters: Mapping[str, str]) -> str:
    """The page that confirms a login by authorization code."""
    return page(
        f"Sign in to {client_id}",
        f"<p>The terminal on this machine asks to act as you.{_accounts('/authorize', parameters)}",
    )


def _accounts(action: str, hidden: Mapping[str, str]) -> str:
    """A form with one button for each account, and one to refuse. It is a demo: nobody has a password."""
    fields = "".join(
        f'<input type=hidden name="{escape(name)}" value="{escape(value)}">' for name, value in hidden.items()
    )
    buttons = "".join(
        f"<button name=account value={account.name}>{escape(account.full_name)} "
        f"<small>{account.name} · {', '.join(account.groups) or 'no group'}</small></button>"
        for account in PEOPLE.values()
    )
    refuse = "<button name=deny value=yes>Refuse</button>"
    return f"<form method=post action={action}>{fields}{buttons}{refuse}</form>"

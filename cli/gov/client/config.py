"""Where a person's settings live, and which broker is meant.

`GOV_CONFIG_DIR` holds everything below one directory; otherwise settings follow XDG_CONFIG_HOME and
state follows XDG_STATE_HOME. A context is one broker that was logged in to: its address, its issuer,
and what was pinned at login (CA, key of the audit log). `contexts.json` holds them and names the
current one; `GOV_CONTEXT` names another for one command, `GOV_BROKER` chooses by address.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from gov.client.files import read_private, write_private
from gov.errors import ConfigError, NotLoggedIn, UsageError
from gov.identity.config import trustworthy

StoreKind = Literal["keyring", "encrypted", "file"]


@dataclass(frozen=True, slots=True)
class Context:
    """One broker, as its login left it."""

    name: str
    broker: str
    """The URL of the control API, without a slash at the end."""
    issuer: str = ""
    client_id: str = ""
    audience: str = ""
    scopes: str = ""
    ca_file: str | None = None
    """PEM of the root that signs the broker's certificate; None means the system's roots."""
    audit_key: str = ""
    """The pinned verifier key of the audit log, in the C2SP signed-note form."""
    store: StoreKind = "keyring"


@dataclass(frozen=True, slots=True)
class Places:
    """The two directories: what a person sets, and what gov remembers."""

    config: Path
    state: Path

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The directories that the environment asks for."""
        if below := environ.get("GOV_CONFIG_DIR"):
            return cls.below(Path(below))
        home = Path(environ.get("HOME") or Path.home())
        config = environ.get("XDG_CONFIG_HOME") or home / ".config"
        state = environ.get("XDG_STATE_HOME") or home / ".local" / "state"
        return cls(Path(config) / "gov", Path(state) / "gov")

    @classmethod
    def below(cls, directory: Path) -> Self:
        """Both below one directory."""
        return cls(directory, directory / "state")


class Contexts:
    """The contexts of one person, kept in `contexts.json`."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._path = places.config / "contexts.json"

    def current(self, environ: Mapping[str, str] = os.environ) -> Context:
        """The context that is meant now.

        Raises:
            NotLoggedIn: there is none yet.
            UsageError: GOV_CONTEXT names one that does not exist.
        """
        known = self.all()
        if broker := environ.get("GOV_BROKER"):
            return self.for_broker(broker, environ)
        if name := environ.get("GOV_CONTEXT"):
            if name not in known:
                raise UsageError(f"no context is called {name!r}", hint=f"one of: {', '.join(known) or '(none)'}")
            return known[name]
        name = self._document().get("current", "")
        if name not in known:
            raise NotLoggedIn("you are not logged in to any broker", hint="gov login https://BROKER")
        return known[name]

    def for_broker(self, broker: str, environ: Mapping[str, str] = os.environ) -> Context:
        """The context of the broker at that URL, or a new one that knows nothing but the address."""
        url = broker_url(broker)
        named = environ.get("GOV_CONTEXT")
        same = [context for context in self.all().values() if context.broker == url]
        for context in same:
            if named in (None, context.name):
                return context
        name = context_name(url)
        kept = self._root(name)  # of a login that met the broker and then failed
        return Context(name, url, ca_file=environ.get("GOV_CA_FILE") or (str(kept) if kept.exists() else None))

    def all(self) -> dict[str, Context]:
        """Every context by name."""
        raw = self._document().get("contexts", {})
        known = {field.name for field in fields(Context)}
        try:
            return {
                name: Context(**{"name": name, **{k: v for k, v in entry.items() if k in known}})
                for name, entry in raw.items()
            }
        except (TypeError, AttributeError) as error:
            raise self._broken(str(error)) from error

    def save(self, context: Context) -> None:
        """Keep `context` and make it the current one."""
        known = {**self.all(), context.name: context}
        contexts = {name: asdict(entry) for name, entry in sorted(known.items())}
        write_private(self._path, json.dumps({"current": context.name, "contexts": contexts}, indent=2) + "\n")

    def keep_ca(self, context: Context, pem: str) -> Context:
        """`context` with its root stored beside the contexts, so that it stays when the original moves."""
        path = self._root(context.name)
        write_private(path, pem)
        return replace(context, ca_file=str(path))

    def _root(self, name: str) -> Path:
        return self.places.config / "ca" / f"{file_name(name)}.pem"

    def _document(self) -> dict[str, Any]:
        text = read_private(self._path)
        if text is None:
            return {}
        try:
            document = json.loads(text)
        except ValueError as error:
            raise self._broken(str(error)) from error
        if not isinstance(document, dict):
            raise self._broken("not an object")
        return document

    def _broken(self, why: str) -> ConfigError:
        return ConfigError(
            f"{self._path} cannot be read", hint=f"rm {self._path} && gov login https://BROKER", detail=why
        )


def broker_url(text: str) -> str:
    """The URL that a person means by `gov.example.com` or `https://gov.example.com/`.

    Raises:
        UsageError: no host, credentials in the URL, or plain http to another machine.
    """
    url = (text if "://" in text else f"https://{text}").rstrip("/")
    if not trustworthy(url) or urlsplit(url).query:
        raise UsageError(f"{text!r} is no broker's address", hint="gov login https://BROKER")
    return url


def context_name(url: str) -> str:
    """`gov.example.com:8443`: what a broker's context is called."""
    return urlsplit(url).netloc


def file_name(name: str) -> str:
    """`name` as a file name that cannot leave its directory."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".") or "_"

"""Where tokens rest: the system's keyring, or by explicit choice a file, encrypted (`sealed`) or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from gov.client.bounded import within
from gov.client.config import Context, Places, file_name
from gov.client.files import read_private, write_private
from gov.errors import ConfigError, GovError, NotLoggedIn

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

KEYRING_PATIENCE: Final = 3.0
"""Seconds for one call: Secret Service can wait for ever for a dialogue that nobody sees."""
_SERVICE: Final = "gov"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an issuer gave at login. Times are seconds since the epoch."""

    access: str
    expires_at: float
    """When the access token ends."""
    refresh: str | None = None

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at:.0f})"  # tokens stay out of tracebacks and logs


class TokenStore(Protocol):
    """One person's tokens for one broker."""

    def load(self) -> Tokens | None:
        """The tokens, or None when there are none."""

    def save(self, tokens: Tokens) -> None:
        """Keep `tokens` in place of the old ones."""

    def forget(self) -> None:
        """Keep nothing."""


class FileStore:
    """A file of mode 0600 below the state directory."""

    def __init__(self, context: Context, places: Places) -> None:
        self._path = places.state / "tokens" / f"{file_name(context.name)}.json"

    def load(self) -> Tokens | None:
        """The tokens; refuses a file that others can read."""
        text = read_private(self._path, secret=True)
        return None if text is None else decoded(text)

    def save(self, tokens: Tokens) -> None:
        """Replace the file atomically."""
        write_private(self._path, encoded(tokens))

    def forget(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


class KeyringStore:
    """The keyring of the system: macOS Keychain, Windows Credential Locker, Secret Service, KWallet."""

    def __init__(self, context: Context, backend: Callable[[], KeyringBackend] | None = None) -> None:
        """`backend` finds the keyring; it may hang too, so it is called within the time limit."""
        self._context = context
        self._backend = backend or _system_keyring

    def load(self) -> Tokens | None:
        """The tokens from the keyring."""
        text = self._bounded(lambda ring: ring.get_password(_SERVICE, self._context.broker))
        return None if text is None else decoded(text)

    def save(self, tokens: Tokens) -> None:
        """Put the tokens into the keyring."""
        text = encoded(tokens)
        self._bounded(lambda ring: ring.set_password(_SERVICE, self._context.broker, text))

    def forget(self) -> None:
        """Take the tokens out of the keyring."""

        def remove(ring: KeyringBackend) -> None:
            if ring.get_password(_SERVICE, self._context.broker) is not None:
                ring.delete_password(_SERVICE, self._context.broker)

        self._bounded(remove)

    def _bounded(self, use: Callable[[KeyringBackend], T]) -> T:
        try:
            return within(KEYRING_PATIENCE, lambda: use(_usable(self._backend())))
        except _NoKeyring as error:
            raise self._missing("this machine has no keyring to keep tokens in") from error
        except TimeoutError as error:
            raise self._missing(f"the system's keyring did not answer within {KEYRING_PATIENCE:g} s") from error
        except Exception as error:  # backends raise whatever their platform raises
            raise self._missing("the system's keyring failed", str(error)) from error

    def _missing(self, what: str, detail: str = "") -> GovError:
        hint = f"gov login {self._context.broker} --store file, or --store encrypted"
        return ConfigError(what, hint=hint, detail=detail)


def token_store(context: Context, places: Places) -> TokenStore:
    """The store that the context's login chose."""
    if context.store == "encrypted":
        from gov.client.sealed import SealedStore

        return SealedStore(context, places)
    return FileStore(context, places) if context.store == "file" else KeyringStore(context)


def keyring_complaint(context: Context, backend: Callable[[], KeyringBackend] | None = None) -> GovError | None:
    """Why the keyring cannot be used, or None when it answers: asked before a person is sent to log in."""
    try:
        KeyringStore(context, backend).load()
    except NotLoggedIn:  # it answers; what is in it will be replaced
        return None
    except ConfigError as error:
        return error
    return None


def _system_keyring() -> KeyringBackend:
    import keyring  # slow: it looks for backends among all installed packages

    return keyring.get_keyring()


class _NoKeyring(Exception):
    """The keyring library found nothing to keep secrets in."""


def _usable(ring: KeyringBackend) -> KeyringBackend:
    """`ring`, unless it is one of the two that keep nothing."""
    if type(ring).__module__ in ("keyring.backends.fail", "keyring.backends.null"):
        raise _NoKeyring
    return ring


def encoded(tokens: Tokens) -> str:
    """The tokens as text."""
    return json.dumps(asdict(tokens))


def decoded(text: str) -> Tokens:
    """The tokens that `text` holds.

    Raises:
        NotLoggedIn: it is not understood.
    """
    try:
        raw = json.loads(text)
        return Tokens(str(raw["access"]), float(raw["expires_at"]), raw["refresh"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotLoggedIn("the stored login cannot be read", hint="gov login") from error

"""Tokens in a file that a passphrase opens: for a machine without a keyring whose disk others may come to read.

scrypt makes the key (RFC 7914), AES-256-GCM seals (NIST SP 800-38D) with the broker's address as what must
match. A mode of 0600 keeps other users away; this keeps backups and stolen disks from being logins.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from gov.client.config import Context, Places, file_name
from gov.client.files import read_private, write_private
from gov.client.tokens import Tokens, decoded, encoded
from gov.errors import NotLoggedIn, UsageError

PASSPHRASE: Final = "GOV_PASSPHRASE"  # noqa: S105 - the name of a variable
COST: Final = {"n": 1 << 15, "r": 8, "p": 1}
"""Of scrypt: 32 MiB and some 100 ms for each guess."""
VERSION: Final = 1

Ask = Callable[[str], str]
"""Asks the person for something that must not show."""


class SealedStore:
    """A file of mode 0600 below the state directory, sealed with a passphrase."""

    def __init__(
        self, context: Context, places: Places, environ: Mapping[str, str] = os.environ, ask: Ask | None = None
    ) -> None:
        """The passphrase is `GOV_PASSPHRASE`, or `ask`ed for once and kept in memory."""
        self._context = context
        self._path = places.state / "tokens" / f"{file_name(context.name)}.sealed"
        self._environ = environ
        self._ask = ask or _on_terminal
        self._passphrase: str | None = None
        self._key: tuple[bytes, bytes] | None = None
        """(salt, key): making a key is slow by design."""

    def choose(self) -> None:
        """Have a passphrase chosen for a new login, before a person is sent anywhere.

        Raises:
            UsageError: it is empty, or was typed in two ways.
            NotLoggedIn: there is nobody to ask.
        """
        given = self._environ.get(PASSPHRASE)
        if given is None:
            given = self._asked(f"passphrase to keep the login for {self._context.broker} with: ")
            if self._asked("the same again: ") != given:
                raise UsageError("these are two different passphrases", hint=self._login)
        if not given:
            raise UsageError("an empty passphrase keeps nothing", hint=self._login)
        self._passphrase, self._key = given, None

    def load(self) -> Tokens | None:
        """The tokens, None when there are none.

        Raises:
            NotLoggedIn: the passphrase is wrong, there is nobody to ask for it, or the file is damaged.
        """
        text = read_private(self._path, secret=True)
        if text is None:
            return None
        try:
            kept = json.loads(text)
            salt, nonce, sealed = (b64decode(kept[name], validate=True) for name in ("salt", "nonce", "sealed"))
            known = kept["v"] == VERSION
        except (ValueError, KeyError, TypeError) as error:
            raise NotLoggedIn(f"{self._path} is damaged", hint=self._login) from error
        if not known:
            raise NotLoggedIn(f"{self._path} is of another version of gov", hint=self._login)
        try:
            return decoded(AESGCM(self._key_for(salt)).decrypt(nonce, sealed, self._bound).decode())
        except ValueError as error:  # a nonce of no possible length
            raise NotLoggedIn(f"{self._path} is damaged", hint=self._login) from error
        except InvalidTag as error:
            self._passphrase = self._key = None
            what = f"this passphrase does not open the login for {self._context.broker}"
            raise NotLoggedIn(what, hint=f"{self._login} if it is lost") from error

    def save(self, tokens: Tokens) -> None:
        """Replace the file atomically; every time with a new nonce."""
        salt = self._key[0] if self._key else secrets.token_bytes(16)
        key, nonce = self._key_for(salt), secrets.token_bytes(12)
        sealed = AESGCM(key).encrypt(nonce, encoded(tokens).encode(), self._bound)
        parts = {"salt": salt, "nonce": nonce, "sealed": sealed}
        kept = {"v": VERSION, **{name: b64encode(part).decode() for name, part in parts.items()}}
        write_private(self._path, json.dumps(kept))

    def forget(self) -> None:
        """Remove the file, which takes no passphrase."""
        self._path.unlink(missing_ok=True)

    @property
    def _bound(self) -> bytes:
        return f"gov tokens v{VERSION} {self._context.broker}".encode()

    @property
    def _login(self) -> str:
        return f"gov login {self._context.broker} --store encrypted"

    def _key_for(self, salt: bytes) -> bytes:
        if self._key is None or self._key[0] != salt:
            if self._passphrase is None:
                self._passphrase = self._environ.get(PASSPHRASE) or self._asked(
                    f"passphrase for {self._context.broker}: "
                )
            self._key = salt, Scrypt(salt=salt, length=32, **COST).derive(self._passphrase.encode())
        return self._key[1]

    def _asked(self, prompt: str) -> str:
        try:
            return self._ask(prompt)
        except (OSError, EOFError) as error:
            what = f"the login for {self._context.broker} is encrypted, and there is nobody to ask for the passphrase"
            raise NotLoggedIn(what, hint=f"export {PASSPHRASE}=…, or GOV_TOKEN=…") from error


def _on_terminal(prompt: str) -> str:
    """What is typed at the terminal, unseen; standard input and output may be anything.

    Raises:
        OSError: there is no terminal.
    """
    with open("/dev/tty", "w", encoding="utf-8") as terminal:
        return getpass.getpass(prompt, stream=terminal)

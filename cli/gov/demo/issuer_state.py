"""What the issuer remembers: secrets of its clients and refresh tokens on disk, pending logins in memory.

A refresh token is kept as its hash. Each works once; all that descend from one login are a family, and
a second use of one ends the family, since either use may have been the thief's (RFC 9700, 4.14.2).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from gov.client.files import write_private

REFRESH_LIFETIME = 12 * 3600.0
CODE_LIFETIME = 600.0
# No vowels, as RFC 8628, 6.1 advises, so that no words come up; nothing that reads like another.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"

Answer = Literal["pending", "approved", "denied"]


class OAuthError(Exception):
    """An error that RFC 6749 or one of its kin names."""

    def __init__(self, error: str, description: str = "", *, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody who has signed in, at some client."""

    account: str
    client_id: str
    scope: str
    auth_time: float
    nonce: str | None = None


@dataclass(slots=True)
class DeviceLogin:
    """One device login that waits for its person."""

    client_id: str
    scope: str
    user_code: str
    expires_at: float
    interval: int
    polled_at: float = 0.0
    answer: Answer = "pending"
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """One refresh token, known by its hash."""

    family: str
    grant: Grant
    expires_at: float
    used: bool = False


@dataclass(slots=True)
class State:
    """The issuer's memory. `clock` gives seconds since the epoch."""

    directory: Path
    clock: Callable[[], float]
    interval: int = 1
    """Seconds between polls that a device login is told."""
    devices: dict[str, DeviceLogin] = field(default_factory=dict)
    codes: dict[str, tuple[Grant, str, str, float]] = field(default_factory=dict)
    """Authorization code to grant, redirect URI, PKCE challenge and expiry."""
    refreshes: dict[str, Refresh] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """Client id to secret."""

    # device logins

    def begin_device(self, client_id: str, scope: str) -> tuple[str, DeviceLogin]:
        """A new device code and its login."""
        self._forget_old()
        code = secrets.token_urlsafe(32)
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        login = DeviceLogin(
            client_id, scope, f"{letters[:4]}-{letters[4:]}", self.clock() + CODE_LIFETIME, self.interval
        )
        self.devices[code] = login
        return code, login

    def device_of(self, user_code: str) -> DeviceLogin | None:
        """The pending login that a person means by `user_code`, in any case and with or without its dash."""
        wanted = _letters(user_code)
        for login in self.devices.values():
            if _letters(login.user_code) == wanted and login.expires_at > self.clock():
                return login if login.answer == "pending" else None
        return None

    def poll(self, device_code: str, client_id: str) -> Grant:
        """The grant of an approved login, once. Raises the errors of RFC 8628, 3.5 until then."""
        login = self.devices.get(device_code)
        if login is None or login.client_id != client_id:
            raise OAuthError("invalid_grant", "no such device code")
        now, last = self.clock(), login.polled_at
        login.polled_at = now
        if login.expires_at <= now:
            raise OAuthError("expired_token")
        if now - last < login.interval:
            login.interval += 5
            raise OAuthError("slow_down")
        if login.answer == "pending":
            raise OAuthError("authorization_pending")
        del self.devices[device_code]
        if login.grant is None:
            raise OAuthError("access_denied")
        return login.grant

    # authorization codes

    def issue_code(self, grant: Grant, redirect_uri: str, challenge: str) -> str:
        """A new authorization code, good for a minute."""
        code = secrets.token_urlsafe(32)
        self.codes[code] = (grant, redirect_uri, challenge, self.clock() + 60)
        return code

    def take_code(self, code: str) -> tuple[Grant, str, str]:
        """Grant, redirect URI and PKCE challenge of a code, once."""
        grant, redirect_uri, challenge, expires_at = self.codes.pop(code, (None, "", "", 0.0))
        if grant is None or expires_at <= self.clock():
            raise OAuthError("invalid_grant", "no such code")
        return grant, redirect_uri, challenge

    # refresh tokens

    def issue_refresh(self, grant: Grant, *, family: str | None = None) -> str:
        """A new refresh token of `family`, or of a new one."""
        token = secrets.token_urlsafe(32)
        entry = Refresh(family or secrets.token_hex(8), grant, self.clock() + REFRESH_LIFETIME)
        self.refreshes[_digest(token)] = entry
        self.save()
        return token

    def rotate(self, token: str, client_id: str) -> tuple[Grant, str]:
        """The grant of a refresh token and the next token. A second use ends the whole family."""
        entry = self.refreshes.get(_digest(token))
        if entry is None or entry.grant.client_id != client_id or entry.expires_at <= self.clock():
            raise OAuthError("invalid_grant", "the refresh token is not valid")
        if entry.used:
            self._end_family(entry.family)
            raise OAuthError(
                "invalid_grant", "the refresh token was used twice: every token of this login ends"
            )
        self.refreshes[_digest(token)] = replace(entry, used=True)
        return entry.grant, self.issue_refresh(entry.grant, family=entry.family)

    def revoke(self, token: str, client_id: str) -> None:
        """End the family of a refresh token; nothing happens when there is none (RFC 7009, 2.2)."""
        entry = self.refreshes.get(_digest(token))
        if entry is not None and entry.grant.client_id == client_id:
            self._end_family(entry.family)

    # on disk

    def load(self, clients: list[str]) -> None:
        """Read what an earlier process remembered, and make the secrets that `clients` lack."""
        if self._tokens.exists():
            raw = json.loads(self._tokens.read_text(encoding="utf-8"))
            self.refreshes = {
                digest: Refresh(**{**entry, "grant": Grant(**entry["grant"])})
                for digest, entry in raw.items()
            }
        if self._secrets.exists():
            self.secrets = json.loads(self._secrets.read_text(encoding="utf-8"))
        self.secrets = {name: self.secrets.get(name) or secrets.token_urlsafe(24) for name in clients}
        write_private(self._secrets, json.dumps(self.secrets, indent=2) + "\n")

    def save(self) -> None:
        """Write the refresh tokens that still matter."""
        now = self.clock()
        self.refreshes = {d: entry for d, entry in self.refreshes.items() if entry.expires_at > now}
        write_private(self._tokens, json.dumps({d: asdict(entry) for d, entry in self.refreshes.items()}))

    @property
    def _tokens(self) -> Path:
        return self.directory / "issuer-tokens.json"

    @property
    def _secrets(self) -> Path:
        return self.directory / "issuer-clients.json"

    def _end_family(self, family: str) -> None:
        self.refreshes = {d: entry for d, entry in self.refreshes.items() if entry.family != family}
        self.save()

    def _forget_old(self) -> None:
        now = self.clock()
        # An expired code is remembered for a while, so that it is told from one that never was.
        self.devices = {c: login for c, login in self.devices.items() if login.expires_at + 60 > now}
        self.codes = {c: entry for c, entry in self.codes.items() if entry[3] > now}


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _letters(user_code: str) -> str:
    return user_code.upper().replace("-", "").replace(" ", "")

"""Where tokens rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.backends.null import Keyring as NullKeyring
from keyring.errors import PasswordDeleteError

from gov.client import tokens as module
from gov.client.config import Context, Places
from gov.client.tokens import FileStore, KeyringStore, Tokens, keyring_complaint, token_store
from gov.errors import ConfigError, NotLoggedIn

CONTEXT = Context("gov.example:8443", "https://gov.example:8443", store="file")
TOKENS = Tokens("access", 1_800_000_000.5, "refresh")


class Memory(KeyringBackend):
    """A keyring that works."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """What is kept."""
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Let go of it, which is an error when there is nothing."""
        if (service, username) not in self.kept:
            raise PasswordDeleteError
        del self.kept[service, username]


class Hanging(Memory):
    """A keyring that waits for a dialogue nobody sees, as Secret Service does."""

    def __init__(self, released: threading.Event) -> None:
        super().__init__()
        self.released = released

    def get_password(self, service: str, username: str) -> str | None:
        """Wait for ever."""
        self.released.wait()
        return None


class Broken(Memory):
    """A keyring whose platform fails in its own way."""

    def get_password(self, service: str, username: str) -> str | None:
        """Fail."""
        raise OSError("no bus")


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Set when the test ends, so that no thread waits on."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that a test can wait for."""
    monkeypatch.setattr(module, "KEYRING_PATIENCE", 0.05)


def test_a_file_keeps_tokens_for_its_owner(tmp_path: Path) -> None:
    """Saved, loaded, forgotten; mode 0600; a lax mode is refused."""
    store = token_store(CONTEXT, Places.below(tmp_path))
    assert isinstance(store, FileStore)
    assert store.load() is None

    store.save(TOKENS)
    assert store.load() == TOKENS
    (file,) = (tmp_path / "state" / "tokens").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="read by others"):
        store.load()
    store.forget()
    store.forget()
    assert store.load() is None


def test_the_keyring_keeps_tokens_by_broker() -> None:
    """Two brokers do not mix, and forgetting twice is no error."""
    ring = Memory()
    one = KeyringStore(CONTEXT, lambda: ring)
    other = KeyringStore(Context("b", "https://b"), lambda: ring)

    one.save(TOKENS)
    assert one.load() == TOKENS
    assert other.load() is None
    one.forget()
    one.forget()
    assert one.load() is None


@pytest.mark.usefixtures("short")
def test_a_keyring_that_hangs_is_given_up_on(released: threading.Event) -> None:
    """After three seconds (here less) the person is told, with the choice that is left."""
    ring = Hanging(released)

    with pytest.raises(ConfigError, match="did not answer within") as caught:
        KeyringStore(CONTEXT, lambda: ring).load()
    assert caught.value.hint == "gov login https://gov.example:8443 --store file, or --store encrypted"


@pytest.mark.usefixtures("short")
def test_looking_for_a_keyring_may_hang_too(released: threading.Event) -> None:
    """Finding out which backends there are asks the session bus."""

    def search() -> KeyringBackend:
        released.wait()
        return Memory()

    with pytest.raises(ConfigError, match="did not answer within"):
        KeyringStore(CONTEXT, search).load()


@pytest.mark.parametrize("ring", [NoKeyring(), NullKeyring()])  # type: ignore[no-untyped-call]
def test_a_keyring_that_keeps_nothing_is_none(ring: KeyringBackend) -> None:
    """The null backend would lose tokens without a word."""
    with pytest.raises(ConfigError, match="no keyring") as caught:
        KeyringStore(CONTEXT, lambda: ring).save(TOKENS)

    assert "--store file" in caught.value.hint


def test_the_keyring_is_tried_before_anybody_logs_in() -> None:
    """A complaint when it fails, none when it answers, whatever it holds."""
    ring = Memory()
    ring.set_password("gov", CONTEXT.broker, "not ours")
    complaint = keyring_complaint(CONTEXT, Broken)

    assert keyring_complaint(CONTEXT, lambda: ring) is None
    assert complaint is not None
    assert complaint.detail == "no bus"


@pytest.mark.parametrize("text", ["", "x", "{}", "[]", '{"access": "a", "expires_at": "soon", "refresh": null}'])
def test_what_cannot_be_read_means_logging_in_again(text: str) -> None:
    """Not a traceback."""
    ring = Memory()
    ring.set_password("gov", CONTEXT.broker, text)

    with pytest.raises(NotLoggedIn, match="cannot be read"):
        KeyringStore(CONTEXT, lambda: ring).load()


def test_tokens_do_not_show_themselves() -> None:
    """Not in tracebacks, not in logs."""
    assert "access" not in repr(TOKENS)
    assert "refresh" not in repr(TOKENS)

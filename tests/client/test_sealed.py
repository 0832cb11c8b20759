"""Tokens under a passphrase."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gov.client import sealed
from gov.client.config import Context, Places
from gov.client.sealed import SealedStore
from gov.client.tokens import Tokens, token_store
from gov.errors import NotLoggedIn, UsageError

CONTEXT = Context("gov.example:8443", "https://gov.example:8443", store="encrypted")
TOKENS = Tokens("the-access-token", 1_800_000_000.5, "the-refresh-token")
GIVEN = {"GOV_PASSPHRASE": "correct horse"}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guesses that cost less."""
    monkeypatch.setitem(sealed.COST, "n", 1 << 4)


def nobody(prompt: str) -> str:
    """There is no terminal."""
    raise OSError(6, "No such device or address", "/dev/tty")


def typing(*answers: str) -> tuple[Callable[[str], str], list[str]]:
    """Somebody who types these, and the questions they were asked."""
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return answers[len(asked) - 1]

    return answer, asked


def file_of(places: Places) -> Path:
    """The one file that was written."""
    (path,) = (places.state / "tokens").iterdir()
    return path


def test_what_is_kept_comes_back_and_shows_nothing(tmp_path: Path) -> None:
    """Neither token is in the file, which is its owner's alone."""
    places = Places.below(tmp_path)
    assert SealedStore(CONTEXT, places, GIVEN).load() is None

    SealedStore(CONTEXT, places, GIVEN).save(TOKENS)

    assert SealedStore(CONTEXT, places, GIVEN).load() == TOKENS
    assert b"token" not in file_of(places).read_bytes()
    assert stat.S_IMODE(file_of(places).stat().st_mode) == 0o600
    assert isinstance(token_store(CONTEXT, places), SealedStore)
    SealedStore(CONTEXT, places, {}, nobody).forget()
    assert not list((places.state / "tokens").iterdir())


def test_the_passphrase_is_asked_for_once(tmp_path: Path) -> None:
    """Chosen twice the same; then once for each command, which may load and save."""
    places = Places.below(tmp_path)
    ask, asked = typing("open sesame", "open sesame")
    chosen = SealedStore(CONTEXT, places, {}, ask)
    chosen.choose()
    chosen.save(TOKENS)
    assert asked == [
        "passphrase to keep the login for https://gov.example:8443 with: ", "the same again: "]  # fmt: skip

    ask, asked = typing("open sesame")
    store = SealedStore(CONTEXT, places, {}, ask)
    store.save(store.load() or TOKENS)
    assert store.load() == TOKENS
    assert asked == ["passphrase for https://gov.example:8443: "]


def test_a_wrong_passphrase(tmp_path: Path) -> None:
    """It is said, and the next attempt asks anew."""
    places = Places.below(tmp_path)
    SealedStore(CONTEXT, places, GIVEN).save(TOKENS)
    ask, _ = typing("guess", "correct horse")
    store = SealedStore(CONTEXT, places, {}, ask)

    with pytest.raises(NotLoggedIn, match="this passphrase does not open the login") as caught:
        store.load()
    assert caught.value.hint == "gov login https://gov.example:8443 --store encrypted if it is lost"
    assert store.load() == TOKENS


def test_nobody_to_ask(tmp_path: Path) -> None:
    """A job without a terminal is told which variables help."""
    places = Places.below(tmp_path)
    SealedStore(CONTEXT, places, GIVEN).save(TOKENS)

    with pytest.raises(NotLoggedIn, match="there is nobody to ask") as caught:
        SealedStore(CONTEXT, places, {}, nobody).load()
    assert "GOV_PASSPHRASE" in caught.value.hint


@pytest.mark.parametrize("answers", [("one", "two"), ("", "")])
def test_a_bad_choice(tmp_path: Path, answers: tuple[str, str]) -> None:
    """Typed in two ways, or empty."""
    with pytest.raises(UsageError):
        SealedStore(CONTEXT, Places.below(tmp_path), {}, typing(*answers)[0]).choose()


def test_a_file_is_for_one_broker(tmp_path: Path) -> None:
    """Tokens of one broker, put where another's are looked for, are not sent there."""
    places, other = Places.below(tmp_path), Context("evil.example", "https://evil.example", store="encrypted")
    SealedStore(CONTEXT, places, GIVEN).save(TOKENS)
    file_of(places).rename(places.state / "tokens" / "evil.example.sealed")

    with pytest.raises(NotLoggedIn):
        SealedStore(other, places, GIVEN).load()


def test_what_was_tampered_with(tmp_path: Path) -> None:
    """A changed byte, a cut file, another version: not logged in, never a traceback."""
    places = Places.below(tmp_path)
    SealedStore(CONTEXT, places, GIVEN).save(TOKENS)
    whole = json.loads(file_of(places).read_text())
    flipped = ("B" if whole["sealed"][0] == "A" else "A") + whole["sealed"][1:]
    for change in ({"sealed": flipped}, {"salt": "!"}, {"nonce": None}, {"v": 2}, {"nonce": ""}):
        file_of(places).write_text(json.dumps(whole | change))
        with pytest.raises(NotLoggedIn):
            SealedStore(CONTEXT, places, GIVEN).load()
    file_of(places).write_text("{")
    with pytest.raises(NotLoggedIn, match="is damaged"):
        SealedStore(CONTEXT, places, GIVEN).load()


def test_every_save_has_a_nonce_of_its_own(tmp_path: Path) -> None:
    """The same key must never seal twice with one (NIST SP 800-38D, 8)."""
    places = Places.below(tmp_path)
    store, seen = SealedStore(CONTEXT, places, GIVEN), set()
    for _ in range(5):
        store.save(TOKENS)
        kept = json.loads(file_of(places).read_text())
        seen.add((kept["salt"], kept["nonce"]))

    assert len({nonce for _, nonce in seen}) == 5

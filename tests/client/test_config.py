"""Where settings live, and which broker is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from gov.client.config import Context, Contexts, Places, broker_url, context_name, file_name
from gov.errors import ConfigError, NotLoggedIn, UsageError

ONE = Context("one.example", "https://one.example", issuer="https://id.example", audit_key="k")
TWO = Context("two.example", "https://two.example", store="file")


@pytest.fixture
def contexts(tmp_path: Path) -> Contexts:
    """Two contexts, the second of them current."""
    made = Contexts(Places.below(tmp_path))
    made.save(ONE)
    made.save(TWO)
    return made


def test_one_variable_moves_everything(tmp_path: Path) -> None:
    """GOV_CONFIG_DIR goes before XDG, and XDG before the home directory."""
    xdg = {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "HOME": "/h"}

    assert Places.of({**xdg, "GOV_CONFIG_DIR": "/g"}) == Places(Path("/g"), Path("/g/state"))
    assert Places.of(xdg) == Places(Path("/c/gov"), Path("/s/gov"))
    assert Places.of({"HOME": "/h"}) == Places(Path("/h/.config/gov"), Path("/h/.local/state/gov"))


def test_the_last_login_is_the_current_context(contexts: Contexts) -> None:
    """Contexts come back as they were saved."""
    assert contexts.current({}) == TWO
    assert contexts.all() == {"one.example": ONE, "two.example": TWO}


def test_the_environment_chooses_another(contexts: Contexts) -> None:
    """By name or by address; an address without a login is a context that knows nothing."""
    assert contexts.current({"GOV_CONTEXT": "one.example"}) == ONE
    assert contexts.current({"GOV_BROKER": "one.example/"}) == ONE
    new = contexts.current({"GOV_BROKER": "https://new.example:8443", "GOV_CA_FILE": "ca.pem"})
    assert new == Context("new.example:8443", "https://new.example:8443", ca_file="ca.pem")
    with pytest.raises(UsageError, match=r"three"):
        contexts.current({"GOV_CONTEXT": "three"})


def test_without_a_login_the_hint_is_to_log_in(tmp_path: Path) -> None:
    """Exit status 3."""
    with pytest.raises(NotLoggedIn) as caught:
        Contexts(Places.below(tmp_path)).current({})

    assert caught.value.hint == "gov login https://BROKER"


@pytest.mark.parametrize("text", ["{", "[]", '{"contexts": {"x": 1}}', '{"contexts": {"x": {}}}'])
def test_a_broken_file_is_named(text: str, tmp_path: Path) -> None:
    """The error says which file, and what to type."""
    (tmp_path / "contexts.json").write_text(text)

    with pytest.raises(ConfigError, match=r"contexts\.json") as caught:
        Contexts(Places.below(tmp_path)).for_broker("x.example", {})
    assert caught.value.hint.startswith("rm ")


def test_fields_of_later_versions_are_left_alone(tmp_path: Path) -> None:
    """An older gov reads what a newer one wrote."""
    text = '{"current": "x", "contexts": {"x": {"broker": "https://x", "colour": "blue"}}}'
    (tmp_path / "contexts.json").write_text(text)

    assert Contexts(Places.below(tmp_path)).current({}) == Context("x", "https://x")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("gov.example.com", "https://gov.example.com"),
        ("https://gov.example.com/", "https://gov.example.com"),
        ("http://127.0.0.1:8443", "http://127.0.0.1:8443"),
    ],
)
def test_an_address_may_be_short(text: str, url: str) -> None:
    """Https is meant unless said otherwise."""
    assert broker_url(text) == url
    assert context_name(url) in url


@pytest.mark.parametrize("text", ["", "http://gov.example.com", "https://u:p@gov.example", "https://x?y=1", "ftp://x"])
def test_an_address_that_would_leak_is_refused(text: str) -> None:
    """No plain http over the network, no credentials in URLs."""
    with pytest.raises(UsageError):
        broker_url(text)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".", "..", "", "x\0y", "host:443"])
def test_a_name_stays_in_its_directory(name: str) -> None:
    """Whatever a context is called, its files are beside the others."""
    assert Path("/base", file_name(name)).parent == Path("/base")
    assert file_name(name) not in ("", ".", "..")


def test_the_root_of_a_broker_once_met_is_remembered(tmp_path: Path) -> None:
    """A login that failed after the handshake need not bring the CA file again."""
    contexts = Contexts(Places.below(tmp_path))
    kept = contexts.keep_ca(contexts.for_broker("new.example", {}), "PEM")

    assert contexts.for_broker("new.example", {}) == kept
    assert contexts.for_broker("new.example", {"GOV_CA_FILE": "x"}).ca_file == "x"

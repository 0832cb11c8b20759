"""broker.yaml is understood whole, or refused with every mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gov.control.config import Address, address, parse
from gov.control.examples import BROKER, POLICY
from gov.errors import ConfigError
from gov.policy.document import load
from gov.terms import TargetName

BASE = Path("/etc/gov")
GOOD = """\
listen: { gateway: 127.0.0.1:6432, api: 127.0.0.1:8443 }
public: { gateway: gov.example.com:6432, api: https://gov.example.com/ }
identity:
  - { issuer: https://id.example.com, client_id: gov-cli }
state: sqlite:///state.db
audit: { directory: audit }
policy: [policy.yaml, /srv/more.yaml]
targets:
  prod: { dsn: "host=db dbname=shop", tls: off }
"""


def complaints(text: str) -> list[str]:
    """What is said of a configuration that is wrong."""
    with pytest.raises(ConfigError) as error:
        parse("broker.yaml", text, BASE)
    return error.value.detail.splitlines()


def test_a_good_one() -> None:
    """Paths are relative to the file, what is left out has a default."""
    config = parse("broker.yaml", GOOD, BASE)

    assert config.listen.gateway == Address("127.0.0.1", 6432)
    assert config.public.api == "https://gov.example.com"
    assert config.state == "sqlite:////etc/gov/state.db"
    assert config.key_directory == Path("/etc/gov/keys")
    assert config.policy == (Path("/etc/gov/policy.yaml"), Path("/srv/more.yaml"))
    assert config.audit.directory == Path("/etc/gov/audit")
    assert config.origin == "gov.example.com/gov"
    target = config.targets[TargetName("prod")]
    assert (target.tls, target.environment) == ("off", "production")
    assert [each.audience for each in config.identities] == ["gov"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 30.0), ("janitor: { every: 5s }", 5.0), ("janitor: { every: 1h }", 3600.0)]
)
def test_how_often_the_janitor_comes(text: str, seconds: float) -> None:
    """A duration as policy writes it; half a minute when nothing is said."""
    assert parse("broker.yaml", f"{GOOD}{text}\n", BASE).janitor.every == seconds


def test_where_the_trail_is_shipped() -> None:
    """Files are relative to the configuration; plain HTTP goes to this machine only."""
    text = "ship: [{ to: out/x.jsonl, format: jsonl }, { to: 'http://127.0.0.1:9/in', headers: h, lag: 5m }]"
    file, endpoint = parse("broker.yaml", f"{GOOD}{text}\n", BASE).ship

    assert (file.to, file.format, file.lag) == (str(BASE / "out/x.jsonl"), "jsonl", 60.0)
    assert (endpoint.to, endpoint.format, endpoint.headers, endpoint.lag) == (
        "http://127.0.0.1:9/in", "ocsf", BASE / "h", 300.0)  # fmt: skip


def test_webhooks() -> None:
    """By name; what is secret of them stands in files beside the configuration."""
    text = "webhooks: { soc: { to: 'https://x.example/in', key: k }, chat: { to_file: url, format: teams } }"
    found = parse("broker.yaml", f"{GOOD}{text}\n", BASE).webhooks

    assert (found["soc"].to, found["soc"].format, found["soc"].key) == ("https://x.example/in", "json", BASE / "k")
    assert (found["chat"].to, found["chat"].to_file, found["chat"].format) == (None, BASE / "url", "teams")


def test_what_init_writes_is_good() -> None:
    """The commented examples are valid as they are."""
    assert parse("broker.yaml", BROKER, BASE).targets
    assert load([("policy.yaml", POLICY)]).access


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("listen: { gateway", "listen: { gatewy", "1:11: listen.gatewy: unknown key; did you mean `gateway`?"),
        ("state: sqlite:///state.db\n", "", "1:1: state: missing"),
        ("127.0.0.1:6432", "nowhere", "1:20: listen.gateway: write HOST:PORT, like 0.0.0.0:6432"),
        ("127.0.0.1:6432", "h:99999", "1:20: listen.gateway: write HOST:PORT, like 0.0.0.0:6432"),
        ("https://gov.example.com/", "https://h/path", "2:47: public.api: write https://HOST[:PORT], without a path"),
        ("https://id.example.com", "http://id.example.com", "4:5: identity.0: "),
        ("client_id: gov-cli", "client_id: 5", "4:50: identity.0.client_id: input should be a valid string"),
        ("sqlite:///state.db", "mysql://x", "5:8: state: write sqlite:///FILE"),
        ("tls: off", "tls: maybe", "9:44: targets.prod.tls: input should be 'verify-full' or 'off'"),
        ("policy: [policy.yaml, /srv/more.yaml]", "policy: []", "7:9: policy: "),
        ("audit: { directory: audit }", "audit: audit", "6:8: audit: "),
        ("state: sqlite", "state: x\nstate: sqlite", "6:1: `state` is written twice"),
        ("listen: {", "listen: [", "1:"),
        ("state:", "janitor: { every: 30 }\nstate:", "5:19: janitor.every: write a duration like 30s, 5m or 1h"),
        ("state:", "ship: [{ to: 'http://siem.example.com/x' }]\nstate:", "5:14: ship.0.to: write a file, or https://"),
        ("state:", "ship: [{ to: 'https://u:p@h/x' }]\nstate:", "5:14: ship.0.to: no password in a URL"),
        ("state:", "ship: [{ to: x, format: xml }]\nstate:", "5:25: ship.0.format: input should be 'ocsf', 'jsonl'"),
        ("state:", "ship: [{ to: x, header: y }]\nstate:", "5:17: ship.0.header: unknown key; did you mean `headers`?"),
        ("state:", "webhooks: { a: { to: 'http://x.example/y', format: slack } }\nstate:",
         "5:22: webhooks.a.to: write https://HOST/PATH"),
        ("state:", "webhooks: { a: { to: 'https://x/y' } }\nstate:", "5:16: webhooks.a: `key` is missing"),
        ("state:", "webhooks: { a: { format: slack } }\nstate:", "5:16: webhooks.a: give either `to` or `to_file`"),
        ("state:", "webhooks: { a: { url: x } }\nstate:", "5:18: webhooks.a.url: unknown key"),
        ("state:", "webhooks: { A b: { to: 'https://x/y', format: slack } }\nstate:", "5:18: webhooks.A b"),
        ("state:", "janitor: { every: 0s }\nstate:", "5:19: janitor.every: input should be greater than"),
    ],
)
def test_mistakes_have_a_place(old: str, new: str, says: str) -> None:
    """File, line, column, key and what is expected."""
    assert old in GOOD
    found = complaints(GOOD.replace(old, new, 1))

    assert any(line.startswith(f"broker.yaml:{says}") for line in found), found


def test_all_mistakes_at_once() -> None:
    """Nobody wants to mend a file one message at a time."""
    text = GOOD.replace("gateway:", "gatewy:", 1).replace("tls: off", "tls: 1").replace("state:", "stat:")

    assert len(complaints(text)) == 5


def test_plain_http_is_for_this_machine() -> None:
    """Tokens do not cross a network in the clear."""
    text = GOOD.replace("https://gov.example.com/", "http://gov.example.com")

    assert parse("broker.yaml", text, BASE).public.api == "http://gov.example.com"
    assert any("http only" in each for each in complaints(text.replace("api: 127.0.0.1", "api: 0.0.0.0")))


@pytest.mark.parametrize("text", ["", "- 1", "{", "a: b: c", "\x00", "!!python/object:os.system {}", "&a [*a]"])
def test_what_is_no_configuration(text: str) -> None:
    """Whatever the file holds, there is a complaint and never a traceback."""
    assert complaints(text)


def test_addresses() -> None:
    """Names, v4 and v6, and which of them only this machine can reach."""
    assert address("[::1]:6432") == Address("::1", 6432)
    assert str(address("[::1]:6432")) == "[::1]:6432"
    assert [address(text).loopback for text in ("[::1]:1", "127.3.2.1:1", "localhost:1", "0.0.0.0:1", "db:1")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    for text in ("x", ":1", "x:", "x:٣", "x:-1"):
        with pytest.raises(ValueError, match="HOST:PORT"):
            address(text)

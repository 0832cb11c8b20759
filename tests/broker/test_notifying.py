"""A broker that tells: while nobody listens it holds, answers and dies as ever, and what it told is signed."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from broker.receiver import Receiver, receiving
from broker.rig import POLICY, governed
from broker.site import Site
from gov.control.requests import DenyAsk, Submit
from gov.demo.cluster import Cluster
from gov.demo.process import clean_environment
from servers import RunningIssuer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOTIFY = """
notify:
  - { name: tell-all, webhooks: [soc], events: [held, denied, break_glass], targets: [prod] }
  - { name: tell-chat, webhooks: [chat, teams], events: [break_glass], environment: production }
break_glass:
  - { name: on-call, users: [alice], targets: [prod] }
"""


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(name="site")
def _site(cluster: Cluster, issuer: RunningIssuer, receiver: Receiver, tmp_path: Path) -> Iterator[Site]:
    """Three webhooks, one of each format, that refuse at first."""
    with governed(cluster) as shop:
        site = Site(tmp_path, shop, issuer.url)
        (tmp_path / "webhook.key").write_text(f"{SECRET}\n")
        (tmp_path / "teams.url").write_text(f"{receiver.url}?teams")
        with site.config.open("a") as config:
            config.write(f"webhooks:\n  soc: {{ to: '{receiver.url}', key: webhook.key }}\n"
                         f"  chat: {{ to: '{receiver.url}', format: slack }}\n"
                         f"  teams: {{ to_file: teams.url, format: teams }}\n")
        site.policy.write_text(POLICY + NOTIFY)
        receiver.always = "status 503"
        site.start()
        yield site
        site.end()


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def gov(site: Site, user: str, *words: str) -> str:
    """What the installed `gov WORDS` prints for somebody who is logged in there."""
    environment = clean_environment() | {"GOV_CONFIG_DIR": str(site.directory / "users" / user), "COLUMNS": "300"}
    done = subprocess.run(["gov", *words], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def events(receiver: Receiver) -> list[str]:
    """What was told in JSON, verified, each once."""
    signed = [(said, body) for said, body in zip(receiver.headers, receiver.lines, strict=True)
              if "webhook-signature" in said]
    told = {said["webhook-id"]: Webhook(SECRET).verify(body, dict(said)) for said, body in signed}
    return [f"{each['type']} {each['data']['request']}" for each in told.values()]


def test_told_late_but_told(site: Site, receiver: Receiver) -> None:
    """Nobody takes it: requests are opened and answered at once. After kill -9 all of it is told, in order."""
    alice, bob = site.as_user("alice"), site.as_user("bob")
    drop = Submit(target="prod", statement="drop table orders")
    eventually(lambda: len(site.as_user("bob").status().webhooks) == 3)
    first, second = (alice.submit(drop).request or "" for _ in range(2))
    bob.deny(first, DenyAsk(reason="not <https://evil.example|today>"))
    assert "you go ahead alone by on-call" in gov(
        site, "alice", "approve", second, "--break-glass", "--reason", "INC-31 <!channel>", "--yes")
    asked = gov(site, "bob", "audit", "ask", "break-glass")
    assert "alone, by break glass (on-call)" in asked
    assert f"{second} " in asked
    assert "approved: INC-31" in asked
    wanted = [f"request.held {first}", f"request.held {second}", f"request.denied {first}",
              f"request.break_glass {second}"]
    eventually(lambda: all(each.failures for each in bob.status().webhooks))
    soc = next(each for each in bob.status().webhooks if each.name == "soc")
    assert (soc.waiting, soc.sent, soc.host, soc.error) == (True, 0, "127.0.0.1", "127.0.0.1: HTTP status 503")
    assert alice.request(second).state == "approved"

    site.kill()
    receiver.always = ""
    receiver.faults = ["kept", "lost", "status 500"]
    site.start()
    eventually(lambda: sorted(events(receiver)) == sorted(wanted) and len({*receiver.lines}) == 6)
    assert events(receiver) == wanted
    bodies = [json.loads(each) for each in receiver.lines]
    (chat,) = {json.dumps(each) for each in bodies if "blocks" in each}
    (teams,) = {json.dumps(each) for each in bodies if "attachments" in each}
    assert "BREAK GLASS: alice goes ahead alone on prod" in chat
    assert "<!channel>" not in json.loads(chat)["text"]
    assert "INC-31" in teams
    assert not any("drop table" in each for each in receiver.lines)
    eventually(lambda: all(not each.error for each in bob.status().webhooks))

    # A policy that changes is followed; one that names no webhook of this broker is refused.
    digest = bob.policy().digest
    site.policy.write_text(POLICY + NOTIFY.replace("[soc]", "[sok]"))
    site.hang_up()
    eventually(lambda: "no webhook called `sok`, did you mean `soc`?" in (bob.policy().error or ""))
    assert bob.policy().digest == digest
    site.policy.write_text(POLICY + NOTIFY.replace("[held, denied, break_glass]", "[withdrawn]"))
    site.hang_up()
    eventually(lambda: bob.policy().digest != digest)
    third = alice.submit(drop).request or ""
    alice.withdraw(third)
    eventually(lambda: events(receiver) == [*wanted, f"request.withdrawn {third}"])

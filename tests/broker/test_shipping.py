"""A broker that ships: it goes on through its own death, tells when it lags, and holds nobody up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from broker.receiver import Receiver, receiving
from broker.rig import governed
from broker.site import Site
from gov.control.access import LeaseAsk
from gov.demo.cluster import Cluster
from servers import RunningIssuer


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(name="site")
def _site(cluster: Cluster, issuer: RunningIssuer, receiver: Receiver, tmp_path: Path) -> Iterator[Site]:
    """It ships to a file and to an endpoint that must not be behind for more than a second."""
    with governed(cluster) as shop:
        site = Site(tmp_path, shop, issuer.url)
        with site.config.open("a") as config:
            config.write(f"ship:\n  - {{ to: out/trail.jsonl, format: jsonl }}\n"
                         f"  - {{ to: '{receiver.url}', format: jsonl, lag: 1s }}\n")
        receiver.always = "status 500"
        site.start()
        yield site
        site.end()


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def ids(lines: list[str]) -> set[int]:
    """The entries in these lines."""
    return {json.loads(line)["index"] for line in lines}


def test_killed_and_refused_and_nothing_lost(site: Site, receiver: Receiver) -> None:
    """kill -9 while the endpoint refuses; statements go on, the lag is an entry, and all arrives in the end."""
    bob = site.as_user("bob")
    with site.session(site.as_user("alice").lease(LeaseAsk(target="prod"))) as session:
        assert session.execute("select 1").fetchone() == (1,)
        eventually(lambda: any(each.kind == "ship.lagging" for each in bob.entries(kind="ship").entries))
        lag = bob.entries(kind="ship").entries[0]
        assert (lag.fields["to"], lag.payload) == (receiver.url, {"error": f"{receiver.url}: HTTP status 500"})
        ships = {each.to: each for each in bob.status().ships}
        assert (ships[receiver.url].lagging, ships[receiver.url].shipped) == (True, 0)
        assert session.execute("select 2").fetchone() == (2,)
        with suppress(psycopg.Error):
            session.execute("alter role postgres password 'cnry-5e55'")
    site.kill()
    receiver.always = ""
    receiver.faults = ["kept", "lost", "status 503"]
    site.start()
    size = bob.status().log_size
    eventually(lambda: ids(receiver.lines) >= set(range(size)))
    file = site.directory / "out" / "trail.jsonl"
    eventually(lambda: ids(file.read_text().splitlines()) >= set(range(size)))

    secret = [path for path in site.directory.rglob("*") if path.is_file() and b"cnry-5e55" in path.read_bytes()]
    assert not secret  # nor did a crash leave it anywhere
    lines = file.read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == [*range(len(lines))]  # a file has each once
    by_id: dict[str, str] = {}
    for line in receiver.lines:
        assert by_id.setdefault(json.loads(line)["id"], line) == line

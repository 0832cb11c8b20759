"""How quick the audit log is, written and verified: `python tests/bench/journal.py [--dir DIR] [--seconds 3] [--json]`.

    append      one entry, one write, no sync: what a read waits for
    group N     N entries, then one sync for all of them: what N sessions that write at once wait for
    trail N     the same through the trail, with N tasks that wait for their entries
    read        what a read waits for: its entry, while the tree follows; milliseconds, the median and 99 of 100
    verify      entries a second of `gov audit verify` over a log of --verify entries, its start included; and
                entries for each second of one processor, which tells more where the machine is busy

Entries are as the gateway makes them: a form for the session and the text, and the rest. The tree follows
each second in a thread of its own, as in the broker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import verify

from gov.audit.entry import Entry
from gov.audit.form import Form
from gov.audit.note import SigningKey
from gov.broker.trail import Trail
from gov.store.journal import Journal

KEY = SigningKey("bench/gov", bytes(32))
SHARED = {
    "session": "ss-000000000001", "lease": "ls-000001", "target": "prod", "environment": "production", "scope": "read",
    "subject": "8f2c1d", "issuer": "https://id.example.com", "principal": "alice", "client": "127.0.0.1:50000",
    "verdict": "allow", "rules": ["engineers-read"], "effects": ["read"], "reads": ["public.orders"],
    "columns_read": ["public.orders.id", "public.orders.amount"], "command": "SELECT", "policy": "ab" * 32,
}
FORM = Form("statement", SHARED)
ROUNDS = 5


def entry(number: int) -> Entry:
    """One statement's."""
    rest = {"n": number, "protocol": "extended"}
    payload = {"text": "SELECT id, amount FROM orders WHERE id = $1", "parameters": [str(number)]}
    return Entry("statement", time.time(), rest, payload, FORM)


def rate(journal: Journal, seconds: float, step: Callable[[int], int]) -> float:
    """Entries a second when `step`, which says how many it has written, is done again and again."""
    done, ends = threading.Event(), time.monotonic() + seconds

    def follow() -> None:
        while not done.wait(1.0):
            journal.integrate()

    follower = threading.Thread(target=follow)
    follower.start()
    number, began = 0, time.perf_counter()
    while time.monotonic() < ends:
        number += step(number)
    took = time.perf_counter() - began
    done.set()
    follower.join()
    return number / took


def grouped(journal: Journal, size: int) -> Callable[[int], int]:
    """So many appends, and a sync."""

    def step(number: int) -> int:
        for each in range(size):
            journal.append(entry(number + each))
        journal.sync()
        return size

    return step


def appended(journal: Journal) -> Callable[[int], int]:
    """One append."""

    def step(number: int) -> int:
        journal.append(entry(number))
        return 1

    return step


async def trailed(directory: Path, size: int, seconds: float) -> float:
    """Entries a second of so many tasks, each of which waits for its own."""
    trail = Trail(Journal(directory, KEY, KEY.name))
    trail.start()
    number, ends = 0, time.monotonic() + seconds

    async def one() -> None:
        nonlocal number
        while time.monotonic() < ends:
            number += 1
            await trail.durable(trail.record(entry(number)))

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(size)))
    took = time.perf_counter() - began
    await trail.close()
    return number / took


async def waited(directory: Path, seconds: float) -> list[float]:
    """How long each of some thousand reads a second waits for its entry, in milliseconds."""
    trail, times = Trail(Journal(directory, KEY, KEY.name)), list[float]()
    trail.start()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        began = time.perf_counter()
        trail.record(entry(len(times)))
        times.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.0002)
    await trail.close()
    return times


def all_of(directory: Path, seconds: float, size: int) -> dict[str, float]:
    """Every figure."""
    found = measured(directory, seconds)
    times = sorted(asyncio.run(waited(directory / "read", 2 * seconds)))
    found["read p50 ms"] = round(times[len(times) // 2], 4)
    found["read p99 ms"] = round(times[len(times) * 99 // 100], 4)
    verify.grow(directory / "verify", size)
    proved = verify.measured(directory / "verify")
    found["verify"] = proved["entries_per_second"]
    found["verify, cpu"] = proved["entries_per_processor_second"]
    found["load"] = round(os.getloadavg()[0], 1)
    return found


def measured(directory: Path, seconds: float) -> dict[str, float]:
    """Entries a second of what writes: the median of some rounds, interleaved."""
    found: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        for name, make in {
            "append": appended, "group 1": lambda log: grouped(log, 1), "group 64": lambda log: grouped(log, 64),
            "group 256": lambda log: grouped(log, 256),
        }.items():
            with Journal(directory / f"{name}-{number}", KEY, KEY.name) as journal:
                found.setdefault(name, []).append(rate(journal, seconds / ROUNDS, make(journal)))
        for size in (64, 256):
            log = directory / f"trail-{size}-{number}"
            found.setdefault(f"trail {size}", []).append(asyncio.run(trailed(log, size, seconds / ROUNDS)))
    return {name: round(statistics.median(rates)) for name, rates in found.items()}


def main() -> None:
    """Print entries a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, help="on the file system to measure; left out: the temporary one")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each line")
    parser.add_argument("--verify", type=int, default=500_000, metavar="ENTRIES", help="how many are verified")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as directory:
        found = all_of(Path(directory), given.seconds, given.verify)
    if given.json:
        print(json.dumps(found))
        return
    for name, each in found.items():
        print(f"{name:12} {each:8,.0f} entries/s" if each > 100 else f"{name:12} {each:8.4f}")


if __name__ == "__main__":
    main()

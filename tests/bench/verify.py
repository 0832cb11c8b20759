"""How fast and how small `gov audit verify` is: `python tests/bench/verify.py --entries 1000000 [--dir DIR] [--json]`.

Makes a log of so many entries, as the gateway writes them: a statement and its end, by turns. Then the installed
command verifies a copy of nothing but the files, in a process of its own: entries a second, and the most memory that
it and its processes had at once. A log that is there already is used again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gov.audit.checkpoint import unsigned
from gov.audit.entry import Entry
from gov.audit.form import Form
from gov.audit.note import SigningKey
from gov.store.journal import Journal

KEY = SigningKey("bench/gov", bytes(32))
AT_ONCE = 16_384
"""Entries that are integrated together."""
STATEMENT = Form("statement", {
    "session": "ss-000000000001", "lease": "ls-000001", "target": "prod", "environment": "production", "scope": "read",
    "subject": "8f2c1d", "issuer": "https://id.example.com", "principal": "alice", "client": "127.0.0.1:50000",
    "verdict": "allow", "rules": ["engineers-read"], "effects": ["read"], "reads": ["public.orders"],
    "columns_read": ["public.orders.id", "public.orders.amount"], "command": "SELECT", "policy": "ab" * 32,
})
DONE = Form("statement.done", {
    "session": "ss-000000000001", "lease": "ls-000001", "subject": "8f2c1d", "issuer": "https://id.example.com",
})


def entries(first: int, end: int) -> Iterator[Entry]:
    """A statement and its end, by turns."""
    for number in range(first, end):
        if number % 2:
            done = {"n": number, "statement": number - 1, "rows": 3, "duration_ms": 1.5, "outcome": "done"}
            yield Entry("statement.done", time.time(), done, {}, DONE)
        else:
            payload = {"text": "SELECT id, amount FROM orders WHERE id = $1", "parameters": [str(number)]}
            yield Entry("statement", time.time(), {"n": number, "protocol": "extended"}, payload, STATEMENT)


def grow(directory: Path, size: int) -> None:
    """Let the log in `directory` have so many entries."""
    with Journal(directory, KEY, KEY.name) as journal:
        while journal.size < size:
            journal.append_many(entries(journal.size, min(size, journal.size + AT_ONCE)))
            journal.integrate()


def measured(directory: Path) -> dict[str, float]:
    """What one run of the command says and takes."""
    command = ["gov", "audit", "verify", "--dir", str(directory), "--key", str(KEY.verifier)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    size = json.loads(done.stdout)["size"]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {
        "entries": size, "seconds": round(seconds, 2), "entries_per_second": round(size / seconds),
        "processor_seconds": round(processor, 2), "entries_per_processor_second": round(size / processor),
        "peak_mib": round(used.ru_maxrss / 1024),
    }


@contextmanager
def _place(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


def main() -> None:
    """Make, verify, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--dir", type=Path, help="where the log is, or is to be; left out: a temporary one")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with _place(given.dir) as directory:
        note = directory / "checkpoint"
        if not note.exists() or unsigned(note.read_bytes()).size < given.entries:
            began = time.perf_counter()
            grow(directory, given.entries)
            print(f"made in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        found = measured(directory)
    if given.json:
        print(json.dumps(found))
    else:
        print(f"{found['entries']:,} entries in {found['seconds']} s: {found['entries_per_second']:,} entries/s,"
              f" {found['entries_per_processor_second']:,} a second of one processor,"
              f" {found['peak_mib']} MiB in the largest process")


if __name__ == "__main__":
    main()

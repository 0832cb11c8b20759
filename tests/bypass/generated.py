"""Random statements under the canary check: `python tests/bypass/generated.py --statements 50000`.

sqlsmith (Debian's package of that name) writes them for the schema of a demo, without running them; here each is
sent to the gateway as alice, over whose masked columns canaries stand. No byte that returns may be of a canary,
nothing that is held runs, and when all are through the database is as before. Prints what became of them; another
`--seed` writes other statements, so that runs add up.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from bypass.canaries import leaked, planted, state
from bypass.standing import alices, standing
from gov.demo.stage import Stage
from gov.protocol import frames
from live.wire import SYNC, Heard, Lease, Wire, authenticate, encrypted, named, run, startup_packet

PATIENCE = "250ms"
"""For one statement: joins without a condition are sqlsmith's favourite."""
_VIEWS = re.compile(r"\bgov_m_\w+_([a-z]+)\.")
"""The schema of masked views: sqlsmith finds them as well, and nobody may name them. The table is meant."""
RENEW = 500
"""Statements after which the session is opened anew."""


def main() -> int:
    """The exit status: 1 when a canary came back or something changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--statements", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600, help="stop then, with what was sent so far")
    args = parser.parse_args()
    if shutil.which("sqlsmith") is None:
        print("sqlsmith is not installed: apt-get install sqlsmith", file=sys.stderr)
        return 2
    with standing() as stage:
        return over(stage, args.statements, args.seed, args.minutes)


def over(stage: Stage, count: int, seed: int, minutes: float) -> int:
    """Send `count` statements, or as many as go in `minutes`; the exit status."""
    dsn = stage.cluster.admin_dsn_of("shop")
    lease = alices(stage, "read")
    with psycopg.connect(dsn, autocommit=True) as admin, planted(admin):
        before = state(admin)
        outcomes, leaks = played(lease, until(time.monotonic() + minutes * 60, generated(dsn, count, seed)))
        changed = state(admin) != before
    total = sum(outcomes.values())
    print(f"{total} statements: " + ", ".join(f"{many} {what}" for what, many in outcomes.most_common()))
    unknown = outcomes["not understood (0A000)"]
    print(f"not understood: {unknown / max(total, 1):.2%}; canaries: {len(leaks)}; changed: {changed}")
    for text, found in leaks[:10]:
        print(f"LEAK {found}: {text}")
    return 1 if leaks or changed or not total else 0


def until(end: float, texts: Iterator[str]) -> Iterator[str]:
    """`texts` until that moment."""
    for text in texts:
        if time.monotonic() > end:
            return
        yield text


def generated(dsn: str, count: int, seed: int) -> Iterator[str]:
    """`count` statements for the tables at `dsn`."""
    command = ["sqlsmith", "--dry-run", "--exclude-catalog", f"--max-queries={count}", f"--seed={seed}",
               f"--target={dsn}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.rstrip().endswith(";"):
                yield _VIEWS.sub(r"\1.", "".join(lines))
                lines.clear()


def played(lease: Lease, texts: Iterator[str]) -> tuple[Counter[str], list[tuple[str, list[bytes]]]]:
    """What became of `texts`, and those of which a canary came back. Every other one is sent prepared, in binary."""
    outcomes: Counter[str] = Counter()
    leaks: list[tuple[str, list[bytes]]] = []
    shown, wire = time.monotonic(), None
    for number, text in enumerate(texts):
        if wire is None or number % RENEW == 0:
            wire = renewed(lease, wire)
        wire.forget()
        try:
            heard = said(wire, text, extended=bool(number % 2))
        except (EOFError, OSError) as error:
            heard, wire = Heard(), None
            outcomes[f"session ended ({type(error).__name__})"] += 1
        else:
            outcomes[outcome(heard)] += 1
        if wire is not None and (found := leaked(bytes(wire.heard))):
            if by_chance(text, found):
                print("# digits of a canary by chance", file=sys.stderr)
            else:
                leaks.append((text, found))
        if time.monotonic() - shown > 20:
            shown = time.monotonic()
            print(f"# {number + 1} statements, {len(leaks)} leaks", file=sys.stderr)
    if wire is not None:
        wire.close()
    return outcomes, leaks


def by_chance(text: str, found: list[bytes]) -> bool:
    """Whether `text` draws random numbers or UUIDs, and all that looks like a canary is digits, as any six can be."""
    return ("random" in text or "uuid" in text) and all(word.isdigit() for word in found)


def renewed(lease: Lease, old: Wire | None) -> Wire:
    """A session that waits for its first statement."""
    if old is not None:
        with suppress(OSError), closing(old):
            pass
    wire = encrypted(lease)
    wire.send(startup_packet(named(lease)))
    heard = authenticate(wire, lease)
    assert heard[-1].kind == "Z", heard[-1].fields
    wire.query(f"set statement_timeout = '{PATIENCE}'")
    return wire


def said(wire: Wire, text: str, *, extended: bool) -> Heard:
    """All replies; what is held is withdrawn."""
    if extended:
        return wire.play(run(text.rstrip().rstrip(";"), binary=True), SYNC)
    return wire.play(frames.build_query(text.encode()))


def outcome(heard: Heard) -> str:
    """In a word."""
    if heard.requests:
        return "held and withdrawn"
    error: Any = next((each.fields for each in heard if each.kind == "E"), None)
    if error is None:
        return "ran"
    ours = error.get("R", "").startswith("gov")
    if not ours:
        shown = f" ({error['C']})" if error["C"] in ("42501", "57014") else ""
        return f"failed in the database{shown}"
    return {"42501": "denied", "0A000": "not understood (0A000)", "54001": "too complex"}.get(
        error["C"], f"refused ({error['C']})"
    )


if __name__ == "__main__":
    sys.exit(main())

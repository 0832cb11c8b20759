"""Plays what runs as the owner, with somebody who says yes; run by hand it plays all and says how each failed.

    python tests/bypass/elevated.py
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

if __name__ == "__main__":  # its neighbours, as pytest would find them
    sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from bypass.canaries import leaked, planted
from bypass.corpus import EXTENDED, SIMPLE, Attempt, attempts
from bypass.standing import standing
from gov.client.api import Broker
from gov.control.requests import ApproveAsk
from gov.demo.process import clean_environment
from gov.demo.sign_in import sign_in
from gov.protocol import frames
from live import door
from live.wire import SYNC, Heard, Lease, dialled, run

ELEVATED = list(attempts("attacks/elevated.sql"))
OWNED = "run as the owner"
"""In the detail of an error whose words are ours."""


def elevated(attempt: Attempt, lease: Lease, yes: Callable[[str], object], form: str) -> tuple[bytes, Heard]:
    """Every byte that came back, and the replies; what is held is approved."""
    said = Heard()
    with dialled(lease) as wire:
        for text in attempt.messages:
            messages = frames.build_query(text.encode()) if form == SIMPLE else run(text) + SYNC
            said += wire.play(messages, held=yes)
        return bytes(wire.heard), said


_HAS_SSN = "SELECT 1 FROM pg_attribute WHERE attrelid = 'public.customers'::regclass AND attname = 'ssn'"


def undone(admin: psycopg.Connection) -> None:
    """Take away what an attempt that succeeded has made."""
    admin.execute("SET lock_timeout = '5s'")
    for what in ("DROP CONSTRAINT IF EXISTS one_of_them", "ALTER notes DROP NOT NULL"):
        admin.execute(f"ALTER TABLE public.customers {what}")
    for what in ("RULE", "TRIGGER"):
        admin.execute(f"DROP {what} IF EXISTS one_of_them ON public.orders")
    for what in ("TRIGGER", "POLICY"):
        admin.execute(f"DROP {what} IF EXISTS one_of_them ON public.customers")
    admin.execute("ALTER TABLE public.customers DISABLE ROW LEVEL SECURITY")
    if admin.execute(_HAS_SSN).rowcount:
        admin.execute("ALTER TABLE public.customers DROP COLUMN IF EXISTS one_of_them CASCADE")
    else:
        admin.execute("ALTER TABLE public.customers RENAME COLUMN one_of_them TO ssn")
    for what in ("INDEX", "STATISTICS", "FUNCTION", "MATERIALIZED VIEW", "VIEW", "TABLE"):
        with suppress(psycopg.errors.WrongObjectType):
            admin.execute(f"DROP {what} IF EXISTS public.one_of_them")


def _all() -> Iterator[str]:
    """A line for each attempt in each form; what leaks is said."""
    with standing() as stage, psycopg.connect(stage.cluster.admin_dsn_of("shop"), autocommit=True) as admin:
        base = clean_environment() | {"PATH": _path()}
        lease = door.credentials(base | sign_in(stage, "dave"), "--scope", "admin", "--reason", "a test")
        with Broker.current(base | sign_in(stage, "bob")) as bob, planted(admin):
            for attempt in ELEVATED:
                for form in (SIMPLE, EXTENDED):
                    heard, said = elevated(attempt, lease, lambda each: bob.approve(each, ApproveAsk()), form)
                    owned = sum(OWNED in each.fields.get("D", "") for each in said if each.kind == "E")
                    undone(admin)
                    bob.sync("prod")
                    word = "LEAKED" if leaked(heard) else "ok"
                    yield f"{word:<7}{attempt.name:<13}{form:<9}{' '.join(said.states or said.tags):<18}" + (
                        f"{'as the owner' if owned else '':<13}{attempt.why}"
                    )


def _path() -> str:
    """Where our own `gov` is found."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def main() -> int:
    """Play all; 1 when a value came back."""
    bad = 0
    for line in _all():
        print(line, flush=True)
        bad += line.startswith("LEAKED")
    print(f"{len(ELEVATED)} attempts, {bad} leaks")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

"""The non-interference gate: two databases that differ only in masked values answer byte for byte alike.

    python tests/bypass/interference.py [--only NAME…]

Every statement of both corpora is played three times over one demo: with values A behind the masks, with
values B, and with A again. What A and A answer differently (transaction ids, times, plans with their cost in
milliseconds) is nobody's secret and is counted as unsteady; what A and B answer differently is interference.
A and B agree in what a mask shows and in length, and in nothing else: order, duplicates and content differ.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import psycopg

from bypass.corpus import Attempt, attempts
from bypass.playing import play
from bypass.standing import alices, standing
from gov.demo.stage import Stage
from live.wire import Heard, Lease, dialled

MASKED = ("email", "ssn", "phone", "dob", "credit_card")
VALUES = {
    "A": """email = 'z' || lpad((id * 7919 % 99991)::text, 5, 'a') || 'm@q'
        || lpad(id::text, 5, 'h') || 'h.example',
      ssn = lpad((id % 899 + 100)::text, 3, '0') || '-' || lpad((id % 89 + 10)::text, 2, '0') || '-'
        || lpad((id % 9000 + 1000)::text, 4, '0'),
      phone = '+1 873 ' || lpad((id % 900 + 100)::text, 3, '0') || ' 4455',
      dob = date '1777-03-01' + id % 28,
      credit_card = '4' || lpad((id * 31 % 999983)::text, 11, '0') || '7734'""",
    "B": """email = 'z' || lpad(((10007 - id) / 3)::text, 5, 'k') || 'w@q'
        || lpad((id % 17)::text, 5, 'p') || 'v.example',
      ssn = lpad((899 - id % 800)::text, 3, '0') || '-' || '11' || '-' || lpad((9999 - id % 5000)::text, 4, '0'),
      phone = '+1 ' || lpad((999 - id % 800)::text, 3, '0') || ' 214 4455',
      dob = date '1801-07-01' + (id * 7) % 25,
      credit_card = '4' || lpad((id % 41)::text, 11, '5') || '7734'""",
}
"""By name, what the masked columns hold."""
EXCEPTIONS: dict[str, str] = {}
"""Attempts that may tell A from B, and why. Each stands in docs/threat-model.md as well."""
_FLEETING = re.compile(
    rb"rq-[0-9a-z]+|ss-[0-9a-z]+|gov_l_[0-9a-z_]+|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*(?:[+-]\d\d|Z)?"
)
"""What is new each time: ids of requests and sessions, the names of lease roles, moments."""

Admin = psycopg.Connection[Any]
LeaseFor = Callable[[str], Lease]
Answers = dict[tuple[str, str], bytes]
"""By name of the attempt and form, every reply."""


@dataclass
class Findings:
    """What came of comparing."""

    compared: int = 0
    unsteady: list[tuple[str, str]] = field(default_factory=list)
    different: list[tuple[str, str]] = field(default_factory=list)
    excepted: list[tuple[str, str]] = field(default_factory=list)


def fill(admin: Admin, values: str) -> None:
    """Let the masked columns hold `values`, a key of VALUES; rows stay where they are on disk."""
    admin.execute(f"UPDATE public.customers SET {VALUES[values]}")
    admin.execute("VACUUM (FULL, ANALYZE) public.customers")


def kept(admin: Admin) -> str:
    """A table with the values of now, to `restore` from."""
    admin.execute(f"CREATE TEMP TABLE kept AS SELECT id, {', '.join(MASKED)} FROM public.customers")
    return "kept"


def restore(admin: Admin) -> None:
    """The values that were `kept`."""
    pairs = ", ".join(f"{name} = kept.{name}" for name in MASKED)
    admin.execute(f"UPDATE public.customers SET {pairs} FROM kept WHERE kept.id = customers.id")
    admin.execute("DROP TABLE kept")
    admin.execute("CLUSTER public.customers USING customers_pkey")  # the join has put the rows in an order of its own
    admin.execute("ALTER TABLE public.customers SET WITHOUT CLUSTER")
    admin.execute("ANALYZE public.customers")


def answers(chosen: Sequence[Attempt], lease_for: LeaseFor, values: dict[str, str]) -> Answers:
    """What each of `chosen` is answered, in every form."""
    heard: Answers = {}
    for attempt in chosen:
        lease = lease_for(attempt.scope)
        for played in play(attempt, lease, values, around=attempt.scope == "write"):
            heard[attempt.name, played.form] = settled(played.replies)
    return heard


def settled(replies: Heard) -> bytes:
    """All replies in one, without what is new each time."""
    whole = b"".join(each.kind.encode() + len(each.body).to_bytes(4) + each.body for each in replies)
    return _FLEETING.sub(b"?", whole) if _FLEETING.search(whole) else whole


def compare(first: Answers, other: Answers, again: Answers) -> Findings:
    """A, B and A once more."""
    found = Findings()
    for key, answer in first.items():
        found.compared += 1
        if answer != again[key]:
            found.unsteady.append(key)
        elif answer != other[key]:
            (found.excepted if key[0] in EXCEPTIONS else found.different).append(key)
    return found


def gate(admin: Admin, chosen: Sequence[Attempt], lease_for: LeaseFor, values: dict[str, str]) -> Findings:
    """The whole comparison; the database is left as it was.

    Raises:
        AssertionError: A and B differ in what the masks show, so nothing can be concluded.
    """
    kept(admin)
    try:
        heard = {}
        shown = {}
        for name in ("A", "B", "A again"):
            fill(admin, name[0])
            with dialled(lease_for("read")) as wire:
                shown[name] = wire.query("select * from customers order by id limit 100").rows
            heard[name] = answers(chosen, lease_for, values)
        assert shown["A"], "no row is shown at all"
        assert shown["A"] == shown["B"], "the masks show more than they should, or A and B differ in it"
        return compare(heard["A"], heard["B"], heard["A again"])
    finally:
        restore(admin)


def corpora() -> Iterator[Attempt]:
    """Attacks that read, and all that honest clients send."""
    yield from attempts(*(f"attacks/{name}.sql" for name in (
        "values", "names", "copies", "functions", "catalogs", "errors")), "harmless")  # fmt: skip


def main() -> int:
    """Run the gate over a demo of its own; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="attempts such as `errors-12`")
    args = parser.parse_args()
    chosen = [each for each in corpora() if not args.only or each.name in args.only]
    with standing() as stage:
        found = _over(stage, chosen)
    print(f"{len(chosen)} attempts, {found.compared} answers compared")
    for name, pairs in (("unsteady", found.unsteady), ("excepted", found.excepted), ("DIFFERENT", found.different)):
        print(f"{name}: {len(pairs)} {' '.join('/'.join(each) for each in pairs)}")
    return 1 if found.different else 0


def _over(stage: Stage, chosen: Sequence[Attempt]) -> Findings:
    file = stage.directory / "canary.txt"
    file.write_text("a file on the host\n")
    values = {"file": str(file), "owned": str(stage.directory / "owned.txt")}
    with psycopg.connect(stage.cluster.admin_dsn_of("shop"), autocommit=True) as admin:
        return gate(admin, chosen, cache(partial(alices, stage)), values)


if __name__ == "__main__":
    sys.exit(main())

"""The non-interference gate: two databases that differ only in masked values answer byte for byte alike.

    python tests/bypass/interference.py [--only NAME…] [--allow-everything]

Every statement of both corpora is played three times over one demo: with values A behind the masks, with
values B, and with A again. What A and A answer differently (transaction ids, times, plans with their cost in
milliseconds) is nobody's secret and is counted as unsteady; what A and B answer differently is interference.
A and B agree in what a mask shows and in length, and in nothing else: order, duplicates and content differ.
Values A hold words of the canaries, and no byte of those comes back either. With `--allow-everything` the broker's
analysis vouches for everything, and the masked views are asked by name: then privileges are all there is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from bypass import kinds
from bypass.canaries import leaked
from bypass.corpus import Attempt, attempts
from bypass.playing import Behind, Seats, behind, play
from bypass.standing import Lax, alices, somebody, standing
from gov.demo.stage import Stage
from gov.protocol.frames import Cursor
from live.wire import Heard, Lease, Reply, dialled

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
MOST = 16 << 20
"""Bytes of replies that are heard: where the rest is cancelled, it is cut at another place each time."""
EXCEPTIONS = {
    "existence": "a constraint says that a value is there",
    "estimates": "a plan says how many different values there may be",
}
"""Why attempts of the corpus may tell A from B. Each stands in docs/threat-model.md as well."""
_FLEETING = re.compile(
    rb"rq-[0-9a-z]+|ss-[0-9a-z]+|gov_l_[0-9a-z_]+|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*(?:[+-]\d\d|Z)?"
    rb"|time=[\d.]+|[\d.]+ ms|(?<=Time\": )[\d.]+"
)
"""What is new each time: ids of requests and sessions, the names of lease roles, moments, how long a step took."""
_SEQUENCES = """SELECT setval(pg_get_serial_sequence('public.' || name, 'id'), last)
  FROM (SELECT 'customers', max(id) FROM public.customers UNION ALL SELECT 'orders', max(id) FROM public.orders) AS
    made (name, last)"""
"""Numbers that an attempt has drawn and rolled back are drawn again."""

Admin = psycopg.Connection[Any]
LeaseFor = Callable[[str], Lease]
ViewsFor = Callable[[Lease], Behind]
Answer = tuple[bytes, ...]
"""Every reply."""
Answers = dict[tuple[str, str], Answer]
"""By name of the attempt and form."""


@dataclass
class Findings:
    """What came of comparing."""

    compared: int = 0
    unsteady: list[tuple[str, str]] = field(default_factory=list)
    different: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[tuple[str, str], tuple[Answer, Answer]] = field(default_factory=dict)
    """With A and with B, of those."""
    excepted: list[tuple[str, str]] = field(default_factory=list)


def fill(admin: Admin, values: str, file: Path) -> None:
    """Let the masked columns hold `values`, a key of VALUES; rows stay where they are on disk."""
    kinds.fill(admin, values, file)
    admin.execute(f"UPDATE public.customers SET {VALUES[values]}")
    admin.execute("VACUUM (FULL, ANALYZE) public.customers")
    admin.execute(_SEQUENCES)


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


def answers(
    chosen: Sequence[Attempt], lease_for: LeaseFor, values: dict[str, str], views: ViewsFor | None = None
) -> Answers:
    """What each of `chosen` is answered, in every form."""
    heard: Answers = {}
    with closing(Seats()) as seats:
        for attempt in chosen:
            lease, around = lease_for(attempt.scope), attempt.scope == "write"
            beside = views(lease) if views else None
            for played in play(attempt, lease, values, around=around, behind=beside, seats=seats, most=MOST):
                heard[attempt.name, played.form] = settled(played.replies)
                if found := leaked(played.heard):
                    raise AssertionError(f"{attempt.name}, {played.form}: {found}")
    return heard


def settled(replies: Heard) -> Answer:
    """The replies without what is new each time, nor how long that was."""
    bodies = [(each.kind.encode(), _steady(each)) for each in replies]
    return tuple(kind + len(body).to_bytes(4) + body for kind, body in bodies)


def _steady(reply: Reply) -> bytes:
    if not _FLEETING.search(reply.body):
        return reply.body
    if reply.kind != "D":
        return _FLEETING.sub(b"?", reply.body)
    cursor = Cursor(reply.body)
    count = cursor.int16()
    values = [count.to_bytes(2)]
    for _ in range(count):
        length = cursor.int32()
        value = _FLEETING.sub(b"?", cursor.take(max(length, 0)))
        values += [(length if length < 0 else len(value)).to_bytes(4, signed=True), value]
    return b"".join(values)


def compare(first: Answers, other: Answers, again: Answers, excepted: Collection[str] = ()) -> Findings:
    """A, B and A once more; attempts of the names `excepted` may differ."""
    found = Findings()
    for key, answer in first.items():
        found.compared += 1
        if (apart := told_apart(answer, other[key], again[key])) is None:
            found.unsteady.append(key)
        elif apart:
            (found.excepted if key[0] in excepted else found.different).append(key)
            found.answers[key] = answer, other[key]
    return found


def told_apart(first: Answer, other: Answer, again: Answer) -> bool | None:
    """Whether A and B are answered differently; None where A is not even answered like A.

    What A is answered in another order each time (rows of a catalog, by where they lie) is compared without its order.
    """
    if first == again:
        return first != other
    if sorted(first) == sorted(again):
        return sorted(first) != sorted(other)
    return None


def gate(
    admin: Admin, chosen: Sequence[Attempt], lease_for: LeaseFor, values: dict[str, str], file: Path,
    views: ViewsFor | None = None,
) -> Findings:
    """The whole comparison, where the kinds stand and `file` is theirs; the shop is left as it was.

    With `views` everything is about the masked views by their own names: nothing else shows anything where no
    analysis puts them into the place of their tables.

    Raises:
        AssertionError: A and B differ in what the masks show, so nothing can be concluded.
    """
    kept(admin)
    admin.execute("ALTER SYSTEM SET autovacuum = off")
    admin.execute("SELECT pg_reload_conf()")
    try:
        found = _round(admin, chosen, lease_for, values, file, views)
        if suspects := {name for name, _ in found.different}:
            # Rows of a catalog may have changed places between the two: what tells values apart does so again.
            again = _round(admin, [each for each in chosen if each.name in suspects], lease_for, values, file, views)
            found.unsteady += [key for key in found.different if key not in again.different]
            found.different = again.different
        return found
    finally:
        admin.execute("ALTER SYSTEM RESET autovacuum")
        admin.execute("SELECT pg_reload_conf()")
        restore(admin)


def _round(
    admin: Admin, chosen: Sequence[Attempt], lease_for: LeaseFor, values: dict[str, str], file: Path,
    views: ViewsFor | None,
) -> Findings:
    heard: dict[str, Answers] = {}
    shown: dict[str, list[tuple[str | None, ...]]] = {}
    for name in ("A", "B", "A again"):
        fill(admin, name[0], file)
        shown[name] = seen(lease_for("read"), views(lease_for("read")) if views else None)
        heard[name] = answers(chosen, lease_for, values, views)
    assert shown["A"], "no row is shown at all"
    assert shown["A"] == shown["B"], "the masks show more than they should, or A and B differ in it"
    excepted = {each.name for each in chosen if each.excepted in EXCEPTIONS}
    return compare(heard["A"], heard["B"], heard["A again"], excepted)


def seen(lease: Lease, views: Behind | None) -> list[tuple[str | None, ...]]:
    """What the masks show of everything that is different behind them."""
    with dialled(lease) as wire:
        if views:
            wire.query(views.path)
        rows = wire.query("select * from customers order by id limit 100").rows
        for name in kinds.SHOWN:
            text = f"select x::text from (select * from kinds.{name}) x order by 1"
            rows += wire.query(views.named(text) if views else text).rows
    return rows


def corpora() -> Iterator[Attempt]:
    """Attacks that read, and all that honest clients send."""
    yield from attempts(*(f"attacks/{name}.sql" for name in (
        "values", "names", "copies", "functions", "catalogs", "errors", "newer", "kinds")), "harmless")  # fmt: skip


def main() -> int:
    """Run the gate over a demo of its own; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="attempts such as `errors-12`")
    parser.add_argument("--allow-everything", action="store_true", help="with an analysis that vouches for everything")
    args = parser.parse_args()
    chosen = [each for each in corpora() if not args.only or each.name in args.only]
    if args.allow_everything:
        chosen = [each for each in chosen if not each.gateway_only]
    with standing(Lax if args.allow_everything else Stage) as stage:
        found = _over(stage, chosen)
    print(f"{len(chosen)} attempts, {found.compared} answers compared")
    for name, pairs in (("unsteady", found.unsteady), ("excepted", found.excepted), ("DIFFERENT", found.different)):
        print(f"{name}: {len(pairs)} {' '.join('/'.join(each) for each in pairs)}")
    for key in found.different[:5]:
        for values, answer in zip("AB", found.answers[key], strict=True):
            print(f"{'/'.join(key)} {values}: {b''.join(answer)[-1500:]!r}")
    return 1 if found.different else 0


def _over(stage: Stage, chosen: Sequence[Attempt]) -> Findings:
    canary, file = stage.directory / "canary.txt", Path("/tmp") / f"gov-kinds-{uuid4().hex}.csv"
    canary.write_text("a file on the host\n")
    values = {"file": str(canary), "owned": str(stage.directory / "owned.txt")}
    admin = psycopg.connect(stage.cluster.admin_dsn_of("shop"), autocommit=True)
    with admin, kinds.standing(stage, admin, partial(somebody, stage), file):
        views = partial(cached, {}) if isinstance(stage, Lax) else None
        return gate(admin, chosen, cache(partial(alices, stage)), values, file, views)


def cached(known: dict[str, Behind], lease: Lease) -> Behind:
    """The views of a lease, asked for once."""
    return known.setdefault(lease["pguser"], known.get(lease["pguser"]) or behind(lease))


if __name__ == "__main__":
    sys.exit(main())

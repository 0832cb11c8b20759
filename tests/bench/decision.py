"""What a decision costs, kept and made anew: `python tests/bench/decision.py [--json FILE]`.

Every uncached figure is the whole way of a new text as the gateway goes it: an analyst process and back, facts,
policy, the rewrite to masked views with its proof, and lineage; below it stand the parts. Each text is new,
and medians are shown, beside the best tenth for a busy machine. The targets are those of the design:
2 µs for a kept decision, 0.3 ms for a short new one. Statements of TPC-H come from ../shared/data where that is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import uvloop

from gov.broker.analysis import Analysts
from gov.broker.judge import Subject, judge_studied, studied
from gov.broker.plans import Plans
from gov.demo.cluster import Cluster
from gov.identity.principal import Kind, Principal
from gov.policy.decide import decide
from gov.policy.document import load as load_policy
from gov.policy.outcome import outcome
from gov.policy.situation import Situation
from gov.sql.catalog import Catalog
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.sql.rewrite import rewrite
from gov.target.catalog import load
from gov.terms import Relation, Scope, TargetName
from gov.turn import Judged

TPC_H = Path(__file__).parents[2].parent / "shared" / "data" / "tpc" / "tpc-h.sql"
PATH = ("public",)
WHO = Principal("https://id.example", "alice", "alice", frozenset({"engineering"}), Kind.USER)
SHOP = """
CREATE TABLE customers(id int PRIMARY KEY, full_name text, email text, ssn text, phone text, dob date,
  credit_card text, balance numeric, country text, notes jsonb, created_at timestamptz);
CREATE TABLE orders(id int, customer_id int, amount numeric, status text, created_at timestamptz);
"""
SHORT = {
    "point read, clear columns": "select id, full_name, country from customers where id = 42",
    "point read, masked columns": "select id, email, ssn from customers where id = 42",
    "insert": "insert into orders(id, customer_id, amount) values (1, 2, 3.5)",
    "update": "update orders set status = 'paid' where id = 42",
    "join of two tables": "select c.full_name, sum(o.amount) from customers c join orders o on o.customer_id = c.id"
                          " where c.country = 'NO' group by c.full_name",
}  # fmt: skip
PREFIXES = {
    "ps": "partsupp", "p": "part", "s": "supplier", "l": "lineitem", "o": "orders_h", "c": "customer", "n": "nation",
    "r": "region",
}  # fmt: skip


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="new texts of each statement")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    medium = tpc_h()
    found = uvloop.run(measure(args.rounds, medium, snapshot(medium)))
    print(
        f"{'statement':28} {'bytes':>5} {'kept µs':>8} {'new ms':>7} {'best 10th':>9}"
        "   of it: parse, facts, policy, rewrite (ms)"
    )
    for name, row in found.items():
        parts = "  ".join(f"{row[part]:.3f}" for part in ("parse", "facts", "policy", "rewrite"))
        print(
            f"{name:28} {row['bytes']:5.0f} {row['kept']:8.2f} {row['new']:7.3f} {row['best']:9.3f}   {parts}"
        )
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


async def measure(rounds: int, medium: dict[str, str], catalog: Catalog) -> dict[str, dict[str, float]]:
    """Of each statement, medians."""
    policy = load_policy([("policy.yaml", files("gov.demo").joinpath("policy.yaml").read_text(encoding="utf-8"))])
    content = outcome(policy, WHO, "prod", "production", Scope.WRITE, catalog)
    views = {each.relation: Relation("gov_m_1", each.relation.name) for each in content.masks}
    closing = SimpleNamespace(altering=frozenset(), released={})

    async def known() -> Catalog:
        return catalog

    target = SimpleNamespace(name=TargetName("prod"), catalog=known, closed=frozenset(), closing=closing)
    analysts = Analysts()
    await analysts.start(1)
    house = cast(Any, SimpleNamespace(analysts=analysts, policy=policy, clock=time.time))
    subject = Subject(WHO, cast(Any, target), "production", Scope.WRITE, content, views)
    masked = {each.relation: frozenset({*content.masked_in(each.relation)}) for each in content.masks}
    on = Situation(TargetName("prod"), "production", Scope.WRITE)
    try:
        found = {}
        for name, text in {**SHORT, **medium}.items():
            few = rounds if name in SHORT else max(rounds // 10, 5)
            told = outline(text)
            facts = resolve(told, catalog, PATH)

            async def anew(fresh: str) -> None:
                await judged(house, subject, fresh)

            parts: dict[str, Callable[[], object]] = {
                "parse": lambda text=text: outline(text),
                "facts": lambda told=told: resolve(told, catalog, PATH),
                "policy": lambda facts=facts: decide(policy, WHO, on, facts, content),
                "rewrite": lambda text=text, told=told, facts=facts: rewrite(
                    text, told, facts, catalog, views, masked, PATH
                ),
            }
            took = await times(lambda n, text=text: anew(f"{text} -- {n}"), few)  # type: ignore[misc]
            found[name] = {
                "bytes": float(len(text)),
                "kept": await kept(house, subject, text),
                "new": statistics.median(took), "best": statistics.quantiles(took, n=10)[0],
                **{part: timed(work, few) for part, work in parts.items()},
            }
        return found
    finally:
        await analysts.close()


async def judged(house: Any, subject: Subject, text: str) -> Judged:
    """A text as the gateway judges it."""
    found = await studied(house, subject, text, PATH, tell=True)
    return await judge_studied(house, subject, text, cast(Any, found))


async def kept(house: Any, subject: Subject, text: str) -> float:
    """Microseconds to find the judgment of a text again."""
    plans = Plans()
    plans.put(text, PATH, await judged(house, subject, text))
    many = 20_000
    began = time.perf_counter()
    for _ in range(many):
        plans.get(text, PATH)
    return (time.perf_counter() - began) / many * 1e6


async def times(work: Callable[[int], Awaitable[None]], rounds: int) -> list[float]:
    """Milliseconds that it takes, again and again; the first few times are warm-up."""
    took = []
    for number in range(-3, rounds):
        began = time.perf_counter()
        await work(number)
        if number >= 0:
            took.append((time.perf_counter() - began) * 1e3)
    return took


def timed(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds of a processor, the median."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e3


def tpc_h() -> dict[str, str]:
    """Its statements; none where the file is not there."""
    if not TPC_H.exists():
        return {}
    every = [each.strip() for each in re.split(r";\s*\n", TPC_H.read_text()) if each.strip()]
    return {f"TPC-H {number}": every[number - 1] for number in (1, 2, 5, 9, 21) if number <= len(every)}


def snapshot(statements: dict[str, str]) -> Catalog:
    """The catalog of a database with the shop's tables and those of the statements."""
    columns: dict[str, set[str]] = {}
    for prefix, name in re.findall(r"\b(ps|[pslocnr])_(\w+)", " ".join(statements.values())):
        columns.setdefault(PREFIXES[prefix].replace("orders_h", "orders"), set()).add(f"{prefix}_{name}")
    with tempfile.TemporaryDirectory(prefix="gov-bench-") as directory:
        cluster = Cluster(Path(directory) / "cluster")
        cluster.start()
        try:
            with psycopg.connect(cluster.admin_dsn, autocommit=True) as admin:
                admin.execute(SHOP)
                for table, names in columns.items():
                    wanted = ", ".join(f"{each} text" for each in sorted(names))
                    if table == "orders":
                        admin.execute(f"ALTER TABLE orders {', '.join(f'ADD {each} text' for each in sorted(names))}")
                    else:
                        admin.execute(f"CREATE TABLE {table}({wanted})")
            return asyncio.run(read(cluster.admin_dsn))
        finally:
            cluster.remove()


async def read(dsn: str) -> Catalog:
    """The catalog of a server."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("SET search_path = ''")
        return await load(connection, PATH, connection.info.server_version)


if __name__ == "__main__":
    main()

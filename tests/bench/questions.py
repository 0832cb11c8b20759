"""How long questions to the trail take: `python tests/bench/questions.py --entries 1000000`.

A log of statements as applications send them (many sessions, a few hundred texts, some of a person's own), its
index filled as the broker's indexer does, and then each question as the API asks it: a page of 100 entries,
read from the log and looked at again. Prints the median of five, in milliseconds.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from gov.audit.entry import Entry
from gov.audit.note import SigningKey
from gov.broker import counting
from gov.broker.indexer import bring_up, fillers
from gov.policy.rules import Policy
from gov.store.disk import Files
from gov.store.filters import Filters
from gov.store.index import Index, Writer
from gov.store.journal import Journal
from gov.store.search import search

KEY = SigningKey("bench/gov", bytes(32))
START = 1769860800.0
TABLES = [f"public.t{n}" for n in range(40)]
PAGE = 100


def entries(count: int, seed: int) -> Iterator[Entry]:
    """Statements and their ends, a tenth of a second apart."""
    chance = random.Random(seed)
    session, number, texts = "", 0, [f"select a, b from {table} where id = $1 /* {n} */"
                                     for n in range(10) for table in TABLES]
    for index in range(0, count, 2):
        at = START + index / 20
        if index % 200 == 0:
            session, number, who = f"ss-{index:012d}", 0, f"user{chance.randrange(300)}"
        number += 1
        place = chance.randrange(len(texts))
        own = chance.random() < 0.05
        text = f"select * from {TABLES[place % 40]} where note = 'case {index}'" if own else texts[place]
        table = TABLES[place % 40]
        denied = chance.random() < 0.001
        common = {"principal": who, "subject": f"id-{who}", "issuer": "https://id", "session": session,
                  "lease": f"ls-{session[3:]}", "target": "prod", "environment": "production", "scope": "read",
                  "client": "app from 10.0.0.1:5000", "purpose": ""}
        yield Entry("statement", at, {
            **common, "n": number, "protocol": "extended", "command": "SELECT", "rule": "app-read",
            "rules": ["app-read"],
            "verdict": "deny" if denied else "allow", "effects": ["read"], "reads": [table],
            "columns_read": [f"{table}.a", f"{table}.b"], "policy": "ab" * 32, "lineage": [{
                "exact": True, "sources": [{"column": f"{table}.a"}, {"column": f"{table}.b"}],
                "outputs": [{"identity": [0]}, {"identity": [1]}]}],
        }, {"text": text, "parameters": [str(chance.randrange(50_000))]})
        yield Entry("statement.done", at + 0.01, {
            "session": session, "lease": common["lease"], "subject": common["subject"], "issuer": "https://id",
            "n": number, "statement": index, "rows": 1, "bytes": 60, "duration_ms": 0.8, "sqlstate": "00000",
            "outcome": "done",
        })  # fmt: skip


def write(directory: Path, count: int, seed: int) -> float:
    """Seconds to write the log."""
    began, made = time.monotonic(), entries(count, seed)
    with Journal(directory, KEY, KEY.name) as journal:
        while part := [*islice(made, 20_000)]:
            journal.append_many(part)
            journal.integrate()
    return time.monotonic() - began


def fill(directory: Path, path: Path) -> tuple[float, float]:
    """Seconds to index it, and those of the processor among them."""
    began, busy, writer = time.monotonic(), time.process_time(), Writer(path, fillers())
    while bring_up(writer, Files(directory)):
        pass
    writer.close()
    return time.monotonic() - began, time.process_time() - busy


def median(act: Callable[[], object]) -> float:
    """Milliseconds."""
    times = []
    for _ in range(5):
        began = time.monotonic()
        act()
        times.append((time.monotonic() - began) * 1000)
    return statistics.median(times)


def questions(directory: Path, index: Index, count: int) -> Iterator[tuple[str, float, int]]:
    """(question, milliseconds, answers) of each."""
    read = Files(directory)
    middle = START + count / 40
    asked = {
        "newest page": Filters(),
        "statements of a person": Filters(principal="user7", kind="statement"),
        "a session": Filters(session=f"ss-{count // 2 // 200 * 200:012d}"),
        "who read a column": Filters(read="t7.a", kind="statement"),
        "a column nobody read": Filters(read="t7.zz", kind="statement"),
        "denied, all time": Filters(verdict="deny,refused", kind="statement"),
        "an effect nobody had": Filters(effect="drop,truncate", kind="statement"),
        "a text said once": Filters(text=f"case {count // 4 * 2}"),
        "a text said nowhere": Filters(text="no such text"),
        "a text said everywhere": Filters(text="where id ="),
        "person, column and time": Filters(principal="user7", read="t7.a", since=middle, until=middle + 9000),
        "a page from the middle": Filters(before=count // 2),
        "oldest first, a column": Filters(read="t9.b", kind="statement", oldest=True),
        "what failed": Filters(sqlstate="42501"),
    }
    for name, filters in asked.items():
        found = [*islice(search(read, filters, index), PAGE)]
        yield name, median(lambda filters=filters: [*islice(search(read, filters, index), PAGE)]), len(found)  # type: ignore[misc]
    for name, given in {"gaps": {}, "population": {"size": "25", "seed": "x"}, "unused": {"days": "90"}}.items():
        def ask(name: str = name, given: dict[str, str] = given) -> counting.Rows:
            return counting.count(name, given, Filters(), read, index, Policy(), START + count)

        yield name, median(ask), len(ask()[0])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="gov-questions-"))
    try:
        log, path = directory / "log", directory / "index.db"
        print(f"written   {given.entries:,} entries in {write(log, given.entries, given.seed):.1f} s")
        took, busy = fill(log, path)
        size = sum(each.stat().st_size for each in directory.glob("index.db*")) / 1e6
        print(f"indexed   in {took:.1f} s, {given.entries / took:,.0f} entries/s, {size:.0f} MB; "
              f"{given.entries / busy:,.0f} a second of the processor")
        for name, milliseconds, count in questions(log, Index(path), given.entries):
            print(f"{name:<26}{milliseconds:>10.1f} ms {count:>6} answers", flush=True)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()

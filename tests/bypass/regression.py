"""PostgreSQL's regression statements under the canary check and in the non-interference gate.

    python tests/bypass/regression.py [--statements N] [--minutes M] [FILE]

FILE holds a statement a line as JSON (`{"sql": …}`); it is looked for beside the repository when left out. The
suite's tables are made in a schema of their own as far as its statements make them, `tenk1` and `onek` from what is
known of them, and their texts hold canaries behind masks. Each statement is sent as alice, in read scope; what runs
is sent three times more: once alone, then with other values behind the masks, and with the first ones again. What is
answered differently only then is interference, but for the statements of EXCEPTED. Prints what became of them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from bypass import kinds
from bypass.canaries import leaked, state
from bypass.generated import outcome, renewed
from bypass.interference import Answer, settled, told_apart
from bypass.standing import alices, somebody, standing
from gov.client.api import Broker
from gov.demo.stage import Stage
from live.wire import Lease, Wire

FILE = Path(__file__).parents[2].parent / "shared" / "data" / "postgresql-statements.jsonl"
Admin = psycopg.Connection[Any]
RENEW = 200
"""Statements after which the session is opened anew."""
_MAKES = re.compile(
    r"(?:--[^\n]*\n|\s)*(?:create (?:unlogged )?table|create (?:unique )?index|create domain|create type|insert into"
    r"|alter table)\b",
    re.IGNORECASE,
)
_TEN = """
CREATE TABLE tenk1 AS SELECT n AS unique1, (n * 7 + 3) % {rows} AS unique2, n % 2 AS two, n % 4 AS four, n % 10 AS ten,
  n % 20 AS twenty, n % 100 AS hundred, n % 1000 AS thousand, n % 2000 AS twothousand, n % 5000 AS fivethous,
  n AS tenthous, n * 2 % 200 AS odd, n * 2 % 200 + 1 AS even, ''::text AS stringu1, ''::text AS stringu2,
  (ARRAY['AAAAxx', 'HHHHxx', 'OOOOxx', 'VVVVxx'])[n % 4 + 1]::name AS string4 FROM generate_series(0, {rows} - 1) n;
CREATE UNIQUE INDEX ON tenk1 (unique1); CREATE INDEX ON tenk1 (unique2); CREATE INDEX ON tenk1 (hundred);
"""
_POLICY = """
classify:
  - columns: [regress.tenk1.stringu1, regress.tenk1.stringu2, regress.onek.stringu1, regress.onek.stringu2,
              regress.text_tbl.f1, regress.varchar_tbl.f1, regress.person.name, regress.emp.name]
    as: regress.text
access: []
masking: [{ name: regress-text, data: regress.text, with: redact }]
"""


EXCEPTED = {
    "explain (costs off) select stringu1, count(*) from tenk1 group by stringu1 order by stringu1": "estimates",
}
"""Statements that may tell A from B, and by which exception of the gate's; blanks and a semicolon at the end aside."""


@dataclass
class Findings:
    """What came of the statements."""

    outcomes: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    compared: int = 0
    unsteady: int = 0
    excepted: Counter[str] = field(default_factory=Counter)
    """By their reason, those that may be answered differently and were."""
    different: list[tuple[str, Answer, Answer]] = field(default_factory=list)


def statements(file: Path) -> list[str]:
    """Every statement of the file, once."""
    return list(dict.fromkeys(json.loads(line)["sql"] for line in file.read_text(encoding="utf-8").splitlines()))


def prepare(admin: Admin, texts: Sequence[str]) -> int:
    """Make the suite's tables, owned by the shop's owner; how many of its statements did something."""
    admin.execute("DROP SCHEMA IF EXISTS regress CASCADE")
    admin.execute("CREATE SCHEMA regress AUTHORIZATION shop_owner")
    admin.execute("GRANT USAGE ON SCHEMA regress TO gov_broker WITH GRANT OPTION")
    owner = _owner(admin)
    for name, rows in (("tenk1", 10_000), ("onek", 1_000)):
        owner.execute(_TEN.format(rows=rows).replace("tenk1", name).encode())
    made = 0
    for text in filter(_MAKES.match, texts):
        try:
            owner.execute(text.encode())
            made += 1
        except psycopg.Error:
            if owner.info.transaction_status is not TransactionStatus.IDLE:
                owner.close()
                owner = _owner(admin)
    owner.close()
    admin.execute("ANALYZE")
    return made


def _owner(admin: Admin) -> Admin:
    """A connection that makes tables of the suite as the shop's owner."""
    owner = psycopg.connect(admin.info.dsn, password=admin.info.password, autocommit=True)
    owner.execute("SET ROLE shop_owner")
    owner.execute("SET search_path = regress; SET statement_timeout = '2s'")
    return owner


def fill(admin: Admin, values: str) -> None:
    """Texts behind the masks: canaries for `A`, others of the same length for `B`, which repeat otherwise."""
    word, key = ("qxkind7", "{0}") if values == "A" else ("other88", "9999 - {0} / 3")
    for name in ("tenk1", "onek"):
        first, second = (f"'{word}' || lpad(({key.format(each)})::text, 5, '0')" for each in ("unique1", "unique2"))
        admin.execute(f"UPDATE regress.{name} SET stringu1 = {first}, stringu2 = {second}".encode())
        admin.execute(f"VACUUM (FULL, ANALYZE) regress.{name}".encode())


def over(stage: Stage, texts: Sequence[str], minutes: float) -> Findings:
    """Send all of them, or as many as go in `minutes`, and the gate over what ran."""
    end = time.monotonic() + minutes * 60
    with psycopg.connect(stage.cluster.admin_dsn_of("shop"), autocommit=True) as admin:
        print(f"# {prepare(admin, texts)} statements made tables", file=sys.stderr)
        fill(admin, "A")
        admin.execute("ALTER SYSTEM SET autovacuum = off")
        admin.execute("SELECT pg_reload_conf()")
        with Broker.current(somebody(stage, "bob")) as bob:
            kinds.put(stage, bob, kinds.policy(stage.policy_file.read_text(encoding="utf-8"), _POLICY))
        lease = alices(stage, "read")
        before = state(admin)
        found = Findings()
        all(True for _ in answered(lease, texts, found, end - minutes * 30))
        # By themselves: what failed between them has left transactions in another state.
        first = dict(answered(lease, found.ran, None, end - minutes * 20))
        fill(admin, "B")
        other = dict(answered(lease, list(first), None, end - minutes * 10))
        fill(admin, "A")
        again = dict(answered(lease, list(other), None, end))
        if state(admin)[1:] != before[1:]:
            found.leaks.append("the database is not as before")
    for text in again:
        found.compared += 1
        apart = told_apart(first[text], other[text], again[text])
        found.unsteady += apart is None
        if apart and (reason := EXCEPTED.get(_plain(text))):
            found.excepted[reason] += 1
        elif apart:
            found.different.append((text, first[text], other[text]))
    return found


def _plain(text: str) -> str:
    return " ".join(text.rstrip("; \n").split())


def answered(lease: Lease, texts: Sequence[str], found: Findings | None, end: float) -> Iterator[tuple[str, Answer]]:
    """Each text with all that it was answered; tells `found`, if there is one."""
    wire: Wire | None = None
    for number, text in enumerate(texts):
        if time.monotonic() > end:
            break
        if wire is None or number % RENEW == 0:
            wire = renewed(lease, wire)
            wire.query("set search_path = regress, public")
        wire.forget()
        try:
            heard = wire.query(text)
        except (EOFError, OSError):
            wire = None
            if found:
                found.outcomes["session ended"] += 1
            continue
        if found:
            found.outcomes[what := outcome(heard)] += 1
            found.ran += [text] if what == "ran" else []
            if leaked(bytes(wire.heard)) and not leaked(text.encode()):
                found.leaks.append(text)
        if any(each.kind == "G" for each in heard):
            wire = None
        yield text, settled(heard)
    if wire is not None:
        wire.close()


def main() -> int:
    """The exit status: 1 when a canary came back or something told values apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=FILE, metavar="FILE")
    parser.add_argument("--statements", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=600, help="stop then, with what was sent so far")
    args = parser.parse_args()
    with standing() as stage:
        found = over(stage, statements(args.file)[: args.statements], args.minutes)
    print(f"{sum(found.outcomes.values())} statements: "
          + ", ".join(f"{many} {what}" for what, many in found.outcomes.most_common()))  # fmt: skip
    excepted = ", ".join(f"{many} by `{reason}`" for reason, many in found.excepted.items()) or "0"
    print(f"canaries: {len(found.leaks)}; compared: {found.compared}, unsteady: {found.unsteady},"
          f" excepted: {excepted}, DIFFERENT: {len(found.different)}")  # fmt: skip
    for text in found.leaks[:10]:
        print(f"LEAK: {text}")
    for text, first, other in found.different[:10]:
        print(f"DIFFERENT: {text}\n  A: {b''.join(first)[-600:]!r}\n  B: {b''.join(other)[-600:]!r}")
    return 1 if found.leaks or found.different else 0


if __name__ == "__main__":
    sys.exit(main())

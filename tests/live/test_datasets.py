"""Data sets: approved once, read again and again, by several readers at once; void after a swap."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow.parquet
import pytest

from gov.client.api import Broker
from gov.control.models import LeaseAsk
from live import door

AsUser = Callable[[str], dict[str, str]]


def refused(environment: door.Environment, *words: str) -> tuple[int, str]:
    """The status of `gov WORDS`, and what it complains of."""
    ran = subprocess.run(["gov", *words], env=environment, capture_output=True, text=True, timeout=door.PATIENCE)
    return ran.returncode, ran.stderr


def asked(alice: door.Environment, query: str, *more: str) -> tuple[str, str]:
    """The name of a new data set of alice's, and its request."""
    name = f"set-{uuid4().hex[:8]}"
    said = door.gov(alice, "dataset", "request", name, "--target", "prod", "--purpose", "train:churn", "-c", query,
                    "--json", *more)
    return name, str(json.loads(said)["request"])


@pytest.fixture(name="table")
def _table(admin: psycopg.Connection[Any], as_user: AsUser) -> Iterator[str]:
    """A table of 1,000 rows, some without a key."""
    name = f"points_{uuid4().hex[:8]}"
    admin.execute(f"CREATE TABLE public.{name} AS SELECT nullif(n % 10, 0) * n AS n, 'v' || n AS v"
                  " FROM generate_series(1, 1000) n")
    admin.execute(f"ALTER TABLE public.{name} OWNER TO shop_owner")
    door.gov(as_user("bob"), "broker", "sync", "prod")
    yield name
    admin.execute(f"DROP TABLE public.{name}")
    door.gov(as_user("bob"), "broker", "sync", "prod")


def test_the_life_of_a_data_set(as_user: AsUser, admin: psycopg.Connection[Any], table: str, tmp_path: Path) -> None:
    """Nobody reads it before its approval; then it is read in parts and whole; a swap of its table ends it."""
    alice, query = as_user("alice"), f"select n, v from {table}"
    name, request = asked(alice, query, "--expires", "2d", "--reason", "churn")
    assert refused(alice, "dataset", "export", name, "-o", str(tmp_path / "a.csv"))[0] == 6
    assert refused(as_user("bob"), "approve", request, "--yes")[0] == 4
    assert refused(alice, "dataset", "request", name, "--target", "prod", "--purpose", "train:x", "-c", query)[0] == 2
    door.gov(as_user("carol"), "approve", request, "--yes")

    for number in range(2):
        door.gov(alice, "dataset", "export", name, "-o", str(tmp_path / f"{number}.csv"), "--run-id", f"run:{number}")
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "1.csv").read_bytes()

    parts = tmp_path / "parts"
    door.gov(alice, "dataset", "export", name, "-o", str(parts), "--readers", "3", "--by", "n", "--run-id", "run:2",
             "--croissant")
    rows = [row for path in sorted(parts.glob("*.parquet")) for row in pyarrow.parquet.read_table(path).to_pylist()]
    assert sorted(row["v"] for row in rows) == sorted(f"v{n}" for n in range(1, 1001))
    assert sum(row["n"] is None for row in rows) == 100
    door.gov(alice, "receipt", "verify", str(parts))
    told = json.loads(door.gov(alice, "receipt", "show", str(parts), "--json"))["predicate"]
    assert (told["dataset"], told["run"], told["purpose"], len(told["leases"])) == (name, "run:2", "train:churn", 1)
    assert len(told["files"]) == 4
    assert {one["name"] for each in told["statements"] for one in each["approvals"]} == {"carol"}

    with Broker.current(alice) as broker:
        traced = [each for each in broker.entries(kind="statement", run="run:1").entries if each.fields.get("dataset")]
        used = broker.entries(kind="dataset.used", request=request).entries
    assert [(each.fields["dataset"], each.fields["request"], each.fields["rule"]) for each in traced] == [
        (name, request, "training")]
    assert len(used) == 2 + 1 + 4  # whole twice; then the ends, and each part

    admin.execute(f"ALTER TABLE public.{table} ADD COLUMN later int")
    status, said = refused(alice, "dataset", "export", name, "-o", str(tmp_path / "late.csv"))
    assert (status, "so the approval is void" in said) == (4, True), said
    assert json.loads(door.gov(alice, "dataset", "show", name, "--json"))["state"] == "withdrawn"
    assert not (tmp_path / "late.csv").exists()


def test_whose_it_is_and_what_it_says(as_user: AsUser, tmp_path: Path) -> None:
    """Only its requester and who it is shared with read it; only its own texts are called so in the trail."""
    alice = as_user("alice")
    name, request = asked(alice, "select id from products", "--group", "dba")
    door.gov(as_user("carol"), "approve", request, "--yes")
    door.gov(as_user("bob"), "dataset", "export", name, "-o", str(tmp_path / "shared.csv"))
    assert "not shared with you" in refused(as_user("carol"), "dataset", "export", name, "-o", "x.csv")[1]

    with Broker.current(alice) as broker:
        lease = broker.lease(LeaseAsk(target="prod", dataset=name, purpose="train:churn"))
        root = tmp_path / "root.pem"
        root.write_text(lease.ca)
        with psycopg.connect(host=lease.host, port=lease.port, user=lease.user, password=lease.password,
                             dbname=lease.database, sslmode="verify-full", sslrootcert=str(root),
                             autocommit=True) as connection:  # fmt: skip
            connection.execute("select id from products")
            connection.execute("select id from products limit 1")
        found = broker.entries(kind="statement", lease=lease.lease.id).entries
        broker.end_lease(lease.lease.id)
    assert [each.fields.get("dataset") for each in found] == [name, None]

    assert refused(as_user("carol"), "dataset", "end", name)[0] == 4
    assert name in door.gov(alice, "dataset", "list")
    assert "withdrawn" in door.gov(alice, "dataset", "end", name)
    assert refused(alice, "dataset", "export", name, "-o", str(tmp_path / "late.csv"))[0] == 6
    assert name not in door.gov(alice, "dataset", "list")
    assert name in door.gov(alice, "dataset", "list", "--all")


@pytest.mark.parametrize(("words", "status", "said"), [
    (("--purpose", "sell:it", "-c", "select 1"), 4, "no rule lets alice"),
    (("--purpose", "train:x", "-c", "delete from orders"), 2, "one query that only reads"),
    (("--purpose", "train:x", "-c", "select 1; select 2"), 2, "one query that only reads"),
    (("--purpose", "train:x", "-c", "select 1", "--expires", "soon"), 2, "--expires"),
    (("--purpose", "train:x"), 2, "--query"),
])  # fmt: skip
def test_what_is_refused(as_user: AsUser, words: tuple[str, ...], status: int, said: str) -> None:
    """Another purpose, another effect, or no query."""
    found = refused(as_user("alice"), "dataset", "request", "refused", "--target", "prod", *words)
    assert (found[0], said in found[1]) == (status, True), found

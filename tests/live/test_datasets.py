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
from gov.control.access import LeaseAsk
from gov.control.requests import ApproveAsk, DataSetAsk, DataSetView
from gov.errors import Denied, GovError, NotApproved, UsageError
from gov.receipt import envelope, statement
from live import door

AsUser = Callable[[str], dict[str, str]]


def refused(environment: door.Environment, *words: str) -> tuple[int, str]:
    """The status of `gov WORDS`, and what it complains of."""
    ran = subprocess.run(["gov", *words], env=environment, capture_output=True, text=True, timeout=door.PATIENCE)
    return ran.returncode, ran.stderr


def asked(alice: door.Environment, query: str, **more: Any) -> DataSetView:
    """A new data set of alice's."""
    ask = DataSetAsk(name=f"set-{uuid4().hex[:8]}", target="prod", purpose="train:churn", statement=query, **more)
    with Broker.current(alice) as broker:
        return broker.ask_dataset(ask)


def approved(carol: door.Environment, view: DataSetView) -> tuple[str, str]:
    """Its name and its request, once Carol has said yes."""
    with Broker.current(carol) as broker:
        broker.approve(view.request, ApproveAsk())
    return view.name, view.request


def synced(bob: door.Environment) -> None:
    """The broker knows the tables of now."""
    with Broker.current(bob) as broker:
        broker.sync("prod")


@pytest.fixture(name="table")
def _table(admin: psycopg.Connection[Any], as_user: AsUser) -> Iterator[str]:
    """A table of 1,000 rows, some without a key."""
    name = f"points_{uuid4().hex[:8]}"
    admin.execute(f"CREATE TABLE public.{name} AS SELECT nullif(n % 10, 0) * n AS n, 'v' || n AS v"
                  " FROM generate_series(1, 1000) n")
    admin.execute(f"ALTER TABLE public.{name} OWNER TO shop_owner")
    synced(as_user("bob"))
    yield name
    admin.execute(f"DROP TABLE public.{name}")
    synced(as_user("bob"))


def test_the_life_of_a_data_set(as_user: AsUser, admin: psycopg.Connection[Any], table: str, tmp_path: Path) -> None:
    """Nobody reads it before its approval; then it is read in parts and whole; a swap of its table ends it."""
    alice, query, name = as_user("alice"), f"select n, v from {table}", f"set-{uuid4().hex[:8]}"
    words = ("dataset", "request", name, "--target", "prod", "--purpose", "train:churn", "-c", query, "--json")
    view = DataSetView(**json.loads(door.gov(alice, *words, "--expires", "2d", "--reason", "churn")))
    assert refused(alice, "dataset", "export", name, "-o", str(tmp_path / "a.csv"))[0] == 6
    with Broker.current(as_user("bob")) as bob, pytest.raises(Denied):
        bob.approve(view.request, ApproveAsk())
    with pytest.raises(UsageError, match=f"the data set {name} is pending"), Broker.current(alice) as broker:
        broker.ask_dataset(DataSetAsk(name=name, target="prod", statement=query, purpose="train:x"))
    _, request = approved(as_user("carol"), view)

    door.gov(alice, "dataset", "export", name, "-o", str(tmp_path / "1.csv"), "--run-id", "run:1")
    assert len((tmp_path / "1.csv").read_text().splitlines()) == 1001

    parts = tmp_path / "parts"
    door.gov(alice, "dataset", "export", name, "-o", str(parts), "--readers", "3", "--by", "n", "--run-id", "run:2",
             "--croissant")
    rows = [row for path in sorted(parts.glob("*.parquet")) for row in pyarrow.parquet.read_table(path).to_pylist()]
    assert sorted(row["v"] for row in rows) == sorted(f"v{n}" for n in range(1, 1001))
    assert sum(row["n"] is None for row in rows) == 100
    door.gov(alice, "receipt", "verify", str(parts))
    told = statement.read(envelope.read((parts / "dataset.receipt.json").read_bytes()).payload).predicate
    assert (told["dataset"], told["run"], told["purpose"], len(told["leases"])) == (name, "run:2", "train:churn", 1)
    assert len(told["files"]) == 4
    assert {one["name"] for each in told["statements"] for one in each["approvals"]} == {"carol"}

    with Broker.current(alice) as broker:
        traced = [each for each in broker.entries(kind="statement", run="run:1").entries if each.fields.get("dataset")]
        used = broker.entries(kind="dataset.used", request=request).entries
    assert [(each.fields["dataset"], each.fields["request"], each.fields["rule"]) for each in traced] == [
        (name, request, "training")]
    assert len(used) == 1 + 1 + 4  # whole; then the ends, and each part

    admin.execute(f"ALTER TABLE public.{table} ADD COLUMN later int")
    status, said = refused(alice, "dataset", "export", name, "-o", str(tmp_path / "late.csv"))
    assert (status, "so the approval is void" in said) == (4, True), said
    assert "withdrawn" in door.gov(alice, "dataset", "show", name)
    assert not (tmp_path / "late.csv").exists()


def test_whose_it_is_and_what_it_says(as_user: AsUser, tmp_path: Path) -> None:
    """Only its requester and who it is shared with read it; only its own texts are called so in the trail."""
    alice = as_user("alice")
    name, _ = approved(as_user("carol"), asked(alice, "select id from products", groups=["dba"]))
    ask = LeaseAsk(target="prod", dataset=name, purpose="train:churn")
    with Broker.current(as_user("bob")) as broker:
        broker.end_lease(broker.lease(ask).lease.id)
    with pytest.raises(Denied, match="not shared with you"), Broker.current(as_user("carol")) as broker:
        broker.lease(ask)

    with Broker.current(alice) as broker:
        lease = broker.lease(ask)
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

    assert name in door.gov(alice, "dataset", "list")
    assert "withdrawn" in door.gov(alice, "dataset", "end", name)
    with Broker.current(alice) as broker:
        assert [name in [each.name for each in broker.datasets(all=every)] for every in (False, True)] == [False, True]
        with pytest.raises(NotApproved):
            broker.lease(ask)


@pytest.mark.parametrize(("purpose", "query", "error", "said"), [
    ("sell:it", "select 1", Denied, "no rule lets alice"),
    ("", "select 1", UsageError, "is for a purpose"),
    ("train:x", "delete from orders", UsageError, "one query that only reads"),
    ("train:x", "select 1; select 2", UsageError, "one query that only reads"),
    ("train:x", "copy customers to program 'x'", Denied, "no-server-files"),
])  # fmt: skip
def test_what_is_refused(as_user: AsUser, purpose: str, query: str, error: type[GovError], said: str) -> None:
    """Another purpose, another effect, or no query."""
    ask = DataSetAsk(name="refused", target="prod", statement=query, purpose=purpose)
    with pytest.raises(error, match=said), Broker.current(as_user("alice")) as broker:
        broker.ask_dataset(ask)

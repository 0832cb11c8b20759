"""The use of budgets outlives the broker, is counted once however many take at a time, and becomes free again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gov.store.budgets import SPANS, Budgets, Use
from gov.store.database import Database

DAY = 86400.0
NOON = 1_800_000_000.0


def opened(path: Path) -> Budgets:
    """The budgets of the store at `path`, as a broker that starts finds them."""
    return Budgets(Database(f"sqlite:///{path / 'state.db'}"))


def test_what_was_set_aside_counts_after_a_kill(tmp_path: Path) -> None:
    """Nothing was closed or given back: another broker on the same store goes on from there."""
    assert opened(tmp_path).take("i alice", "b", 700, 1000, DAY, NOON)[0] == 700
    again = opened(tmp_path)

    assert again.use("i alice", "b", NOON).used == 700
    frees_at = again.use("i alice", "b", NOON).frees_at
    assert again.take("i alice", "b", 700, 1000, DAY, NOON) == (300, Use(1000, frees_at))
    assert again.take("i alice", "b", 1, 1000, DAY, NOON)[0] == 0
    assert again.take("i bob", "b", 1, 1000, DAY, NOON)[0] == 1
    assert again.take("i alice", "other", 1, 1000, DAY, NOON)[0] == 1


def test_no_more_than_there_are_however_many_take_at_once(tmp_path: Path) -> None:
    """Sessions and brokers that take at the same time never take a row twice."""
    stores = [opened(tmp_path) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        taken = [*pool.map(lambda n: stores[n % 3].take("i alice", "b", 7, 100, DAY, NOON)[0], range(30))]

    assert sum(taken) == 100
    assert stores[0].use("i alice", "b", NOON).used == 100


def test_rows_are_free_again_when_their_time_is_over(tmp_path: Path) -> None:
    """Never before: at the end of the span in which they were seen, a whole `per` later."""
    budgets = opened(tmp_path)
    budgets.take("i alice", "b", 60, 100, DAY, NOON)
    budgets.take("i alice", "b", 40, 100, DAY, NOON + DAY / 2)
    frees_at = budgets.use("i alice", "b", NOON).frees_at

    assert frees_at is not None
    assert NOON + DAY < frees_at <= NOON + DAY + DAY / SPANS
    assert budgets.use("i alice", "b", frees_at - 1).used == 100
    assert budgets.use("i alice", "b", frees_at).used == 40
    assert budgets.take("i alice", "b", 100, 100, DAY, frees_at)[0] == 60


def test_what_was_not_shown_is_given_back(tmp_path: Path) -> None:
    """And never more than was taken."""
    budgets = opened(tmp_path)
    budgets.take("i alice", "b", 50, 100, DAY, NOON)
    budgets.take("i alice", "b", 50, 100, DAY, NOON + DAY / 2)
    budgets.give_back("i alice", "b", 70)
    assert budgets.use("i alice", "b", NOON + DAY / 2).used == 30
    budgets.give_back("i alice", "b", 500)
    assert budgets.use("i alice", "b", NOON + DAY / 2) == Use(0, None)

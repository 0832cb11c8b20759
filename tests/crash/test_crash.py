"""A small sample of the crash harness, and proof that it would find what it looks for; `run.py` plays hundreds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crash import planted
from crash.invariants import Watcher
from crash.plants import PLANTS
from crash.run import Plot, played, plot, told
from crash.stage import Stage
from crash.steps import BY_NAME, STEPS

SAMPLE = (
    Plot(90_001, BY_NAME["issue.role-made"], 1, "broker", ("reads", "writes")),
    Plot(90_002, BY_NAME["use.on-disk"], 1, "power", ("writes", "blocked")),
    Plot(90_003, BY_NAME["hold.waiting"], 1, "broker", ("pairs",)),
    Plot(90_004, BY_NAME["approval.recording"], 1, "power", ("submits",)),
    Plot(90_005, BY_NAME["approval.spent"], 1, "broker", ("lends", "reads")),
    Plot(90_006, BY_NAME["one-shot.compared"], 1, "broker", ("lends",)),
    Plot(90_007, BY_NAME["one-shot.views-dropped"], 1, "cut", ("alters",)),
    Plot(90_008, BY_NAME["one-shot.committed"], 1, "postgres", ("alters",)),
    Plot(90_009, BY_NAME["revoke.fenced"], 1, "broker", ("killed",)),
    Plot(90_010, BY_NAME["revoke.dropped"], 1, "cut", ("writes",)),
    Plot(90_011, BY_NAME["sweep.listed"], 1, "analyst", ("left-over",)),
    Plot(90_012, BY_NAME["start.withdrawing"], 1, "broker", ("restarts",)),
)
QUICKEST = ("no-doubt",)
"""Bugs whose finding needs no waiting; `planted.py` plants all of them."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage of this module's own."""
    stage = Stage(tmp_path_factory.mktemp("crash"))
    with stage.unhurt():
        yield stage


def test_every_promise_holds_whatever_is_killed(stage: Stage) -> None:
    """Twelve seeds, one for each part of a lease's life, with the faults that are hardest there."""
    stage.new_site()
    watcher = Watcher(stage)
    reports = [played(stage, watcher, each) for each in SAMPLE]
    assert [told(each) for each in reports if each.findings] == []
    missed = [told(each) for each in reports if not each.reached]
    assert len(missed) <= len(reports) // 4, missed  # a step may pass by before the fault is due, and that is no harm


@pytest.mark.parametrize("name", QUICKEST)
def test_a_planted_bug_is_found(stage: Stage, name: str) -> None:
    """The harness is not blind."""
    stage.kill_broker()
    try:
        assert planted.caught(stage, name)
    finally:
        stage.plant = ""


def test_a_seed_says_everything() -> None:
    """The same seed is the same plot, and so many seeds as there are steps go through all of them."""
    assert plot(7) == plot(7)
    assert {plot(seed).step.name for seed in range(len(STEPS))} == set(BY_NAME)
    assert all(each.step in BY_NAME and each.scene in _scenes() for each in PLANTS.values())


def test_every_step_is_a_function_of_the_product() -> None:
    """A step whose function was renamed would never come by."""
    import importlib

    for step in STEPS:
        module, _, path = step.where.partition(":")
        found: object = importlib.import_module(f"gov.{module}")
        for name in path.split("."):
            found = getattr(found, name)
        assert callable(found), step.name


def _scenes() -> set[str]:
    from crash.scenes import SCENES

    return set(SCENES)



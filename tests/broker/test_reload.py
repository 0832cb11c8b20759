"""A policy is taken up when it is whole and recorded; else the last good one stays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from broker.rig import Rig, kinds
from gov.broker.reload import PolicyWatch, policy_of
from gov.errors import ConfigError

Played = Callable[[Awaitable[Any]], Any]


def edit(rig: Rig, old: str, new: str) -> None:
    """Change the policy file."""
    file = rig.directory / "policy.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_a_new_policy_is_recorded_and_in_force(rig: Rig, played: Played) -> None:
    """Its version counts up, so that cached decisions are made anew."""

    async def story() -> None:
        async with rig.house() as house:
            watch, before = PolicyWatch(house), house.policy.digest
            edit(rig, "max_ttl: 8h", "max_ttl: 7h")
            await watch.reload()
            assert house.policy.digest != before
            assert (house.policy_version, house.policy_error) == (2, None)

    played(story())
    assert kinds(rig.directory) == ["policy.loaded"]


def test_the_same_policy_in_other_words_changes_nothing(rig: Rig, played: Played) -> None:
    """A comment is no new policy."""

    async def story() -> None:
        async with rig.house() as house:
            edit(rig, "version: 1", "# a comment\nversion: 1")
            await PolicyWatch(house).reload()
            assert house.policy_version == 1

    played(story())
    assert kinds(rig.directory) == []


@pytest.mark.parametrize("text", ["", "version: 1\nbogus: 1\n", "access: [", "\x00", "version: 9\n"])
def test_a_broken_one_is_refused_once_and_mended_by_itself(rig: Rig, played: Played, text: str) -> None:
    """The reason is kept for status; the same mistake is recorded once, not with every look."""

    async def story() -> None:
        async with rig.house() as house:
            watch, good = PolicyWatch(house), (rig.directory / "policy.yaml").read_text()
            before = house.policy
            (rig.directory / "policy.yaml").write_text(text)
            await watch.reload()
            await watch.reload()
            assert house.policy is before
            assert house.policy_error is not None
            assert "policy.yaml" in house.policy_error
            (rig.directory / "policy.yaml").write_text(good)
            await watch.reload()
            assert house.policy_error is None

    played(story())
    assert kinds(rig.directory) == ["policy.refused"]


def test_a_file_that_is_gone(rig: Rig, played: Played) -> None:
    """No file is no policy that allows nothing: the last good one stays."""

    async def story() -> None:
        async with rig.house() as house:
            (rig.directory / "policy.yaml").unlink()
            await PolicyWatch(house).reload()
            assert house.policy_error is not None
            assert house.policy.access

    played(story())


def test_what_cannot_be_recorded_is_not_in_force_yet(rig: Rig, played: Played) -> None:
    """The trail fails: the old policy stays, and the new one comes with the trail."""

    async def story() -> None:
        async with rig.house() as house:
            watch, before = PolicyWatch(house), house.policy
            edit(rig, "max_ttl: 8h", "max_ttl: 7h")
            house.trail._refusal = "the disk is gone"
            await watch.reload()
            assert house.policy is before
            assert "not in force yet" in (house.policy_error or "")
            house.trail._refusal = ""
            await watch.reload()
            assert house.policy is not before
            assert house.policy_error is None

    played(story())


def test_a_change_is_seen_by_itself(rig: Rig, played: Played) -> None:
    """Nobody has to send a signal."""

    async def story() -> None:
        async with rig.house() as house:
            watching = asyncio.create_task(PolicyWatch(house).run())
            await asyncio.sleep(0)
            edit(rig, "max_ttl: 8h", "max_ttl: 7h")
            while house.policy_version == 1:  # noqa: ASYNC110 - it comes from another task
                await asyncio.sleep(0.05)
            watching.cancel()

    played(story())


def test_a_policy_that_is_not_text(tmp_path: Path) -> None:
    """It says where, without a traceback."""
    (tmp_path / "policy.yaml").write_bytes(b"version: \xff")

    with pytest.raises(ConfigError, match="not UTF-8 at byte 9"):
        policy_of([tmp_path / "policy.yaml"], ())

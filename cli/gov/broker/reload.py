"""Policy from its files: at start or not at all, later only when the new one is whole.

A broken file at start is refused with its lines. Later the last good policy stays in force, the
refusal is recorded, and `gov broker status` says so until the files are right again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from gov.broker import entries
from gov.broker.config import read
from gov.broker.house import House
from gov.broker.notifying import check_known
from gov.errors import ConfigError, Unavailable
from gov.policy import render
from gov.policy.document import load
from gov.policy.rules import Policy

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at the files."""

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Inode, size and modification time of each file; None for one that cannot be looked at."""


def policy_of(files: Sequence[Path], webhooks: Collection[str]) -> Policy:
    """The policy in `files`, of a broker that has these webhooks.

    Raises:
        ConfigError: a file cannot be read or what they say is wrong, line by line.
    """
    policy = load([(str(path), read(path)) for path in files])
    check_known(policy, webhooks)
    return policy


class PolicyWatch:
    """Looks after the policy of a house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._files = house.config.policy
        self._stamp = self._look()
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Reload whenever a file has changed, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._look() != self._stamp:
                await self.reload()

    async def reload(self) -> None:
        """Take the files up if they hold a policy, and leave everything as it is if not."""
        async with self._lock:
            # The stamp is from before reading: a change in between is seen by the next look.
            stamp = self._look()
            try:
                await self._take(policy_of(self._files, self._house.config.webhooks))
            except ConfigError as error:
                self._refuse(error)
            except Unavailable as error:
                # A policy that no record names is not put in force. The next look tries again.
                self._house.policy_error = f"not in force yet: {error.what}"
                return
            self._stamp = stamp

    async def _take(self, policy: Policy) -> None:
        house = self._house
        if policy.digest != house.policy.digest:
            version = house.policy_version + 1
            entry = entries.policy_loaded(
                house.clock(), policy=policy.digest, version=version, files=[*map(str, self._files)],
                document=render.text(policy),
            )  # fmt: skip
            await house.trail.durable(house.trail.record(entry))
            house.policy, house.policy_version = policy, version
            house.policy_loaded_at = house.clock()
            house.notifying.follow(policy)
            log.info("policy %s is in force", policy.digest[:12])
            await house.leases.reconsider()
        house.policy_error = None

    def _refuse(self, error: ConfigError) -> None:
        house = self._house
        complaints = error.detail or error.what
        log.error("the policy is refused, the last good one stays:\n%s", complaints)
        if complaints == house.policy_error:
            return
        house.policy_error = complaints
        entry = entries.policy_refused(
            house.clock(),
            policy=house.policy.digest,
            version=house.policy_version,
            files=[*map(str, self._files)],
            complaints=complaints,
        )
        try:
            house.trail.record(entry)
        except Unavailable as fault:
            log.error("the refusal could not be recorded: %s", fault)

    def _look(self) -> Stamp:
        return tuple(map(_stamp, self._files))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns

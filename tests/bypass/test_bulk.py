"""Whoever may read some values in the clear gets no more of them at once than policy says, without somebody's yes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from bypass.corpus import Attempt, attempts
from bypass.playing import play
from live import door
from live.wire import Lease

BULK = list(attempts("attacks/bulk.sql"))
MOST = 100
"""`rows_over` of the demo's rule bulk-pii-export."""
_ADDRESS = re.compile(rb"zqxmail7(\d+)m")


@pytest.fixture(scope="module")
def clear(as_user: Callable[[str], dict[str, str]]) -> Lease:
    """Carol's, for whom addresses are clear."""
    return door.credentials(as_user("carol"))


@pytest.mark.parametrize("attempt", BULK, ids=lambda each: each.name)
def test_no_more_than_the_bound_is_shown(
    attempt: Attempt, clear: Lease, canaries: psycopg.Connection[Any], files: dict[str, str]
) -> None:
    """However it is packed, estimated or cut up: a hundred people at most, and what has more is held or stopped."""
    for played in play(attempt, clear, files):
        shown = set(_ADDRESS.findall(played.heard))
        assert len(shown) <= MOST, f"{len(shown)} people, {attempt.why}, {played.form}"
        assert played.stopped, f"{attempt.why}, {played.form}: {played.replies.tags}"

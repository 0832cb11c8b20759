"""A demo to be attacked, and leases on it: what the tests of the live gateway have, and one with little room."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from gov.demo.process import clean_environment
from gov.demo.sign_in import sign_in
from hostile.arena import Narrow
from live import door
from live.conftest import admin, leased, reader, wire, writer, writing  # noqa: F401 - fixtures
from live.wire import Lease


@pytest.fixture(scope="session")
def other(leased: Callable[..., Lease]) -> Lease:  # noqa: F811
    """Bob's lease: a neighbour's."""
    return leased("bob")


@pytest.fixture(scope="session")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Narrow]:
    """A demo whose limits are low."""
    stage = Narrow(tmp_path_factory.mktemp("narrow"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STARTUP_WITHIN", str(Narrow.STARTUP_WITHIN))
        stage.up(lambda line: None)
    yield stage
    stage.down()


@pytest.fixture(scope="session")
def narrow_lease(narrow: Narrow) -> Callable[[str], Lease]:
    """Call it with a name for a lease there."""
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    @cache
    def lease(user: str) -> Lease:
        return door.credentials(clean_environment() | path | sign_in(narrow, user))

    return lease

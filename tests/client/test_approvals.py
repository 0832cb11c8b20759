"""Waiting for an answer without a session, and what is left when somebody stops."""

from __future__ import annotations

import signal
from typing import Any, cast

import pytest

from gov.client import approvals
from gov.client.api import Broker
from gov.control.requests import Submitted, UnmaskAsk

ASK = UnmaskAsk(target="prod", columns=["customers.email"], reason="x")


class Interrupted:
    """A broker whose answer comes after the signal."""

    def __init__(self, number: signal.Signals) -> None:
        self._number = number
        self.withdrawn: list[str] = []

    def unmask(self, ask: UnmaskAsk) -> Submitted:
        """The request is open, the signal comes, and only then is its id known."""
        signal.raise_signal(self._number)
        return Submitted(verdict="hold", reasons=[], request="rq-1", state="pending", expires_at="")

    def withdraw(self, request: str) -> Any:
        """Note it."""
        self.withdrawn.append(request)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_amid_the_asking_withdraws_what_was_asked(number: signal.Signals) -> None:
    """However early it comes, no request is left that nobody waits for; handlers are as they were."""

    def ended(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(number, ended)
    broker = Interrupted(number)
    try:
        with pytest.raises(SystemExit):
            approvals.unmasked(cast(Broker, broker), ASK)
        assert signal.getsignal(number) is ended
    finally:
        signal.signal(number, before)
    assert broker.withdrawn == ["rq-1"]

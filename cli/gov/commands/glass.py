"""`--break-glass`: whatever is held goes ahead alone, on a word that was said beforehand."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg

from gov.control.requests import ApproveAsk
from gov.errors import GovError, UsageError
from gov.ui.hold import HELD, Hold

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.errors import Diagnostic

    from gov.client.api import Broker

CANCEL_WITHIN = 5.0
"""Seconds."""


def check(reason: str, *, break_glass: bool, no_wait: bool, request: str) -> None:
    """Raise UsageError where `--break-glass` lacks a reason, or goes with what waits for somebody else."""
    if break_glass and not reason.strip():
        raise UsageError("--break-glass owes a reason", hint="--break-glass --reason TEXT")
    if break_glass and no_wait:
        raise UsageError("--break-glass waits for nobody, so --no-wait says nothing", hint="leave one of them out")
    if break_glass and request:
        hint = f"gov approve {request} --break-glass --reason TEXT, and then: gov exec TARGET --request {request}"
        raise UsageError("--request runs what is approved already", hint=hint)


class Glass:
    """Answers what is held on one connection; what the broker says against it is kept for whoever runs it."""

    def __init__(self, broker: Broker, reason: str) -> None:
        self._broker, self._reason = broker, reason
        self.refused: GovError | None = None

    def hears(self, notice: Diagnostic, connection: Connection[Any]) -> None:
        """Go ahead with the statement that `notice` says is held; where that is refused, cancel it."""
        if notice.sqlstate != HELD:
            return
        hold = Hold.of(notice.message_primary or "", notice.context, notice.message_detail)
        try:
            self._broker.approve(hold.request, ApproveAsk(reason=self._reason, break_glass=True))
        except GovError as error:
            self.refused = error
            with suppress(psycopg.Error):  # it may be over by now
                connection.cancel_safe(timeout=CANCEL_WITHIN)

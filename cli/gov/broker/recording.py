"""The audit entries of one session: each says whose it is, and what is the same in many is encoded once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gov.audit.entry import Entry
from gov.audit.form import Form
from gov.broker.cursors import Cursors
from gov.errors import GovError
from gov.terms import Effect
from gov.turn import Record

if TYPE_CHECKING:
    from gov.approval.request import Request
    from gov.broker.house import House
    from gov.broker.judge import Subject
    from gov.lease.lease import Lease
    from gov.terms import SessionId

FORMS = 512
"""Texts whose part of an audit entry is kept encoded."""
HEAVIEST = 1 << 22
"""Characters of all these parts: 4 MiB, or so. The lineage of a wide text alone can have 64 KiB."""


class Recording:
    """The part of one session that writes what its statements do."""

    def __init__(self, house: House, lease: Lease, subject: Subject, session_id: SessionId) -> None:
        self.house = house
        self._common = _common(lease, subject, session_id)
        # What stands in the entry before a statement is not said again behind it.
        brief = {name: self._common[name] for name in ("session", "lease", "subject", "issuer")}
        self._behind = Form("statement.done", brief)
        self._lifted = _lifted(house, lease)
        self._cursors = Cursors()
        self._forms: dict[int, tuple[Mapping[str, object], Form]] = {}
        self._octets = 0

    def record(self, need: Record) -> int:
        """Write an entry of this session; its index. Raises Unavailable."""
        shared = need.shared
        if shared is None or Effect.CURSOR not in shared.get("effects", ()):  # type: ignore[operator]
            return self._write(need, need.fields)
        text = str(need.payload.get("text"))
        index = self._write(need, {**need.fields, **self._cursors.of(text)})
        self._cursors.declared(text, index, shared)
        return index

    def _write(self, need: Record, fields: Mapping[str, object]) -> int:
        payload, lifted = need.payload, self._lifted
        if lifted and "unmasked" in (need.shared or ()) and "approved_by" not in fields and "error" not in payload:
            yes, alone = lifted.approved_by, lifted.break_glass
            fields = {**fields, "approved_by": [each.approver.subject for each in yes]}
            payload = {**payload, "approvers": [each.approver.display for each in yes]}
            if alone is not None:
                fields = {**fields, "break_glass": alone.alone}
        return self.house.trail.record(Entry(need.kind, self.house.clock(), fields, payload, self._form(need)))

    def _form(self, need: Record) -> Form:
        """What the entry shares with others: all that is said of the session, and of the statement's text."""
        if need.kind != "statement":
            return self._behind
        shared = need.shared or {}
        known = self._forms.get(id(shared))
        if known is None or known[0] is not shared:
            if len(self._forms) >= FORMS or self._octets > HEAVIEST:
                self._forms.clear()
                self._octets = 0
            known = self._forms[id(shared)] = shared, Form(need.kind, {**self._common, **shared})
            self._octets += known[1].octets
        return known[1]


def _lifted(house: House, lease: Lease) -> Request | None:
    """On whose word this lease sees values without their masks: a statement that does runs on it."""
    if not lease.approval:
        return None
    try:
        return house.desk.get(lease.approval)
    except GovError:  # the entry names the request anyway
        return None


def _common(lease: Lease, subject: Subject, session_id: SessionId) -> dict[str, object]:
    """What every entry of a session says."""
    who = lease.principal
    approval: dict[str, object] = {"approval": lease.approval} if lease.approval else {}
    return {
        "session": session_id, "lease": lease.id, "principal": who.name, "subject": who.subject,
        "issuer": who.issuer, "agent": who.agent, "target": lease.target, "environment": subject.environment,
        "scope": lease.scope.value, "client": subject.client, "purpose": lease.purpose,
        "run": lease.run,
    } | approval

"""Every kind of audit entry, and for each of its fields who may keep it for how long.

PUBLIC fields stand in the leaf and stay as long as the log. PERSONAL and SECRET ones go to the salted
payload beside it, which retention may erase. Whatever is not named here is SECRET: a field that
somebody forgot to classify can be erased, and never reaches a tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Sensitivity(StrEnum):
    """How far a field may travel."""

    PUBLIC = "public"  # names of our own making and of the schema: ids, rules, columns, counts
    PERSONAL = "personal"  # says who somebody is, or is in their own words
    SECRET = "secret"  # noqa: S105 - holds or may hold values of the database


def _fields(*, public: str = "", personal: str = "", hidden: str = "") -> Mapping[str, Sensitivity]:
    classes = ((public, Sensitivity.PUBLIC), (personal, Sensitivity.PERSONAL), (hidden, Sensitivity.SECRET))
    return {name: sensitivity for names, sensitivity in classes for name in names.split()}


_WHO = "subject issuer agent"
"""Opaque ids of the issuer's: the accountable person or service, and the agent that acts for them."""

KINDS: Mapping[str, Mapping[str, Sensitivity]] = {
    "broker.started": _fields(public="version policy targets origin recovered", personal="host"),
    "broker.stopped": _fields(public="version because"),
    "policy.loaded": _fields(public="policy version files roles", personal="principal document"),
    "policy.refused": _fields(public="policy version files", hidden="complaints"),
    "login": _fields(public=f"{_WHO} kind groups expires_at", personal="principal client"),
    "login.refused": _fields(public="times", personal="client because"),
    "lease.created": _fields(
        public=f"{_WHO} lease target environment scope role profile rule purpose run dataset request"
        " created_at expires_at unmasked approval break_glass",
        personal="principal reason client groups",
    ),
    "lease.refused": _fields(
        public=f"{_WHO} target environment scope rule purpose", personal="principal reason reasons client"
    ),
    "lease.ended": _fields(public=f"{_WHO} lease target scope role state by", personal="principal because"),
    "session.opened": _fields(
        public=f"{_WHO} session lease target environment scope role backend_pid protocol tls database"
        " purpose run",
        personal="principal client application",
    ),
    "session.refused": _fields(
        public=f"{_WHO} session lease target scope role sqlstate", personal="principal client because"
    ),
    "session.closed": _fields(
        public=f"{_WHO} session lease target scope statements rows bytes duration_ms sqlstate",
        personal="principal client because",
    ),
    "statement": _fields(
        public=f"{_WHO} session lease target environment scope n protocol command verdict rule rules"
        " effects reads writes columns_read columns_written functions masks clear_sensitive request"
        " approved_by rewritten purpose run dataset policy catalog one_shot max_rows cursors lineage unmasked approval"
        " row_filters budgets break_glass",
        personal="principal client approvers reasons",
        hidden="text parameters types unknown digest outputs lineage_by_column",
    ),
    "statement.done": _fields(
        public="session lease subject issuer n statement rows bytes duration_ms sqlstate outcome relayed digests",
        hidden="error original notices copied",
    ),
    "receipt": _fields(
        public=f"{_WHO} receipt target environment purpose run dataset statements envelope key digests",
        personal="principal",
        hidden="files document",
    ),
    "request.opened": _fields(
        public=f"{_WHO} request target environment scope rule rules approver_groups count session lease"
        " relations effects purpose dataset created_at expires_at unmask",
        personal="principal reason reasons requested_by",
        hidden="text parameters digest definitions facts",
    ),
    "request.answered": _fields(
        public=f"{_WHO} request target environment scope rule rules relations effects dataset unmask yes state"
        " max_rows by by_issuer requester break_glass",
        personal="principal reason approver requested_by",
    ),
    "request.ended": _fields(
        public=f"{_WHO} request target environment scope rule rules relations effects dataset unmask state by",
        personal="principal because requested_by",
    ),
    "request.spent": _fields(
        public=f"{_WHO} request target session lease approved_by max_rows break_glass",
        personal="principal approvers",
        hidden="digest",
    ),
    "dataset.used": _fields(
        public=f"{_WHO} request dataset target session lease approved_by max_rows",
        personal="principal approvers",
        hidden="digest",
    ),
    "kill": _fields(public=f"{_WHO} leases sessions by target", personal="principal user"),
    "log.read": _fields(
        public=f"{_WHO} what entries index path", personal="principal filters", hidden="text"
    ),
    "ship.lagging": _fields(public="to format behind", hidden="error"),
    "ship.caught_up": _fields(public="to format behind", hidden="error"),
    "notify.failed": _fields(public="webhook entry event request tries", hidden="error"),
    "log.erased": _fields(public=f"{_WHO} first end ranges of policy", personal="principal reason"),
    "key.changed": _fields(public=f"{_WHO} old new", personal="principal reason"),
    "key.retired": _fields(public=f"{_WHO} key", personal="principal reason"),
    "schema.changed": _fields(public="target relations version request statement command"),
    "schema.released": _fields(public=f"{_WHO} target relations", personal="principal"),
    "schema.synced": _fields(public=f"{_WHO} target relations version", personal="principal"),
    "columns.accepted": _fields(public=f"{_WHO} target columns how", personal="principal"),
    "role.swept": _fields(public="target role lease because"),
}
"""Kind to field to sensitivity. `log.erased` covers the payloads of entries first ≤ index < end, or of the `ranges`
that it names among them."""

PUBLIC: Mapping[str, frozenset[str]] = {
    kind: frozenset(name for name, sensitivity in fields.items() if sensitivity is Sensitivity.PUBLIC)
    for kind, fields in KINDS.items()
}
"""The fields of each kind that stand in the leaf: the hot path's one look-up."""


def sensitivity(kind: str, field: str) -> Sensitivity:
    """How far this field may travel; SECRET for whatever nobody classified."""
    return KINDS.get(kind, {}).get(field, Sensitivity.SECRET)

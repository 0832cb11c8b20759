"""Which entries somebody asks for, and whether an entry is one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from gov.audit.columns import covers, ends
from gov.audit.facets import CLEAR, READ, TABLES, WRITTEN, values, words_of
from gov.audit.kinds import KINDS
from gov.store.log import Found


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are asked for; all that are given must hold. Names are as in the API's query."""

    column: str | None = None
    """`public.customers.email`, or the end of it: `customers.email`."""
    table: str | None = None
    principal: str | None = None
    """A name, a subject, or an agent."""
    agent: str | None = None
    target: str | None = None
    session: str | None = None
    lease: str | None = None
    request: str | None = None
    kind: str | None = None
    """A kind, or the first word of several: `request`, `lease`. Several with commas between them."""
    verdict: str | None = None
    """`allow`, `deny`, `hold`, `refused`; several with commas between them."""
    sqlstate: str | None = None
    """How a statement ended: an entry `statement.done` has it."""
    effect: str | None = None
    """One of the statement's effects: `delete`, `copy_out`; several with commas: one of them."""
    read: str | None = None
    """A column that was read, however masked."""
    clear: str | None = None
    """A sensitive column that was read with no mask; `*`: any."""
    file: str | None = None
    """The digest (SHA-256, hex) of a file or of a receipt."""
    rule: str | None = None
    purpose: str | None = None
    run: str | None = None
    """A training run or a job, as `--run-id` named it."""
    since: float | None = None
    until: float | None = None
    """Seconds since the epoch; `since` inclusive, `until` exclusive."""
    text: str | None = None
    """A part of what was said: of a statement, a parameter, an error, a reason."""
    limit: int | None = None
    after: int | None = None
    """Entries with a larger index only: for following the log."""
    before: int | None = None
    """Entries with a smaller index only: for the next page."""
    oldest: bool = False
    """Oldest first."""
    subject: str | None = None
    """Only entries of this subject: what somebody who is no auditor may see."""
    issuer: str | None = None
    """Together with `subject`."""


FILTERS = frozenset(each.name for each in fields(Filters))
"""What may be asked for, by name."""


_EQUAL = ("target", "session", "lease", "request", "agent", "purpose", "run", "sqlstate")
_DIGESTS = ("file", "digests", "receipt")


def holds(found: Found, asked: Filters) -> bool:
    """Whether the entry is what is asked for."""
    stated = found.leaf.fields
    return (
        all(getattr(asked, name) in (None, stated.get(name)) for name in _EQUAL)
        and _is_between(found, asked)
        and (asked.kind is None or any(_is_a(found.leaf.kind, each) for each in asked.kind.split(",")))
        and (asked.verdict is None or stated.get("verdict") in asked.verdict.split(","))
        and (asked.subject is None or _is_owned(stated, asked.subject, asked.issuer))
        and (asked.effect is None or not set(asked.effect.split(",")).isdisjoint(stated.get("effects") or ()))
        and (asked.rule is None or asked.rule == stated.get("rule") or asked.rule in (stated.get("rules") or ()))
        and (asked.column is None or _has_column(stated, (READ, WRITTEN), asked.column))
        and (asked.read is None or _has_column(stated, (READ,), asked.read))
        and (asked.clear is None or _has_column(stated, (CLEAR,), asked.clear))
        and (asked.file is None or any(asked.file in values(stated.get(name)) for name in _DIGESTS))
        and (asked.table is None or _touches_table(stated, asked.table))
        and (asked.principal is None or _is_of(found, asked.principal))
        and (not asked.text or asked.text.casefold() in words_of(found.payload() or {}))
    )


def _is_between(found: Found, asked: Filters) -> bool:
    leaf = found.leaf
    return (
        (asked.since is None or leaf.at >= datetime.fromtimestamp(asked.since, UTC))
        and (asked.until is None or leaf.at < datetime.fromtimestamp(asked.until, UTC))
        and (asked.after is None or leaf.index > asked.after)
        and (asked.before is None or leaf.index < asked.before)
    )


def _is_a(kind: str, asked: str) -> bool:
    return kind == asked or (asked not in KINDS and kind.startswith(f"{asked}."))


def _is_owned(stated: Mapping[str, Any], subject: str, issuer: str | None) -> bool:
    return stated.get("subject") == subject and issuer in (None, stated.get("issuer"))


def _has_column(stated: Mapping[str, Any], names: tuple[str, ...], column: str) -> bool:
    return any(column == "*" or covers(touched, column) for name in names for touched in stated.get(name) or ())


def _touches_table(stated: Mapping[str, Any], table: str) -> bool:
    return any(ends(touched, table) for name in TABLES for touched in stated.get(name) or ())


def _is_of(found: Found, principal: str) -> bool:
    if principal in (found.leaf.fields.get("subject"), found.leaf.fields.get("agent")):
        return True
    return principal == (found.payload() or {}).get("principal")

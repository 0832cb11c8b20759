"""How many rows a statement would return or change, as PostgreSQL's planner sees it.

Planning runs functions and takes locks, so it happens on a connection of its own: as a role with what the requester's
lease would have (for a write what an approval would lend), in a read-only transaction, within a second, and for nothing
that calls code of the database's users. The client's own session, its transaction and locks are not touched.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from gov.broker import upstream
from gov.broker.exchange import Exchange, own
from gov.errors import GovError
from gov.policy.decision import Outcome
from gov.sql.facts import Facts
from gov.sql.rewrite import identifier
from gov.target.oneshot import Lent, Planning
from gov.target.target import Target
from gov.terms import Effect

WITHIN = "1s"
"""How long the planner may take, and wait for locks."""
WRITES = frozenset({Effect.INSERT, Effect.UPDATE, Effect.DELETE, Effect.MERGE})


def can_be(facts: Facts) -> bool:
    """Whether the planner can be asked: one query or write, and every function in it is vouched for."""
    plain = facts.effects <= WRITES | {Effect.READ}
    return bool(facts.effects) and plain and facts.count == 1 and not facts.called and not facts.unknown


async def rows(target: Target, outcome: Outcome, facts: Facts, sent: str, search_path: tuple[str, ...]) -> int | None:
    """The planner's estimate for `sent`; None: not estimated."""
    if not can_be(facts):
        return None
    try:
        ticket = await target.one_shot(Lent(outcome) if facts.effects & WRITES else Planning(outcome))
    except GovError:
        return None
    try:
        link = await upstream.connect(ticket.upstream, {"application_name": "gov:estimate"})
        try:
            return _count(await _planned(link.exchange, sent, search_path))
        finally:
            link.close()
    except GovError:
        return None
    finally:
        with suppress(GovError):  # what stays is swept
            await asyncio.shield(target.drop_one_shot(ticket))


async def lines(
    target: Target, outcome: Outcome, facts: Facts, sent: str, search_path: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """The estimate as a (label, text) line for approvers; none where there is nothing to plan."""
    if not can_be(facts):
        return ()
    found = await rows(target, outcome, facts, sent, search_path)
    return (("rows", "not estimated" if found is None else f"about {found:,}, the planner estimates"),)


async def _planned(exchange: Exchange, sent: str, search_path: tuple[str, ...]) -> str:
    path = ", ".join(identifier(schema) for schema in search_path if schema != "pg_catalog") or "''"
    await own(exchange, "BEGIN READ ONLY")
    for name, value in (("search_path", path), ("statement_timeout", f"'{WITHIN}'"), ("lock_timeout", f"'{WITHIN}'")):
        await own(exchange, f"SET LOCAL {name} = {value}")
    generic = "GENERIC_PLAN, " if "$" in sent else ""
    return await own(exchange, f"EXPLAIN ({generic}FORMAT JSON) {sent}")


def _count(plan: str) -> int | None:
    """Rows that the writes of a plan change, or without one those that it returns."""
    try:
        top = json.loads(plan)[0]["Plan"]
        changed = [int(row["Plan Rows"]) for row in _changing(top)]
        return sum(changed) if changed else int(top["Plan Rows"])
    except (ValueError, LookupError, TypeError):
        return None


def _changing(top: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes that feed a ModifyTable, which says by itself how many rows it returns and not how many it changes."""
    waiting = [top]
    while waiting:
        node = waiting.pop()
        below = node.get("Plans", [])
        waiting.extend(below)
        if node["Node Type"] == "ModifyTable":
            yield from (each for each in below if each.get("Parent Relationship") == "Outer")

"""How many rows of each budget a person has seen, in spans of time.

Rows are set aside before they are relayed, in one transaction that is on the disk when it returns: whatever ends
the broker then, they count as seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Connection, Float, Integer, String, Table, and_, delete, func, insert, select, update

from gov.store.database import METADATA, Database

USE = Table(
    "gov_budget_use",
    METADATA,
    Column("person", String, primary_key=True),
    Column("budget", String, primary_key=True),
    Column("since", Float, primary_key=True),
    Column("until", Float, nullable=False),
    Column("rows", Integer, nullable=False),
)
SPANS = 24
"""Into how many spans a budget's time is cut: what was seen in one of them is free again when all of it is past."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a person has used of a budget by now."""

    used: int
    frees_at: float | None = None
    """When the first of it is free again, in seconds since the epoch; None when nothing is used."""


class Budgets:
    """The use of every budget. A budget is known by its name: one of another name begins anew."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, person: str, budget: str, most: int, limit: int, per: float, now: float) -> tuple[int, Use]:
        """Set aside up to `most` rows of `limit` in `per` seconds; how many, and what is used then.

        Raises:
            Unavailable: The store does not take it, so nothing is set aside.
        """
        with self._database.write() as connection:
            connection.execute(delete(USE).where(and_(USE.c.person == person, USE.c.until <= now)))
            use = _use(connection, person, budget, now)
            taken = max(min(most, limit - use.used), 0)
            if taken:
                _add(connection, person, budget, taken, per, now)
        return taken, Use(use.used + taken, use.frees_at)

    def give_back(self, person: str, budget: str, rows: int) -> None:
        """So many rows that were set aside last were not shown.

        Raises:
            Unavailable: The store does not take it; they count as seen then.
        """
        with self._database.write() as connection:
            spans = connection.execute(
                select(USE.c.since, USE.c.rows).where(and_(USE.c.person == person, USE.c.budget == budget))
                .order_by(USE.c.since.desc())
            ).all()
            for since, there in spans:
                less = min(rows, there)
                rows -= less
                here = and_(USE.c.person == person, USE.c.budget == budget, USE.c.since == since)
                connection.execute(update(USE).where(here).values(rows=there - less))
                if not rows:
                    break

    def use(self, person: str, budget: str, now: float) -> Use:
        """What is used now.

        Raises:
            Unavailable: The store does not answer.
        """
        with self._database.read() as connection:
            return _use(connection, person, budget, now)


def _use(connection: Connection, person: str, budget: str, now: float) -> Use:
    counts = and_(USE.c.person == person, USE.c.budget == budget, USE.c.until > now, USE.c.rows > 0)
    used, first = connection.execute(select(func.sum(USE.c.rows), func.min(USE.c.until)).where(counts)).one()
    return Use(int(used or 0), first)


def _add(connection: Connection, person: str, budget: str, rows: int, per: float, now: float) -> None:
    span = per / SPANS
    since = now // span * span
    here = and_(USE.c.person == person, USE.c.budget == budget, USE.c.since == since)
    if connection.execute(update(USE).where(here).values(rows=USE.c.rows + rows)).rowcount == 0:
        connection.execute(insert(USE).values(
            person=person, budget=budget, since=since, until=since + span + per, rows=rows
        ))

"""Which tables are released for a migration that does not come through gov, and who said so."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Column, String, Table, and_, delete, insert, select

from gov.store.database import METADATA, Database
from gov.terms import Relation, TargetName

RELEASES = Table(
    "gov_releases",
    METADATA,
    Column("target", String, primary_key=True),
    Column("schema", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("by", String, nullable=False),
)


class Releases:
    """Every table that is released now: a broker that starts in the middle of a migration must not open it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, target: TargetName) -> dict[Relation, str]:
        """The released tables of a target, each with who released it.

        Raises:
            Unavailable: The store does not answer.
        """
        with self._database.read() as connection:
            rows = connection.execute(select(RELEASES).where(RELEASES.c.target == target)).mappings().all()
        return {Relation(row["schema"], row["name"]): row["by"] for row in rows}

    def put(self, target: TargetName, relations: Mapping[Relation, str]) -> None:
        """Release these too.

        Raises:
            Unavailable: The store does not take it.
        """
        with self._database.write() as connection:
            for relation, by in relations.items():
                here = and_(
                    RELEASES.c.target == target, RELEASES.c.schema == relation.schema,
                    RELEASES.c.name == relation.name,
                )
                connection.execute(delete(RELEASES).where(here))
                connection.execute(insert(RELEASES).values(
                    target=target, schema=relation.schema, name=relation.name, by=by
                ))

    def clear(self, target: TargetName) -> None:
        """Nothing is released on a target any more.

        Raises:
            Unavailable: The store does not take it.
        """
        with self._database.write() as connection:
            connection.execute(delete(RELEASES).where(RELEASES.c.target == target))

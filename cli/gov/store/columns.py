"""Which columns of classified tables are accepted, for each target."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Column, String, Table, and_, delete, insert, select

from gov.policy.accepted import Accepted
from gov.store.database import METADATA, Database, Document
from gov.terms import Relation, TargetName

COLUMNS = Table(
    "gov_columns",
    METADATA,
    Column("target", String, primary_key=True),
    Column("schema", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("document", String, nullable=False),
)
_DOCUMENT = Document(Accepted)


class Columns:
    """Every accepted column there is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, target: TargetName) -> dict[Relation, Accepted]:
        """Everything that is accepted on a target.

        Raises:
            Unavailable: The store does not answer.
        """
        with self._database.read() as connection:
            rows = connection.execute(select(COLUMNS).where(COLUMNS.c.target == target)).mappings().all()
        return {Relation(row["schema"], row["name"]): _DOCUMENT.read(row["document"]) for row in rows}

    def put(
        self, target: TargetName, accepted: Mapping[Relation, Accepted], gone: Collection[Relation] = ()
    ) -> None:
        """Keep these in place of what was known of their tables, and forget the tables `gone`.

        Raises:
            Unavailable: The store does not take it.
        """
        with self._database.write() as connection:
            for relation in {*accepted, *gone}:
                connection.execute(delete(COLUMNS).where(and_(
                    COLUMNS.c.target == target, COLUMNS.c.schema == relation.schema, COLUMNS.c.name == relation.name,
                )))
            for relation, each in accepted.items():
                connection.execute(insert(COLUMNS).values(
                    target=target, schema=relation.schema, name=relation.name, document=_DOCUMENT.write(each),
                ))

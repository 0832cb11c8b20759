"""The nouns that everything here speaks of. One word for one thing.

Values only: frozen, hashable, and ignorant of where they are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

TargetName = NewType("TargetName", str)
"""A database that gov governs, by the name its configuration gives it: `prod`."""
LeaseId = NewType("LeaseId", str)
"""`ls-` and 12 characters of Crockford's base32, lower case."""
SessionId = NewType("SessionId", str)
"""`ss-` and 12 characters."""
RequestId = NewType("RequestId", str)
"""`rq-` and 6 characters: short, because people type it."""
StatementDigest = NewType("StatementDigest", str)
"""SHA-256, hex, of what was approved: see `approval.binding`."""


class Scope(StrEnum):
    """How much a lease may do. Each scope includes the one before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Effect(StrEnum):
    """What a statement does. A closed vocabulary; a statement has a set of them, from any depth."""

    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    TRUNCATE = "truncate"
    CREATE = "create"
    ALTER = "alter"
    DROP = "drop"
    GRANT = "grant"  # GRANT and REVOKE, default privileges too
    ROLE = "role"  # CREATE/ALTER/DROP ROLE, SET ROLE, SET SESSION AUTHORIZATION
    COPY_IN = "copy_in"
    COPY_OUT = "copy_out"
    SERVER_FILE = "server_file"  # reads or writes a file of the database host
    PROGRAM = "program"  # runs a program on the database host
    NETWORK = "network"  # opens a connection from the database host
    CALL = "call"  # CALL, DO and functions nobody vouched for
    SESSION = "session"  # SET, RESET, SHOW, DISCARD
    TRANSACTION = "transaction"
    LOCK = "lock"
    MAINTENANCE = "maintenance"  # VACUUM, ANALYZE, REINDEX, CLUSTER, CHECKPOINT
    NOTIFY = "notify"  # NOTIFY, LISTEN, UNLISTEN
    CURSOR = "cursor"
    PREPARE = "prepare"
    EXPLAIN = "explain"
    UNKNOWN = "unknown"


_READ = frozenset({
    Effect.READ, Effect.COPY_OUT, Effect.SESSION, Effect.TRANSACTION,
    Effect.EXPLAIN, Effect.CURSOR, Effect.PREPARE,
})
_WRITE = _READ | {Effect.INSERT, Effect.UPDATE, Effect.DELETE, Effect.MERGE, Effect.COPY_IN, Effect.LOCK}
DDL = frozenset({Effect.CREATE, Effect.ALTER, Effect.DROP, Effect.TRUNCATE, Effect.MAINTENANCE})
"""Effects that only an owner can have: they always run one-shot, as the durable owner."""

DML = frozenset({Effect.INSERT, Effect.UPDATE, Effect.DELETE, Effect.MERGE, Effect.COPY_IN})

WITHIN: dict[Scope, frozenset[Effect]] = {
    Scope.READ: _READ,
    Scope.WRITE: _WRITE,
    Scope.ADMIN: _WRITE | DDL,
}
"""What each scope includes. Outside it a statement is denied unless a hold rule lends it the effect."""


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """A table, view or other relation, by its real schema and name (not quoted)."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """A column of a relation. The name `*` stands for every column."""

    relation: Relation
    name: str

    def __str__(self) -> str:
        return f"{self.relation}.{self.name}"


SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})

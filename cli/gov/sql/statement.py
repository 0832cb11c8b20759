"""What the text of a statement says by itself, before any catalog gives its names a meaning.

An outline is plain data (named tuples of strings, numbers and tuples): it crosses the border of the
analyst process as JSON, is kept in caches, and `sql.resolve` turns it into facts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple


class Use(StrEnum):
    """What a relation's name is in the text for."""

    READ = "read"  # rows are read; the name may be replaced by a masked view's
    KEEP = "keep"  # rows are read or locked, or would be; the name stays
    COPY = "copy"  # COPY name TO
    LOCK = "lock"  # LOCK name IN ACCESS SHARE MODE: the name of a masked view locks its table as well
    WRITE = "write"  # target of DML or COPY FROM, object of ALTER, DROP, …
    CREATE = "create"
    TEMPORARY = "temporary"  # created, in pg_temp
    LIKE = "like"  # the definition is read: CREATE TABLE (LIKE name)


OLD = -2
"""The end of a name in `COPY BINARY name` or `COPY name TO … DELIMITERS`, which no query can be copied with."""


class Name(NamedTuple):
    """A relation's name in the text, which no WITH query hides."""

    schema: str
    """Empty when the text gives none. Of `database.schema.name` it is the second part; see `Statement.databases`."""
    name: str
    use: Use
    at: int
    """Where the name begins, in bytes from the start of the text; -1 when it is not told."""
    end: int = -1
    """Where it ends, with the list of columns after it in COPY; -1 when it is not to be replaced, or `OLD`."""
    dml: bool = False
    """Whether rows of it are written, rather than its definition changed."""
    only: bool = False
    """Whether it is said with ONLY: without its children."""


HIDING = -2
"""The name of a join that has a name itself: what it joins may be called differently, or not at all."""


class Source(NamedTuple):
    """Something in FROM, or a DML target, that columns can come from."""

    scope: int
    alias: str
    """The name by which columns are qualified; empty for none."""
    name: int = -1
    """Which of the statement's names it is; -1 for a WITH query, subquery or function, or `HIDING`."""
    columns: tuple[str, ...] = ()
    """Of a relation: other names that an alias gives its first columns. Else: columns it is known to have."""


class Scope(NamedTuple):
    """One level of a query, in which names of columns are looked up, then in its parent's."""

    parent: int
    """-1 for none."""
    certain: bool = True
    """Whether a query here surely sees everything in the parent's FROM."""


class Reference(NamedTuple):
    """A column, whole row or `*` in the text."""

    scope: int
    parts: tuple[str, ...]
    """`('customers', 'email')`; the last is `*` for all columns."""
    at: int
    end: int = -1
    """Where what stands before the relation's name ends, when a schema does; else -1."""
    certain: bool = True
    """Whether everything in its scope's FROM can be meant; false in ON and in FROM itself."""
    output: bool = False
    """Whether it can be the name of an output column, which was accounted for where it is made."""


class Written(NamedTuple):
    """Columns that are written."""

    name: int
    columns: tuple[str, ...]
    """Empty for all."""


class Call(NamedTuple):
    """A function or operator, with what can be told of its operands.

    An operand is `@` and where a column stands, `#` and where another call does, `=` and the name of a type,
    `?` for a string or NULL that has no type yet, and empty for what cannot be told.
    """

    name: tuple[str, ...]
    operands: tuple[str, ...] = ()
    at: int = -1
    loose: bool = False
    """Whether the number of operands is not certain either: named, VARIADIC, or of too many kinds to tell."""


class Statement(NamedTuple):
    """One statement of a text."""

    kind: str
    """PostgreSQL's name of its node: `SelectStmt`, `DropStmt`."""
    command: str
    effects: tuple[str, ...] = ()
    names: tuple[Name, ...] = ()
    scopes: tuple[Scope, ...] = ()
    sources: tuple[Source, ...] = ()
    references: tuple[Reference, ...] = ()
    written: tuple[Written, ...] = ()
    calls: tuple[Call, ...] = ()
    """Functions."""
    attributes: tuple[str, ...] = ()
    """Fields taken from a value in parentheses, `(x).f`, which may be functions."""
    operators: tuple[Call, ...] = ()
    settings: tuple[tuple[str, str | None], ...] = ()
    unbounded: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    """Objects of DDL that are no relations, for people: `function public.f`."""
    emptied: tuple[str, ...] = ()
    """Schemas that are dropped, or whose every table is meant."""
    makes: tuple[str, str] = ("", "")
    """(`prepare` | `cursor`, name) when it gives a statement a name."""
    runs: str | None = None
    """The prepared statement that EXECUTE names."""
    unknown: tuple[str, ...] = ()
    followed: bool = False
    """Whether it came from EXECUTE, and is not in this text itself: see `sql.bind`."""
    channels: tuple[str, ...] = ()
    """What LISTEN listens on."""
    spread: int = 1
    """How many rows of a relation that FROM names once a row of the answer can hold; 0 for any number."""
    body: str = ""
    """The text of a PREPARE, for whoever follows what it prepared."""
    types: tuple[tuple[str, ...], ...] = ()
    """Types that values become or are declared to have, but for those of the grammar itself."""
    databases: tuple[str, ...] = ()
    """Databases by which relations and columns are qualified."""


class Outline(NamedTuple):
    """A text of any number of statements."""

    statements: tuple[Statement, ...] = ()
    syntax_error: str | None = None
    """PostgreSQL's message, when its grammar refuses the text."""
    position: int = 0
    """Where, in characters from 1; 0 when it is not known."""


def decode(row: list[Any]) -> Outline:
    """The outline that was written as JSON."""
    statements, syntax_error, position = row
    return Outline(tuple(map(_statement, statements)), syntax_error, position)


def _statement(row: list[Any]) -> Statement:
    loose = Statement(*row)
    return Statement(
        loose.kind,
        loose.command,
        tuple(loose.effects),
        tuple(
            Name(schema, name, Use(use), at, end, dml, only) for schema, name, use, at, end, dml, only in loose.names
        ),
        tuple(Scope(*each) for each in loose.scopes),
        tuple(Source(scope, alias, name, tuple(columns)) for scope, alias, name, columns in loose.sources),
        tuple(
            Reference(scope, tuple(parts), at, end, certain, output)
            for scope, parts, at, end, certain, output in loose.references
        ),
        tuple(Written(name, tuple(columns)) for name, columns in loose.written),
        tuple(map(_call, loose.calls)),
        tuple(loose.attributes),
        tuple(map(_call, loose.operators)),
        tuple((setting, value) for setting, value in loose.settings),
        tuple(loose.unbounded),
        tuple(loose.objects),
        tuple(loose.emptied),
        (loose.makes[0], loose.makes[1]),
        loose.runs,
        tuple(loose.unknown),
        loose.followed,
        tuple(loose.channels),
        loose.spread,
        loose.body,
        tuple(map(tuple, loose.types)),
        tuple(loose.databases),
    )


def _call(row: Any) -> Call:
    name, operands, at, loose = row
    return Call(tuple(name), tuple(operands), at, loose)

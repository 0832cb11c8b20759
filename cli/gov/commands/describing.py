"""The backslash commands that describe the catalog: pgspecial's queries, sent through the governed connection.

What policy masks is not in the catalog, so the columns of a table are shown with what the broker says of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pgspecial.dbcommands import describe_one_table_details, sql_name_pattern
from pgspecial.help.commands import helpcommands
from pgspecial.main import PGSpecial

from gov.commands.backslash import Command, parse
from gov.errors import UsageError

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

Masks = Mapping[tuple[str, str, str], str]
"""(schema, relation, column) to the mask: `partial`."""
Row = tuple[str | None, ...]

_NAMES = ("\\d", "\\dt", "\\dv", "\\dm", "\\di", "\\ds", "\\df", "\\dn", "\\du", "\\dT", "\\dD", "\\dp", "\\z",
          "\\ddp", "\\dx", "\\dE", "\\dF", "\\db", "\\l", "\\sf")
_KINDS = {"r": "Table", "p": "Partitioned table", "v": "View", "m": "Materialized view", "S": "Sequence",
          "f": "Foreign table", "i": "Index", "I": "Partitioned index", "c": "Composite type", "t": "TOAST table"}
_WITH_COLUMNS = "rpvmf"
_FIND = """\
select c.oid, n.nspname, c.relname, c.relkind::text
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relname operator(pg_catalog.~) %(name)s
  and case when %(schema)s = '' then pg_catalog.pg_table_is_visible(c.oid)
           else n.nspname operator(pg_catalog.~) %(schema)s end
order by 2, 3"""


@dataclass(frozen=True, slots=True)
class Listing:
    """Something a command found: rows under names, and text below them. Not escaped."""

    title: str = ""
    names: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    text: str = ""
    count: int | None = None
    """Of what was found, where it says something."""


def commands() -> tuple[Command, ...]:
    """The commands, as help and completion show them."""
    known = PGSpecial.default_commands
    return tuple(Command(name, _arguments(name, known[name].syntax), known[name].description.rstrip(".").lower())
                 for name in _NAMES)


def _arguments(name: str, syntax: str) -> str:
    return syntax.removeprefix(name) if syntax.startswith(name) else " [pattern]"


def syntax(words: str) -> str:
    """What `\\h WORDS` shows.

    Raises:
        UsageError: PostgreSQL has no such command.
    """
    if not words:
        return _columns(sorted(helpcommands))
    known = helpcommands.get(" ".join(words.upper().split()))
    if known is None:
        raise UsageError(f"\\h: no such command: {words}", hint="\\h lists them")
    about = known.get("description", "").removeprefix("Description\n").strip()
    return f"{about}\n\n{known.get('synopsis', '').strip()}" if "\n" in about else known["synopsis"].strip()


SYNTAXES = tuple(sorted(helpcommands))
"""What `\\h` knows."""


def _columns(names: Sequence[str], across: int = 3) -> str:
    rows = -(-len(names) // across)
    return "\n".join("".join(f"{name:<26}" for name in names[row::rows]).rstrip() for row in range(rows))


def describe(connection: Connection[Any], line: str, masks: Masks) -> list[Listing]:
    """What the command `line` finds.

    Raises:
        UsageError: There is no such command.
        psycopg.Error: What the server said no to.
    """
    name, pattern = parse(line)
    verbose = "+" in name
    plain = name.replace("+", "").replace("S", "")
    if plain not in _NAMES:
        raise UsageError(f"no such command: {name}", hint="\\? lists them")
    with connection.cursor() as cursor:
        if plain == "\\d" and pattern:
            return list(_relations(cursor, pattern, masks, verbose=verbose))
        found = PGSpecial().execute(cursor, f"{plain}{'+' if verbose else ''} {pattern}")
        return [_listing(title, rows, names, status) for title, rows, names, status in found]


def _relations(cursor: Cursor[Any], pattern: str, masks: Masks, *, verbose: bool) -> Iterator[Listing]:
    schema, name = sql_name_pattern(pattern)
    found = cursor.execute(_FIND, {"schema": schema or "", "name": name or "."}).fetchall()
    if not found:
        yield Listing(text=f"nothing is called {pattern} here, or it is not in your search_path")
    for oid, namespace, relation, kind in found:
        _, rows, names, text = describe_one_table_details(cursor, namespace, relation, oid, verbose)
        listing = _listing(f'{_KINDS.get(kind, "Relation")} "{namespace}.{relation}"', rows, names, text)
        marks = {column: mask for (*place, column), mask in masks.items() if place == [namespace, relation]}
        yield _marked(listing, marks) if kind in _WITH_COLUMNS and marks else listing


def _marked(listing: Listing, marks: Mapping[str, str]) -> Listing:
    """The columns of a relation, with what is masked as the third of their facts."""
    rows = tuple((*row[:2], marks.get(row[0] or "", ""), *row[2:]) for row in listing.rows)
    return Listing(listing.title, (*listing.names[:2], "Masked", *listing.names[2:]), rows, listing.text)


def _listing(title: str | None, rows: Iterable[Sequence[object]] | None, names: Sequence[str] | None,
             status: str | None) -> Listing:
    found = [tuple(map(_text, row)) for row in rows or ()]
    listed = title is None and names is not None
    said = "" if listed else status or ""  # of a list it is only a command tag
    return Listing(title or "", tuple(names or ()), tuple(line for row in found for line in _lines(row)), said,
                   len(found) if listed else None)


def _lines(row: Row) -> Iterator[Row]:
    """A row, its values of several lines below each other."""
    if not any(value and "\n" in value for value in row):
        yield row
        return
    split = [[None] if value is None else value.split("\n") for value in row]
    yield from zip_longest(*split, fillvalue="")


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).strip(" ")

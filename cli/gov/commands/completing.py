"""What Tab offers at the prompt: SQL's common words, and the tables and columns of the target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import psycopg
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from gov.commands.running import Rows, run
from gov.ui.escape import harmless

if TYPE_CHECKING:
    from psycopg import Connection

_WORDS = """
all alter analyze and as asc between by case cast coalesce commit copy count create cross cube
current_date current_timestamp default delete desc distinct drop else end except exists explain
false fetch filter first for from full grant group having ilike in index inner insert intersect
interval into is join lateral left like limit materialized merge not null nulls offset on or order
outer over partition primary references returning revoke right rollback savepoint select set show
table then true truncate union unique update using values view when where window with
"""
KEYWORDS = tuple(_WORDS.split())

NAMES = """\
select n.nspname, c.relname, a.attname
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^(pg_|gov_m_|information_schema$)'
limit 20000"""


def names(connection: Connection[Any]) -> frozenset[str]:
    """Schemas, relations and columns of the target; none when they cannot be read."""
    try:
        pieces = list(run(connection, NAMES))
    except psycopg.Error:
        return frozenset()
    rows = (row for piece in pieces if isinstance(piece, Rows) for row in piece.rows)
    return frozenset(name for row in rows for name in row if name and all(map(harmless, name)))


def quoted(name: str) -> str:
    """`name` as it must be typed: in quotes unless PostgreSQL would fold or refuse it."""
    plain = name.isidentifier() and name.isascii() and name == name.lower() and name not in KEYWORDS
    return name if plain else '"' + name.replace('"', '""') + '"'


class Sql(Completer):
    """Completes the word before the cursor. The names are asked for at the first Tab, and kept."""

    def __init__(self, ask: Callable[[], Iterable[str]]) -> None:
        self._ask = ask
        self._names: list[str] = []

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Names first, then keywords in the case of what has been typed."""
        word = document.get_word_before_cursor().lower()
        if not word:
            return
        self._names = self._names or sorted(map(quoted, self._ask()))
        keywords = [key.upper() for key in KEYWORDS] if document.char_before_cursor.isupper() else [*KEYWORDS]
        for offered in (*self._names, *keywords):
            if offered.lower().startswith(word):
                yield Completion(offered, start_position=-len(word))

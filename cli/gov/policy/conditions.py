"""The condition of a row filter: one expression of SQL, checked without a database as far as that goes.

It is evaluated inside a view that the broker owns, for every row of the table, so it may only read: operators and
functions of PostgreSQL that always answer alike, those that policy vouches for (`policy.check`), and subqueries on
tables that are named with their schema. What a client can set (its settings, its role) says nothing about the
person, so of the person it speaks with the words below, whose values become literals in the view.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gov.errors import GovError
from gov.policy.complaint import did_you_mean
from gov.sql import grammar
from gov.sql.catalog import Catalog
from gov.sql.functions import BUILT_IN, listed
from gov.sql.outline import outline
from gov.sql.reviewed import READS
from gov.sql.statement import Call, Outline, Statement, Use
from gov.terms import SYSTEM_SCHEMAS, Effect, Relation

LONGEST = 4096
"""Characters."""
WORDS = ("user", "subject", "agent", "groups", "purpose")
"""What `gov.` can be followed by."""
_PREFIX = "gov"

_CLIENTS_OWN = {
    "current_setting": "a client sets its settings itself",
    "pg_backend_pid": "it changes from session to session",
    "pg_has_role": "roles are the broker's",
    "inet_client_addr": "it is the gateway's",
}
_ROLES = re.compile(r"SVFOP_(?:CURRENT_ROLE|CURRENT_USER|USER|SESSION_USER|CURRENT_CATALOG|CURRENT_SCHEMA)")
_QUERY = ("SELECT FROM only_this WHERE (\n", "\n)")


class Mistaken(ValueError):
    """A condition that cannot be used; `at` is where, in bytes, or None for the whole of it."""

    def __init__(self, what: str, at: int | None = None) -> None:
        super().__init__(what)
        self.at = at


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as it was written, and what is in it."""

    text: str
    words: frozenset[str] = frozenset()
    """Those of `WORDS` that it uses."""
    tables: frozenset[Relation] = frozenset()
    """What its subqueries read."""
    functions: frozenset[str] = frozenset()
    """`schema.name` of those that are not built in, so that policy must vouch for them."""
    calls: frozenset[str] = frozenset()
    """`schema.name` of every function, `pg_catalog` where none is given."""

    def bound(self, values: Mapping[str, str | tuple[str, ...]]) -> str:
        """The condition with the values of its words as literals."""
        data, out, at = self.text.encode(), [], 0
        for start, end, word, _ in _words(self.text):
            out += [data[at:start], literal(values[word]).encode()]
            at = end
        return b"".join([*out, data[at:]]).decode()


def read(text: str) -> Condition:
    """The condition that `text` spells.

    Raises:
        Mistaken: It is no single condition, or does what a filter must not.
    """
    if len(text) > LONGEST:
        raise Mistaken(f"the condition has more than {LONGEST} characters")
    try:
        words = frozenset(_known(text))
        whole = _alone(text, words)
        statement = whole.statements[0]
        functions = frozenset(_functions(statement))
        calls = frozenset(f"{schema}.{name}" for schema, name in map(_called, statement.calls))
        tables = frozenset(_tables(statement))
    except Mistaken:
        raise
    except grammar.Refused as why:
        raise Mistaken(why.message, max(why.position - 1, 0)) from None
    except GovError as why:
        raise Mistaken(why.what) from None
    return Condition(text, words, tables, functions, calls)


def literal(value: str | tuple[str, ...]) -> str:
    """`value` as a constant of SQL: text, or an array of text."""
    if isinstance(value, tuple):
        return f"ARRAY[{', '.join(map(_quoted, sorted(value)))}]::pg_catalog.text[]"
    return f"({_quoted(value)}::pg_catalog.text)"


def _quoted(text: str) -> str:
    escaped = text.replace("\0", "").replace("'", "''")
    return f"E'{escaped.replace(chr(92), chr(92) * 2)}'" if "\\" in escaped else f"'{escaped}'"


def _words(text: str) -> Iterator[tuple[int, int, str, int]]:
    """(start, end, word, its own start) of each `gov.word`."""
    data = text.encode()
    found = [(each.start, each.end, data[each.start : each.end].decode()) for each in grammar.tokens(text)]
    for before, one, dot, word in zip([(0, 0, ""), *found], found, found[1:], found[2:], strict=False):
        if before[2] != "." and one[2].lower() == _PREFIX and dot[2] == ".":
            yield one[0], word[1], word[2].lower(), word[0]


def _known(text: str) -> Iterator[str]:
    for _, _, word, at in _words(text):
        if word not in WORDS:
            meant = did_you_mean(word, WORDS) or f"; there are {', '.join(f'gov.{each}' for each in WORDS)}"
            raise Mistaken(f"`gov.{word}` is nothing that is known of a person{meant}", at)
        yield word


def _alone(text: str, words: frozenset[str]) -> Outline:
    """The outline of a query with nothing but the condition."""
    stand_in = {word: ("",) if word == "groups" else "" for word in words}
    bound = Condition(text, words).bound(stand_in)
    # In brackets as the only element of an array nothing passes that closes them and opens others.
    first = "SELECT ARRAY[\n"
    try:
        tree = grammar.parse(f"{first}{bound}\n]")
    except grammar.Refused as why:
        at = why.position - 1 - len(first)
        if at > len(bound):
            raise Mistaken("the condition ends where more is expected", None) from None
        # Literals have taken the place of the words, so that with any of them places are not those of the text.
        raise Mistaken(why.message, None if words else at) from None
    if len(tree) != 1 or not _one_element(tree[0]["stmt"]):
        raise Mistaken("it must be one condition, without a comma or bracket that closes more than it opens")
    if "'ParamRef'" in str(tree):
        raise Mistaken("it has no parameters; of the person it speaks with gov.user and the like")
    if role := _ROLES.search(str(tree)):
        word = role[0].removeprefix("SVFOP_").lower()
        raise Mistaken(f"`{word}` says who is connected to the database, not who asks; `gov.user` does")
    whole = outline(f"{_QUERY[0]}{bound}{_QUERY[1]}")
    if whole.syntax_error is not None or len(whole.statements) != 1:
        raise Mistaken(whole.syntax_error or "it must be one condition")
    return whole


def _one_element(statement: grammar.Node) -> bool:
    select = statement.get("SelectStmt", {})
    targets = select.get("targetList", [])
    if set(select) - {"targetList", "limitOption", "op"} or len(targets) != 1:
        return False
    elements = targets[0]["ResTarget"].get("val", {}).get("A_ArrayExpr", {}).get("elements", [])
    return len(elements) == 1


def _functions(statement: Statement) -> Iterator[str]:
    """The user functions that it calls. Raises for what it must not do."""
    if statement.unknown:
        raise Mistaken(f"it cannot be told what this does: {statement.unknown[0]}")
    if more := set(statement.effects) - {Effect.READ}:
        raise Mistaken(f"a condition may only read, and this does `{min(more)}`")
    for operator in statement.operators:
        if len(operator.name) > 1 and operator.name[0] != "pg_catalog":
            raise Mistaken(f"the operator {'.'.join(operator.name)} is not PostgreSQL's own")
    if statement.attributes:
        raise Mistaken(f"`(…).{statement.attributes[0]}` may be a function; name the column")
    for schema, name in map(_called, statement.calls):
        if schema in BUILT_IN:
            _built_in(name)
        else:
            yield f"{schema}.{name}"


def _called(call: Call) -> tuple[str, str]:
    """Schema and name of what is called; the view is made with nothing but pg_catalog in its search path."""
    return call.name[-2] if len(call.name) > 1 else "pg_catalog", call.name[-1]


def _built_in(name: str) -> None:
    if why := _CLIENTS_OWN.get(name):
        raise Mistaken(f"`{name}` cannot be relied on in a filter: {why}")
    found = listed(name, None)
    if found is not None and found[0] is not Effect.READ:
        raise Mistaken(f"`{name}` has no place in a filter: it {found[1]}")
    if name in READS:
        raise Mistaken(f"`{name}` does not always answer alike, so a filter cannot call it")


def _tables(statement: Statement) -> Iterator[Relation]:
    for name in statement.names:
        if name.name == "only_this" and not name.schema:
            continue
        if name.use not in (Use.READ, Use.KEEP):
            raise Mistaken(f"a condition may only read {name.name}")
        if not name.schema:
            raise Mistaken(f"the table {name.name} is named without its schema, as in public.{name.name}")
        yield Relation(name.schema, name.name)


def unsuited(tables: Iterable[Relation], calls: Iterable[str], catalog: Catalog) -> Iterator[str]:
    """What of a database is in the way of a condition that reads `tables` and calls `schema.name`, in words."""
    for relation in sorted(tables):
        if relation not in catalog.relations and relation.schema not in SYSTEM_SCHEMAS:
            known = {str(each) for each in catalog.relations if each.schema not in SYSTEM_SCHEMAS}
            yield f"there is no table {relation}{did_you_mean(str(relation), known)}"
    for call in sorted(calls):
        schema, _, name = call.rpartition(".")
        overloads = [each for each in catalog.functions.get(name, ()) if each.schema == schema]
        if schema not in BUILT_IN and not overloads:
            yield f"there is no function {call}"
        elif any(each.volatility == "v" for each in overloads):
            yield f"{call} is volatile, and so may answer otherwise for the same row"
        elif any(each.kind != "f" for each in overloads):
            yield f"{call} is an aggregate, and a condition is about one row"

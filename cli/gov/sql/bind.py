"""Statements that other statements name: PREPARE and EXECUTE, followed by name.

`EXECUTE x` does what x was prepared to do, so it is judged as that; until somebody says what x is, it is
unknown. A session keeps the outline of each PREPARE that succeeded, under the name that `prepared` gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gov.errors import TooComplex
from gov.sql.grammar import HINT_SHORTER
from gov.sql.outline import MAX_SIZE, size
from gov.sql.statement import Name, Outline, Statement, Use


def prepared(outline: Outline) -> Iterator[tuple[str, Outline]]:
    """Each name that the text prepares, with the outline of what it prepares."""
    for statement in outline.statements:
        what, name = statement.makes
        if what == "prepare":
            yield name, Outline((statement,))


def follow(outline: Outline, known: Mapping[str, Outline]) -> Outline:
    """`outline` with what its EXECUTEs run, for the names that are `known` or prepared before in the text.

    What is followed has no place in this text, so nothing of it is rewritten here: its PREPARE was.

    Raises:
        TooComplex: It names too much: a short text can say EXECUTE of a long one a hundred times.
    """
    if all(statement.runs is None for statement in outline.statements):
        return outline
    names, found = dict(known), list[Statement]()
    left = MAX_SIZE
    for statement in outline.statements:
        names |= prepared(Outline((statement,)))
        inner = names.get(statement.runs) if statement.runs is not None else None
        if inner is None:
            found.append(statement)
        else:
            left -= sum(map(size, inner.statements))
            if left < 0:
                raise TooComplex(f"what the text executes names more than {MAX_SIZE} things", hint=HINT_SHORTER)
            found.append(statement._replace(runs=None))
            found += map(_elsewhere, inner.statements)
    return outline._replace(statements=tuple(found))


def _elsewhere(statement: Statement) -> Statement:
    return statement._replace(
        names=tuple(map(_kept, statement.names)),
        references=tuple(reference._replace(at=-1, end=-1) for reference in statement.references),
        makes=("", ""),
        followed=True,
    )


def _kept(name: Name) -> Name:
    return name._replace(use=Use.KEEP, at=-1, end=-1) if name.use in (Use.READ, Use.LOCK) else name

"""Random queries that a real PostgreSQL mostly takes, over three small tables of integers."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from hypothesis import strategies as st

TABLES = {"t": "a b c", "u": "a b d", "w": "b e t"}


class Part(NamedTuple):
    """Something in FROM: what it is called, and its columns."""

    alias: str
    columns: tuple[str, ...]


class Query(NamedTuple):
    """A query and the names of its columns."""

    text: str
    columns: tuple[str, ...]


@st.composite
def queries(draw: st.DrawFn, depth: int = 2, outer: tuple[Part, ...] = (), named: tuple[Part, ...] = ()) -> Query:
    """Queries over the tables, most of them valid, that shadow names wherever SQL lets them."""
    prefix = ""
    if depth and draw(st.integers(0, 4)) == 0:
        name = draw(st.sampled_from(["t", "u", "v"]))
        inner = draw(queries(depth - 1, outer, named))
        prefix, named = f"with {name} as ({inner.text}) ", (Part(name, inner.columns), *named)
    sources, parts = draw(_from(depth, outer, named))
    visible = parts + outer
    targets = draw(st.lists(_target(depth, visible, named), min_size=1, max_size=2))
    where = ""
    if draw(st.booleans()):
        where = f" where {draw(_condition(depth, visible, named))}"
    order = f" order by {draw(_column(visible))}" if draw(st.integers(0, 3)) == 0 else ""
    names = tuple(target.columns[0] for target in targets)
    text = f"{prefix}select {', '.join(target.text for target in targets)} from {sources}{where}{order}"
    return Query(text, names)


@st.composite
def _from(
    draw: st.DrawFn, depth: int, outer: tuple[Part, ...], named: tuple[Part, ...]
) -> tuple[str, tuple[Part, ...]]:
    text, part = draw(_source(depth, outer, named, frozenset()))
    parts = (part,)
    if draw(st.booleans()):
        how = draw(st.sampled_from([", ", ", lateral ", " join ", " left join lateral ", " natural join "]))
        lateral = "lateral" in how
        more, other = draw(_source(depth, parts + outer if lateral else outer, named, {part.alias}, lateral))
        parts = (part, other)
        text += how + more
        if " join" in how and "natural" not in how:
            text += f" on {draw(_condition(depth, parts + outer, named))}"
    return text, parts


@st.composite
def _source(
    draw: st.DrawFn,
    depth: int,
    outer: tuple[Part, ...],
    named: tuple[Part, ...],
    taken: Collection[str],
    only_queries: bool = False,
) -> tuple[str, Part]:
    alias = draw(st.sampled_from([name for name in ("t", "u", "w", "x", "y") if name not in taken]))
    if depth and (only_queries or draw(st.integers(0, 2)) == 0):
        inner = draw(queries(depth - 1, outer, named))
        return f"({inner.text}) as {alias}", Part(alias, inner.columns)
    if only_queries:
        column = draw(_column(outer))
        return f"(select {column}) as {alias}", Part(alias, (column.split(".")[-1],))
    known = {name: tuple(columns.split()) for name, columns in TABLES.items()} | dict(reversed(named))
    name = draw(st.sampled_from(sorted(known)))
    if draw(st.integers(0, 4)) == 0 and known[name]:
        return f"{name} as {alias}(e)", Part(alias, ("e", *known[name][1:]))
    return f"{name} as {alias}", Part(alias, known[name])


@st.composite
def _column(draw: st.DrawFn, visible: tuple[Part, ...]) -> str:
    part = draw(st.sampled_from(visible))
    column = draw(st.sampled_from(part.columns)) if part.columns else "a"
    return f"{part.alias}.{column}" if draw(st.booleans()) else column


@st.composite
def _target(draw: st.DrawFn, depth: int, visible: tuple[Part, ...], named: tuple[Part, ...]) -> Query:
    what = draw(st.integers(0, 9))
    if what == 0:
        return Query(f"count({draw(st.sampled_from(visible)).alias}) over ()", ("count",))
    if what == 1:
        return Query(f"({draw(st.sampled_from(visible)).alias}.*)::text as e", ("e",))
    if what == 2 and depth:
        return Query(f"array({draw(queries(depth - 1, visible, named)).text} limit 1)::text as d", ("d",))
    column = draw(_column(visible))
    return Query(column, (column.split(".")[-1],))


@st.composite
def _condition(draw: st.DrawFn, depth: int, visible: tuple[Part, ...], named: tuple[Part, ...]) -> str:
    if depth and draw(st.integers(0, 2)) == 0:
        return f"exists ({draw(queries(depth - 1, visible, named)).text})"
    return f"{draw(_column(visible))} is not null"

"""Which overload of a function or operator a call means, where that can be told; else every one that it may.

PostgreSQL gathers candidates from all of the search path, takes the one whose types are exactly those of the
call, and else weighs which of those that can be reached by implicit casts fits best (parse_func.c,
parse_oper.c). Here the weighing is left out: all that can be reached count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TypeVar

from gov.sql.catalog import Catalog, FunctionInfo, OperatorInfo
from gov.sql.columns import Columns
from gov.sql.statement import Call, Statement
from gov.sql.world import World

UNTYPED = "unknown"
"""The type of a string literal before it has one."""

_GRAMMAR = {
    "int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision",
    "bool": "boolean", "varchar": "character varying", "bpchar": "character", "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone", "timetz": "time with time zone", "time": "time without time zone",
    "varbit": "bit varying",
}  # fmt: skip
"""Types of pg_catalog that `format_type` calls something else."""
_SAME = frozenset({
    "text", "numeric", "date", "interval", "uuid", "json", "jsonb", "bytea", "name", "oid", "regclass", "inet", "cidr",
    "bit", "boolean", "integer", "xml", "tsvector", "tsquery", "regproc", "regtype", "point", "box", "money",
})  # fmt: skip
_POLYMORPHIC = ("any", "record", '"any"')
DEPTH = 8
"""How far down calls in operands are looked into."""

C = TypeVar("C", FunctionInfo, OperatorInfo)


class Overloads:
    """The calls of one statement, in one world."""

    def __init__(self, statement: Statement, columns: Columns, world: World) -> None:
        self._world, self._columns = world, columns
        self._statement = statement
        self._known: dict[str, str | None] = {}

    @cached_property
    def _references(self) -> dict[int, int]:
        references = self._statement.references
        return {each.at: number for number, each in enumerate(references) if each.at >= 0}

    @cached_property
    def _functions(self) -> dict[int, Call]:
        return {call.at: call for call in self._statement.calls}

    @cached_property
    def _operators(self) -> dict[int, Call]:
        return {call.at: call for call in self._statement.operators}

    def functions(self, call: Call, depth: int = 0) -> list[FunctionInfo]:
        """Those that the call may mean; none when no schema in its reach has one of that name."""
        found = self._visible(call.name, self._world.catalog.functions.get(call.name[-1], ()))
        if call.loose or any(each.arguments is None for each in found):
            return found
        count = len(call.operands)
        fitting = [(each, _expanded(each, count)) for each in found if _takes(each, count)]
        return self._chosen(self._types(call, depth), fitting)

    def operators(self, call: Call, depth: int = 0) -> list[OperatorInfo]:
        """Those that the operator may be."""
        found = self._visible(call.name, self._world.catalog.operators.get(call.name[-1], ()))
        if call.loose:
            return found
        types, count = self._types(call, depth), len(call.operands)
        if count == 2 and UNTYPED in types and types != [UNTYPED, UNTYPED]:
            other = next(each for each in types if each != UNTYPED)
            exact = [each for each in found if each.arguments == (other, other)]
            if other is not None and exact:
                return exact
        return self._chosen(types, [(each, each.arguments) for each in found if len(each.arguments) == count])

    def _visible(self, name: tuple[str, ...], overloads: Iterable[C]) -> list[C]:
        """Those in reach, but for ones that another of the same types hides, earlier in the path."""
        places = (name[-2],) if len(name) > 1 else self._world.path
        found: dict[object, C] = {}
        for place in places:
            for each in overloads:
                if each.schema == place:
                    found.setdefault(id(each) if each.arguments is None else each.arguments, each)
        return list(found.values())

    def _chosen(self, types: list[str | None], candidates: list[tuple[C, tuple[str, ...]]]) -> list[C]:
        """Of candidates with the types that they have for so many operands, in the order of the path."""
        if None not in types and UNTYPED not in types:
            exact = [each for each, arguments in candidates if arguments == tuple(types)]
            if exact:
                return [each for each in exact if each.schema == exact[0].schema]
        catalog = self._world.catalog
        reached = [each for each, arguments in candidates if _reachable(types, arguments, catalog)]
        return reached or [each for each, _ in candidates]

    def _types(self, call: Call, depth: int) -> list[str | None]:
        return [self._type(each, depth) for each in call.operands]

    def _type(self, operand: str, depth: int) -> str | None:
        """The type of an operand where it is certain and built in."""
        if operand not in self._known:
            self._known[operand] = None  # what refers to itself cannot be told
            self._known[operand] = self._look(operand, depth)
        return self._known[operand]

    def _look(self, operand: str, depth: int) -> str | None:
        kind, what = operand[:1], operand[1:]
        if kind == "?":
            return UNTYPED
        if kind == "=":
            return self._named(what)
        if kind == "@":
            number = self._references.get(int(what))
            return None if number is None else _built_in(self._columns.type_of(number))
        if kind == "#" and depth < DEPTH:
            return _built_in(self._result(int(what), depth + 1))
        return None

    def _named(self, what: str) -> str | None:
        """A type that a cast names. Where a path puts pg_catalog behind, nothing is certain."""
        schema, _, name = what.rpartition(".")
        first = next((each for each in self._world.path if each != "pg_temp"), "")
        if schema not in ("", "pg_catalog") or (not schema and (first != "pg_catalog" or self._shadowed(name))):
            return None
        return _GRAMMAR.get(name) or (name if name in _SAME else None)

    def _shadowed(self, name: str) -> bool:
        return name in self._world.temporary

    def _result(self, at: int, depth: int) -> str | None:
        if (call := self._functions.get(at)) is not None:
            results = {each.result for each in self.functions(call, depth)}
        elif (call := self._operators.get(at)) is not None:
            results = {each.result for each in self.operators(call, depth)}
        else:
            return None
        return results.pop() if len(results) == 1 else None


def _takes(function: FunctionInfo, count: int) -> bool:
    most = len(function.arguments or ())
    return most - function.optional <= count <= most or (function.variadic and count >= most - 1)


def _expanded(function: FunctionInfo, count: int) -> tuple[str, ...]:
    """Its types for so many operands: without defaults, and with the elements of a VARIADIC."""
    arguments = function.arguments or ()
    more = count - len(arguments)
    if function.variadic and more >= 0:
        return (*arguments[:-1], *[arguments[-1].removesuffix("[]")] * (more + 1))
    return arguments[:count]


def _built_in(kind: str | None) -> str | None:
    """`kind` where it is a type of pg_catalog and stands for nothing else."""
    return kind if kind and "." not in kind and not kind.startswith(_POLYMORPHIC) else None


def _reachable(types: Sequence[str | None], wanted: Sequence[str], catalog: Catalog) -> bool:
    """Whether every operand can become what is wanted by itself."""
    return all(_becomes(have, want, catalog) for have, want in zip(types, wanted, strict=False))


def _becomes(have: str | None, want: str, catalog: Catalog) -> bool:
    if have in (None, UNTYPED, want) or want.startswith(_POLYMORPHIC) or (have, want) in catalog.casts:
        return True
    if want.endswith("[]"):
        return True  # elements have casts of their own
    kind = catalog.types.get(want)
    return kind is not None and kind.domain

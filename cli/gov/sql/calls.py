"""What code a statement runs: functions, operators, types and what hangs on the relations that it touches."""

from __future__ import annotations

from collections.abc import Iterable

from gov.sql.catalog import Code, Event, FunctionInfo, RelationKind
from gov.sql.columns import Columns
from gov.sql.facts import Called
from gov.sql.functions import BUILT_IN, effect_of, listed
from gov.sql.overloads import Overloads
from gov.sql.reviewed import OPERATORS, RELATIONS
from gov.sql.statement import Call, Statement, Use
from gov.sql.world import READING, World
from gov.terms import Effect, Relation

_VOLATILITY = {"i": "immutable", "s": "stable", "v": "volatile"}
_OF_EFFECT = {
    Effect.INSERT: Event.INSERT, Effect.COPY_IN: Event.INSERT, Effect.UPDATE: Event.UPDATE,
    Effect.DELETE: Event.DELETE, Effect.TRUNCATE: Event.TRUNCATE, Effect.MAINTENANCE: Event.REFRESH,
}  # fmt: skip
_ROWS = frozenset({Event.INSERT, Event.UPDATE, Event.DELETE})
NO_VALUES = frozenset({
    "AlterFunctionStmt", "AlterOperatorStmt", "CommentStmt", "CompositeTypeStmt", "CreateCastStmt",
    "CreateDomainStmt", "CreateFunctionStmt", "CreateOpClassStmt", "CreateStmt", "CreateTransformStmt",
    "DefineStmt", "DropStmt", "GrantStmt", "RenameStmt", "SecLabelStmt",
})  # fmt: skip
"""Statements that name types and turn no value into them."""
FILLING = frozenset(
    f"{kind}_populate_{what}" for kind in ("json", "jsonb") for what in ("record", "recordset", "record_valid")
) | {"populate_record"}
"""Functions that make new rows of the type of one that they are given, and so check the domains in it."""
DOMAIN = "domain "
_DEFINES = frozenset({Effect.CREATE, Effect.ALTER, Effect.DROP, Effect.GRANT})


class Ran:
    """What the statements of a text have been found to run."""

    def __init__(self) -> None:
        self.effects: set[Effect] = set()
        self.functions: set[str] = set()
        self.calls: set[str] = set()
        self.unknown: dict[str, None] = {}
        self.called: dict[Called, None] = {}
        self.by_literals = False
        """Whether what is called depends on what kind of literals the text has."""
        self._seen: set[int] = set()

    def take(self, statement: Statement, known: list[Relation], columns: Columns, world: World) -> None:
        """Add what `statement` runs in `world`, where its names mean the relations `known`."""
        overloads = Overloads(statement, columns, world)
        for call in statement.calls:
            self._function(call, overloads, world)
        for name in columns.attributes:
            if world.functions((name,)):
                self._function(Call((name,), loose=True), overloads, world)
        for call in statement.operators:
            self._operator(call, overloads, world)
        if statement.kind not in NO_VALUES:
            for parts in statement.types:
                self._type(parts, world)
        fills = any(call.name[-1] in FILLING for call in statement.calls)
        self._relations(statement, known, columns, world, fills=fills)
        self._event_triggers(statement, world)
        if Effect.CALL in statement.effects and statement.kind != "CallStmt":
            self._call("DO" if statement.kind == "DoStmt" else statement.command)

    def _function(self, call: Call, overloads: Overloads, world: World) -> None:
        name = call.name[-1]
        if name in world.catalog.plain and (len(call.name) > 1 or "pg_catalog" in world.path):
            found = world.functions(call.name)
            self.functions.update(f"{each.schema}.{name}" for each in found)
        else:
            found = tuple(overloads.functions(call))
            every = world.catalog.functions.get(name, ())
            self._weighed(call, (effect_of(each)[0] is Effect.READ for each in every))
            for each in found:
                self._runs(each)
                self._values(each, world)
        cast = len(call.operands) <= 1 and self._type(call.name, world)
        if not found and not cast:
            self._not_found(call)

    def _weighed(self, call: Call, harmless: Iterable[bool]) -> None:
        """Note whether another literal could have meant another overload, which does more than to read."""
        if not self.by_literals and any(each[:1] not in ("", "@") for each in call.operands):
            self.by_literals = not all(harmless)

    def _not_found(self, call: Call) -> None:
        spelled = ".".join(call.name)
        self._call(spelled)
        self.functions.add(spelled)
        self.called[Called(spelled)] = None
        if (review := listed(call.name[-1], None)) is not None:
            self._has(*review, call.name[-1])

    def _runs(self, function: FunctionInfo, why: str = "") -> None:
        effect, reason = effect_of(function)
        name = f"{function.schema}.{function.name}"
        self.functions.add(name)
        plain = function.schema in BUILT_IN and effect is Effect.READ
        if not plain:
            self.called[_called(function, why)] = None
        if effect is Effect.CALL or (effect is not Effect.READ and function.schema not in BUILT_IN):
            self._call(name)
        self._has(effect, reason, function.name)

    def _values(self, function: FunctionInfo, world: World) -> None:
        """What it takes and gives may be of types for which code runs."""
        if function.oid in self._seen or function.schema in BUILT_IN:
            return
        self._seen.add(function.oid)
        for name in (*(function.arguments or ()), function.result):
            if (kind := world.catalog.types.get(name)) is not None:
                self._code((code for code in kind.code if code.event is not None), world)

    def _has(self, effect: Effect, reason: str, name: str) -> None:
        if effect is Effect.UNKNOWN:
            self.unknown[f"{name} {reason}"] = None
        elif effect not in (Effect.READ, Effect.CALL):
            self.effects.add(effect)

    def _call(self, what: str) -> None:
        self.effects.add(Effect.CALL)
        self.calls.add(what)

    def _operator(self, call: Call, overloads: Overloads, world: World) -> None:
        name = call.name[-1]
        if name in world.catalog.operators:
            found = overloads.operators(call)
            every = (world.catalog.by_oid.get(each.function) for each in world.catalog.operators[name])
            self._weighed(call, (each is not None and effect_of(each)[0] is Effect.READ for each in every))
            for each in found:
                if each.schema not in BUILT_IN:
                    self._identity(each.function, f"operator {each.schema}.{name}", world)
            if found:
                return
        if name not in OPERATORS or (len(call.name) > 1 and call.name[-2] != "pg_catalog"):
            spelled = f"operator {'.'.join(call.name)}"
            self._call(spelled)
            self.called[Called(spelled)] = None

    def _type(self, parts: tuple[str, ...], world: World) -> bool:
        """Whether it is a type for which code runs, and if so, note it."""
        found = False
        for kind in world.catalog.named_types.get(parts[-1], ()):
            places = (parts[-2],) if len(parts) > 1 else world.path
            if kind.bare[0] in places:
                self._code(kind.code, world)
                found = True
        return found

    def _relations(
        self, statement: Statement, known: list[Relation], columns: Columns, world: World, *, fills: bool
    ) -> None:
        read = {known[hit.name] for hit in columns.hits}
        effects = {_OF_EFFECT[each] for each in map(Effect, statement.effects) if each in _OF_EFFECT}
        for name, relation in zip(statement.names, known, strict=True):
            info = world.catalog.relations.get(relation)
            if info is None:
                continue
            if relation.schema == "pg_catalog" and relation.name in RELATIONS:
                self._has(*RELATIONS[relation.name], relation.name)
            if not info.code:
                continue
            happens = set(effects & _ROWS) if name.dml else set()
            if name.use in READING or relation in read:
                happens.add(Event.READ)
            elif not name.dml and name.use is Use.WRITE:
                happens |= effects - _ROWS
            if info.kind is RelationKind.MATERIALIZED_VIEW and Effect.MAINTENANCE not in statement.effects:
                happens.discard(Event.REFRESH)
            filled = Event.INSERT if fills and Event.READ in happens else None
            self._code((
                each for each in info.code
                if each.event in happens or (each.event is filled and each.why.startswith(DOMAIN))
            ), world)

    def _code(self, code: Iterable[Code], world: World) -> None:
        for each in code:
            self._identity(each.function, each.why, world)

    def _identity(self, oid: int, why: str, world: World) -> None:
        function = world.catalog.by_oid.get(oid)
        if function is None:
            self._call(why)
            self.called[Called(why)] = None
        else:
            self._runs(function, why)
            self._values(function, world)

    def _event_triggers(self, statement: Statement, world: World) -> None:
        """A superuser has put them there, so they are told and count for nothing."""
        if _DEFINES.isdisjoint(statement.effects):
            return
        for each in world.catalog.event_triggers:
            function = world.catalog.by_oid.get(each.function)
            if function is not None and (not each.tags or statement.command in each.tags):
                self.called[_called(function, f"event trigger {each.name}")] = None


def _called(function: FunctionInfo, why: str) -> Called:
    volatility = _VOLATILITY.get(function.volatility, "")
    extension = function.extension if function.trusted and function.extension else ""
    return Called(function.signature, volatility, function.security_definer, extension, why)

"""The walk's methods for SET, its other spellings, and transactions.

A setting can be changed by SET and RESET, by options of a transaction, by DISCARD ALL, and by the function
set_config, with which drivers and pg_dump open their sessions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gov.sql.grammar import Node
from gov.sql.walk import Context, Method, Walk
from gov.terms import Effect

ROLES = frozenset({"role", "session_authorization"})


def setting(walk: Walk, name: str, value: str | None, context: Context) -> None:
    """A setting changes; some are another name for SET ROLE."""
    name = name.lower()
    walk.settings.append((name, value))
    walk.add(Effect.ROLE if name in ROLES else Effect.SESSION, context._replace(dry=False))


def set_config(walk: Walk, args: list[Node], context: Context) -> None:
    """Drivers and pg_dump open with it: with literals it is a SET.

    asyncpg sends the value as a parameter, which is told as `$1`: good enough for a setting whose value
    changes nothing that is judged here, and refused where only some values are let through.
    """
    name, value = (literal(arg) for arg in (*args, {}, {})[:2])
    if context.setting and args and args[0].get("ColumnRef", {}).get("fields") == _NAME:
        name = context.setting
    parameter = args[1].get("ParamRef") if len(args) > 1 else None
    if parameter and name is not None and name.lower() != "search_path":
        value = f"${parameter.get('number', 0)}"
    if name is None or value is None:
        walk.doubt("set_config with a name or value that is not a literal")
        return
    setting(walk, name, value, context)


def literal(node: Node) -> str | None:
    """The string that a constant is; None when it is no constant."""
    while "TypeCast" in node:
        node = node["TypeCast"]["arg"]
    constant: dict[str, dict[str, str]] = node.get("A_Const", {})
    return constant["sval"].get("sval", "") if "sval" in constant else None


_NAME = [{"String": {"sval": "name"}}]


def setting_looked_up(node: Node) -> str:
    """The setting in `SELECT … FROM pg_settings WHERE name = 'it'`, as pg_dump asks; empty when it is not that."""
    sources, where = node.get("fromClause", ()), node.get("whereClause", {}).get("A_Expr", {})
    if len(sources) != 1 or sources[0].get("RangeVar", {}).get("relname") != "pg_settings":
        return ""
    column = where.get("lexpr", {}).get("ColumnRef", {}).get("fields")
    equal = where.get("kind") == "AEXPR_OP" and where.get("name") == [{"String": {"sval": "="}}]
    return (literal(where.get("rexpr", {})) or "") if equal and column == _NAME else ""


def _set(walk: Walk, node: Node, context: Context) -> None:
    kind, name = node.get("kind"), node.get("name", "")
    walk.command = walk.command or ("RESET" if kind in ("VAR_RESET", "VAR_RESET_ALL") else "SET")
    if kind == "VAR_SET_MULTI":
        walk.add(Effect.SESSION if name == "SESSION CHARACTERISTICS" else Effect.TRANSACTION, context)
        _options(walk, node.get("args", ()), "default_" if name == "SESSION CHARACTERISTICS" else "")
    elif kind == "VAR_RESET_ALL":
        setting(walk, "all", None, context)
    elif kind != "VAR_SET_VALUE":
        setting(walk, name, None, context)
    else:
        given = _values(node.get("args", ()))
        setting(walk, name, ", ".join(map(_quoted, given) if name == "search_path" else given), context)


def _quoted(name: str) -> str:
    """A schema in a search path: `SET search_path = 'a, b'` names one."""
    return '"' + name.replace('"', '""') + '"'


def _options(walk: Walk, options: Iterable[Node], prefix: str = "") -> None:
    """Settings of a transaction."""
    for option in options:
        element = option.get("DefElem", {})
        if "defname" in element:
            walk.settings.append((prefix + element["defname"], ", ".join(_values([element.get("arg", {})]))))


def _values(args: Any) -> list[str]:
    """The values of a SET, as `current_setting` would say them."""
    found: list[str] = []
    for arg in args:
        while "TypeCast" in arg:
            arg = arg["TypeCast"]["arg"]
        constant = arg.get("A_Const", {})
        for key in ("sval", "ival", "fval", "boolval", "bsval"):
            if key in constant:
                found.append(str(constant[key].get(key, "" if key == "sval" else 0)))
        if "Integer" in arg:
            found.append(str(arg["Integer"].get("ival", 0)))
    return found


def _discard(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "DISCARD"
    walk.add(Effect.SESSION, context)
    if node.get("target", "DISCARD_ALL") == "DISCARD_ALL":
        setting(walk, "all", None, context)


TWO_PHASE = {
    "TRANS_STMT_PREPARE": "PREPARE TRANSACTION",
    "TRANS_STMT_COMMIT_PREPARED": "COMMIT PREPARED",
    "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK PREPARED",
}


def _transaction(walk: Walk, node: Node, context: Context) -> None:
    kind = node.get("kind", "TRANS_STMT_BEGIN")
    walk.command = walk.command or kind.removeprefix("TRANS_STMT_").replace("_", " ")
    walk.add(Effect.TRANSACTION, context)
    _options(walk, node.get("options", ()))
    if kind in TWO_PHASE:
        walk.command = TWO_PHASE[kind]
        walk.doubt(f"{walk.command}: a transaction that outlives its session")


SETTINGS: dict[str, Method] = {
    "DiscardStmt": _discard,
    "TransactionStmt": _transaction,
    "VariableSetStmt": _set,
}

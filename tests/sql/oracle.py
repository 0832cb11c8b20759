"""A second opinion on what a statement does, from libpg_query's tree alone and none of the walk under test.

It is plain recursion over the JSON tree, with its own idea of where a name is read or written, of which names a
WITH hides, and of what each kind of statement is. It knows no catalog: names are as the text has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from postgast.native import lib

Tree = Any
Name = tuple[str, str]
Names = frozenset[str]

WORDS = {
    "read": "SelectStmt",
    "insert": "InsertStmt", "update": "UpdateStmt", "delete": "DeleteStmt", "merge": "MergeStmt",
    "truncate": "TruncateStmt",
    "create": """AlterExtensionX CompositeTypeStmt DefineStmt IndexStmt RuleStmt ViewStmt ImportForeignSchemaStmt""",
    "alter": "CommentStmt RenameStmt SecLabelStmt ReassignOwnedStmt",
    "drop": "DropStmt DropdbStmt DropTableSpaceStmt DropUserMappingStmt DropSubscriptionStmt DropOwnedStmt",
    "grant": "GrantStmt GrantRoleStmt AlterDefaultPrivilegesStmt DropOwnedStmt ReassignOwnedStmt AlterOwnerStmt",
    "role": "AlterRoleStmt AlterRoleSetStmt CreateRoleStmt DropRoleStmt GrantRoleStmt AlterDatabaseSetStmt",
    "call": "CallStmt DoStmt LoadStmt CreateExtensionStmt AlterExtensionStmt",
    "session": "VariableSetStmt VariableShowStmt DiscardStmt ListenStmt UnlistenStmt",
    "transaction": "TransactionStmt ConstraintsSetStmt",
    "maintenance": "VacuumStmt ClusterStmt ReindexStmt CheckPointStmt RefreshMatViewStmt",
    "notify": "NotifyStmt",
    "cursor": "DeclareCursorStmt FetchStmt ClosePortalStmt",
    "prepare": "PrepareStmt ExecuteStmt DeallocateStmt",
    "explain": "ExplainStmt",
    "server_file": "AlterSystemStmt CreateTableSpaceStmt DropTableSpaceStmt LoadStmt",
    "network": """CreateForeignTableStmt CreateForeignServerStmt AlterForeignServerStmt CreateFdwStmt AlterFdwStmt
        CreateUserMappingStmt AlterUserMappingStmt CreateSubscriptionStmt AlterSubscriptionStmt DropSubscriptionStmt
        ImportForeignSchemaStmt""",
}  # fmt: skip
EFFECTS: dict[str, set[str]] = {}
for _effect, _kinds in WORDS.items():
    for _kind in _kinds.split():
        EFFECTS.setdefault(_kind, set()).add(_effect)
NOT_CREATE = frozenset({"CreateRoleStmt"})
NOT_ALTER = frozenset({"AlterRoleStmt", "AlterRoleSetStmt", "AlterDefaultPrivilegesStmt"})
SETTINGS_OF_A_ROLE = frozenset({"role", "session_authorization"})
KEPT_BY_EXPLAIN = frozenset({"read", "explain", "call"})


@dataclass
class Opinion:
    """What one text does."""

    effects: set[str] = field(default_factory=set)
    reads: set[Name] = field(default_factory=set)
    writes: set[Name] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    everything: set[str] = field(default_factory=set)
    """UPDATE and DELETE without a WHERE that mentions a column."""
    narrowed: set[str] = field(default_factory=set)
    """Those with a WHERE of one plain comparison of a column."""
    kinds: list[str] = field(default_factory=list)
    sets_something: bool = False
    uses: bool = False
    """Whether a column is mentioned anywhere."""


def opinion(text: str) -> Opinion | None:
    """What the text does; None when the grammar refuses it."""
    result = lib.pg_query_parse(_blanked(text))
    try:
        if result.error:
            return None
        tree = json.loads(result.parse_tree or b"{}")
    finally:
        lib.pg_query_free_parse_result(result)
    found = Opinion()
    for raw in tree.get("stmts", ()):
        found.kinds.append(next(iter(raw["stmt"])))
        _node(raw["stmt"], frozenset(), found, "write")
    return found


def _blanked(text: str) -> bytes:
    """libpg_query stumbles over comments between some words; PostgreSQL does not see them."""
    from gov.sql import grammar

    return grammar._without_comments(text.encode(), text)


def _node(value: Tree, ctes: Names, found: Opinion, use: str) -> None:
    """Look at anything: `use` is what a relation that stands here is for."""
    if isinstance(value, list):
        for each in value:
            _node(each, ctes, found, use)
    elif isinstance(value, dict):
        if "relname" in value:
            _relation(value, ctes, found, use)
            return
        for key, inner in value.items():
            if key in EFFECTS or key.endswith("Stmt"):
                _statement(key, inner, ctes, found, use)
            else:
                _other(key, inner, ctes, found, use)


def _other(key: str, inner: Tree, ctes: Names, found: Opinion, use: str) -> None:
    if key == "FuncCall":
        found.functions.add(inner["funcname"][-1]["String"]["sval"])
    if key == "RangeTableSample":
        found.functions.add(inner["method"][-1]["String"]["sval"])
    if key == "ColumnRef":
        found.uses = True
    if key == "TableLikeClause":
        use = "read"
    _node(inner, ctes, found, use)


def _relation(node: Tree, ctes: Names, found: Opinion, use: str) -> None:
    schema, name = node.get("schemaname", ""), node["relname"]
    if use == "none" or (use == "from" and not schema and name in ctes):
        return
    (found.reads if use in ("from", "read") else found.writes).add((schema, name))


def _with(node: Tree, ctes: Names, found: Opinion) -> Names:
    clause = node.get("withClause")
    if not clause:
        return ctes
    every = [each["CommonTableExpr"] for each in clause["ctes"]]
    seen = ctes | {each["ctename"] for each in every} if clause.get("recursive") else ctes
    for each in every:
        _node(each["ctequery"], seen, found, "from")
        if not clause.get("recursive"):
            seen = seen | {each["ctename"]}
    return ctes | {each["ctename"] for each in every}


def _rest(node: Tree, ctes: Names, found: Opinion, use: str, *without: str) -> None:
    for key, value in node.items():
        if key not in without and key != "withClause":
            _node({key: value}, ctes, found, use)


def _statement(kind: str, node: Tree, ctes: Names, found: Opinion, use: str) -> None:
    effects = set(EFFECTS.get(kind, ()))
    if kind.startswith("Create") and kind not in NOT_CREATE:
        effects.add("create")
    if kind.startswith("Alter") and kind not in NOT_ALTER:
        effects.add("alter")
    found.effects |= effects
    special = _SPECIAL.get(kind)
    if special is not None:
        special(node, ctes, found)
    elif kind == "SelectStmt":
        _select(node, ctes, found)
    else:
        _utility(kind, node, ctes, found)


def _select(node: Tree, ctes: Names, found: Opinion) -> None:
    inside = _with(node, ctes, found)
    if "intoClause" in node:
        found.effects.add("create")
        _node(node["intoClause"]["rel"], inside, found, "write")
    if "lockingClause" in node:
        found.effects.add("lock")
    for side in ("larg", "rarg"):
        if side in node:
            _statement("SelectStmt", node[side], inside, found, "from")
    _rest(node, inside, found, "from", "intoClause", "lockingClause", "larg", "rarg")


def _dml(verb: str) -> Any:
    def look(node: Tree, ctes: Names, found: Opinion) -> None:
        inside = _with(node, ctes, found)
        found.writes.add((node["relation"].get("schemaname", ""), node["relation"]["relname"]))
        if verb in ("update", "delete"):
            where = node.get("whereClause")
            (found.narrowed if where and _plain(where) else found.everything if not _mentions(where) else set()).add(
                verb
            )
        if verb == "merge":
            for clause in node["mergeWhenClauses"]:
                command = clause["MergeWhenClause"].get("commandType", "")
                found.effects |= {command.removeprefix("CMD_").lower()} & {"insert", "update", "delete"}
        conflict = node.get("onConflictClause", {})
        if conflict.get("action") == "ONCONFLICT_UPDATE":
            found.effects.add("update")
        if "returningClause" in node:
            found.effects.add("read")
        query = node.get("selectStmt", {}).get("SelectStmt", {})
        if "valuesLists" in query and query.keys() <= {"valuesLists", "limitOption", "op"}:
            _node(query["valuesLists"], inside, found, "from")
            _rest(node, inside, found, "from", "relation", "selectStmt")
        else:
            _rest(node, inside, found, "from", "relation")

    return look


def _plain(where: Tree) -> bool:
    sides = where.get("A_Expr", {})
    left, right = sides.get("lexpr", {}), sides.get("rexpr", {})
    return "ColumnRef" in left and "A_Const" in right


def _mentions(value: Tree) -> bool:
    return any(key in ("ColumnRef", "CurrentOfExpr") for key in _keys(value))


def _keys(value: Tree) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _keys(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)


def _copy(node: Tree, ctes: Names, found: Opinion) -> None:
    inward = node.get("is_from", False)
    found.effects.add("copy_in" if inward else "copy_out")
    if node.get("is_program"):
        found.effects.add("program")
    elif node.get("filename"):
        found.effects.add("server_file")
    if "relation" in node:
        _node(node["relation"], ctes, found, "write" if inward else "read")
        found.effects |= set() if inward else {"read"}
    _rest(node, ctes, found, "from", "relation")


def _explain(node: Tree, ctes: Names, found: Opinion) -> None:
    inner = Opinion()
    _node(node["query"], ctes, inner, "write")
    options = {each["DefElem"]["defname"]: each["DefElem"].get("arg", {}) for each in node.get("options", ())}
    runs = "analyze" in options and _on(options["analyze"])
    found.effects |= inner.effects if runs else inner.effects & KEPT_BY_EXPLAIN
    found.functions |= inner.functions
    found.reads |= inner.reads if runs else inner.reads | inner.writes
    found.uses = found.uses or inner.uses
    if runs:
        found.writes |= inner.writes
        found.everything |= inner.everything
        found.narrowed |= inner.narrowed


def _on(value: Tree) -> bool:
    """Whether an option that was given is switched on; `{}` is an option without a value."""
    constant = next(iter(value.values()), {})
    said = str(next(iter(constant.values()), 0)).lower()
    return not value or said not in ("0", "off", "false")


def _lock(node: Tree, ctes: Names, found: Opinion) -> None:
    found.effects.add("read" if node.get("mode") == 1 else "lock")
    _node(node["relations"], ctes, found, "read")


def _set(node: Tree, ctes: Names, found: Opinion) -> None:
    found.sets_something = True
    if node.get("name", "").lower() in SETTINGS_OF_A_ROLE:
        found.effects.add("role")
        found.effects.discard("session")
    if node.get("kind") == "VAR_SET_MULTI" and node.get("name") != "SESSION CHARACTERISTICS":
        found.effects.discard("session")
        found.effects.add("transaction")


def _view(node: Tree, ctes: Names, found: Opinion) -> None:
    found.effects.add("create")
    _node(node["view"], ctes, found, "write")
    _node(node["query"], ctes, found, "from")


def _create_as(node: Tree, ctes: Names, found: Opinion) -> None:
    found.effects.add("create")
    _node(node["into"]["rel"], ctes, found, "write")
    _node(node["query"], ctes, found, "from")
    _rest(node["into"], ctes, found, "from", "rel", "viewQuery")


_DROPPED = frozenset({
    "OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE",
})  # fmt: skip
_ON_TABLE = frozenset({"OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY"})


def _drop(node: Tree, ctes: Names, found: Opinion) -> None:
    for each in node["objects"]:
        if "List" not in each:
            continue
        words = [item["String"]["sval"] for item in each["List"]["items"] if "String" in item]
        if node["removeType"] in _ON_TABLE:
            words = words[:-1]
        if node["removeType"] in _DROPPED | _ON_TABLE:
            found.writes.add((words[-2] if len(words) > 1 else "", words[-1]))


def _about(node: Tree, ctes: Names, found: Opinion) -> None:
    items = node.get("object", {}).get("List", {}).get("items", ())
    words = [item["String"]["sval"] for item in items if "String" in item]
    if node["objtype"] in _ON_TABLE | {"OBJECT_TABCONSTRAINT", "OBJECT_COLUMN"}:
        words = words[:-1]
    elif node["objtype"] not in _DROPPED:
        words = []
    if words:
        found.writes.add((words[-2] if len(words) > 1 else "", words[-1]))


def _rename(node: Tree, ctes: Names, found: Opinion) -> None:
    found.effects.discard("alter")
    found.effects.add("role" if node.get("renameType") == "OBJECT_ROLE" else "alter")
    _rest(node, ctes, found, "write")


def _call(node: Tree, ctes: Names, found: Opinion) -> None:
    _other("FuncCall", node["funccall"], ctes, found, "from")


_SPECIAL = {
    "CallStmt": _call, "CommentStmt": _about, "CopyStmt": _copy, "CreateTableAsStmt": _create_as,
    "DropStmt": _drop, "ExplainStmt": _explain, "LockStmt": _lock, "RenameStmt": _rename, "SecLabelStmt": _about,
    "VariableSetStmt": _set, "ViewStmt": _view,
    **{f"{verb.capitalize()}Stmt": _dml(verb) for verb in ("insert", "update", "delete", "merge")},
}  # fmt: skip


def _utility(kind: str, node: Tree, ctes: Names, found: Opinion) -> None:
    use = "from" if kind in ("PrepareStmt", "DeclareCursorStmt", "ExecuteStmt") else "write"
    _rest(node, ctes, found, use)
    keys = set(_keys(node))
    if kind == "AlterTableStmt" and "AT_ChangeOwner" in json.dumps(node):
        found.effects.add("grant")
    if kind in ("CreateFunctionStmt", "AlterFunctionStmt"):
        options = [each["DefElem"] for each in node.get("options", node.get("actions", ())) if "DefElem" in each]
        if any(each["defname"] == "security" and each["arg"].get("Boolean", {}).get("boolval") for each in options):
            found.effects.add("grant")
    found.uses = found.uses or "ColumnRef" in keys

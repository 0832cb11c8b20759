"""The walk's methods for statements that are no plain query: DDL, COPY, EXPLAIN, SET and their kin."""

from __future__ import annotations

from typing import Any

from gov.sql.grammar import Node
from gov.sql.nodes import CREATED, NAMED, NAMED_ON_RELATION, ON_RELATION, RELATION_KINDS, STATEMENTS
from gov.sql.statement import Reference, Source, Use, Written
from gov.sql.walk import Context, Method, Walk, parts
from gov.terms import Effect


def _listed(kind: str) -> Method:
    """The method of a statement of the table: its effects, and names that it acts on."""
    command, effects = STATEMENTS[kind]

    def method(walk: Walk, node: Node, context: Context) -> None:
        walk.command = walk.command or command
        for effect in effects:
            walk.add(effect, context)
        skipped = []
        if field := CREATED.get(kind):
            walk.name(node[field], Use.KEEP if context.dry else Use.CREATE)
            skipped.append(field)
        elif not SILENT.issuperset(effects):
            _object(walk, command, node)
        inside = _ddl_scope(walk, context)
        walk.rest(node, inside._replace(use=Use.WRITE, read=Use.KEEP), without=skipped)

    return method


SILENT = frozenset({
    Effect.CURSOR, Effect.LOCK, Effect.NOTIFY, Effect.PREPARE, Effect.SESSION, Effect.TRANSACTION,
})  # fmt: skip
"""Effects of statements that act on no object."""


def _has_relation(node: Node) -> bool:
    return not node.keys().isdisjoint(("relation", "relations", "rels", "table"))


def _ddl_scope(walk: Walk, context: Context) -> Context:
    """Expressions in DDL see the columns of the object at hand, which are not read."""
    scope = walk.open_scope(context)
    walk.sources.append(Source(scope, ""))
    return context._replace(scope=scope, source=False)


def _object(walk: Walk, command: str, node: Node) -> None:
    """What it acts on that is no relation; an index or trigger also where its table is told."""
    kind = words(node["kind"]) if command == "CREATE" else command.partition(" ")[2].lower() or "object"
    for field in NAMED_ON_RELATION if _has_relation(node) else NAMED:
        if field in node:
            walk.objects.append(f"{kind} {spelled(node[field])}".strip())
            return


def spelled(value: Any) -> str:
    """A name in a tree, for people."""
    if isinstance(value, list):
        return ".".join(filter(None, map(spelled, value)))
    if not isinstance(value, dict):
        return str(value)
    for key in ("sval", "rolename", "relname"):
        if key in value:
            return str(value[key])
    for key in ("String", "List", "TypeName", "ObjectWithArgs", "RoleSpec", "items", "names", "objname"):
        if key in value:
            return spelled(value[key])
    return ""


def words(kind: str) -> str:
    """`OBJECT_MATVIEW` as people say it."""
    plain = kind.removeprefix("OBJECT_").replace("_", " ").lower()
    return {"matview": "materialized view", "tabconstraint": "constraint"}.get(plain, plain)


def _drop(walk: Walk, node: Node, context: Context) -> None:
    kind = node["removeType"]
    walk.command = walk.command or f"DROP {words(kind).upper()}"
    walk.add(Effect.DROP, context)
    for each in node["objects"]:
        items = parts(each.get("List", {}).get("items", ())) if "List" in each else ()
        if kind in RELATION_KINDS:
            _named(walk, items)
            continue
        walk.objects.append(f"{words(kind)} {spelled(each)}")
        if kind in ON_RELATION:
            _named(walk, items[:-1])
        if kind == "OBJECT_SCHEMA":
            walk.emptied.append(spelled(each))


def _named(walk: Walk, items: tuple[str, ...]) -> None:
    """A relation that is acted on, by the parts of its name."""
    schema = items[-2] if len(items) > 1 else ""
    walk.name({"schemaname": schema, "relname": items[-1]}, Use.WRITE)


def _about(walk: Walk, node: Node, context: Context) -> None:
    """COMMENT and SECURITY LABEL."""
    walk.command = walk.command or ("SECURITY LABEL" if "label" in node or "provider" in node else "COMMENT")
    walk.add(Effect.ALTER, context)
    kind, target = node["objtype"], node.get("object", {})
    listed = "List" in target and kind in RELATION_KINDS | ON_RELATION
    items = parts(target["List"]["items"]) if listed else ()
    if kind in ON_RELATION:
        items = items[:-1]
    if items:
        _named(walk, items)
    else:
        walk.objects.append(f"{words(kind)} {spelled(target)}".strip())


def _rename(walk: Walk, node: Node, context: Context) -> None:
    kind: str = node.get("renameType", "")
    of: str = node.get("relationType", kind) if "relation" in node else kind
    walk.command = walk.command or f"ALTER {words(of).upper()}"
    walk.add(Effect.ROLE if kind == "OBJECT_ROLE" else Effect.ALTER, context)
    if "relation" not in node:
        walk.objects.append(f"{words(kind)} {spelled(node.get('object', node.get('subname', '')))}".strip())
    walk.rest(node, context._replace(use=Use.WRITE))


def _alter_table(walk: Walk, node: Node, context: Context) -> None:
    _listed("AlterTableStmt")(walk, node, context)
    walk.command = f"ALTER {words(node.get('objtype', 'OBJECT_TABLE')).upper()}"
    if any(each["AlterTableCmd"].get("subtype") == "AT_ChangeOwner" for each in node["cmds"]):
        walk.add(Effect.GRANT, context)


_INVOKER = {"Boolean": {"boolval": False}}


def _function(kind: str, field: str) -> Method:
    """CREATE and ALTER FUNCTION: SECURITY DEFINER gives the owner's rights to whoever gets it called."""

    def method(walk: Walk, node: Node, context: Context) -> None:
        _listed(kind)(walk, node, context)
        options = [each.get("DefElem", {}) for each in node.get(field, ())]
        if any(each.get("defname") == "security" and each.get("arg") != _INVOKER for each in options):
            walk.add(Effect.GRANT, context)

    return method


def _foreign_table(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "CREATE FOREIGN TABLE"
    walk.add(Effect.CREATE, context)
    walk.add(Effect.NETWORK, context)
    walk.name(node["base"]["relation"], Use.CREATE)
    walk.rest(node["base"], _ddl_scope(walk, context)._replace(use=Use.WRITE), without=("relation",))


ACCESS_SHARE = 1
"""The mode of a lock that every SELECT takes (lockdefs.h); pg_dump takes it ahead."""


def _lock(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "LOCK TABLE"
    shared = node.get("mode") == ACCESS_SHARE
    walk.add(Effect.READ if shared else Effect.LOCK, context)
    walk.rest(node, context._replace(use=Use.LOCK if shared else Use.KEEP))


def _listen(walk: Walk, node: Node, context: Context) -> None:
    """LISTEN changes the session alone; what it lets in is for policy to judge, by the channel."""
    walk.command = walk.command or "LISTEN"
    walk.add(Effect.SESSION, context)
    walk.channels.append(node["conditionname"])


def _vacuum(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or ("VACUUM" if node.get("is_vacuumcmd") else "ANALYZE")
    _listed("VacuumStmt")(walk, node, context)


def _like(walk: Walk, node: Node, context: Context) -> None:
    walk.name(node["relation"], Use.LIKE)


def _grant(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or ("GRANT" if node.get("is_grant") else "REVOKE")
    walk.add(Effect.GRANT, context)
    if node.get("targtype") == "ACL_TARGET_ALL_IN_SCHEMA":
        walk.emptied.extend(map(spelled, node.get("objects", ())))
    elif node.get("objtype") != "OBJECT_TABLE":
        kind = words(node.get("objtype", ""))
        walk.objects.extend(f"{kind} {spelled(each)}" for each in node.get("objects", ()))
    walk.rest(node, context._replace(use=Use.WRITE))


def _schema(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "CREATE SCHEMA"
    walk.add(Effect.CREATE, context)
    walk.objects.append(f"schema {node.get('schemaname', '')}".strip())
    if "schemaElts" in node:
        walk.doubt("CREATE SCHEMA with elements: names in it are looked up in the new schema")
    walk.rest(node, context)


def _view(walk: Walk, node: Node, context: Context) -> None:
    """CREATE VIEW. Its definition keeps the names of the text: it outlives any masked view."""
    walk.command = walk.command or "CREATE VIEW"
    walk.add(Effect.CREATE, context)
    walk.name(node["view"], Use.CREATE)
    walk.push(node["query"], context._replace(read=Use.KEEP))


def _create_as(walk: Walk, node: Node, context: Context) -> None:
    view = node.get("objtype") == "OBJECT_MATVIEW"
    walk.command = walk.command or ("CREATE MATERIALIZED VIEW" if view else "CREATE TABLE AS")
    walk.add(Effect.CREATE, context)
    walk.name(node["into"]["rel"], Use.KEEP if context.dry else Use.CREATE)
    walk.push(node["query"], context._replace(read=Use.KEEP if view else context.read))


def _copy(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "COPY"
    inward = bool(node.get("is_from"))
    walk.add(Effect.COPY_IN if inward else Effect.COPY_OUT, context)
    if node.get("is_program"):
        walk.add(Effect.PROGRAM, context)
    elif "filename" in node:
        walk.add(Effect.SERVER_FILE, context)
    columns = parts(node.get("attlist", ()))
    inside = _ddl_scope(walk, context)._replace(use=context.read)
    if "relation" in node and inward:
        number = walk.name(node["relation"], Use.WRITE, dml=True)
        walk.written.append(Written(number, columns))
    elif "relation" in node:
        _copy_out(walk, node["relation"], columns or ("*",), context)
    walk.rest(node, inside, without=("relation", "attlist"))


def _copy_out(walk: Walk, relation: Node, columns: tuple[str, ...], context: Context) -> None:
    walk.add(Effect.READ, context)
    scope = walk.open_scope(context)
    number = walk.name(relation, Use.COPY)
    walk.source(scope, None, relation["relname"], number)
    walk.references.extend(Reference(scope, (column,), -1) for column in columns)


def _explain(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "EXPLAIN"
    walk.add(Effect.EXPLAIN, context)
    walk.push(node["query"], context._replace(dry=not any(map(runs, node.get("options", ())))))


def runs(option: Node) -> bool:
    """Whether it is ANALYZE, and not plainly switched off."""
    element = option["DefElem"]
    value = element.get("arg", {})
    off = value.get("Integer", {"ival": 1}).get("ival", 0) == 0 or value.get("Boolean", {"boolval": 1}) == {}
    word = value.get("String", {}).get("sval", "").lower()
    return element.get("defname") == "analyze" and not (off or word in ("off", "false"))


def _prepare(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "PREPARE"
    walk.add(Effect.PREPARE, context)
    walk.makes = ("prepare", node["name"])
    walk.push(node.get("argtypes"), context)
    walk.push(node["query"], context)


def _execute(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "EXECUTE"
    walk.add(Effect.PREPARE, context)
    walk.runs = node["name"]
    walk.push(node.get("params"), _ddl_scope(walk, context))


def _declare(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "DECLARE CURSOR"
    walk.add(Effect.CURSOR, context)
    walk.makes = ("cursor", node["portalname"])
    walk.push(node["query"], context)


def _do(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "DO"
    walk.add(Effect.CALL, context)
    walk.doubt("a DO block: what its code does cannot be told")


def _call(walk: Walk, node: Node, context: Context) -> None:
    walk.command = walk.command or "CALL"
    walk.add(Effect.CALL, context)
    walk.push({"FuncCall": node["funccall"]}, context._replace(scope=walk.open_scope(context), use=Use.READ))


UTILITIES: dict[str, Method] = {
    **{kind: _listed(kind) for kind in STATEMENTS},
    "AlterFunctionStmt": _function("AlterFunctionStmt", "actions"),
    "AlterTableStmt": _alter_table,
    "CallStmt": _call,
    "CommentStmt": _about,
    "CopyStmt": _copy,
    "CreateSchemaStmt": _schema,
    "CreateFunctionStmt": _function("CreateFunctionStmt", "options"),
    "CreateTableAsStmt": _create_as,
    "CreateForeignTableStmt": _foreign_table,
    "DeclareCursorStmt": _declare,
    "DoStmt": _do,
    "DropStmt": _drop,
    "ExecuteStmt": _execute,
    "ExplainStmt": _explain,
    "GrantStmt": _grant,
    "ListenStmt": _listen,
    "LockStmt": _lock,
    "PrepareStmt": _prepare,
    "RenameStmt": _rename,
    "SecLabelStmt": _about,
    "TableLikeClause": _like,
    "VacuumStmt": _vacuum,
    "ViewStmt": _view,
}

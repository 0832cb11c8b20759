"""WITH queries: where each can be seen, and what a recursive one comes to."""

from __future__ import annotations

from gov.lineage.flow import TRANSFORMATION, Result, union, used
from gov.lineage.reader import MAX_ROUNDS, Context, Cte, Reader
from gov.sql.grammar import Node
from gov.sql.walk import parts

DML = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


def with_queries(reader: Reader, node: Node, context: Context) -> Context:
    """Where the WITH queries of `node` can be seen. Those that write are read at once, the others when named."""
    clause = node.get("withClause")
    if not clause:
        return context
    recursive = bool(clause.get("recursive"))
    seen = dict(context.queries)
    made = []
    for each in clause.get("ctes", ()):
        query = each["CommonTableExpr"]
        made.append(Cte(query, context._replace(queries=seen), recursive))
        seen = seen if recursive else dict(seen)
        seen[query["ctename"]] = made[-1]
        if recursive:
            made[-1].context = context._replace(queries=seen)
    inside = context._replace(queries=seen)
    for cte in made:
        if not cte.query["ctequery"].keys().isdisjoint(DML):
            read_cte(reader, cte)
    return inside


def read_cte(reader: Reader, cte: Cte) -> Result:
    """What a WITH query returns."""
    if cte.reading:
        cte.named = True
    elif cte.result is None:
        _read(reader, cte)
    return cte.result or Result()


def _read(reader: Reader, cte: Cte) -> None:
    """Read it; a recursive one again and again, until nothing new flows into it."""
    body = cte.query["ctequery"]
    select = body.get("SelectStmt", {})
    cte.reading = cte.recursive
    if cte.recursive and "larg" in select:
        cte.result = _called(cte, reader.query(reader, {"SelectStmt": select["larg"]}, cte.context))
    for _ in range(MAX_ROUNDS):
        cte.named, before = False, cte.result
        after = _called(cte, reader.query(reader, body, cte.context))
        cte.result = result = after if before is None else _joined(before, after)
        if not cte.named or result == before:
            break
    else:
        reader.doubt("a recursive query did not come to an end")
        result = result._replace(columns=tuple(result.all() for _ in result.columns))
    cte.reading = False
    cte.result = _searched(cte.query, result)


def _called(cte: Cte, result: Result) -> Result:
    return result.renamed(parts(cte.query.get("aliascolnames", ())))


def _joined(before: Result, after: Result) -> Result:
    columns = tuple(
        union([old, new]) for old, new in zip(before.columns, after.columns, strict=False)
    ) or after.columns
    rests = [rest for rest in (before.rest, after.rest) if rest is not None]
    return Result(after.names, columns, union([before.rows, after.rows]), union(rests) if rests else None)


def _searched(query: Node, result: Result) -> Result:
    """With the columns that SEARCH and CYCLE add."""
    search, cycle = query.get("search_clause", {}), query.get("cycle_clause", {})
    added = [
        (search.get("search_seq_column"), search.get("search_col_list", ())),
        (cycle.get("cycle_mark_column"), cycle.get("cycle_col_list", ())),
        (cycle.get("cycle_path_column"), cycle.get("cycle_col_list", ())),
    ]
    for name, listed in added:
        if name:
            of_these = set(parts(listed))
            flow = union(flow for called, flow in zip(result.names, result.columns, strict=False) if called in of_these)
            result = result._replace(
                names=(*result.names, name), columns=(*result.columns, used(flow, TRANSFORMATION))
            )
    return result

"""A small catalog for lineage tests, and lineage as lines that people read."""

from __future__ import annotations

from gov.lineage.flow import WORDS, Flow, Lineage
from gov.lineage.reader import Known
from gov.lineage.statement import lineage
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.sql.world import World, search
from gov.terms import Relation

TABLES = {
    "t": "id a b c",
    "u": "id t_id d e",
    "report": "id email total note",
    "customers": "id full_name email country balance",
    "orders": "id customer_id amount status",
    "visits": "id customer_id page",
}
VIEWS = {
    "people": ("id mail", " SELECT customers.id,\n    customers.email AS mail\n   FROM public.customers\n"
                          "  WHERE customers.country = 'SE'::text;"),
    "spenders": ("mail spent", " SELECT people.mail,\n    sum(o.amount) AS spent\n   FROM public.people\n"
                               "     JOIN public.orders o ON o.customer_id = people.id\n  GROUP BY people.mail;"),
}  # fmt: skip


def known(tables: dict[str, str] | None = None) -> Known:
    """What is known of the small database, or of one with other `tables`."""
    infos = [_info(name, columns) for name, columns in (tables or TABLES).items()]
    definitions = {}
    if tables is None:
        infos.append(_info("shapes", "id area doubled", derived={"doubled": ("area",)}))
        for name, (columns, definition) in VIEWS.items():
            infos.append(_info(name, columns, RelationKind.VIEW))
            definitions[Relation("public", name)] = definition
    catalog = Catalog("1", {info.relation: info for info in infos})
    aggregates = frozenset({
        "avg", "count", "grouping", "max", "min", "stddev_samp", "string_agg", "sum", "percentile_cont",
    })  # fmt: skip
    filters = {Relation("public", "visits"): "SELECT FROM public.visits AS visits WHERE page <> 'void' AND"
               " customer_id IN (SELECT id FROM public.customers WHERE country = 'NO')"}  # fmt: skip
    sets = frozenset({"generate_series", "unnest", "jsonb_array_elements"})
    return Known(World(catalog, search(("public",))), definitions, aggregates, sets, {} if tables else filters)


def _info(
    name: str, columns: str, kind: RelationKind = RelationKind.TABLE, derived: dict[str, tuple[str, ...]] | None = None
) -> RelationInfo:
    made = derived or {}
    return RelationInfo(Relation("public", name), 1, kind, "owner", tuple(
        ColumnInfo(each, "text", number, generated=each in made, derived=made.get(each, ()))
        for number, each in enumerate(columns.split(), 1)
    ))  # fmt: skip


def lines(text: str) -> list[str]:
    """The lineage of `text`, a line for each output, written column and set of rows."""
    return [line for each in lineage(text, known()) for line in _lines(each)]


def _lines(found: Lineage) -> list[str]:
    outputs = found.outputs
    said = [f"{name}: {_flow(flow)}" for name, flow in zip(outputs.names, outputs.columns, strict=False)]
    if outputs.rest is not None:
        said.append(f"…: {_flow(outputs.rest)}")
    if outputs.rows:
        said.append(f"rows: {_flow(outputs.rows)}")
    for write in found.writes:
        said += [f"{write.relation.name}.{name} = {_flow(flow)}" for name, flow in write.columns.items()]
        said += [f"{write.relation.name} rows: {_flow(write.rows)}"] if write.rows or not write.columns else []
    return said + [f"widened: {doubt}" for doubt in found.doubts]


def _flow(flow: Flow) -> str:
    said = []
    for source in sorted(flow):
        kinds = "+".join(word for bit, word in WORDS.items() if flow[source] & bit)
        via = "".join(f" via {each.removeprefix('public.')}" for each in source.via)
        said.append(f"{str(source).removeprefix('public.')} ({kinds}{via})")
    return ", ".join(said) or "nothing"

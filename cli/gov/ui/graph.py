"""A trace as a graph of boxes and arrows, for the pictures that are made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from gov.control.tracing import FlowView, StatementView, Trace
from gov.ui.escape import escape
from gov.ui.trace_tree import title, when, who

MOST_COLUMNS = 60
"""Columns drawn one by one; where there are more, tables are drawn."""
_DIRECT = frozenset({"identity", "transformation", "aggregation"})


class Shape(StrEnum):
    """What a box stands for."""

    COLUMN = "column"
    STATEMENT = "statement"
    PERSON = "person"
    FILE = "file"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Node:
    """A box."""

    id: str
    shape: Shape
    lines: tuple[str, ...]
    """Escaped."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From box to box."""

    source: str
    sink: str
    label: str = ""
    dashed: bool = False
    """For what only decides about rows."""


@dataclass(slots=True)
class Graph:
    """Boxes and arrows, each once."""

    title: str
    nodes: dict[str, Node] = field(default_factory=dict)
    arrows: dict[tuple[str, str, bool], Arrow] = field(default_factory=dict)

    def node(self, shape: Shape, key: str, *lines: str) -> str:
        """The id of a box."""
        name = f"{shape.value}:{key}"
        if name not in self.nodes:
            self.nodes[name] = Node(f"n{len(self.nodes)}", shape, tuple(escape(line) for line in lines if line))
        return self.nodes[name].id

    def arrow(self, source: str, sink: str, label: str = "", *, dashed: bool = False) -> None:
        """Draw an arrow; of several between the same boxes the labels are put together."""
        key = source, sink, dashed
        before = self.arrows.get(key)
        labels = dict.fromkeys(filter(None, [*(before.label.split(", ") if before else ()), escape(label)]))
        self.arrows[key] = Arrow(source, sink, ", ".join(labels), dashed)


def graph_of(trace: Trace) -> Graph:
    """The graph of a trace: columns, the statements they flow through, people, approvals, files and runs."""
    graph = Graph(escape(title(trace)))
    names = {(each.target, flow.source) for each in trace.statements for flow in each.flows}
    names |= {(each.target, flow.sink) for each in trace.statements for flow in each.flows}
    by_table = len(names) > MOST_COLUMNS
    for statement in sorted(trace.statements, key=lambda each: each.entry):
        _add(graph, statement, by_table=by_table)
    return graph


def _add(graph: Graph, statement: StatementView, *, by_table: bool) -> None:
    said = [statement.command or "statement", f"entry {statement.entry}", when(statement)]
    if statement.approved_by:
        said.append(f"approved by {', '.join(statement.approved_by)}")
    if statement.break_glass:
        said.append("alone, by break glass")
    if not statement.exact:
        said.append("not exact")
    box = graph.node(Shape.STATEMENT, statement.id, *said)
    for flow in statement.flows:
        _flow(graph, statement, flow, box, by_table=by_table)
    person = graph.node(Shape.PERSON, f"{statement.issuer} {statement.subject} {statement.agent}", who(statement))
    result = any(not flow.sink for flow in statement.flows) or bool(statement.outputs)
    purpose = f"for {statement.purpose}" if statement.purpose else ""
    graph.arrow(*((box, person) if result else (person, box)), purpose)
    for file in statement.files:
        graph.arrow(box, graph.node(Shape.FILE, file.digest, file.name, f"sha256 {file.digest[:12]}…"))
    if statement.run:
        graph.arrow(box, graph.node(Shape.RUN, statement.run, f"run {statement.run}"))


def _flow(graph: Graph, statement: StatementView, flow: FlowView, box: str, *, by_table: bool) -> None:
    direct = bool(_DIRECT & {*flow.kinds})
    if flow.source:
        source = _column(graph, statement, flow.source, by_table=by_table)
        label = f"masked: {flow.mask}" if flow.mask and direct else "" if direct else ", ".join(flow.kinds)
        graph.arrow(source, box, label, dashed=not direct)
    if flow.sink:
        graph.arrow(box, _column(graph, statement, flow.sink, by_table=by_table))


def _column(graph: Graph, statement: StatementView, name: str, *, by_table: bool) -> str:
    if name == "*":
        return graph.node(Shape.COLUMN, f"{statement.target}:*", "everything in reach")
    table, _, column = name.rpartition(".")
    if by_table:
        return graph.node(Shape.COLUMN, f"{statement.target}:{table}", f"{statement.target}:{table}")
    return graph.node(Shape.COLUMN, f"{statement.target}:{name}", f"{statement.target}:{table}", column)


def layers(graph: Graph) -> list[list[Node]]:
    """The boxes from left to right, so that most arrows point to the right; those in one layer by their arrows."""
    nodes = {node.id: node for node in graph.nodes.values()}
    into: dict[str, set[str]] = {each: set() for each in nodes}
    for arrow in graph.arrows.values():
        if arrow.source != arrow.sink:
            into[arrow.sink].add(arrow.source)
    depth = _depths(into)
    found: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for each, node in nodes.items():
        found[depth[each]].append(node)
    return _ordered(found, into)


def _depths(into: dict[str, set[str]]) -> dict[str, int]:
    """Each box behind all that point at it. What is in a circle stands where it was met first."""
    depth: dict[str, int] = {}
    waiting = dict(into)
    while waiting:
        ready = [each for each, before in waiting.items() if before <= depth.keys()]
        if not ready:  # a circle: the one that waits for fewest goes first
            ready = [min(waiting, key=lambda each: len(waiting[each] - depth.keys()))]
        for each in ready:
            known = [depth[before] for before in waiting[each] if before in depth]
            depth[each] = max(known, default=-1) + 1
            del waiting[each]
    return depth


def _ordered(found: list[list[Node]], into: dict[str, set[str]]) -> list[list[Node]]:
    """Each layer by the middle of what points at it: arrows cross less (Sugiyama's barycentres, one sweep)."""
    place: dict[str, float] = {}
    ordered = []
    for layer in found:
        layer = sorted(layer, key=lambda node: _middle(into[node.id], place))
        place |= {node.id: float(number) for number, node in enumerate(layer)}
        ordered.append(layer)
    return ordered


def _middle(before: Iterable[str], place: dict[str, float]) -> float:
    known = [place[each] for each in before if each in place]
    return sum(known) / len(known) if known else 0.0

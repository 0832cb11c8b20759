"""A graph as Mermaid's flowchart, which GitHub, GitLab and many wikis draw."""

from __future__ import annotations

from collections.abc import Iterator

from gov.ui.graph import Graph, Shape

_BRACKETS = {
    Shape.COLUMN: ("[", "]"), Shape.STATEMENT: ("(", ")"), Shape.PERSON: ("([", "])"), Shape.FILE: ("[/", "/]"),
    Shape.RUN: ("{{", "}}"),
}  # fmt: skip


def mermaid(graph: Graph) -> str:
    """The flowchart."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield f"%% {graph.title}"
    yield "flowchart LR"
    for node in graph.nodes.values():
        left, right = _BRACKETS[node.shape]
        yield f"  {node.id}{left}\"{'<br/>'.join(map(_quoted, node.lines)) or ' '}\"{right}"
    for arrow in graph.arrows.values():
        line = "-.->" if arrow.dashed else "-->"
        label = f"|\"{_quoted(arrow.label)}\"|" if arrow.label else ""
        yield f"  {arrow.source} {line}{label} {arrow.sink}"


def _quoted(text: str) -> str:
    """Text that ends no label and is no markup: Mermaid's entities."""
    return "".join(each if each.isalnum() or each in " .,:_-/()*…" else f"#{ord(each)};" for each in text)

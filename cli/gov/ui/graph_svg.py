"""A graph as SVG: boxes in layers from left to right, arrows between them. Nothing is loaded, nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape as entities

from gov.ui.graph import Arrow, Graph, Node, Shape, layers

_CHARACTER, _LINE, _PAD, _GAP_X, _GAP_Y, _MARGIN = 7.2, 16, 9, 110, 16, 24
_LONGEST = 44
"""Characters of a line."""
_FILL = {
    Shape.COLUMN: "#eef4fb", Shape.STATEMENT: "#fdf6e3", Shape.PERSON: "#eef7ee", Shape.FILE: "#f4eefb",
    Shape.RUN: "#fbeef1",
}  # fmt: skip
_STROKE = "#5b6570"


class _Box:
    """Where a node stands."""

    def __init__(self, node: Node, x: float, y: float) -> None:
        self.node, self.x, self.y = node, x, y
        self.lines = [_cut(line) for line in node.lines] or [""]
        self.width = max(map(len, self.lines)) * _CHARACTER + 2 * _PAD
        self.height = len(self.lines) * _LINE + 2 * _PAD - 4


def svg(graph: Graph) -> str:
    """The picture."""
    boxes, width, height = _placed(graph)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}" font-family="ui-monospace, Menlo, Consolas, monospace"'
        ' font-size="12">',
        f"<title>{entities(_allowed(graph.title))}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{_STROKE}"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *(part for arrow in graph.arrows.values() for part in _arrow(arrow, boxes)),
        *(part for box in boxes.values() for part in _box(box)),
        "</svg>",
    ]) + "\n"  # fmt: skip


def _placed(graph: Graph) -> tuple[dict[str, _Box], float, float]:
    boxes: dict[str, _Box] = {}
    x, lowest = float(_MARGIN), 0.0
    columns = []
    for layer in layers(graph):
        y = float(_MARGIN)
        column = []
        for node in layer:
            box = _Box(node, x, y)
            y += box.height + _GAP_Y
            column.append(box)
            boxes[node.id] = box
        columns.append((column, y))
        lowest = max(lowest, y)
        x += max((box.width for box in column), default=0) + _GAP_X
    for column, y in columns:  # each layer in the middle of the picture
        for box in column:
            box.y += (lowest - y) / 2
    return boxes, max(x - _GAP_X + _MARGIN, 200.0), max(lowest + _MARGIN - _GAP_Y, 80.0)


def _box(box: _Box) -> Iterator[str]:
    round_ = {Shape.PERSON: 14, Shape.STATEMENT: 7}.get(box.node.shape, 2)
    yield (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{round_}"'
        f' fill="{_FILL[box.node.shape]}" stroke="{_STROKE}"/>'
    )
    for number, line in enumerate(box.lines):
        weight = ' font-weight="bold"' if number == 0 and box.node.shape is Shape.STATEMENT else ""
        y = box.y + _PAD + 10 + number * _LINE
        yield f'<text x="{box.x + _PAD:.1f}" y="{y:.1f}"{weight}>{entities(line)}</text>'


def _arrow(arrow: Arrow, boxes: dict[str, _Box]) -> Iterator[str]:
    one, other = boxes[arrow.source], boxes[arrow.sink]
    backwards = other.x <= one.x
    x1, y1 = (one.x if backwards else one.x + one.width), one.y + one.height / 2
    x2, y2 = (other.x + other.width if backwards else other.x), other.y + other.height / 2
    bend = (x2 - x1) / 2
    dash = ' stroke-dasharray="4 4"' if arrow.dashed else ""
    yield (
        f'<path d="M{x1:.1f} {y1:.1f} C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"'
        f' fill="none" stroke="{_STROKE}"{dash} marker-end="url(#tip)"/>'
    )
    if arrow.label:
        yield (
            f'<text x="{(x1 + x2) / 2:.1f}" y="{(y1 + y2) / 2 - 4:.1f}" text-anchor="middle" font-size="10"'
            f' fill="{_STROKE}">{entities(_cut(arrow.label))}</text>'
        )


def _cut(line: str) -> str:
    line = _allowed(line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _allowed(text: str) -> str:
    """Without what XML 1.0 cannot hold; `escape` has made most of it visible before."""
    return "".join(each for each in text if each >= " " and not 0xD800 <= ord(each) <= 0xDFFF and each not in "￾￿")

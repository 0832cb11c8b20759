"""A trace as tree, Mermaid and SVG: what is shown, and that no name can break a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from gov.control.tracing import FileView, FlowView, OutputView, StatementView, Trace
from gov.ui.graph import MOST_COLUMNS, Shape, graph_of, layers
from gov.ui.graph_svg import svg
from gov.ui.mermaid import mermaid
from gov.ui.trace_tree import lines

NASTY = '</text><script>alert("x")</script> & "quoted" ]] --> \x1b[31m \u202e ￾'


def ran(number: int, flows: list[FlowView], **more: Any) -> StatementView:
    """A statement by alice."""
    return StatementView(**{
        "id": f"s{number}", "way": "down", "target": "prod", "entry": number, "first": number,
        "at": "2026-01-31T12:00:00.000Z", "since": "2026-01-31T12:00:00.000Z", "uses": 1, "who": "alice",
        "subject": "u-alice", "command": "SELECT", "flows": flows, **more,
    })  # fmt: skip


def trace(*statements: StatementView, **more: Any) -> Trace:
    """A trace of customers.email."""
    found = {"about": "column", "name": "customers.email", "found": ["prod:public.customers.email"]}
    return Trace(**{**found, "statements": list(statements), **more})


EMAIL = "public.customers.email"
READ = ran(
    1, [FlowView(source=EMAIL, kinds=["identity"], mask="partial")],
    outputs=[OutputView(name="mail", sources=[
        FlowView(source=EMAIL, kinds=["identity"], mask="partial", rule="contact-is-partial"),
    ])],
    files=[FileView(digest="ab" * 32, name="out.csv", entry=3)], approved_by=["carol"], request="rq-1",
)  # fmt: skip
COPIED = ran(2, [FlowView(source=EMAIL, sink="public.report.mail", kinds=["identity"])], command="INSERT")
LATER = ran(4, [FlowView(source="public.report.mail", kinds=["aggregation"])], who=NASTY, text=NASTY)
BACK = ran(5, [FlowView(source="public.report.mail", sink=EMAIL, kinds=["transformation"])], command="UPDATE")


def test_the_tree_says_mask_rule_approval_and_file() -> None:
    """The question of the first page, in a few lines."""
    text = "\n".join(lines(trace(READ)))

    assert "└─ SELECT by alice · 2026-01-31 12:00Z · entry 1" in text
    assert "to the result as mail (masked: partial by contact-is-partial)" in text
    assert "approved by carol (rq-1)" in text
    assert "file out.csv · receipt entry 3" in text


def test_the_tree_follows_written_columns_and_ends_in_a_circle() -> None:
    """What was told is not told again."""
    text = "\n".join(lines(trace(COPIED, LATER, BACK, way="down")))

    assert text.index("INSERT by alice") < text.index("to prod:public.report.mail") < text.index("UPDATE by alice")
    assert "as above" in text


def test_the_tree_shows_what_a_terminal_would_obey() -> None:
    """Escapes, not characters."""
    text = "\n".join(lines(trace(COPIED, LATER)))

    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("found", [
    trace(), trace(READ), trace(COPIED, LATER, BACK), trace(found=[NASTY]),
    trace(ran(9, [FlowView(source="*", sink="*", kinds=["transformation"])])),
])  # fmt: skip
def test_the_picture_is_well_formed(found: Trace) -> None:
    """Whatever names are called, and with nothing that runs."""
    root = ElementTree.fromstring(svg(graph_of(found)))

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not [each for each in root.iter() if each.tag.endswith("script")]
    boxes = [each for each in root.iter() if each.tag.endswith("rect")]
    assert len(boxes) == 1 + len(graph_of(found).nodes)


def test_no_two_boxes_of_a_picture_overlap() -> None:
    """The layout leaves room."""
    root = ElementTree.fromstring(svg(graph_of(trace(READ, COPIED, LATER, BACK))))
    boxes = [[float(each.get(name) or 0) for name in ("x", "y", "width", "height")]
             for each in root.iter() if each.tag.endswith("rect") and each.get("x")]  # fmt: skip

    for number, (x, y, width, height) in enumerate(boxes):
        for other, (u, v, wide, high) in enumerate(boxes):
            if number != other:
                assert x + width <= u or u + wide <= x or y + height <= v or v + high <= y


def test_arrows_point_to_the_right_where_there_is_no_circle() -> None:
    """Sources before statements before what comes of them."""
    graph = graph_of(trace(READ, COPIED, LATER))
    place = {node.id: number for number, layer in enumerate(layers(graph)) for node in layer}
    people = {node.id for node in graph.nodes.values() if node.shape is Shape.PERSON}  # who writes and who is shown

    flows = [arrow for arrow in graph.arrows.values() if not people & {arrow.source, arrow.sink}]
    assert all(place[arrow.source] < place[arrow.sink] for arrow in flows)


def test_mermaid_has_no_name_that_is_markup() -> None:
    """Entities for everything that could end a label."""
    text = mermaid(graph_of(trace(READ, COPIED, LATER, BACK)))

    assert text.splitlines()[1] == "flowchart LR"
    assert "<script>" not in text
    assert '-->|"masked#58; partial"|' in text or '-->|"masked: partial"|' in text


def test_very_many_columns_are_drawn_as_tables() -> None:
    """A picture of a thousand boxes is none."""
    flows = [FlowView(source=f"public.t.c{n}", sink=f"public.u.d{n}", kinds=["identity"])
             for n in range(MOST_COLUMNS)]  # fmt: skip
    graph = graph_of(trace(ran(1, flows)))

    assert len(graph.nodes) == 4

"""Rewriting, whatever the spelling; the cases are in tests/cases/sql/rewrites.sql."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gov.sql.catalog import Catalog
from gov.sql.outline import outline
from gov.sql.proof import same
from gov.sql.resolve import resolve
from gov.sql.rewrite import renames, rewrite
from gov.terms import Relation

CUSTOMERS = Relation("public", "customers")
VIEWS = {CUSTOMERS: Relation('gov_m_"1', "customers")}
MASKED = {CUSTOMERS: frozenset({"email"})}
PATH = ("public",)

GAPS = st.sampled_from(["", " ", "/* . */", " --\n"])


def escaped(name: str) -> st.SearchStrategy[str]:
    """`name` in one of the ways SQL can write it."""
    return st.sampled_from(
        [
            name,
            name.upper(),
            f'"{name}"',
            f'U&"{name[0]}\\{ord(name[1]):04x}{name[2:]}"',
            f"u&\"{name[0]}!{ord(name[1]):04x}{name[2:]}\" /* e */ uescape '!'",
        ]
    )


@st.composite
def qualified(draw: st.DrawFn) -> str:
    """The relation, with or without its schema."""
    name = draw(escaped("customers"))
    if draw(st.booleans()):
        return f"{draw(escaped('public'))}{draw(GAPS)}.{draw(GAPS)}{name}"
    return name


TEMPLATES = st.sampled_from(
    [
        "select * from {0}",
        "select email from {0} as c, {1} as d where c.id = d.id",
        "table {0}",
        "copy {0} to stdout",
        "copy {0} (id, email) to stdout with (format csv)",
        "with x as (select email from {0}) select * from x",
        "insert into products (name) select email from {0} join {1} c using (id)",
        "declare c cursor for select * from only {0}",
        "select (select max(email) from {0}) from {1}",
        "explain (costs off) select * from {0}; select 'é', * from {1}",
    ]
)


@given(template=TEMPLATES, first=qualified(), second=qualified())
def test_every_spelling_goes_to_the_view(template: str, first: str, second: str, shop: Catalog) -> None:
    """No way to write the name escapes, and the rest of the text stays as it is."""
    text = template.format(first, second)
    found = outline(text)
    facts = resolve(found, shop, PATH)
    sent = rewrite(text, found, facts, shop, VIEWS, MASKED, PATH)
    after = resolve(outline(sent), shop, PATH)

    assert facts.reads >= {CUSTOMERS}
    assert same(text, sent, renames(VIEWS))
    assert CUSTOMERS not in after.reads
    assert VIEWS[CUSTOMERS] in after.reads


@given(template=TEMPLATES, first=qualified(), second=qualified())
def test_rewriting_again_changes_nothing(template: str, first: str, second: str, shop: Catalog) -> None:
    """What goes to the views is not touched a second time."""
    text = template.format(first, second)
    found = outline(text)
    sent = rewrite(text, found, resolve(found, shop, PATH), shop, VIEWS, MASKED, PATH)
    again = outline(sent)

    assert rewrite(sent, again, resolve(again, shop, PATH), shop, VIEWS, MASKED, PATH) is sent


def test_nothing_to_do_gives_the_text_itself(shop: Catalog) -> None:
    """Not even a copy."""
    text = "select id from customers"
    found = outline(text)

    assert rewrite(text, found, resolve(found, shop, PATH), shop, VIEWS, MASKED, PATH) is text


def test_without_known_masks_every_read_goes_to_the_view(shop: Catalog) -> None:
    """A row filter has no masked column, and must be met all the same."""
    text = "select id from customers"
    found = outline(text)
    sent = rewrite(text, found, resolve(found, shop, PATH), shop, VIEWS, {}, PATH)

    assert sent == 'select id from "gov_m_""1"."customers"'


def test_what_is_unknown_is_left_alone(shop: Catalog) -> None:
    """It is denied; there is nothing to send."""
    text = "select * from customers; do 'x'"
    found = outline(text)

    assert rewrite(text, found, resolve(found, shop, PATH), shop, VIEWS, MASKED, PATH) is text

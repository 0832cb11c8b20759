"""What a row filter's condition may say, and what becomes of the words about the person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.policy.conditions import Condition, Mistaken, literal, read, unsuited
from gov.sql import grammar
from gov.sql.catalog import Catalog, FunctionInfo, RelationInfo, RelationKind
from gov.terms import Relation

CONSENTS = Relation("public", "consents")


def test_it_knows_what_it_reads_and_calls() -> None:
    """Tables of subqueries, functions, and words about the person, whose spelling does not matter."""
    found = read(
        "EXISTS (SELECT FROM public.consents c WHERE c.customer = customers.id AND lower(c.by) = GOV.user)"
        " AND tax.region(country) = ANY (gov.groups) -- as agreed"
    )

    assert found.tables == {CONSENTS}
    assert found.calls == {"pg_catalog.lower", "tax.region"}
    assert found.functions == {"tax.region"}
    assert found.words == {"user", "groups"}


@pytest.mark.parametrize("text", [
    "true) OR (true", "a], ARRAY[b", "a, b", "a; SELECT 1", "a /*", "(a", "a' ", "x UNION SELECT 1", "",
    "a)) FROM t WHERE ((b", "a] || ARRAY[true", "a][1",
])  # fmt: skip
def test_nothing_but_one_condition_passes(text: str) -> None:
    """What would close the brackets that it is put in, or is more than one, is refused."""
    with pytest.raises(Mistaken):
        read(text)


@pytest.mark.parametrize(("text", "why"), [
    ("id IN (SELECT 1 FOR UPDATE)", "lock"),
    ("(SELECT count(*) FROM public.t FOR UPDATE) > 1", "only read"),
    ("nextval('s') = 1", "moves a sequence"),
    ("pg_read_file('x') = ''", "files"),
    ("query_to_xml('x', true, true, '') IS NULL", "runs SQL"),
    ("set_config('a', 'b', true) = ''", "only read"),
    ("random() < 0.5", "does not always answer alike"),
    ("session_user = 'x'", "gov.user"),
    ("current_role = 'x'", "gov.user"),
    ("gov.nobody = 1", "nothing that is known"),
    ("a OPERATOR(public.=) b", "not PostgreSQL's own"),
    ("(row).secret = 1", "may be a function"),
    ("a = $1", "no parameters"),
    ("x IN (SELECT y FROM t)", "without its schema"),
    ("x" * 5000, "more than"),
])  # fmt: skip
def test_it_can_only_read_and_always_answers_alike(text: str, why: str) -> None:
    """No locks, files, sequences, chance, settings of the client, nor roles of the database."""
    with pytest.raises(Mistaken, match=why):
        read(text)


@given(name=st.text(max_size=30), groups=st.lists(st.text(max_size=10), max_size=3))
def test_words_become_literals_whatever_people_are_called(name: str, groups: list[str]) -> None:
    """No name or group ends its literal: the bound condition is still one comparison with two constants."""
    bound = read("a = gov.user AND b = ANY (gov.groups)").bound({"user": name, "groups": tuple(groups)})
    (tree,) = grammar.parse(f"SELECT {bound}")
    (target,) = tree["stmt"]["SelectStmt"]["targetList"]
    left, right = (
        each["A_Expr"]["rexpr"]["TypeCast"]["arg"] for each in target["ResTarget"]["val"]["BoolExpr"]["args"]
    )

    assert _text(left) == name.replace("\0", "")
    assert [*map(_text, right["A_ArrayExpr"].get("elements", []))] == sorted(
        each.replace("\0", "") for each in groups
    ) or "\0" in "".join(groups)


def _text(node: grammar.Node) -> str:
    text: str = node["A_Const"].get("sval", {}).get("sval", "")
    return text


def test_strings_that_look_like_words_stay() -> None:
    """Only names are replaced: not what stands in quotes, in comments or behind another dot."""
    text = "a = 'gov.user' AND b = x.gov.user /* gov.user */"

    assert read(text).bound({}) == text


def test_quotes_and_backslashes() -> None:
    """As PostgreSQL reads them, whatever standard_conforming_strings is."""
    assert literal("o'neil") == "('o''neil'::pg_catalog.text)"
    assert literal("a\\b'") == "(E'a\\\\b'''::pg_catalog.text)"
    assert literal(()) == "ARRAY[]::pg_catalog.text[]"


def test_what_a_database_lacks_is_said() -> None:
    """Missing tables and functions, and those that do not always answer alike or are about many rows."""
    catalog = Catalog(
        "v", {CONSENTS: RelationInfo(CONSENTS, 1, RelationKind.TABLE, "o")},
        {
            "chance": (FunctionInfo("public", "chance", "v", False, "f"),),
            "total": (FunctionInfo("public", "total", "i", False, "a"),),
        },
    )
    said = [*unsuited(
        [CONSENTS, Relation("public", "consent")], ["public.chance", "public.total", "public.gone"], catalog
    )]

    assert said == [
        "there is no table public.consent, did you mean `public.consents`?",
        "public.chance is volatile, and so may answer otherwise for the same row",
        "there is no function public.gone",
        "public.total is an aggregate, and a condition is about one row",
    ]


def test_a_condition_without_words_is_bound_as_it_is() -> None:
    """Byte for byte, whatever letters it has."""
    assert Condition("straße = 'größer'").bound({}) == "straße = 'größer'"

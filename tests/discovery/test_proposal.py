"""Values outweigh names, confidence follows the share, and no value is ever repeated."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gov.discovery.proposal import fragment, propose, shape
from gov.policy.document import load
from gov.terms import Column, Relation

PEOPLE = Relation("public", "people")


def column(name: str) -> Column:
    """A column of that name."""
    return Column(PEOPLE, name)


def test_most_values_are_high() -> None:
    """What the values are counts, whatever the name."""
    proposed = propose(column("x1"), "text", [f"p{n}@example.org" for n in range(9)] + ["none", None])
    assert proposed is not None
    assert (proposed.classification, proposed.confidence, proposed.sampled) == ("pii.contact", "high", 10)
    assert proposed.evidence == ("9 of 10 values are: e-mail address, like a9@aaaaaaa.aaa",)


def test_text_that_holds_some_is_medium() -> None:
    """Here and there in free text is enough to be looked at."""
    values = [f"the parcel {n} is late" for n in range(40)] + ["write to a@example.org", "or to b@example.org"]
    proposed = propose(column("body"), "text", values)
    assert proposed is not None
    assert proposed.confidence == "medium"
    assert proposed.evidence == ("2 of 42 texts hold: e-mail address",)


def test_one_may_be_chance() -> None:
    """A single find proposes nothing."""
    assert propose(column("body"), "text", ["write to a@example.org"] + ["late"] * 40) is None


def test_documents_say_where() -> None:
    """The path inside, so that a mask can name it."""
    documents = [json.dumps({"user": {"mail": f"u{n}@example.org"}, "tags": ["a"]}) for n in range(5)]
    proposed = propose(column("meta"), "jsonb", documents)
    assert proposed is not None
    assert proposed.evidence == ("5 of 5 documents hold: e-mail address, at $.user.mail",)


def test_a_network_address_has_a_mask_behind_it() -> None:
    """`inet` as text ends in the width of its net, which is no part of the address."""
    proposed = propose(column("seen_from"), "inet", ["10.0.0.1/32", "10.0.0.2/32"])
    assert proposed is not None
    assert proposed.evidence == ("2 of 2 values are: IP address, like 99.9.9.9",)


def test_a_document_that_is_keyed_by_values_repeats_none() -> None:
    """Keys are looked at like values; said is a key that looks like a name and is in more than one document."""
    documents = [json.dumps({f"jane{n}@example.org": {"email": f"jd{n}@example.org"}}) for n in range(3)]
    proposed = propose(column("people"), "jsonb", documents)
    assert proposed is not None
    assert "jane" not in str(proposed.evidence)
    assert "$.*" in str(proposed.evidence)
    one = propose(column("people"), "jsonb", [json.dumps({"janedoe": "jd@example.org"}), "{}"])
    assert one is None or "janedoe" not in str(one.evidence)


def test_a_name_alone_is_low() -> None:
    """As for an empty table."""
    proposed = propose(column("passport_no"), "text", [])
    assert proposed is not None
    assert (proposed.classification, proposed.confidence) == ("pii.secret", "low")


def test_flags_and_counts_are_not_what_they_are_called_after() -> None:
    """`email_verified` and `address` as a number."""
    assert propose(column("email_verified"), "boolean", ["t", "f"]) is None
    assert propose(column("address"), "integer", ["1", "2"]) is None


def test_numbers_are_cards_but_no_phones() -> None:
    """A card stored as a number still has its check digit."""
    proposed = propose(column("n"), "bigint", ["4111111111111111", "5500005555555559"])
    assert proposed is not None
    assert proposed.classification == "pii.secret"


def test_the_worst_of_several_kinds_names_the_class() -> None:
    """A text with cards and addresses is as secret as its cards."""
    proposed = propose(column("note"), "text", ["4111 1111 1111 1111 of a@example.org"] * 3)
    assert proposed is not None
    assert proposed.classification == "pii.secret"
    assert len(proposed.evidence) == 2


def test_the_fragment_is_policy(tmp_path: Path) -> None:
    """It loads as it is, odd names included."""
    odd = Column(Relation("public", "people"), 'e"mail')
    proposed = [propose(each, "text", ["a@example.org"] * 3) for each in (column("email"), odd)]
    file = tmp_path / "proposed.yaml"
    file.write_text(fragment(each for each in proposed if each is not None))
    policy = load([(str(file), file.read_text())])
    assert {str(pattern) for rule in policy.classify for pattern in rule.columns} == {
        "public.people.email", 'public.people.e"mail'
    }


def test_nothing_found_is_policy_too() -> None:
    """An empty list."""
    assert fragment([]) == "version: 1\nclassify: []\n"


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=60), st.emails()), max_size=8), st.sampled_from(["text", "jsonb"])
)
def test_no_value_is_repeated(values: list[str | None], type: str) -> None:
    """Neither letters nor digits of a value reach the evidence."""
    proposed = propose(column("x"), type, values)
    told = " ".join(proposed.evidence) if proposed else ""
    for value in values:
        if value and any(each.isalnum() and each not in "a9" for each in value) and len(value) > 5:
            assert value not in told


@given(st.text(max_size=80))
def test_a_shape_has_no_letter_of_its_own(text: str) -> None:
    """Only `a`, `9` and signs."""
    assert all(not each.isalnum() or each in "a9" for each in shape(text))

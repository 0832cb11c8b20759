"""Masks: how they are spelled, and that putting them together never shows more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.policy.masks import WITHIN_JSON, Mask, parse, stepped, strictest, within_json

paths = st.lists(st.sampled_from(["a", "b", "first name", "@id"]), min_size=1, max_size=3).map(".".join)
masks = (
    st.sampled_from([Mask(name) for name in ("null", "redact", "partial", "year", "month")])
    | st.builds(Mask, st.sampled_from(["hash", "pseudonym"]), purpose=st.sampled_from(["", "train:churn"]))
    | st.builds(stepped, st.sampled_from(["round", "range"]), st.sampled_from(["0.5", "10", "10.0", "1000"]))
    | st.dictionaries(paths, st.sampled_from(WITHIN_JSON), min_size=1, max_size=4).map(within_json)
)


@given(mask=masks)
def test_spelling_is_undone_by_parsing(mask: Mask) -> None:
    """What a decision or a profile says of a mask is the mask."""
    assert parse(str(mask)) == mask


@given(one=masks, other=masks, third=masks)
def test_the_strictest_is_the_same_in_any_order(one: Mask, other: Mask, third: Mask) -> None:
    """Associative, commutative, idempotent: neither rules nor files have an order."""
    assert strictest((one, other)) == strictest((other, one))
    assert strictest((one, strictest((other, third)))) == strictest((strictest((one, other)), third))
    assert strictest((one, one)) == one


@given(one=masks, other=masks)
def test_another_mask_never_shows_more(one: Mask, other: Mask) -> None:
    """Above both there is nothing looser: the result absorbs either."""
    both = strictest((one, other))

    assert strictest((both, one)) == both == strictest((both, other))
    assert strictest((both, Mask("null"))) == Mask("null")


@pytest.mark.parametrize(
    ("together", "expected"),
    [
        (("partial", "redact"), "redact"),
        (("year", "month"), "year"),
        (("round(10)", "round(1000)"), "round(1000)"),
        (("round(10)", "range(10)"), "range(10)"),
        (("partial", "year"), "redact"),
        (("hash", "pseudonym"), "hash"),
        (("hash(a)", "hash(b)"), "redact"),
        (("json(a=partial)", "json(b=null)"), "json(a=partial, b=null)"),
        (("json(a=partial)", "json(a.b=null)"), "json(a=redact)"),
        (("json(a=partial)", "partial"), "redact"),
    ],
)
def test_two_masks_for_one_column(together: tuple[str, str], expected: str) -> None:
    """Of one family the stricter, of two families neither: the value is redacted."""
    assert str(strictest(map(parse, together))) == expected


@pytest.mark.parametrize(
    "text",
    ["", "Redact", "redact()", "partial(3)", "round", "round()", "round(0)", "round(-1)", "round(1e3)", "json",
     "json()", "json(a)", "json(a=bold)", "json(a'b=null)", "json(a.=null)", "json(a b =null)", "hash(a)b", "x(1)"],
)  # fmt: skip
def test_what_is_no_mask_is_refused(text: str) -> None:
    """No word means `leave it clear`."""
    with pytest.raises(ValueError, match=r"no |not "):
        parse(text)

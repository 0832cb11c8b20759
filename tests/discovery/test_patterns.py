"""What is of a kind is found, alone and inside of text; what only looks like it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.discovery.patterns import found, iban, luhn


@pytest.mark.parametrize(("text", "kind"), [
    ("ann.lee+x@mail.example.org", "e-mail address"),
    ("4111 1111 1111 1111", "payment card number"),
    ("378282246310005", "payment card number"),
    ("GB82 WEST 1234 5698 7654 32", "bank account (IBAN)"),
    ("DE89370400440532013000", "bank account (IBAN)"),
    ("536-90-4399", "social security number"),
    ("+1 415 555 0132", "phone number"),
    ("(415) 555-0132", "phone number"),
    ("192.0.2.17", "IP address"),
    ("2001:db8::1", "IP address"),
    ("$2b$12$" + "a" * 53, "password hash"),
    ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl", "private key or token"),
])
def test_it_is_found_alone_and_in_text(text: str, kind: str) -> None:
    """True says that the value is nothing else."""
    assert found(text) == {kind: True}
    assert found(f"they wrote: {text} and left") == {kind: False}


@pytest.mark.parametrize("text", [
    "4111 1111 1111 1112", "0000 0000 0000 0000", "GB82 WEST 1234 5698 7654 33", "000-12-3456", "666-12-3456",
    "536-00-4399", "2026-01-31 12:30", "2026-01-31", "1234567890", "10.5", "version 1.2.3", "12:30:59", "0.0.0.0",
    "a@b", "@example.org", "order 100200300", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "", "  ",
])
def test_what_only_looks_like_it_is_not(text: str) -> None:
    """Wrong checksums, numbers that nobody has, dates, versions and plain numbers."""
    assert found(text) == {}


@given(st.integers(min_value=10**11, max_value=10**17))
def test_one_check_digit_fits(number: int) -> None:
    """Of the ten that can follow a number exactly one passes Luhn's check."""
    assert sum(luhn(f"{number}{digit}") for digit in range(10)) == 1


@given(st.from_regex(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", fullmatch=True), st.integers(min_value=0, max_value=9))
def test_a_changed_digit_breaks_an_account_number(text: str, digit: int) -> None:
    """A remainder by 97 tells any single digit from another."""
    changed = f"{text[:3]}{digit}{text[4:]}"
    assert not (iban(text) and changed != text and iban(changed))


@given(st.text(max_size=200))
def test_any_text_is_looked_through(text: str) -> None:
    """Nothing fails, whatever a column holds."""
    found(text)

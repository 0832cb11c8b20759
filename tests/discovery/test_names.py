"""Names are understood in the spellings that people use, and are not read into other words."""

from __future__ import annotations

import pytest

from gov.discovery.names import hint


@pytest.mark.parametrize(("name", "classification"), [
    ("email", "pii.contact"), ("Email_Address", "pii.contact"), ("primaryEmail", "pii.contact"),
    ("dob", "pii.secret"), ("date_of_birth", "pii.secret"), ("ssn", "pii.secret"), ("SSN", "pii.secret"),
    ("first_name", "pii.name"), ("lastName", "pii.name"), ("password_hash", "secret"), ("api_key", "secret"),
    ("iban", "pii.secret"), ("clientIp", "pii.network"), ("home-phone", "pii.contact"), ("salary", "pii.financial"),
    ("address_line1", "pii.contact"), ("diagnosis", "pii.health"),
])
def test_it_knows_them(name: str, classification: str) -> None:
    """Snake case, camel case, capitals and hyphens."""
    known = hint(name)
    assert known is not None
    assert known.classification == classification


@pytest.mark.parametrize("name", ["id", "company", "amount", "zipper", "tint", "pancake", "status", "shipped"])
def test_parts_of_words_say_nothing(name: str) -> None:
    """`pan` is not in `pancake`, nor `ip` in `shipped`."""
    assert hint(name) is None

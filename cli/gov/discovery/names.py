"""What a column's name says of its content. Weaker than its values, and all there is for an empty table."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hint:
    """What names with these words are for."""

    meaning: str
    classification: str
    words: re.Pattern[str]
    """Over the name in lower case with its words parted by single underscores."""


def _any(*words: str) -> re.Pattern[str]:
    return re.compile(r"(?:^|_)(?:" + "|".join(words) + r")(?:_|$)")


HINTS = (
    Hint("a secret", "secret", _any(
        "password", "passwd", "pwd", "password_hash", "secret", "api_?key", "private_?key", "access_?token",
        "refresh_?token", "auth_?token", "totp", "otp_?seed", "salt")),
    Hint("a government identifier", "pii.secret", _any(
        "ssn", "social_?security(?:_?n(?:umbe|)r)?", "national_?id", "passport(?:_?n(?:umber|o|r))?", "tax_?id", "tin",
        "nino", "driver_?licen[cs]e", "licen[cs]e_?plate")),
    Hint("a payment card", "pii.secret", _any(
        "credit_?card", "card_?n(?:umber|o|r)", "ccn?", "cc_?num(?:ber)?", "pan", "cvv2?", "cvc")),
    Hint("a bank account", "pii.secret", _any("iban", "bic", "account_?number", "routing_?number", "sort_?code")),
    Hint("a date of birth", "pii.secret", _any("dob", "birth_?da(?:te|y)", "date_?of_?birth", "born(?:_on)?")),
    Hint("health data", "pii.health", _any(
        "diagnos(?:is|es)", "icd(?:9|10|11)?", "medication", "allerg(?:y|ies)", "blood_?type", "patient_?notes")),
    Hint("an e-mail address", "pii.contact", _any("e_?mail(?:_?address)?", "mail")),
    Hint("a phone number", "pii.contact", _any("phone(?:_?n(?:umber|o|r))?", "mobile", "cell(?:phone)?", "fax", "tel")),
    Hint("a postal address", "pii.contact", _any(
        "street", "address(?:_?line)?(?:_?[123])?", "postal_?code", "post_?code", "zip(?:_?code)?")),
    Hint("a person's name", "pii.name", _any(
        "(?:full|first|last|middle|given|family|maiden|sur)_?name", "surname", "forename")),
    Hint("pay", "pii.financial", _any("salary", "wage", "income", "payroll")),
    Hint("a network address", "pii.network", _any("ip", "ip_?addr(?:ess)?", "mac_?addr(?:ess)?", "user_?agent")),
    Hint("a place", "pii.location", _any("lat(?:itude)?", "lon(?:gitude)?", "lng", "geo(?:m|point)?", "coordinates")),
)


def hint(name: str) -> Hint | None:
    """What the column name says, the first of HINTS that fits; None when it says nothing."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return next((each for each in HINTS if each.words.search(plain)), None)

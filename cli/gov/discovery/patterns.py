"""Kinds of sensitive values by how they are written, with their checksums where they have one.

A pattern is precise rather than complete: a number that only looks like a card fails the Luhn check (ISO/IEC
7812-1), an account number the remainder of ISO 13616. Each pattern is looked for inside longer text as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of sensitive value."""

    name: str
    """As evidence names it: `e-mail address`."""
    classification: str
    """What policy is proposed to call it."""
    shape: re.Pattern[str]
    check: Check
    """Whether what has the shape is of the kind."""

    def among(self, text: str) -> Iterator[tuple[int, int]]:
        """Where in `text` values of this kind stand."""
        for found in self.shape.finditer(text):
            if self.check(found[0]):
                yield found.span()


def luhn(text: str) -> bool:
    """Whether the digits of `text` end in the check digit of ISO/IEC 7812-1 annex B."""
    total = 0
    for place, digit in enumerate(reversed(_digits(text))):
        double = digit * (1 + place % 2)
        total += double - 9 if double > 9 else double
    return total % 10 == 0


def _digits(text: str) -> list[int]:
    return [int(each) for each in text if each in "0123456789"]


def _is_card(text: str) -> bool:
    digits = _digits(text)
    return 13 <= len(digits) <= 19 and digits[0] in (2, 3, 4, 5, 6) and len(set(digits)) > 1 and luhn(text)


def iban(text: str) -> bool:
    """Whether `text` is an international bank account number (ISO 13616: remainder 1 by 97)."""
    plain = text.replace(" ", "").upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


def _is_ssn(text: str) -> bool:
    area, group, serial = text.replace(" ", "-").split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _is_phone(text: str) -> bool:
    digits = len(_digits(text))
    if _DATE.match(text):
        return False
    # Without a + it needs separators, or every number of ten digits would be one.
    return 8 <= digits <= 15 if text.startswith("+") else 10 <= digits <= 11 and not text.isdigit()


_DATE = re.compile(r"(?:19|20)\d\d[-. ][01]\d[-. ][0-3]\d")


def _is_address(text: str) -> bool:
    try:
        return not ip_address(text).is_unspecified
    except ValueError:
        return False


def _always(text: str) -> bool:
    return True


KINDS = (
    Kind("private key or token", "secret", re.compile(
        r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
        r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
        r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[opsu]_[A-Za-z0-9]{36}\b|\bsk_live_[A-Za-z0-9]{16,}"), _always),
    Kind("password hash", "secret", re.compile(
        r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}|\$argon2(?:id|i|d)\$v=\d+\$[^\s]{20,}|\bpbkdf2_sha\d+\$\d+\$[^\s]{20,}"
        r"|SCRAM-SHA-256\$\d+:[^\s]{20,}"), _always),
    Kind("e-mail address", "pii.contact", re.compile(
        r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"), _always),
    Kind("payment card number", "pii.secret", re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])"), _is_card),
    Kind("bank account (IBAN)", "pii.secret", re.compile(
        r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"), iban),
    Kind("social security number", "pii.secret", re.compile(r"(?<![\w-])\d{3}([- ])\d{2}\1\d{4}(?![\w-])"), _is_ssn),
    Kind("phone number", "pii.contact", re.compile(
        r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)|\d{2,5})(?:[ .-]?\d{2,5}){1,4}(?![\w-])"), _is_phone),
    Kind("IP address", "pii.network", re.compile(
        r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?![\w.:])"), _is_address),
)
"""In the order in which they claim a piece of text: what is a card number is no phone number."""


def found(text: str) -> dict[str, bool]:
    """The names of the kinds that stand in `text`, each with whether it is all of it."""
    kinds: dict[str, bool] = {}
    taken: list[tuple[int, int]] = []
    stripped = text.strip()
    for kind in KINDS:
        for start, end in kind.among(stripped):
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            taken.append((start, end))
            kinds[kind.name] = kinds.get(kind.name, False) or end - start == len(stripped)
    return kinds

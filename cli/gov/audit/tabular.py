"""Rows as CSV (RFC 4180) that a spreadsheet shows and does not run.

A cell that begins like a formula gets an apostrophe before it: what stands in an entry was written by whoever
is audited, and whoever audits opens it in a spreadsheet (OWASP, CSV injection). Numbers stay numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_FORMULA = re.compile(r"[\s\x00]*[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_QUOTED = re.compile(r'[",\r\n]|^\s|\s$')


def line(cells: Iterable[object]) -> str:
    """One line of CSV with its CRLF."""
    return (",".join(_quoted(harmless(cell(each))) for each in cells) or '""') + "\r\n"  # an empty line is no row


def cell(value: object) -> str:
    """A value as text: lists with semicolons, nothing for null."""
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={cell(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(cell, value))
    return str(value)


def harmless(text: str) -> str:
    """`text` so that no spreadsheet takes it for a formula."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text

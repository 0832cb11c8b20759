"""From PostgreSQL's text form of a value to a JSON one that loses nothing.

Whole numbers, decimals, booleans and JSON become themselves, with every digit; arrays become arrays;
all else stays PostgreSQL's own text. Type OIDs are those of `pg_type.dat`, which never change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

Fragment = Callable[[str], str]
"""From a value's text to its JSON."""

_string: Fragment = json.JSONEncoder(ensure_ascii=False).encode  # made once: `dumps` makes one for each call
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_BOOL, _JSON = {16}, {114, 3802}
_NUMERIC = {20, 21, 23, 26, 700, 701, 1700}
# array type → its elements' type: bool, ints, oid, floats, numeric, json, jsonb, text kinds, uuid, dates, bytea
ELEMENTS = {1000: 16, 1005: 21, 1007: 23, 1016: 20, 1028: 26, 1021: 700, 1022: 701, 1231: 1700, 199: 114,
           3807: 3802, 1009: 25, 1015: 1043, 1014: 1042, 1002: 18, 1003: 19, 2951: 2950, 1182: 1082,
           1115: 1114, 1185: 1184, 1183: 1083, 1187: 1186, 1041: 869, 651: 650, 1001: 17}


def as_json(oid: int) -> Fragment:
    """How values of the type `oid` are written in JSON."""
    if oid in _BOOL:
        return _bool
    if oid in _NUMERIC:
        return _number
    if oid in _JSON:
        return _document
    if oid in ELEMENTS:
        element = as_json(ELEMENTS[oid])
        return lambda text: _array(text, element)
    return _string


def numeric(oid: int) -> bool:
    """Whether a table sets values of this type to the right."""
    return oid in _NUMERIC




def _bool(text: str) -> str:
    return "true" if text == "t" else "false"


def _number(text: str) -> str:
    """The digits as they are; NaN and Infinity, which JSON does not have, as strings."""
    return text if _NUMBER.fullmatch(text) else _string(text)


def _document(text: str) -> str:
    """JSON on one line, its numbers untouched: white space between tokens goes, nothing else."""
    return "".join(piece for piece in _TOKENS.findall(text) if not piece.isspace())


_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|\s+|[^"\s]+')


_ARRAY = re.compile(r'([{},])|"((?:[^"\\]|\\.)*)"|([^{},"]+)')


def _array(text: str, element: Fragment) -> str:
    """An array literal (manual, 8.15.6) as nested JSON arrays; explicit bounds are dropped."""
    body = text[text.index("{") :]
    return "".join(_array_pieces(body, element))


def _array_pieces(body: str, element: Fragment) -> Iterator[str]:
    for mark, quoted, bare in _ARRAY.findall(body):
        if mark:
            yield {"{": "[", "}": "]"}.get(mark, ",")
        elif bare:
            yield "null" if bare == "NULL" else element(bare)
        else:
            yield element(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))

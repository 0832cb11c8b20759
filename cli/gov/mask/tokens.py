"""`hash` and `pseudonym`: a value becomes a token made with the target's key, as SQL.

The key is in a table that gov's own roles read and nobody else; the view reads it, once for each query. Whoever
reads the view's definition learns where the key is, not what it is. Equal values give equal tokens within one
purpose, so that joins and groups work, and tokens of two purposes have nothing in common.
"""

from __future__ import annotations

from hashlib import sha256

from gov.mask.types import Type

KEY_SCHEMA = "gov_m_keys"
"""In no catalog that policy sees: its name begins as those of the masked views do."""
KEY_TABLE = "mask_key"

SHORTEST = 16
"""Characters that a text must have room for: 64 bits of a token."""

_WHOLE = {"integer": 8, "bigint": 16}
"""Type to the hexadecimal digits that make one."""
_TEXT = frozenset({"smallint", "integer", "bigint", "numeric", "uuid"})

_EMAIL = "^[^@[:space:]]+@[^@[:space:]]+[.][A-Za-z]{2,10}$"


def token(name: str, purpose: str, column: str, type: Type) -> str | None:
    """SQL of the token for `column`, or None for a type that has no room for one."""
    if type.base == "bytea":
        return _digest(column, purpose)
    digest = _digest(_bytes(_text(column, type)), purpose)
    digits = f"pg_catalog.encode({digest}, 'hex')"
    if type.base == "uuid":
        return f"CAST(pg_catalog.left({digits}, 32) AS pg_catalog.uuid)"
    if type.base in _WHOLE or (type.base == "numeric" and not type.modifiers):
        length = _WHOLE.get(type.base, 16)
        size = "pg_catalog.int4" if length == 8 else "pg_catalog.int8"
        bits = f"CAST('x' OPERATOR(pg_catalog.||) pg_catalog.left({digits}, {length}) AS pg_catalog.bit({length * 4}))"
        return f"CAST({bits} AS {size})"
    if type.length is None or type.length < SHORTEST:
        return None
    if name == "hash":
        return f"pg_catalog.left({digits}, {min(type.length, 64)})"
    short = f"'p-' OPERATOR(pg_catalog.||) pg_catalog.left({digits}, 12)"
    if type.length < len("p-0123456789ab@example.invalid"):
        return short
    email = f"CAST({column} AS pg_catalog.text) OPERATOR(pg_catalog.~) '{_EMAIL}'"
    return f"{short} OPERATOR(pg_catalog.||) CASE WHEN {email} THEN '@example.invalid' ELSE '' END"


def reads_key(view: str) -> bool:
    """Whether the definition of a masked view reads the key."""
    return f'"{KEY_SCHEMA}"."{KEY_TABLE}"' in view


def _text(column: str, type: Type) -> str:
    """The same text for equal values, whatever their type: 1.50 equals 1.5."""
    if type.base == "numeric":
        return f"CAST(pg_catalog.trim_scale({column}) AS pg_catalog.text)"
    return f"CAST({column} AS pg_catalog.text)"


def _bytes(text: str) -> str:
    # convert_to is only STABLE; what `escape` would read as more than itself is the backslash.
    return rf"pg_catalog.decode(pg_catalog.replace({text}, E'\\', E'\\\\'), 'escape')"


def _digest(value: str, purpose: str) -> str:
    """Keyed twice, from within and without, as HMAC is: nothing can be appended to a value."""
    key = f'(SELECT key FROM "{KEY_SCHEMA}"."{KEY_TABLE}")'
    about = sha256(purpose.encode()).hexdigest()
    domain = f"pg_catalog.decode('{about}', 'hex')"
    inner = f"pg_catalog.sha256({key} OPERATOR(pg_catalog.||) {domain} OPERATOR(pg_catalog.||) {value})"
    return f"pg_catalog.sha256({key} OPERATOR(pg_catalog.||) {inner})"

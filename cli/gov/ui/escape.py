"""From text that came from elsewhere to text that a terminal shows as it is, and does nothing else with.

Control characters move cursors and rename windows; bidirectional and zero-width ones make a statement
read other than it runs (CVE-2021-42574). All are shown as the escapes Python and PostgreSQL know.
"""

from __future__ import annotations

import re
import unicodedata

_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Invisible by rendering though letters or marks by category: Unicode's Default_Ignorable_Code_Point.
_INVISIBLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10),
              *range(0x180B, 0x1810), *range(0xE0100, 0xE01F0)}
_SUSPECT = re.compile(r"[^ -~]")


def escape(text: str, *, lines: bool = False) -> str:
    """`text` with every character that does not show itself written as an escape: `\\x1b`, `\\u202e`.

    With `lines`, line feeds and tabs stay and a carriage return before a line feed is dropped: for
    statements and other text of several lines.
    """
    if text.isascii() and text.isprintable():  # nearly always, and quickly seen
        return text
    if lines:
        text = text.replace("\r\n", "\n")
    return _SUSPECT.sub(lambda match: _shown(match.group(), lines), text)


def json_safe(text: str) -> str:
    """JSON `text` with the same characters as JSON escapes, which leaves its value unchanged."""
    if text.isascii() and text.isprintable():
        return text
    return _SUSPECT.sub(lambda match: _json(match.group()), text)


def harmless(character: str) -> bool:
    """Whether a terminal shows `character` as itself."""
    return unicodedata.category(character) not in _CATEGORIES and ord(character) not in _INVISIBLE


def _shown(character: str, lines: bool) -> str:
    if harmless(character) or (lines and character in "\n\t"):
        return character
    return _escaped(ord(character))


def _escaped(code: int) -> str:
    if code < 0x100:
        return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json(character: str) -> str:
    if harmless(character) or character in "\n\r\t":  # as white space; within strings JSON has escaped them
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))

"""The masks: how they are spelled, and which of several shows least.

Masks of one family can be compared: a wider step hides what a narrower one does, the year what the month
does. Masks of two families cannot (the month of a date and its first letter tell different things), so where
rules ask for both the value is redacted. `null` and `redact` stand above all families. That makes a
semilattice: in whatever order masks are put together the result is the same, and no more shows than any of
them would show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce
from hashlib import sha256

PLAIN = ("null", "redact", "partial", "year", "month")
"""Masks that are a word and nothing more."""
STEPPED = ("range", "round")
"""Masks with a step."""
KEYED = ("hash", "pseudonym")
"""Masks made with the target's key, each for one purpose."""
JSON = "json"
WITHIN_JSON = ("null", "redact", "partial")
"""Masks of a path inside a document, strictest first."""
WORDS = (*PLAIN, *STEPPED, *KEYED, JSON)

DEEPEST = 8
"""Steps of a path inside a document."""
MOST_PATHS = 32

_FAMILY = {
    "partial": "shape", "year": "date", "month": "date", "range": "number", "round": "number",
    "hash": "token", "pseudonym": "token", "json": "json",
}
_WITHIN_FAMILY = ("year", "month", "range", "round", "hash", "pseudonym", "partial")
"""Strictest first, where family and step are the same."""

_STEP = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_KEY = r"[^.,=()\"'\\\s\x00-\x1f](?:[^.,=()\"'\\\x00-\x1f]*[^.,=()\"'\\\s\x00-\x1f])?"
_PATH = re.compile(rf"{_KEY}(?:\.{_KEY})*")
_PURPOSE = re.compile(r"[^()\x00-\x1f]{0,200}")
_SPELLED = re.compile(r"([a-z]+)(?:\((.*)\))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mask:
    """One mask with what it needs to know. `str` of it is what decisions, profiles and the trail say."""

    name: str
    step: Decimal | None = None
    """Of `range` and `round`."""
    paths: tuple[tuple[str, str], ...] = ()
    """Of `json`: each path (`contact.email`) with the mask of what is there, sorted."""
    purpose: str = ""
    """Of `hash` and `pseudonym`: values of one purpose can be joined, those of two cannot."""

    def __str__(self) -> str:
        if self.step is not None:
            return f"{self.name}({self.step})"
        if self.paths:
            return f"{self.name}({', '.join(f'{path}={mask}' for path, mask in self.paths)})"
        return f"{self.name}({self.purpose})" if self.purpose else self.name


def parse(text: str) -> Mask:
    """The mask that `str` of it spells.

    Raises:
        ValueError: There is no such mask.
    """
    match = _SPELLED.fullmatch(text)
    name, inside = (match[1], match[2]) if match else (text, None)
    if name in PLAIN and inside is None:
        return Mask(name)
    if name in STEPPED and inside is not None:
        return stepped(name, inside)
    if name in KEYED and _PURPOSE.fullmatch(inside or ""):
        return Mask(name, purpose=inside or "")
    if name == JSON and inside:
        pairs = (each.partition("=") for each in inside.split(", "))
        return within_json({path: mask for path, _, mask in pairs})
    raise ValueError(f"there is no mask `{text}`")


def stepped(name: str, step: str) -> Mask:
    """`range` or `round` to `step`.

    Raises:
        ValueError: The step is not a number above zero.
    """
    if not _STEP.fullmatch(step) or not (number := Decimal(step)):
        raise ValueError(f"`{step}` is not a step like 1000 or 0.5")
    shortest = number.normalize()
    return Mask(name, step=Decimal(f"{shortest:f}"))


def within_json(paths: Mapping[str, str]) -> Mask:
    """The mask of a document in which what is at each of `paths` is masked.

    A path inside another adds nothing but that the outer is hidden whole.

    Raises:
        ValueError: A path or a mask is not one, or there are too many.
    """
    for path, mask in paths.items():
        if not _PATH.fullmatch(path) or path.count(".") >= DEEPEST:
            raise ValueError(f"`{path}` is not a path like contact.email, of {DEEPEST} steps at most")
        if mask not in WITHIN_JSON:
            raise ValueError(f"`{mask}` is no mask inside a document; it can be {', '.join(WITHIN_JSON)}")
    if not 0 < len(paths) <= MOST_PATHS:
        raise ValueError(f"a document may have 1 to {MOST_PATHS} masked paths")
    return Mask(JSON, paths=_outermost(paths))


def keyed(name: str, purpose: str) -> Mask:
    """`hash` or `pseudonym` for `purpose`, whatever the lease is for.

    Raises:
        ValueError: The purpose cannot be a part of a mask's spelling.
    """
    if not purpose or not _PURPOSE.fullmatch(purpose):
        raise ValueError(f"`{purpose}` is no purpose: no brackets, at most 200 characters")
    return Mask(name, purpose=purpose)


def for_purpose(mask: Mask, purpose: str) -> Mask:
    """`mask` in a lease for `purpose`, whose words may be any."""
    if mask.name not in KEYED or mask.purpose or not purpose:
        return mask
    if not _PURPOSE.fullmatch(purpose):
        purpose = f"sha256:{sha256(purpose.encode()).hexdigest()}"
    return replace(mask, purpose=purpose)


def strictest(masks: Iterable[Mask]) -> Mask:
    """The mask that shows no more than any of `masks` does; at least one is needed."""
    return reduce(_both, masks)


def _both(one: Mask, other: Mask) -> Mask:
    if one == other:
        return one
    for word in ("null", "redact"):
        if word in (one.name, other.name):
            return Mask(word)
    if _FAMILY[one.name] != _FAMILY[other.name] or one.purpose != other.purpose:
        return Mask("redact")
    if one.name == JSON:
        return _joined(one, other)
    return min(one, other, key=lambda mask: (-(mask.step or 0), _WITHIN_FAMILY.index(mask.name)))


def _joined(one: Mask, other: Mask) -> Mask:
    paths = dict(one.paths)
    for path, mask in other.paths:
        paths[path] = min(mask, paths.get(path, mask), key=WITHIN_JSON.index)
    outermost = _outermost(paths)
    return Mask(JSON, paths=outermost) if len(outermost) <= MOST_PATHS else Mask("redact")


def _outermost(paths: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Without the paths inside other paths, whose own mask then hides at least the shape."""
    kept = []
    for path, mask in sorted(paths.items()):
        if any(_inside(path, outer) for outer in paths):
            continue
        holds_others = any(_inside(inner, path) for inner in paths)
        kept.append((path, "redact" if holds_others and mask == "partial" else mask))
    return tuple(kept)


def _inside(path: str, outer: str) -> bool:
    return path.startswith(outer + ".")

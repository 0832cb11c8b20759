"""From a column's name, type and a few of its values to a proposal, and from proposals to a policy fragment.

Invariant: nothing here repeats a value. Evidence counts, and shows shapes: every letter as `a`, every digit
as `9`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gov.discovery.names import Hint, hint
from gov.discovery.patterns import KINDS, found
from gov.terms import Column

MOSTLY = 0.6
"""The share of values from which a column is of a kind; one that is less of it only holds some."""
FEW = 0.02
"""The share below which what is found in long text may be chance."""
LONGEST_SHAPE = 32
LONGEST_VALUE = 4096
"""Characters of a value that are looked at."""
_DEEPEST = 8
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
"""A key of a document that is a name; any other is looked at like a value, and never shown."""
_CLASSES = {kind.name: kind.classification for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Proposal:
    """That a column be classified."""

    column: Column
    type: str
    classification: str
    confidence: str
    """`high`: most values are of the kind. `medium`: some hold it. `low`: only its name says so."""
    evidence: tuple[str, ...]
    sampled: int
    """Values that were not NULL."""


def propose(column: Column, type: str, values: Sequence[str | None]) -> Proposal | None:
    """What `column` should be classified as, or None when nothing speaks for it."""
    given = [value[:LONGEST_VALUE] for value in values if value]
    named = hint(column.name)
    seen = _seen(given, type)
    if seen is not None:
        classification, share, evidence = seen
        if named is not None:
            evidence = (*evidence, _named(named))
            if named.classification == "secret":
                classification = "secret"
        confidence = "high" if share >= MOSTLY else "medium"
        return Proposal(column, type, classification, confidence, evidence, len(given))
    if named is None or _contradicts(named, type):
        return None
    return Proposal(column, type, named.classification, "low", (_named(named),), len(given))


def _named(named: Hint) -> str:
    return f"its name says {named.meaning}"


def _contradicts(named: Hint, type: str) -> bool:
    """A flag or a count is none of what its name speaks of: `email_verified`, `address_id`."""
    return type == "boolean" or (type in ("smallint", "integer") and named.classification != "pii.financial")


def _seen(values: Sequence[str], type: str) -> tuple[str, float, tuple[str, ...]] | None:
    """The strongest kind among the values, its share, and the evidence for all that were seen."""
    if not values or type.startswith(("timestamp", "time", "date", "interval", "uuid", "boolean")):
        return None
    whole: Counter[str] = Counter()
    within: Counter[str] = Counter()
    paths: Counter[tuple[str, str]] = Counter()
    for value in values:
        here: dict[str, bool] = {}
        at: set[tuple[str, str]] = set()
        for path, text in _leaves(value, type):
            for kind, is_all in found(text).items():
                here[kind] = here.get(kind, False) or (is_all and not path)
                at |= {(kind, path)} if path else set()
        for kind, is_all in here.items():
            (whole if is_all else within)[kind] += 1
        paths.update(at)
    shares = {kind: (whole[kind] + within[kind]) / len(values) for kind in whole | within}
    strong = [kind for kind, share in shares.items() if _counts(kind, share, whole[kind] + within[kind], type)]
    if not strong:
        return None
    first = max(strong, key=lambda kind: (shares[kind] >= MOSTLY, -_RANK[_CLASSES[kind]], shares[kind]))
    evidence = tuple(_told(kind, whole, within, paths, values, type) for kind in strong)
    return _CLASSES[first], min(1.0, whole[first] / len(values)), evidence


_NUMBERS = ("smallint", "integer", "bigint", "numeric")
_RANK = {"secret": 0, "pii.secret": 1, "pii.contact": 2, "pii.network": 3}


def _counts(kind: str, share: float, count: int, type: str) -> bool:
    if kind == "phone number" and type in _NUMBERS:
        return False
    # One value may be a coincidence, also when there are few.
    return share >= MOSTLY or (share >= FEW and count > 1)


def _told(
    kind: str, whole: Counter[str], within: Counter[str], paths: Counter[tuple[str, str]], values: Sequence[str],
    type: str,
) -> str:
    count = whole[kind] + within[kind]
    if any(each == kind for each, _ in paths):
        # What one document alone has is as likely a value as a name: documents are keyed by people, too.
        places = sorted(path for (each, path), documents in paths.items() if each == kind and documents > 1)
        at = f", at {', '.join(places[:3])}" if places else ""
        return f"{count} of {len(values)} documents hold: {kind}{at}"
    if whole[kind] >= within[kind]:
        texts = (text for value in values for _, text in _leaves(value, type))
        example = next(text for text in texts if found(text).get(kind))
        return f"{whole[kind]} of {len(values)} values are: {kind}, like {shape(example)}"
    return f"{within[kind]} of {len(values)} texts hold: {kind}"


def shape(value: str) -> str:
    """`value` with every letter as `a` and every digit as `9`, cut where it is long."""
    plain = re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "a", value.strip()))
    plain = re.sub(r"[^\x20-\x7e]", "?", plain)
    return plain if len(plain) <= LONGEST_SHAPE else plain[:LONGEST_SHAPE] + "…"


def _leaves(value: str, type: str) -> Iterator[tuple[str, str]]:
    """(path, text) of each text in a value: one without a path, or those of a document."""
    if type in ("inet", "cidr"):
        value = value.partition("/")[0]
    if type in ("json", "jsonb"):
        try:
            yield from _walk(json.loads(value), "$", 0)
            return
        except (ValueError, RecursionError):
            pass
    yield "", value


def _walk(node: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        return
    if isinstance(node, dict):
        for name, each in node.items():
            named = _NAME.fullmatch(name)
            yield from _walk(each, f"{path}.{name if named else '*'}", depth + 1)
            if not named:
                yield f"{path}.*", name[:LONGEST_VALUE]
    elif isinstance(node, list):
        for each in node:
            yield from _walk(each, f"{path}[*]", depth + 1)
    elif isinstance(node, str):
        yield path, node[:LONGEST_VALUE]
    elif isinstance(node, int) and not isinstance(node, bool):
        yield path, str(node)


def fragment(proposals: Iterable[Proposal]) -> str:
    """A `classify` section of policy that says what is proposed, evidence as comments; to be read before it is used."""
    by_class: dict[str, list[Proposal]] = {}
    for each in sorted(proposals, key=lambda proposal: (proposal.classification, proposal.column)):
        by_class.setdefault(each.classification, []).append(each)
    if not by_class:
        return "version: 1\nclassify: []\n"
    lines = ["version: 1", "classify:"]
    for classification, members in by_class.items():
        lines += [f"  - as: {classification}", "    columns:"]
        for each in members:
            lines.append(f"      - {json.dumps(str(each.column), ensure_ascii=True)}  # {_comment(each)}")
    return "\n".join(lines) + "\n"


def _comment(proposal: Proposal) -> str:
    told = f"{proposal.confidence}: {'; '.join(proposal.evidence)}"
    return "".join(each if each.isprintable() else "?" for each in told)

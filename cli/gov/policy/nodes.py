"""YAML read with types and places: from text to values, with a complaint where something does not fit.

PyYAML composes nodes, which keep their marks; nothing is ever constructed, so tags run nothing. Anchors,
aliases, tags, duplicate and unknown keys are refused. A reader never raises for what an author wrote: it
complains and goes on with an empty value, so that all mistakes are reported at once. Whoever uses it must
throw the values away when there are complaints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, TypeVar

import yaml

from gov.policy.complaint import Complaint, Position, did_you_mean

LONGEST = 1 << 20
"""Characters of one file; the largest policies we know of have a tenth of it."""
DEEPEST = 16
"""Levels of nesting; the format itself needs five, and the composer recurses."""

_DURATION = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_DURATION = 366 * 86400
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"

class Mark(Protocol):
    """A YAML mark, of either of PyYAML's two parsers."""

    line: int
    column: int


E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


@dataclass(slots=True)
class Source:
    """One file being read, and the complaints about it."""

    file: str
    complaints: list[Complaint] = field(default_factory=list)

    def at(self, mark: Mark | None) -> Position:
        """The position of a YAML mark."""
        line, column = (0, 0) if mark is None else (mark.line, mark.column)
        return Position(self.file, line + 1, column + 1)

    def complain(self, node: yaml.Node, what: str) -> None:
        """Note a mistake at `node`."""
        self.complaints.append(Complaint(self.at(node.start_mark), what))

    def nothing(self) -> None:
        """Note that the file says nothing at all."""
        self.complaints.append(Complaint(self.at(None), "the file is empty"))

    def compose(self, text: str) -> yaml.Node | None:
        """The root node of `text`, or None after a complaint."""
        if len(text) > LONGEST:
            self.complaints.append(Complaint(self.at(None), f"longer than {LONGEST} characters"))
            return None
        try:
            if self._plain(text):
                return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as why:
            what = " ".join(filter(None, (why.context, why.problem)))
            at = self.at(why.problem_mark or why.context_mark)
            self.complaints.append(Complaint(at, f"not YAML: {what}"))
        except yaml.YAMLError as why:
            reason = str(why).splitlines()[0]
            self.complaints.append(Complaint(self.at(None), f"not YAML: {reason}"))
        return None

    def _plain(self, text: str) -> bool:
        """Whether the events of `text` are free of what we refuse; they come without recursion."""
        before, depth = len(self.complaints), 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                what = "anchors and aliases are not supported"
                self.complaints.append(Complaint(self.at(event.start_mark), what))
            elif getattr(event, "tag", None):
                self.complaints.append(Complaint(self.at(event.start_mark), "tags are not supported"))
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                self.complaints.append(Complaint(self.at(event.start_mark), "nested too deeply"))
                return False
        return len(self.complaints) == before


class Section:
    """A YAML mapping: each key at most once, and only keys that are known.

    Every method takes a key and returns its value, or an empty one when the key is not there or does not fit.
    """

    def __init__(self, source: Source, node: yaml.Node, known: Collection[str]) -> None:
        """Read `node`."""
        self.source = source
        self.node = node
        self._values: dict[str, yaml.Node] = {}
        if not isinstance(node, yaml.MappingNode):
            source.complain(node, f"must be a mapping with the keys {', '.join(known)}")
            return
        for key, value in node.value:
            self._take(key, value, known)

    def _take(self, key: yaml.Node, value: yaml.Node, known: Collection[str]) -> None:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name in self._values:
            self.source.complain(key, f"`{name}` is given twice")
        elif name not in known:
            self.source.complain(key, f"`{name}` is not a key here{did_you_mean(name, known)}")
        else:
            self._values[name] = value

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> tuple[str, ...]:
        """The keys that are there and known, in the order of the file."""
        return tuple(self._values)

    def nested(self, key: str) -> bool:
        """Whether the value of `key` is a mapping."""
        return isinstance(self._values.get(key), yaml.MappingNode)

    def marks(self) -> dict[str, Position]:
        """Key to the place of its value, `""` to the place of the mapping."""
        here = {"": self.source.at(self.node.start_mark)}
        return here | {key: self.source.at(node.start_mark) for key, node in self._values.items()}

    def complain(self, key: str, what: str) -> None:
        """Note a mistake at the value of `key`, or at the mapping when there is none."""
        self.source.complain(self._values.get(key, self.node), what)

    def complain_within(self, key: str, what: str, at: int | None) -> None:
        """Note a mistake at byte `at` of the text under `key`: at its own place where that can be told."""
        node = self._values.get(key, self.node)
        if at is None or not isinstance(node, yaml.ScalarNode):
            self.source.complain(node, what)
            return
        before = node.value.encode()[:at].decode(errors="replace")
        here = self.source.at(node.start_mark)
        if node.start_mark.line == node.end_mark.line:
            column = here.column + len(before) + (node.style in ("'", '"'))
            self.source.complaints.append(Complaint(replace(here, column=column), what))
        else:
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            self.source.complain(node, f"line {line}, column {column} of it: {what}")

    def require(self, *keys: str) -> None:
        """Complain about each of `keys` that is not there."""
        if isinstance(self.node, yaml.MappingNode):
            for key in keys:
                if key not in self._values:
                    self.complain("", f"`{key}` is missing")

    def text(self, key: str, *, null: bool = False) -> str:
        """A single word or sentence; see `_scalar` for `null`."""
        node = self._values.get(key)
        return "" if node is None else self._scalar(node, key, null=null)

    def items(self, key: str) -> tuple[tuple[yaml.Node, str], ...]:
        """As `texts`, each with its node, for complaints about one of them."""
        node = self._values.get(key)
        if node is None:
            return ()
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not items:
            self.source.complain(node, f"`{key}` is an empty list; leave it out or say what it shall hold")
        return tuple((item, self._scalar(item, key)) for item in items)

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or a list of them; an empty list is refused, as it could mean none or all."""
        return tuple(text for _, text in self.items(key))

    def spelled(self, key: str, read: Callable[[str], T | None], form: str) -> tuple[T, ...]:
        """Texts that `read` turns into values; None from it means that the text is not a `form`."""
        found: list[T] = []
        for node, text in self.items(key):
            value = read(text)
            if value is None and text:
                self.source.complain(node, f"`{text}` is not of the form {form}")
            elif value is not None:
                found.append(value)
        return tuple(found)

    def word(self, key: str, words: Collection[str]) -> str:
        """One of `words`."""
        node = self._values.get(key)
        if node is None:
            return ""
        text = self._scalar(node, key, null="null" in words)
        return text if self._one_of(key, node, text, words) else ""

    def words(self, key: str, words: type[E]) -> frozenset[E]:
        """Members of the enumeration `words`, by value."""
        values = [word.value for word in words]
        items = self.items(key)
        return frozenset(words(text) for node, text in items if self._one_of(key, node, text, values))

    def duration(self, key: str, otherwise: float = 0.0) -> float:
        """Seconds, from `90s`, `15m`, `8h` or `1d`."""
        text = self.text(key)
        if not text:
            return otherwise
        match = _DURATION.fullmatch(text)
        seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
        if not 0 < seconds <= _LONGEST_DURATION:
            self.complain(key, f"`{text}` is not a duration like 90s, 15m, 8h or 1d, of a year at most")
            return otherwise
        return float(seconds)

    def whole(self, key: str, least: int, otherwise: int) -> int:
        """A whole number from `least` up."""
        text = self.text(key)
        if not text:
            return otherwise
        if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) < least:
            self.complain(key, f"`{text}` is not a whole number from {least} up")
            return otherwise
        return int(text)

    def flag(self, key: str) -> bool:
        """`true`, the only thing such a condition can be; leaving it out is the other."""
        node = self._values.get(key)
        if node is None:
            return False
        if not (isinstance(node, yaml.ScalarNode) and node.tag == _BOOL and node.value.lower() == "true"):
            self.source.complain(node, f"`{key}` can only be true; leave it out otherwise")
        return True

    def section(self, key: str, known: Collection[str]) -> Section | None:
        """The mapping under `key`, or None when there is none."""
        node = self._values.get(key)
        if node is None:
            return None
        section = Section(self.source, node, known)
        if isinstance(node, yaml.MappingNode) and not node.value:
            self.source.complain(node, f"`{key}` is empty; leave it out or say what it shall hold")
        return section

    def sections(self, key: str, known: Collection[str]) -> Iterator[Section]:
        """The list of mappings under `key`."""
        node = self._values.get(key)
        if node is None:
            return
        if not isinstance(node, yaml.SequenceNode):
            self.source.complain(node, f"`{key}` must be a list of rules")
            return
        for item in node.value:
            yield Section(self.source, item, known)

    def pairs(self, key: str, *, null: bool = False) -> dict[str, str]:
        """The mapping under `key` whose keys are the author's own, each with its text; see `_scalar` for `null`."""
        node = self._values.get(key)
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode) or not node.value:
            self.source.complain(node, f"`{key}` must be a mapping that holds something")
            return {}
        found: dict[str, str] = {}
        for name, value in node.value:
            text = self._scalar(name, key)
            if text in found:
                self.source.complain(name, f"`{text}` is given twice")
            found[text] = self._scalar(value, text, null=null)
        return found

    def named(self, key: str, known: Collection[str], *, alone: str = "") -> Iterator[tuple[str, Section]]:
        """The mappings under `key`, whose names are the author's own. One that is a list only is its `alone`."""
        node = self._values.get(key)
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            self.source.complain(node, f"`{key}` must be a mapping of names")
            return
        seen: set[str] = set()
        for name, value in node.value:
            text = self._scalar(name, key)
            if text in seen:
                self.source.complain(name, f"`{text}` is given twice")
            seen.add(text)
            if alone and isinstance(value, yaml.SequenceNode):
                word = yaml.ScalarNode("tag:yaml.org,2002:str", alone, value.start_mark, value.start_mark)
                value = yaml.MappingNode("tag:yaml.org,2002:map", [(word, value)], value.start_mark, value.end_mark)
            yield text, Section(self.source, value, known)

    def _scalar(self, node: yaml.Node, key: str, *, null: bool = False) -> str:
        """The text of `node`. A plain `null` is a word where `null` says so (the mask), else a slip."""
        if not isinstance(node, yaml.ScalarNode):
            self.source.complain(node, f"`{key}` must hold text here")
            return ""
        if not node.value.strip() or (node.tag == _NULL and not (null and node.value == "null")):
            self.source.complain(node, f"`{key}` holds nothing")
            return ""
        value: str = node.value
        return value

    def _one_of(self, key: str, node: yaml.Node, text: str, words: Collection[str]) -> bool:
        if text in words:
            return True
        if text:
            meant = did_you_mean(text, words) or f"; it can be {', '.join(words)}"
            self.source.complain(node, f"`{key}` cannot be `{text}`{meant}")
        return False

"""What Tab offers at the prompt: relations, columns with their masks, functions, keywords, backslash commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText

from gov.commands.backslash import Command
from gov.commands.clauses import Mention, Place, folded, place
from gov.commands.reaching import Known
from gov.ui.escape import harmless

if TYPE_CHECKING:
    from gov.control.access import ColumnView, RelationView

_WORDS = """
all alter analyze and as asc begin between by case cast coalesce commit copy create cross
current_date current_timestamp delete desc distinct drop else end except exists explain
false fetch filter for from full grant group having ilike in index inner insert intersect
interval into is join lateral left like limit materialized merge not null offset on or order
outer over partition primary references returning revoke right rollback savepoint select set show
table then true truncate union unique update using values view when where window with
"""
KEYWORDS = tuple(_WORDS.split())
_CALLS = """
abs age array_agg array_length avg btrim ceil concat count current_setting date_part date_trunc
dense_rank extract floor format generate_series greatest jsonb_agg jsonb_build_object lag lead least
left length lower ltrim max md5 min mod now nullif percentile_cont position rank regexp_matches
regexp_replace replace right round row_number row_to_json rtrim split_part string_agg substring sum
to_char to_date to_json to_jsonb to_timestamp trim unnest upper
"""
CALLS = tuple(_CALLS.split())
"""Functions of PostgreSQL's own that people type; it has three thousand."""
_ENOUGH = 200
"""Completions at most: nobody reads on, and the menu stays quick."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to complete to. `name` is matched, `text` inserted."""

    name: str
    text: str
    about: str = ""
    masked: bool = False

    def completion(self, typed: str) -> Completion:
        """As prompt_toolkit has it."""
        about = FormattedText([("class:masked" if self.masked else "", self.about)])
        return Completion(self.text, start_position=-len(typed), display=self.text, display_meta=about)


def quoted(name: str) -> str:
    """`name` as it must be typed: in quotes unless PostgreSQL would fold or refuse it."""
    plain = name.isidentifier() and name.isascii() and name == name.lower() and name not in KEYWORDS
    return name if plain else '"' + name.replace('"', '""') + '"'


class Sql(Completer):
    """Completes the word before the cursor, by what `known` knows at that moment."""

    def __init__(
        self, known: Callable[[], Known], commands: Iterable[Command] = (), syntaxes: Iterable[str] = ()
    ) -> None:
        self._known = known
        self._commands = tuple(commands)
        self._syntaxes = tuple(syntaxes)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """The best first."""
        line = document.current_line_before_cursor.lstrip()
        if line.startswith("\\"):
            yield from self._backslash(line, document, complete_event)
            return
        at = place(document.text, document.cursor_position)
        if at.wants == "nothing" or (not at.typed and not at.qualifier and at.wants == "column"
                                     and not complete_event.completion_requested):
            return
        yield from _found(at.typed, _offers(at, self._known()))

    def _backslash(self, line: str, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        word, space, rest = line.partition(" ")
        if not space:
            yield from (Offer(each.name, each.name, each.about).completion(word)
                        for each in self._commands if each.name.startswith(word))
        elif word in ("\\i", "\\o", "\\e"):
            yield from PathCompleter(expanduser=True).get_completions(Document(rest.lstrip()), event)
        elif word == "\\h":
            yield from (Offer(each, each).completion(rest) for each in self._syntaxes
                        if each.startswith(rest.upper()))
        elif values := next((each.values for each in self._commands if each.name == word), ()):
            yield from (Offer(each, each).completion(rest) for each in values if each.startswith(rest))
        elif word == "\\unmask":
            typed = rest.rpartition(",")[2]
            yield from _found(typed, _masked(self._known())) if " " not in rest.lstrip() else ()
        elif word.startswith(("\\d", "\\sf")):
            typed = document.get_word_before_cursor(WORD=True)
            at = place(f"from {typed}", len(typed) + 5)
            yield from _found(at.typed, _relations(at, self._known()))


def _found(typed: str, offers: Iterable[Offer]) -> Iterator[Completion]:
    """Those that fit what is typed: that begin like it, then that have a part beginning so."""
    wanted = folded(typed).lower()
    best, next_best, seen = [], [], set()
    for offer in offers:
        name = offer.name.lower()
        if offer.text in seen:
            continue
        if name.startswith(wanted):
            best.append(offer)
        elif len(wanted) > 1 and f"_{wanted}" in name:
            next_best.append(offer)
        else:
            continue
        seen.add(offer.text)
    for offer in [*best, *next_best][:_ENOUGH]:
        if not (typed == offer.text and len(best) == 1):  # nothing is left to complete
            yield offer.completion(typed)


def _offers(at: Place, known: Known) -> Iterator[Offer]:
    if at.qualifier:
        yield from _qualified(at, known)
    elif at.wants == "relation":
        yield from (Offer(name, quoted(name), "with") for name in at.ctes)
        yield from _relations(at, known)
    else:
        yield from _columns(at, known)
        yield from (Offer(name, quoted(name), "function") for schema, name in known.functions if schema in known.path)
        yield from (Offer(name, _cased(name, at.typed), "function") for name in CALLS)
        yield from (Offer(word, _cased(word, at.typed)) for word in KEYWORDS)


def _cased(word: str, typed: str) -> str:
    return word.upper() if typed[-1:].isupper() else word


def _qualified(at: Place, known: Known) -> Iterator[Offer]:
    """After a dot: the columns of what the name stands for, or what is in the schema of that name."""
    *schema, name = at.qualifier
    for mention in at.mentions:
        if name == (mention.alias or mention.name) and (not schema or schema == [mention.schema]):
            found = known.find(mention.schema, mention.name)
            yield from _of(found) if found else ()
    if not schema:
        yield from _in(name, known)
        yield from (Offer(each, quoted(each), "function") for space, each in known.functions if space == name)
    elif at.wants == "column" and (found := known.find(schema[-1], name)):
        yield from _of(found)


def _in(schema: str, known: Known) -> Iterator[Offer]:
    return (Offer(name, quoted(name), _about(view)) for (space, name), view in known.relations.items()
            if space == schema)


def _relations(at: Place, known: Known) -> Iterator[Offer]:
    if at.qualifier:
        yield from _in(at.qualifier[-1], known)
        return
    for schema in known.path:
        yield from _in(schema, known)
    yield from (Offer(each, f"{quoted(each)}.", "schema") for each in known.schemas if each not in known.path)
    yield from (Offer(name, f"{quoted(schema)}.{quoted(name)}", _about(view))
                for (schema, name), view in known.relations.items() if schema not in known.path)


def _masked(known: Known) -> Iterator[Offer]:
    """Columns that are masked, as `\\unmask` takes them."""
    for (schema, relation, column), mask in sorted(known.masks.items()):
        name = f"{relation}.{column}" if schema in known.path else f"{schema}.{relation}.{column}"
        yield Offer(name, name, f"masked: {mask}", True)


def _about(view: RelationView) -> str:
    masked = sum(column.mask is not None for column in view.columns)
    return f"{view.kind}, {masked} masked" if masked else view.kind


def _columns(at: Place, known: Known) -> Iterator[Offer]:
    """Columns of what the statement speaks of, and how it calls that; of everything while it speaks of nothing."""
    found = [(mention, view) for mention in at.mentions if (view := known.find(mention.schema, mention.name))]
    for _, view in found:
        yield from _of(view, view.name if len(found) > 1 else "")
    yield from (Offer(_called(mention), quoted(_called(mention)), view.name if mention.alias else view.kind)
                for mention, view in found)
    if not at.mentions and at.typed:
        yield from (offer for schema in known.path for (space, name), view in known.relations.items()
                    if space == schema for offer in _of(view, name))


def _called(mention: Mention) -> str:
    return mention.alias or mention.name


def _of(view: RelationView, relation: str = "") -> Iterator[Offer]:
    """The columns of a relation; `relation` is named beside them where several are meant."""
    return (_column(each, relation) for each in view.columns if all(map(harmless, each.name)))


def _column(column: ColumnView, relation: str) -> Offer:
    said = f"masked: {column.mask}" if column.mask else column.type
    return Offer(column.name, quoted(column.name), f"{said}  {relation}".rstrip(), column.mask is not None)

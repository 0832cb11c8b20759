"""What auditors ask, by name: each with its arguments and the control that its answer serves.

Here is only what can be asked. `broker.answers` answers, `docs/questions.md` has an example of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gov.errors import UsageError

PCI = "PCI DSS 4.0"
SOC = "SOC 2"
HIPAA = "HIPAA"
GDPR = "GDPR"
AI = "EU AI Act"


@dataclass(frozen=True, slots=True)
class Argument:
    """One word that a question needs."""

    name: str
    says: str
    default: str | None = None
    """None: it must be given."""


@dataclass(frozen=True, slots=True)
class Question:
    """A named question."""

    name: str
    asks: str
    """The question, as a person would put it."""
    columns: tuple[str, ...]
    """Of the answer; a contract like the names of fields."""
    controls: tuple[str, ...]
    """What its answer is evidence for."""
    arguments: tuple[Argument, ...] = ()

    def given(self, words: list[str]) -> dict[str, str]:
        """The arguments that these words are.

        Raises:
            UsageError: There are too many, or too few.
        """
        shape = " ".join((f"gov audit ask {self.name}", *(
            each.name.upper() if each.default is None else f"[{each.name.upper()}]" for each in self.arguments)))
        if len(words) > len(self.arguments):
            raise UsageError(f"`{self.name}` does not know what `{words[len(self.arguments)]}` is", hint=shape)
        missing = [each for each in self.arguments[len(words) :] if each.default is None]
        if missing:
            raise UsageError(f"`{self.name}` needs {missing[0].says}", hint=shape)
        rest = {each.name: each.default or "" for each in self.arguments[len(words) :]}
        return {each.name: word for each, word in zip(self.arguments, words, strict=False)} | rest


_READING = ("entry", "time", "who", "target", "how", "approved_by", "rows", "purpose", "statement")
_HAPPENING = ("entry", "time", "who", "target", "what", "approved_by", "rows", "purpose", "statement")
_WHO = Argument("who", "a name, a subject or an agent")

_ALL = (
    Question(
        "column-readers", "who read this column, and was it masked or clear?", _READING,
        (f"{PCI} 10.2.1.1", f"{SOC} CC6.1", f"{HIPAA} 164.312(b)", f"{GDPR} 30(1)(d)"),
        (Argument("column", "a column: public.customers.email, customers.email or email"),),
    ),
    Question(
        "activity", "what did this person, service or agent do, and for whom?", _HAPPENING,
        (f"{PCI} 10.2.1.2", f"{SOC} CC7.2", f"{HIPAA} 164.312(b)", f"{AI} 12"), (_WHO,),
    ),
    Question(
        "approvals", "who asked for this, who approved or denied it, and was it run?",
        ("entry", "time", "what", "request", "who", "requester", "reason", "max_rows", "target", "statement"),
        (f"{SOC} CC8.1", f"{PCI} 7.2.4", f"{HIPAA} 164.308(a)(4)"),
        (Argument("about", "a request (rq-…), an entry, or a part of the statement; all requests when left out", ""),),
    ),
    Question(
        "origin", "where did this file come from, and who approved its use?",
        ("entry", "time", "who", "target", "what", "approved_by", "rows", "purpose", "run", "columns", "statement"),
        (f"{GDPR} 30(1)(d)", f"{AI} 10(2)(b)", f"{AI} 12", f"{SOC} CC6.7"),
        (Argument("file", "a file, or its SHA-256"),),
    ),
    Question(
        "run", "what did this training run or job read, and with whose approval?",
        ("entry", "time", "who", "target", "how", "approved_by", "rows", "purpose", "columns", "statement"),
        (f"{AI} 10(2)(b)", f"{AI} 12", f"{GDPR} 30(1)(b)"), (Argument("run", "the run, as --run-id named it"),),
    ),
    Question(
        "purpose", "what was read for this purpose, and by whom?", _READING,
        (f"{GDPR} 5(1)(b)", f"{GDPR} 30(1)(b)", f"{AI} 10(2)(b)"),
        (Argument("purpose", "the purpose, as --purpose named it"),),
    ),
    Question(
        "denied", "what was refused, to whom, and why?",
        ("entry", "time", "who", "target", "what", "rule", "because", "statement"),
        (f"{PCI} 10.2.1.4", f"{SOC} CC6.1", f"{SOC} CC7.2", f"{HIPAA} 164.308(a)(5)(ii)(C)"),
    ),
    Question(
        "ddl", "who changed tables, views, functions, roles or grants?", _HAPPENING,
        (f"{PCI} 10.2.1.7", f"{PCI} 10.2.1.5", f"{SOC} CC8.1"),
    ),
    Question(
        "changes", "who changed policy, keys, columns, or anything else of gov itself?",
        ("entry", "time", "who", "target", "what", "about"),
        (f"{PCI} 10.2.1.6", f"{PCI} 10.2.2", f"{SOC} CC8.1", f"{HIPAA} 164.308(a)(8)"),
    ),
    Question(
        "break-glass", "who went ahead alone, in an emergency, and what did they do?",
        ("entry", "time", "who", "target", "what", "approved_by", "rows", "purpose", "about"),
        (f"{HIPAA} 164.312(a)(2)(ii)", f"{SOC} CC6.1", f"{PCI} 10.2.1.2"),
    ),
    Question(
        "clear-reads", "who read sensitive data with no mask?",
        ("entry", "time", "who", "target", "clear", "approved_by", "rows", "purpose", "statement"),
        (f"{PCI} 10.2.1.1", f"{HIPAA} 164.312(b)", f"{GDPR} 32", f"{SOC} CC6.1"),
        (Argument("column", "a column; every one when left out", "*"),),
    ),
    Question(
        "exports", "what data left the database as a file or a bulk copy?",
        ("entry", "time", "who", "target", "how", "approved_by", "rows", "bytes", "purpose", "statement"),
        (f"{SOC} CC6.7", f"{GDPR} 30(1)(d)", f"{HIPAA} 164.312(e)", f"{PCI} 10.2.1.1"),
    ),
    Question(
        "log-reads", "who read the audit log itself?", ("entry", "time", "who", "what", "about"),
        (f"{PCI} 10.2.1.3", f"{SOC} CC7.2"),
    ),
    Question(
        "logins", "who logged in, with which groups, from where?",
        ("entry", "time", "who", "groups", "client"), (f"{PCI} 10.2.1.5", f"{HIPAA} 164.308(a)(5)(ii)(C)"),
    ),
    Question(
        "gaps", "is anything missing: entries, statements of a session, ends, an orderly stop?",
        ("entry", "time", "what", "about"), (f"{PCI} 10.3.4", f"{SOC} CC7.3", f"{HIPAA} 164.312(c)(1)", f"{AI} 12"),
    ),
    Question(
        "unused", "which access does policy grant that nobody used in so many days?",
        ("rule", "groups", "targets", "scope", "last_used", "entry", "leases"),
        (f"{PCI} 7.2.4", f"{SOC} CC6.3", f"{GDPR} 25"), (Argument("days", "a number of days", "90"),),
    ),
    Question(
        "population", "how many statements were there, and a sample that anybody can draw again?",
        ("draw", "place", "entry", "time", "who", "target", "what", "statement"),
        (f"{SOC} CC4.1", "ISAE 3402", f"{PCI} 12.4.2"),
        (Argument("size", "how many entries to draw", "25"), Argument("seed", "any word", "gov")),
    ),
)

QUESTIONS: Mapping[str, Question] = {each.name: each for each in _ALL}
"""Every question by its name."""


def question(name: str) -> Question:
    """The question of that name.

    Raises:
        UsageError: There is none.
    """
    found = QUESTIONS.get(name)
    if found is None:
        raise UsageError(f"no question is called `{name}`", hint="gov audit ask")
    return found

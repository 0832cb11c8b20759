"""`gov audit ask`: the questions that auditors ask, by name, and their answers as a table, CSV or JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gov.audit.questions import QUESTIONS, question
from gov.audit.tabular import cell, line
from gov.client.files import digest
from gov.commands.asking import JsonFlag, broker
from gov.commands.moments import Since, Until, moment
from gov.ui import tables
from gov.ui.output import print_json
from gov.ui.sql import one_line
from gov.ui.tables import Heading
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.control.trail import Answer

EXAMPLES = (
    "\b\nExamples:\n  gov audit ask\n  gov audit ask column-readers public.customers.email --since 7d\n"
    "  gov audit ask origin churn.parquet\n  gov audit ask population 25 audit-2026 --format csv"
)
_DIGEST = 64
_GIVES = ("statement", "about", "because", "columns", "clear")
"""Columns that give way on a narrow terminal; the first of them that an answer has."""
_WIDEST = 200
_BESIDE, _BESIDE_NARROW = 60, 18
"""Characters of a long cell beside the one that gives way."""


def ask(
    name: Annotated[str | None, typer.Argument(metavar="[QUESTION]", help="Left out: all questions.")] = None,
    words: Annotated[list[str] | None, typer.Argument(metavar="[ARGUMENT]…", help="What the question needs.")] = None,
    since: Since = None,
    until: Until = None,
    target: Annotated[str | None, typer.Option(metavar="TARGET", help="On this database only.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many rows at most, the newest.")] = 1000,
    before: Annotated[int | None, typer.Option(min=0, metavar="INDEX", help="What is older than this entry.")] = None,
    format: Annotated[Literal["table", "csv", "json"], typer.Option(help="How to print the answer.")] = "table",
    json: JsonFlag = False,
) -> None:
    """Answer one of the questions that auditors ask, with the entries that prove it."""
    if name is None:
        _list(json or format == "json")
        return
    found = _asked(name, given(name, words or []), limit, {
        "since": moment("--since", since), "until": moment("--until", until), "target": target, "before": before,
    })  # fmt: skip
    if json or format == "json":
        print_json(found)
    elif format == "csv":
        sys.stdout.write(line(found.columns) + "".join(line(row.get(each) for each in found.columns)
                                                       for row in found.rows))
    else:
        show(found)


def given(name: str, words: list[str]) -> dict[str, str]:
    """The arguments of a question; a file becomes its digest. Raises UsageError."""
    arguments = question(name).given(words)
    return arguments | {"file": _digest(arguments["file"])} if name == "origin" else arguments


def _asked(name: str, arguments: dict[str, str], limit: int, bounds: dict[str, object]) -> Answer:
    """The answer, from as many pages as it takes."""
    with broker() as asked:
        found = page = asked.ask(name, **arguments, **bounds, limit=min(limit, 1000))
        while page.before is not None and (left := limit - len(found.rows)) > 0:
            page = asked.ask(name, **arguments, **(bounds | {"before": page.before}), limit=min(left, 1000))
            found = page.model_copy(update={"rows": [*found.rows, *page.rows], "size": found.size})
    return found


def show(found: Answer) -> None:
    """The answer as a table, and on standard error what whoever reads it must know."""
    gives = next((each for each in _GIVES if each in found.columns), None)
    headings = [
        Heading(each.upper().replace("_", " "), "bold" if each == "who" else "", each in ("entry", "rows", "bytes"),
                each == gives)
        for each in found.columns
    ]
    tables.show(headings, ([_shown(each, row.get(each), gives) for each in found.columns] for row in found.rows),
                empty="nothing: no entry answers this")
    for note in found.notes:
        say(f"gov: {note}")
    if found.before is not None:
        say(f"gov: there is more: --before {found.before}, or a larger --limit")


def _shown(name: str, value: object, gives: str | None) -> str:
    if name in ("time", "last_used") and isinstance(value, str):
        return f"{value[5:10]} {value[11:19]}" if tables.narrow() else f"{value[:10]} {value[11:19]}Z"
    widest = _WIDEST if name == gives or name not in _GIVES else _BESIDE_NARROW if tables.narrow() else _BESIDE
    return one_line(cell(value), widest)


def _list(json: bool) -> None:
    if json:
        print_json({"questions": [
            {
                "name": each.name, "asks": each.asks, "controls": [*each.controls], "columns": [*each.columns],
                "arguments": [{"name": one.name, "says": one.says, "default": one.default} for one in each.arguments],
            }
            for each in QUESTIONS.values()
        ]})  # fmt: skip
        return
    for each in QUESTIONS.values():
        words = "".join(
            f" {one.name.upper()}" if one.default is None else f" [{one.name.upper()}]" for one in each.arguments
        )
        print(f"{each.name}{words}\n    {each.asks}\n    {', '.join(each.controls)}")


def _digest(file: str) -> str:
    """The SHA-256 of the file, or what was given if it is one."""
    path = Path(file)
    if not path.is_file():
        return file.lower().removeprefix("sha256:") if len(file) >= _DIGEST else file
    return digest(path)

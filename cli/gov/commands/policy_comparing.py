"""`gov policy diff`: whose access changes from one policy to another."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import JsonFlag
from gov.commands.policy_files import catalog_of_target, snapshot, texts_of
from gov.errors import UsageError
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.terminal import coloured

if TYPE_CHECKING:
    from gov.policy.compare import Change
    from gov.policy.rules import Policy
    from gov.sql.catalog import Catalog

_SIGNS = {"wider": "+", "narrower": "-", "different": "~"}
_COLOURS = {"wider": "yellow", "narrower": "green", "different": "cyan"}
_MOST_NAMES = 6


def run(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A policy file, or a directory of them.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The other; `-` for standard input.")],
    catalog: Annotated[list[str] | None, typer.Option(
        "--catalog", metavar="FILE", help="Compare on the tables of this snapshot. May be given again.")] = None,
    target: Annotated[list[str] | None, typer.Option(
        "--target", metavar="NAME", help="Compare on the tables of this target. May be given again.")] = None,
    json: JsonFlag = False,
) -> None:
    """Show whose access changes: leases, tables in reach, masks, and what becomes of statements.

    `+` is more than before, `-` less, `~` neither. Without a catalog the tables and columns are those that the
    policies name, and one that stands for every other.

    \b
    Examples:
      gov policy diff old.yaml new.yaml
      gov policy show | gov policy diff - new.yaml --target prod
    """
    from gov.policy.compare import changes

    if old == new == "-":
        raise UsageError("standard input can be one of the two", hint="gov policy diff OLD NEW")
    found = changes(_policy(old), _policy(new), [*_places(catalog or [], target or [])])
    if json:
        print_json({"changes": [asdict(each) for each in found],
                    **{way: sum(each.direction == way for each in found) for way in _SIGNS}})
        return
    _show(found)


def _policy(name: str) -> Policy:
    from gov.policy import document

    path = Path(name)
    names = sorted(map(str, path.glob("*.yaml"))) if name != "-" and path.is_dir() else [name]
    if not names:
        raise UsageError(f"{name} holds no *.yaml", hint="gov policy diff OLD NEW")
    return document.load(texts_of(names))


def _places(snapshots: Sequence[str], targets: Sequence[str]) -> Iterable[tuple[str, str, Catalog]]:
    for name in snapshots:
        found = snapshot(name)
        yield found.target, found.environment, found.catalog
    for name in targets:
        found = catalog_of_target(name)
        yield found.target, found.environment, found.catalog


def _show(found: Sequence[Change]) -> None:
    colour = coloured(sys.stdout)
    for heading, parts in groupby(found, _heading):
        typer.secho(escape(heading), bold=colour)
        for each in parts:
            line = f"  {_SIGNS[each.direction]} {_line(each)}"
            typer.secho(escape(line), fg=_COLOURS[each.direction] if colour else None)
    count = {way: sum(each.direction == way for each in found) for way in _SIGNS}
    typer.echo(", ".join(f"{count[way]} {way}" for way in _SIGNS) if found else "nobody's access changes")


def _heading(each: Change) -> str:
    if each.kind in ("role", "trust"):
        return "roles" if each.kind == "role" else "what is taken on trust"
    place = f"{each.target} ({', '.join(each.environments)})" if each.environments else each.target
    return f"{', '.join(each.who)} on {place}, {'/'.join(each.scopes)}"


def _line(each: Change) -> str:
    what = f"{', '.join(each.doing)} of " if each.doing and each.on else ", ".join(each.doing)
    on = what + _names(each.on)
    subject = ", ".join(each.who) if each.kind in ("role", "trust") and not on else on
    when = f" ({'; '.join(each.when)})" if each.when else ""
    return f"{subject}{when}{': ' if subject else ''}{each.old} -> {each.new}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown

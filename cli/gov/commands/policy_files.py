"""What the words of `gov policy` read: policy files, snapshots of catalogs, and what a broker says."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gov.errors import ConfigError

if TYPE_CHECKING:
    from gov.sql.catalog import Catalog, FunctionInfo

CatalogFlag = Annotated[str, typer.Option(
    "--catalog", metavar="FILE", help="A snapshot of the database, as `gov policy catalog` writes it.")]
TargetFlag = Annotated[str, typer.Option("--target", metavar="NAME", help="Ask the broker for this target's catalog.")]


def text_of(name: str) -> tuple[str, str]:
    """Name and text of a file; `-` is standard input.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return ("<stdin>" if name == "-" else name), data.decode()
    except OSError as why:
        reason = (why.strerror or "no reason given").lower()
        raise ConfigError(f"cannot read {name}: {reason}", hint="gov policy check FILE") from None
    except UnicodeDecodeError as why:
        raise ConfigError(f"{name} is not UTF-8 at byte {why.start}", hint="save it as UTF-8") from None


def texts_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """As `text_of`, for each of `names`."""
    return [text_of(name) for name in names]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A catalog and the target it was taken of."""

    target: str
    environment: str
    catalog: Catalog


def snapshot(name: str) -> Snapshot:
    """What a snapshot file holds.

    Raises:
        ConfigError: It cannot be read, or is none.
    """
    where, text = text_of(name)
    try:
        return _snapshot(json.loads(text))
    except ValueError as why:
        raise ConfigError(f"{where}: {why}", hint="gov policy catalog TARGET > FILE") from None


def catalog_of_target(target: str) -> Snapshot:
    """The catalog of one of the broker's targets, as whoever is logged in may see it."""
    from gov.commands.asking import broker

    with broker() as asked:
        return _snapshot(asked.catalog(target))


def _snapshot(value: object) -> Snapshot:
    from gov.policy.snapshot import load

    catalog = load(value)
    about = value if isinstance(value, dict) else {}
    return Snapshot(str(about.get("target", "the catalog")), str(about.get("environment", "")), catalog)


def built_in() -> tuple[FunctionInfo, ...]:
    """The functions that come with PostgreSQL 18, for tables that are written out in a file."""
    from gov.sql.catalog import FunctionInfo

    found = []
    for line in files("gov.commands").joinpath("builtins.txt").read_text().splitlines()[1:]:
        schema, name, overloads = line.split()
        found += [FunctionInfo(schema, name, each[0], security_definer=False, kind=each[1]) for each in
                  overloads.split(",")]
    return tuple(found)

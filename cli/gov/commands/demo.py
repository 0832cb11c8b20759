"""`gov demo`: everything on one machine, with a story to try. The doing is `python -m gov.demo`'s."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gov.commands.asking import JsonFlag
from gov.errors import UsageError
from gov.ui.terminal import interactive

app = typer.Typer(no_args_is_help=False, invoke_without_command=True)

DirFlag = Annotated[Path | None, typer.Option(
    "--dir", metavar="DIR", help="Where the demo keeps everything.  [default: below XDG_STATE_HOME]")]


@app.callback()
def demo(context: typer.Context) -> None:
    """Everything on one machine: a database, an identity provider, a broker, and a story to try.

    Alone, on a terminal: start it, sign alice in, open her governed prompt, and take it down afterwards.
    """
    if context.invoked_subcommand:
        return
    if not interactive():
        raise UsageError("`gov demo` opens a prompt, and here is no terminal", hint="gov demo tour")
    _become("evening")


@app.command()
def tour(
    svg: Annotated[Path | None, typer.Option(
        "--svg", metavar="FILE", help="Write what was shown as a picture, too.")] = None,
) -> None:
    """Play the whole story with real commands and real answers, and check each of them."""
    _become("tour", *(["--svg", str(svg)] if svg else []))


@app.command()
def up(dir: DirFlag = None, json: JsonFlag = False) -> None:
    """Start it in the background and return when it is ready; what already runs is left as it is."""
    _become("up", *_where(dir), *(["--json"] if json else []))


@app.command()
def env(
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Whom to be: alice, bob, carol, …")],
    dir: DirFlag = None,
) -> None:
    """Sign somebody in and print the exports that make this shell theirs."""
    _become("env", *_where(dir), "--as", name)


@app.command()
def down(dir: DirFlag = None) -> None:
    """End it and take away everything it wrote."""
    _become("down", *_where(dir))


def _where(directory: Path | None) -> list[str]:
    return ["--dir", str(directory)] if directory else []


def _become(*arguments: str) -> NoReturn:
    """Go on as the demo's own program, which commands know as little as they know the broker's."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "gov.demo", *arguments])  # noqa: S606

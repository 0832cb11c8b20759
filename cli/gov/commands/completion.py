"""`gov completion SHELL`: the script that makes a shell complete gov's words, options and targets."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """A shell that we generate a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def run(shell: Annotated[Shell, typer.Argument(help="Whose script to print.")]) -> None:
    """Print the completion script of a shell.

    The scripts under completions/ of the source are these, generated.
    """
    typer.echo(script(shell))


def script(shell: Shell) -> str:
    """The completion script for `shell`; it asks gov itself, so it never falls behind."""
    from typer.completion import get_completion_script

    return get_completion_script(prog_name="gov", complete_var="_GOV_COMPLETE", shell=shell.value)

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
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # is not in its __all__

    made: str = get_completion_script(prog_name="gov", complete_var="_GOV_COMPLETE", shell=shell.value)
    return made


def start() -> None:
    """Make ready to answer a shell that asks for completions."""
    from typer.completion import completion_init  # type: ignore[attr-defined]  # is not in its __all__

    completion_init()


def targets(incomplete: str) -> list[str]:
    """The targets that this machine has asked for before; it never waits for a broker."""
    from gov.commands.wallet import Wallet

    return [name for name in Wallet.here().targets() if name.startswith(incomplete)]

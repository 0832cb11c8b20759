"""`gov policy`: what is wrong with policy files, without a broker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gov.commands.asking import JsonFlag
from gov.errors import ConfigError
from gov.policy import document
from gov.policy.rules import Policy
from gov.ui.escape import escape
from gov.ui.output import print_json

app = typer.Typer(add_completion=False, no_args_is_help=True)

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Policy files that merge; `-` for standard input.")
]


@app.callback()
def policy() -> None:
    """Check policy."""


@app.command()
def check(files: Files, json: JsonFlag = False) -> None:
    """Check policy files; every mistake is shown with its line and column.

    \b
    Examples:
      gov policy check policy.yaml
      gov policy check base.yaml team.yaml --json
    """
    texts = [_text(name) for name in files]
    if json:
        loaded, complaints = document.read(texts)
        print_json({
            "valid": not complaints,
            "digest": None if complaints else loaded.digest,
            "complaints": [
                {"file": each.at.file, "line": each.at.line, "column": each.at.column, "what": each.what}
                for each in complaints
            ],
        })
        if complaints:
            raise typer.Exit(ConfigError.exit_status)
        return
    loaded = document.load(texts)
    typer.echo(f"{escape(', '.join(files))}: {_summary(loaded)}")
    typer.echo(f"digest {loaded.digest}")


def _summary(policy: Policy) -> str:
    """`6 access rules, 2 maskings, 4 guardrails, 2 classifications`."""
    counted = (
        (len(policy.access), "access rule"), (len(policy.masking), "masking"),
        (len(policy.guardrails), "guardrail"), (len(policy.classify), "classification"),
    )
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counted)


def _text(name: str) -> tuple[str, str]:
    """Name and text of a file.

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

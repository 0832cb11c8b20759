"""`gov policy show` and `gov policy catalog`: what the broker goes by."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Annotated

import typer

from gov.commands.asking import JsonFlag, TargetName
from gov.errors import UsageError
from gov.ui.output import print_json


def show(json: JsonFlag = False) -> None:
    """Show the policy in force: every file merged into one document. For auditors, operators and policy admins.

    \b
    Examples:
      gov policy show
      gov policy show > in-force.yaml && gov policy diff in-force.yaml new.yaml
    """
    from gov.commands.asking import broker

    with broker() as asked:
        view = asked.policy()
    if json:
        print_json(view)
        return
    about = f"# {', '.join(view.files)}, in force since {view.loaded_at}\n# digest {view.digest}"
    sys.stdout.write(f"{about}\n{view.document}")
    if view.error:
        typer.echo(f"a newer version is refused, this one stays:\n{view.error}", err=True)


def catalog(
    target: TargetName,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Where to; standard output.")] = "-",
) -> None:
    """Write what the broker knows of a target's tables and functions, for tests of policy without a database.

    \b
    Examples:
      gov policy catalog prod -o shop.json
      gov policy check policy.yaml --catalog shop.json
    """
    from gov.commands.asking import broker

    with broker() as asked:
        found = asked.catalog(target)
    text = json_text.dumps(found, ensure_ascii=True)
    if output == "-":
        print(text)
        return
    try:
        Path(output).write_text(text + "\n", encoding="utf-8")
    except OSError as why:
        reason = (why.strerror or "no reason given").lower()
        raise UsageError(f"cannot write {output}: {reason}", hint=f"gov policy catalog {target} -o FILE") from None

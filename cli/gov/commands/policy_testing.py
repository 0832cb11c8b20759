"""`gov policy test`: examples of what policy shall decide, and whether it does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import JsonFlag
from gov.commands.policy_files import (
    CatalogFlag,
    TargetFlag,
    built_in,
    catalog_of_target,
    snapshot,
    text_of,
    texts_of,
)
from gov.errors import ConfigError, UsageError
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.terminal import coloured

if TYPE_CHECKING:
    from gov.policy.examples import Examples
    from gov.policy.rules import Policy
    from gov.policy.trial import Result
    from gov.sql.catalog import Catalog

NOT_AS_EXPECTED = 1


def run(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files of cases; see docs/policy-tests.md.")],
    policy: Annotated[list[str] | None, typer.Option(
        "--policy", metavar="FILE", help="Policy files, instead of those that the cases name. May be given again.")
    ] = None,
    catalog: CatalogFlag = "",
    target: TargetFlag = "",
    json: JsonFlag = False,
) -> None:
    """Try examples and compare the decisions with what they expect. Exit status 1 when one differs.

    Nothing is run, and no broker is asked unless --target is given.

    \b
    Examples:
      gov policy test cases.yaml
      gov policy test cases.yaml --policy new.yaml --catalog shop.json
      gov policy test cases.yaml --target prod
    """
    if catalog and target:
        raise UsageError("either --catalog or --target", hint="gov policy test FILE --target NAME")
    results = [result for name in files for result in _file(name, policy or [], catalog, target)]
    failed = [result for result in results if not result.passed]
    if json:
        print_json({"passed": not failed, "total": len(results), "failed": len(failed),
                    "cases": [_as_json(result) for result in results]})
    else:
        _show(results, failed)
    if failed:
        raise typer.Exit(NOT_AS_EXPECTED)


def _file(name: str, policies: Sequence[str], catalog: str, target: str) -> list[Result]:
    from gov.policy import examples
    from gov.policy.trial import run as judge

    where, text = text_of(name)
    found, complaints = examples.read(where, text)
    if complaints:
        raise ConfigError(
            f"the cases have {len(complaints)} mistake{'' if len(complaints) == 1 else 's'}",
            hint="docs/policy-tests.md describes the format", detail="\n".join(map(str, complaints)),
        )
    beside = Path(name).parent if name != "-" else Path()
    rules = _policy([*policies] or [str(beside / each) for each in found.policy], where, online=bool(target))
    world = _catalog(found, beside, catalog, target, where)
    return [judge(rules, world, case) for case in found.cases]


def _policy(files: Sequence[str], where: str, *, online: bool) -> Policy:
    """The policy of `files`; online without any, the one in force."""
    from gov.policy import document

    if files:
        return document.load(texts_of(files))
    if not online:
        raise UsageError(f"{where} names no policy", hint="gov policy test FILE --policy POLICY")
    from gov.commands.asking import broker

    with broker() as asked:
        return document.load([("the policy in force", asked.policy().document)])


def _catalog(found: Examples, beside: Path, catalog: str, target: str, where: str) -> Catalog:
    from gov.policy.examples import catalog_of

    if target:
        return catalog_of_target(target).catalog
    if catalog or found.catalog:
        return snapshot(catalog or str(beside / found.catalog)).catalog
    if found.tables:
        return catalog_of(found, built_in())
    raise UsageError(f"{where} names no catalog and no tables", hint="gov policy test FILE --catalog SNAPSHOT")


def _show(results: Sequence[Result], failed: Sequence[Result]) -> None:
    colour = coloured(sys.stdout)
    for result in failed:
        typer.secho(f"{result.case.at}: {escape(result.case.name)}", fg="red" if colour else None, bold=colour)
        if result.case.sql and result.case.sql != result.case.name:
            typer.echo(f"  statement  {escape(' '.join(result.case.sql.split()))}")
        for each in result.differences:
            typer.echo(f"  {escape(each.what)}")
            typer.echo(f"    expected {escape(each.expected)}")
            typer.echo(f"    got      {escape(each.got)}")
        for reason in result.got.decision.reasons:
            typer.echo(f"  because    {escape(reason)}")
    cases = f"{len(results)} case{'' if len(results) == 1 else 's'}"
    typer.echo(f"{cases}, {f'{len(failed)} not as expected' if failed else 'all as expected'}")


def _as_json(result: Result) -> dict[str, object]:
    case, got = result.case, result.got
    return {
        "name": case.name, "file": case.at.file, "line": case.at.line, "passed": result.passed,
        "verdict": got.verdict, "rule": got.decision.rule, "rules": list(got.decision.rules),
        "reasons": list(got.decision.reasons), "approvers": sorted(got.decision.approvers),
        "differences": [asdict(each) for each in result.differences],
    }

"""`gov discover TARGET`: propose which columns are sensitive, from a few of their values."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gov.commands import asking as words
from gov.commands.asking import Asking, broker
from gov.errors import UsageError
from gov.terms import Scope
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.commands.sampling import Found
    from gov.control.access import Reach, RelationView

MOST = 1000
"""Rows of one relation that may be asked for."""


def run(
    target: words.TargetName,
    relation: Annotated[list[str] | None, typer.Option(
        "--relation", metavar="PATTERN", help="Only relations like `public.cust_*`; may be repeated.")] = None,
    rows: Annotated[int, typer.Option(
        "--rows", min=0, max=MOST, help="Rows of each relation to look at; 0 looks at names and types only.")] = 100,
    output: Annotated[str, typer.Option(
        "-o", "--output", metavar="FILE", help="Write the policy fragment to FILE.  [default: print it]")] = "",
    ttl: words.TtlFlag = "",
    reason: words.ReasonFlag = "",
    purpose: words.PurposeFlag = "",
    json: words.JsonFlag = False,
) -> None:
    """Propose classifications for columns that no mask covers yet, as a policy fragment to review.

    A few rows of each relation are read under a lease of your own, read only and recorded like any
    statement. No value is printed: evidence counts values and shows their shapes. Nothing is changed.
    """
    from gov.commands.sampling import Sampler
    from gov.commands.wallet import Wallet
    from gov.discovery.proposal import fragment

    asking = Asking.of(target, Scope.READ, ttl, reason, purpose)
    with broker() as asked:
        reach = asked.reach(target, Scope.READ.value)
        chosen = list(_chosen(reach, relation or []))
        grant = Wallet.of(asked).lease(asked, asking)
        with closing(Sampler(grant, rows)) as sampler:
            found = sampler.all(chosen)
    if json:
        print_json(_plain(target, found))
        return
    text = f"# proposed by gov discover {target}; read it, then add it to the policy\n{fragment(found.proposals)}"
    if output:
        _write(output, text)
    else:
        sys.stdout.write(text)
    _tell(found, output)


def _chosen(reach: Reach, patterns: list[str]) -> Iterator[RelationView]:
    from gov.policy.pattern import relation_pattern
    from gov.terms import Relation

    wanted = []
    for text in patterns:
        if (pattern := relation_pattern(text)) is None:
            raise UsageError(f"--relation {text}: not SCHEMA.NAME", hint="--relation 'public.cust_*'")
        wanted.append(pattern)
    chosen = [
        each for each in reach.relations
        if each.kind != "sequence"
        and (not wanted or any(one.matches(Relation(each.namespace, each.name)) for one in wanted))
    ]
    if patterns and not chosen:
        raise UsageError("you may read no relation of that name", hint="gov discover TARGET, to look at all")
    yield from chosen


def _write(path: str, text: str) -> None:
    from gov.commands.sink import sink

    with sink(path) as out:
        out.write(text)


def _tell(found: Found, output: str) -> None:
    say(f"gov: {len(found.proposals)} of {found.looked_at} columns look sensitive; "
        f"{found.masked} are masked already, {found.rows:,} {'row was' if found.rows == 1 else 'rows were'} read")
    for name, why in found.skipped:
        say(f"gov: {escape(name)} was judged by names only: {escape(why)}")
    if found.proposals:
        where = escape(output) if output else "the fragment"
        say(f"gov: next: review {where}, add it to the policy, then gov policy check")


def _plain(target: str, found: Found) -> dict[str, Any]:
    return {
        "target": target, "columns": found.looked_at, "masked": found.masked, "rows": found.rows,
        "proposals": [
            {"column": str(each.column), "type": each.type, "as": each.classification, "confidence": each.confidence,
             "evidence": [*each.evidence], "values": each.sampled}
            for each in found.proposals
        ],
        "skipped": [{"relation": name, "because": why} for name, why in found.skipped],
    }

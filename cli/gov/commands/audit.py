"""`gov audit`: what happened, who did it, who approved it, and proof that nobody has changed the record."""

from __future__ import annotations

import json as encoding
import sys
import time
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands import (
    audit_asking,
    audit_erasing,
    audit_evidence,
    audit_exporting,
    audit_proving,
    audit_replaying,
    trail,
)
from gov.commands.asking import JsonFlag, broker
from gov.commands.moments import Since, Until, moment
from gov.errors import Unreachable
from gov.ui import tables
from gov.ui.escape import escape, json_safe
from gov.ui.output import print_json
from gov.ui.terminal import coloured, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gov.audit.verify import Verified
    from gov.client.api import Broker
    from gov.commands.proving import Trust
    from gov.control.trail import EntryView

app = typer.Typer(add_completion=False, no_args_is_help=True)

EVERY = 1.0
"""Seconds between two looks of `tail --follow`."""
_PAGE = 1000

LimitFlag = Annotated[int, typer.Option("--limit", "-n", min=1, max=_PAGE, help="How many, the newest.")]


@app.command(epilog="\b\nExamples:\n  gov audit tail\n  gov audit tail -n 50 --follow")
def tail(
    limit: LimitFlag = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and print each one as it comes.")] = False,
    json: JsonFlag = False,
) -> None:
    """Print the newest entries, newest last."""
    with broker() as asked:
        page = asked.entries(limit=limit)
        if not follow:
            _print(page.entries, json)
            return
        _lines(page.entries, json)
        _follow(asked, max((view.index for view in page.entries), default=-1), json)


@app.command(
    epilog="\b\nExamples:\n  gov audit search --column public.customers.email\n"
    "  gov audit search --user alice --since 24h --verdict deny\n  gov audit search --effect delete,truncate --json"
)
def search(
    column: Annotated[str | None, typer.Option(
        metavar="COLUMN", help="Who read or wrote it: public.customers.email.")] = None,
    table: Annotated[str | None, typer.Option(metavar="TABLE", help="Who touched it: public.orders.")] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="By name, subject or agent.")] = None,
    target: Annotated[str | None, typer.Option(metavar="TARGET", help="On this database.")] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="Of this session.")] = None,
    lease: Annotated[str | None, typer.Option(metavar="ID", help="Of this lease.")] = None,
    request: Annotated[str | None, typer.Option(metavar="ID", help="About this approval request.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="statement, login, lease, request, …")] = None,
    verdict: Annotated[str | None, typer.Option(metavar="VERDICT", help="allow, deny, hold, refused.")] = None,
    effect: Annotated[str | None, typer.Option(metavar="EFFECT", help="read, delete, copy_out, …")] = None,
    rule: Annotated[str | None, typer.Option(metavar="RULE", help="Decided by this rule of the policy.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="AGENT", help="Done by this agent, for whomever.")] = None,
    purpose: Annotated[str | None, typer.Option(metavar="PURPOSE", help="For this purpose.")] = None,
    run: Annotated[str | None, typer.Option("--run-id", metavar="RUN", help="Of this run.")] = None,
    sqlstate: Annotated[str | None, typer.Option(metavar="CODE", help="Ends of statements with this SQLSTATE.")] = None,
    since: Since = None,
    until: Until = None,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="In a statement, an error or a reason.")] = None,
    before: Annotated[int | None, typer.Option(min=0, metavar="INDEX", help="What is older than this entry.")] = None,
    limit: LimitFlag = 100,
    json: JsonFlag = False,
) -> None:
    """Find entries: who read a column, masked or clear, and who approved; what somebody did; what was denied."""
    filters = {
        "column": column, "table": table, "principal": user, "target": target, "session": session,
        "lease": lease, "request": request, "kind": kind, "verdict": verdict, "text": text,
        "since": moment("--since", since), "until": moment("--until", until),
        "effect": effect, "rule": rule, "agent": agent, "purpose": purpose, "run": run, "sqlstate": sqlstate,
        "before": before,
    }
    with broker() as asked:
        found = asked.entries(**filters, limit=limit).entries
    _print(found, json, column)
    if len(found) == limit:
        sys.stdout.flush()  # behind the table, also where both go to one file
        say(f"gov: there may be more: --before {found[0].index}")


app.command(epilog=audit_asking.EXAMPLES)(audit_asking.ask)
app.command(epilog=audit_replaying.EXAMPLES)(audit_replaying.replay)
app.command(epilog=audit_exporting.EXAMPLES)(audit_exporting.export)
app.command(epilog=audit_evidence.EXAMPLES)(audit_evidence.evidence)


app.command(epilog=audit_proving.EXAMPLES)(audit_proving.prove)
app.command(epilog=audit_erasing.EXAMPLES)(audit_erasing.erase)


@app.command(epilog="\b\nExample:\n  gov audit show 1234")
def show(
    index: Annotated[int, typer.Argument(min=0, metavar="INDEX", help="The entry, as `gov audit tail` numbers it.")],
    json: JsonFlag = False,
) -> None:
    """Print one entry with all that it says."""
    with broker() as asked:
        view = asked.entry(index)
    if json:
        print_json(view)
    else:
        import sys
        from shutil import get_terminal_size

        width = get_terminal_size().columns if sys.stdout.isatty() else 1 << 20
        print(trail.card(view, colour=coloured(sys.stdout), width=width))


@app.command(
    epilog="\b\nExamples:\n  gov audit verify\n  gov audit verify --dir /backup/audit --key gov.example.com+1a2b3c4d+AQ"
    "\n  gov audit verify 1234.tlog-proof"
)
def verify(
    proof: Annotated[Path | None, typer.Argument(
        metavar="[PROOF]", help="Not the log, but a proof of `gov audit prove`. Needs no broker.")] = None,
    dir: Annotated[Path | None, typer.Option(
        metavar="COPY", help="A copy of the log's directory; needs no broker and no login.")] = None,
    key: Annotated[str, typer.Option(
        metavar="VKEY", help="The key to trust, or its file. Left out: the one pinned at login.")] = "",
    known: Annotated[Path | None, typer.Option(
        metavar="CHECKPOINT", help="For a proof of growth: the earlier checkpoint, a file.")] = None,
    json: JsonFlag = False,
) -> None:
    """Prove that no stored byte of the trail was changed, or point at the first break (exit 8)."""
    from gov.commands import proving

    if proof is not None:
        audit_proving.check(proof, known, key, json=json)
        return
    if dir is not None:
        proved, measure = proving.verify_copy(dir, key)
    else:
        with broker() as asked:
            proved, measure = proving.verify_remote(asked, key)
    if not measure.pinned:
        say(f"gov: the key is not pinned, it comes with the log: {measure.key}")
        say("gov: hint: compare it with the broker's operator, then use --key")
    if proved.torn:
        say(f"gov: the last journal line is incomplete ({proved.torn} bytes): a crash, or a removal")
    if json:
        print_json(_proof(proved, measure))
    else:
        _say_proof(proved, measure)


# showing


def _print(views: list[EntryView], json: bool, column: str | None = None) -> None:
    if json:
        print_json(views)
        return
    shown = _without_pairs(views)
    brief = tables.narrow()
    tables.show(trail.HEADINGS, (trail.row(view, column, brief=brief) for view in shown), empty="no entry is like that")


def _without_pairs(views: Iterable[EntryView]) -> list[EntryView]:
    """Without what became of statements that are shown too: it stands in their rows."""
    views = list(views)
    statements = {view.index for view in views if view.kind == "statement"}
    return [
        view
        for view in views
        if view.kind != "statement.done" or view.fields.get("statement") not in statements
    ]


def _follow(asked: Broker, last: int, json: bool) -> None:
    """Print what comes after entry `last`, until interrupted; outlives a broker's restart."""
    silent = False
    while True:
        time.sleep(EVERY)
        try:
            new = asked.entries(after=last, limit=_PAGE, oldest="true").entries
            silent = False
        except Unreachable as error:
            if not silent:
                say(f"gov: {error.what}; still trying")
            silent = True
            continue
        _lines(new, json)
        last = max((view.index for view in new), default=last)


def _lines(views: Iterable[EntryView], json: bool) -> None:
    for view in views:
        if json:
            line = json_safe(encoding.dumps(view.model_dump(mode="json"), ensure_ascii=False))
        else:
            line = "  ".join(escape(cell) for cell in trail.row(view) if cell)
        print(line, flush=True)


def _say_proof(proved: Verified, measure: Trust) -> None:
    pending = f", and {proved.pending} in the journal that follow them" if proved.pending else ""
    erased = f", {proved.erased} erased" if proved.erased else ""
    print(f"the audit log holds: {proved.size} entries{pending}")
    print(f"  payloads    {proved.payloads} unchanged{erased}")
    print(f"  root        {b64encode(proved.root).decode()}")
    print(f"  signed by   {measure.key}{' (pinned)' if measure.pinned else ' (NOT pinned)'}")
    for each in proved.keys[1:]:
        print(f"  followed by {each}")
    if measure.known is not None:
        print(f"  goes on from the checkpoint of {measure.known.size} entries seen before")


def _proof(proved: Verified, measure: Trust) -> dict[str, object]:
    return {
        "origin": measure.key.name,
        "size": proved.size,
        "root": b64encode(proved.root).decode(),
        "pending": proved.pending,
        "payloads": proved.payloads,
        "erased": proved.erased,
        "torn": proved.torn,
        "key": str(measure.key),
        "pinned": measure.pinned,
        "keys": [*map(str, proved.keys)],
        "known_size": measure.known.size if measure.known else None,
    }

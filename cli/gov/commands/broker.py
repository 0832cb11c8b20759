"""`gov broker`: set up, run and inspect the daemon."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gov.commands.asking import JsonFlag
from gov.errors import ConfigError, GovError, NoSuch, UsageError

if TYPE_CHECKING:
    from gov.control.config import Config
    from gov.control.operating import Status, TargetStatus
    from gov.sql.catalog import Catalog
    from gov.target.check import Finding
    from gov.target.exposure import Known
    from gov.target.target import Target

app = typer.Typer(add_completion=False, no_args_is_help=True)

ConfigFlag = Annotated[
    Path,
    typer.Option("--config", envvar="GOV_BROKER_CONFIG", metavar="FILE", help="The broker's configuration."),
]
TargetName = Annotated[str, typer.Argument(metavar="TARGET", help="A target of the configuration.")]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the two files go.")] = Path(),
) -> None:
    """Write a commented broker.yaml and policy.yaml to begin with."""
    from gov.control.examples import BROKER, POLICY

    files = {directory / "broker.yaml": BROKER, directory / "policy.yaml": POLICY}
    for path in files:
        if path.exists():
            raise UsageError(f"{path} is there already", hint="gov broker init ANOTHER_DIR")
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {path}", err=True)
    typer.echo(f"next: edit both, then gov broker serve --config {directory / 'broker.yaml'}", err=True)


@app.command()
def serve(
    config: ConfigFlag,
    ready_file: Annotated[
        Path | None, typer.Option("--ready-file", metavar="FILE", help="Written, as JSON, once it serves.")
    ] = None,
) -> None:
    """Run the broker in the foreground until SIGTERM. SIGHUP reloads the policy."""
    words = [sys.executable, "-m", "gov.broker", "--config", str(config)]
    if ready_file is not None:
        words += ["--ready-file", str(ready_file)]
    sys.stdout.flush()
    # In our place rather than as a child: signals, terminal and exit status are the daemon's own.
    os.execv(sys.executable, words)  # noqa: S606


@app.command()
def bootstrap(
    target: TargetName,
    config: ConfigFlag,
    owner: Annotated[
        list[str],
        typer.Option("--owner", metavar="ROLE", help="A role that owns governed tables. Repeatable."),
    ],
    schema: Annotated[
        list[str] | None, typer.Option("--schema", metavar="NAME", help="A schema that holds them.")
    ] = None,
) -> None:
    """Print the SQL that a DBA reads and runs, so that gov can govern a target."""
    try:
        script = _target(config, target).bootstrap_sql(owner, schema or ["public"])
    except ValueError as error:
        raise UsageError(str(error), hint="gov broker bootstrap TARGET --owner ROLE") from None
    typer.echo(script, nl=False)


@app.command()
def check(target: TargetName, config: ConfigFlag, json: JsonFlag = False) -> None:
    """Say what a target lacks, and what on it would go around gov.

    Exit 0: gov can work there, maybe with warnings. 1: it cannot, or a mask would not hold. 7: the target is not
    reached, or not trusted.
    """
    from gov.ui.escape import escape
    from gov.ui.output import print_json

    findings = asyncio.run(_findings(config, target))
    counts = Counter(each.severity for each in findings)
    if json:
        print_json({"target": target, "findings": [asdict(each) for each in findings]})
    else:
        for each in findings:
            typer.echo(f"{each.severity}: {escape(each.what)} [{each.name}]")
            if each.severity != "info" or each.name == "views-in-the-way":
                typer.echo(f"  why: {escape(each.why)}\n  fix: {escape(each.fix)}")
        said = ", ".join(
            f"{counts[word]} {word}{'s' if counts[word] > 1 else ''}" for word in ("error", "warning") if counts[word]
        )
        typer.echo(f"{target}: {said}" if said else f"{target} is ready", err=True)
    if counts["error"]:
        raise typer.Exit(1)


@app.command()
def sync(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A target of the running broker.")],
    json: JsonFlag = False,
) -> None:
    """Have the running broker read a target's catalog and open what was released. For operators."""
    from gov.client.api import Broker
    from gov.ui.escape import escape
    from gov.ui.output import print_json

    with Broker.current() as broker:
        found = broker.sync(target)
    if json:
        print_json(found)
        return
    for line in (_target_line(found), *_closed_lines(found)):
        typer.echo(escape(line))


@app.command("rotate-key", epilog="\b\nExamples:\n  gov broker rotate-key --reason 'once a year'\n"
             "  gov broker rotate-key --retire")
def rotate_key(
    retire: Annotated[bool, typer.Option(
        "--retire", help="Instead: let the key before the newest one sign no more.")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is recorded.")] = "",
    json: JsonFlag = False,
) -> None:
    """Sign the audit log with a new key. For operators.

    Both keys sign until the old one is retired. Clients follow by themselves, by a proof that the old key signed.
    """
    from gov.client.api import Broker
    from gov.control.trail import RotateAsk
    from gov.ui.output import print_json

    with Broker.current() as broker:
        found = broker.rotate_key(RotateAsk(retire=retire, reason=reason))
    if json:
        print_json(found)
        return
    typer.echo(f"the log is signed by {found.key}")
    for each in found.also:
        typer.echo(f"and still by     {each}, until: gov broker rotate-key --retire")


@app.command()
def release(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A target of the running broker.")],
    tables: Annotated[list[str], typer.Argument(metavar="SCHEMA.TABLE...", help="What the migration changes.")],
    json: JsonFlag = False,
) -> None:
    """Take gov's views off tables, so that a migration past gov can change them. For operators.

    The tables, and their partitions, are closed for everybody until `gov broker sync TARGET`.

    \b
    Example:
      gov broker release prod public.customers
      psql -f migration.sql
      gov broker sync prod
    """
    from gov.client.api import Broker
    from gov.ui.escape import escape
    from gov.ui.output import print_json

    with Broker.current() as broker:
        found = broker.release(target, tables)
    if json:
        print_json(found)
        return
    for line in _closed_lines(found):
        typer.echo(escape(line))
    typer.echo(f"when the migration is done: gov broker sync {target}", err=True)


@app.command()
def status(json: JsonFlag = False) -> None:
    """Show how the broker is: policy, trail, targets, and what is stuck."""
    from gov.client.api import Broker
    from gov.ui.escape import escape
    from gov.ui.output import print_json

    with Broker.current() as broker:
        found = broker.status()
    if json:
        print_json(found)
        return
    for label, text in _lines(found):
        typer.echo(f"{label:<9} {escape(text)}")


def _lines(found: Status) -> list[tuple[str, str]]:
    from gov.ui import times

    refused = [("", f"refused: {line}") for line in (found.policy_error or "").splitlines()]
    if refused:
        refused.insert(0, ("", "the newest files were refused; this is the last good one"))
    journal = "ok" if found.journal == "ok" else "cannot be written, so nothing runs"
    trail = [("", found.journal_detail)] if found.journal_detail else []
    if found.journal_noticed and found.journal_noticed not in found.journal_detail:
        trail.append(("", f"noticed and mended since its start: {found.journal_noticed}"))
    return [
        ("broker", f"gov {found.version}, up for {times.span(-times.left(found.started_at))}"),
        ("policy", f"{found.policy_digest[:12]}, in force for {times.span(-times.left(found.policy_loaded_at))}"),
        *refused,
        ("trail", f"{journal}, {found.log_size} entries"),
        *trail,
        *_index_lines(found),
        *(("shipping" if not number else "", line) for number, line in enumerate(_ship_lines(found))),
        *(("webhooks" if not number else "", line) for number, line in enumerate(_webhook_lines(found))),
        ("requests", f"{found.requests_pending} pending"),
        *(
            ("" if number else "target", line)
            for each in found.targets
            for number, line in enumerate((_target_line(each), *_janitor_lines(each), *_closed_lines(each)))
        ),
    ]


def _index_lines(found: Status) -> list[tuple[str, str]]:
    """That questions to the trail are slow, and why; nothing while all is well."""
    if found.index_error:
        return [("", f"its index does not follow, so questions are slow: {found.index_error}")]
    return []


def _ship_lines(found: Status) -> list[str]:
    """Where the trail goes, how far it has come, and what is in the way."""
    from gov.ui import times

    lines = []
    for each in found.ships:
        last = f", last {times.relative(each.delivered_at)}" if each.delivered_at else ""
        how = "LAGS" if each.lagging else "ok" if not each.error else "tries again"
        lines.append(f"{how}: {each.shipped} entries as {each.format} to {each.to}{last}, {each.behind} to go")
        if each.error:
            lines.append(f"{each.failures} tries failed: {each.error}")
    return lines


def _webhook_lines(found: Status) -> list[str]:
    """Who is told of requests, and what is in the way."""
    from gov.ui import times

    lines = []
    for each in found.webhooks:
        last = f", last {times.relative(each.delivered_at)}" if each.delivered_at else ""
        lost = f", {each.given_up} GIVEN UP (gov audit search --kind notify.failed)" if each.given_up else ""
        host = f" at {each.host}" if each.host else ""
        how = "tries again" if each.error else "ok"
        lines.append(f"{how}: {each.name}, {each.format}{host}, {each.sent} sent{last}{lost}")
        if each.error:
            lines.append(f"{each.failures} tries failed: {each.error}")
    return lines


def _janitor_lines(each: TargetStatus) -> list[str]:
    """What the janitor cannot bring in order; nothing while all is well."""
    from gov.ui import times

    lines = [f"the role {role} cannot be dropped: {why}" for role, why in sorted(each.stuck_roles.items())]
    if each.sweep_failures:
        last = f"last swept {times.relative(each.swept_at)}" if each.swept_at else "not swept since the broker started"
        lines.append(f"{last}, {each.sweep_failures} tries failed: {each.sweep_error}")
    return lines


def _closed_lines(each: TargetStatus) -> list[str]:
    return [f"{table} is closed: {why}" for table, why in sorted(each.closed.items())]


def _target_line(each: TargetStatus) -> str:
    parts = [f"{each.name} is {each.status}",
             f"{each.leases} lease{'s' * (each.leases != 1)}", f"{each.sessions} session{'s' * (each.sessions != 1)}"]
    if each.stuck:
        parts.append(f"{each.stuck} stuck (gov leases --stuck)")
    return ", ".join(parts) + (f": {each.detail}" if each.detail else "")


async def _findings(file: Path, name: str) -> list[Finding]:
    config = _config(file)
    target = _target_of(config, file, name)
    try:
        known, unknown = _known(config, name, await target.catalog())
        return [*await target.check(known), *unknown]
    finally:
        await target.close()


def _known(config: Config, name: str, catalog: Catalog) -> tuple[Known, list[Finding]]:
    """What policy and store say of a target's columns, and what could not be read of them."""
    from gov.policy import document
    from gov.policy.outcome import classified
    from gov.store.columns import Columns
    from gov.store.database import Database
    from gov.store.releases import Releases
    from gov.target.check import Finding
    from gov.target.exposure import Known
    from gov.terms import TargetName as Name

    unknown = []
    known = Known()
    try:
        policy = document.load([(str(path), path.read_text(encoding="utf-8")) for path in config.policy])
        known = replace(known, classified=classified(policy, catalog))
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        unknown.append(Finding(
            "policy-unread", "warning", f"the policy cannot be read: {error}",
            "so it is not known which columns are classified", "gov policy check FILE",
        ))
    path = Path(config.state.removeprefix("sqlite:///"))
    if not path.exists():  # no broker has served yet
        return known, unknown
    try:
        database = Database(config.state)
        try:
            ledger, released = Columns(database).of(Name(name)), Releases(database).of(Name(name))
            known = replace(known, ledger=ledger, released=released)
        finally:
            database.close()
    except (GovError, OSError) as error:
        unknown.append(Finding(
            "state-unread", "warning", f"the state of the broker cannot be read: {error}",
            "so it is not known which columns are closed", "run it as the user that the broker runs as",
        ))
    return known, unknown


def _target(file: Path, name: str) -> Target:
    """The target of that name in the configuration file.

    Raises:
        ConfigError: the file is wrong.
        NoSuch: it has no such target.
    """
    return _target_of(_config(file), file, name)


def _config(file: Path) -> Config:
    from gov.control.config import parse

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {error}", hint="gov broker init DIR") from None
    return parse(str(file), text, file.resolve().parent)


def _target_of(config: Config, file: Path, name: str) -> Target:
    from gov.target.target import Target
    from gov.terms import TargetName as Name

    given = config.targets.get(Name(name))
    if given is None:
        raise NoSuch(f"{file} has no target called `{name}`", hint=f"one of: {', '.join(config.targets)}")
    # The key is for making roles, and nothing here makes one.
    return Target(Name(name), given.dsn, given.environment, bytes(32), tls=given.tls)

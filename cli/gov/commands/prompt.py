"""Our own prompt: a governed session with completion, masks and time in sight, and holds shown as they happen."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from gov.client.config import Places
from gov.commands import describing, explain, telling
from gov.commands.backslash import OURS, Settings, help_text, parse
from gov.commands.completing import Sql
from gov.commands.editing import WORDS, Line, edited, history, read
from gov.commands.outlet import Outlet, Output
from gov.commands.reaching import Background
from gov.commands.refusals import meant
from gov.commands.runner import Runner, show_error
from gov.commands.session import Session
from gov.commands.statements import Meta, steps
from gov.commands.turning import remark
from gov.commands.wallet import Grant
from gov.errors import GovError, UsageError
from gov.ui import status, times
from gov.ui.errors import render
from gov.ui.escape import escape
from gov.ui.results import Look, Table
from gov.ui.sql import highlight
from gov.ui.terminal import coloured, say

if TYPE_CHECKING:
    from psycopg.errors import Diagnostic

    from gov.client.api import Broker

WATCH = 2.0
"""Seconds between two runs of `\\watch`."""
DEPTH = 16
"""Files that `\\i` may nest."""
_MARKS = {"in transaction": "*", "failed transaction": "!"}


class Left(Exception):
    """`\\q`."""


class Prompt:
    """A conversation with one target."""

    def __init__(
        self, broker: Broker, grant: Grant, renew: Callable[[bool], Grant],
        lift: Callable[[Sequence[str], str], Grant],
    ) -> None:
        """`renew` gives the lease to use from now on; with True a new one even where the old one lives.

        `lift` gives one in which masks of columns are lifted, for a reason, once somebody has said yes.
        """
        lease = grant.lease.lease
        self._broker = broker
        self._lift = lift
        self._session = Session(grant, renew, _aside)
        self._settings = Settings()
        self._outlet = Outlet(self._settings)
        self._reach = Background(lambda: broker.reach(lease.target, lease.scope, self._session.unmasked_by))
        self._runner = Runner(self._session, self._outlet, self._settings, self._reach.refresh)
        self._catalog = describing.commands()
        completer = Sql(lambda: self._reach.known, (*OURS, *self._catalog), describing.SYNTAXES)
        self._back = ""
        """What the next line begins with."""
        self._line = Line(history(Places.of().state, broker.context.name, lease.target), completer,
                          self._message, self._status)

    def loop(self) -> None:
        """Ask and answer until the end of input."""
        for line in telling.greeting(self._session.grant.lease):
            say(f"gov: {line}")
        self._reach.refresh()
        try:
            while True:
                back, self._back = self._back, ""
                try:
                    self._answer(self._line.ask(back))
                except KeyboardInterrupt:
                    continue
                except EOFError:
                    if self._may_leave():
                        return
        except Left:
            return
        finally:
            self._outlet.close()
            self._session.close()

    # what is shown while somebody types

    def _message(self) -> status.Fragments:
        lease = self._session.grant.lease
        production = lease.environment == "production"
        name = escape(lease.lease.target)
        mark = _MARKS.get(self._session.transaction, "")
        if not production:
            shown = [("class:target", name)]
        elif coloured(sys.stdout):
            shown = [("class:production class:target", f" {name} ")]
        else:
            shown = [("", f"PRODUCTION {name}")]
        return [*shown, ("", f"({escape(lease.lease.scope)})"), ("bold", f"{mark}=> ")]

    def _status(self, columns: int) -> status.Fragments:
        session, lease = self._session, self._session.grant.lease
        masked = len(self._reach.known.masks) or len(lease.masked)
        return status.line(status.Status(
            lease.lease.target, lease.environment, lease.lease.scope, session.left, session.transaction, masked,
            len(lease.lease.unmasked), session.lost(), not session.missed), columns)

    # what was typed

    def _answer(self, text: str) -> None:
        """Do what `text` says, up to the first thing that goes wrong."""
        word = text.strip().lower()
        done, rest = steps(text)
        todo = [step for step, _ in done] + ([rest] if rest else [])
        if word in WORDS:
            todo = [Meta("", "\\?" if word == "help" else "\\q")]
        try:
            self._back = text  # for another look, when there is no session to send it to
            if self._sends(todo) and not self._ready():
                return
            self._back = ""
            for step in todo:
                if isinstance(step, Meta):
                    self._command(step)
                elif not self._runner.run(step):
                    return
        except GovError as error:
            say(render(error))

    def _sends(self, todo: list[str | Meta]) -> bool:
        return any(isinstance(step, str) or step.before or parse(step.line)[0][:2] in ("\\d", "\\l", "\\s")
                   for step in todo)

    def _ready(self) -> bool:
        """Whether the session is the one that its author thinks of; a new one takes the place of one that is over."""
        if not self._session.due:
            return True
        why, missed = self._session.lost(), self._session.missed
        was = self._session.grant.lease.lease.unmasked
        self._session.again()
        if was and not self._session.unmasked_by:
            say(f"gov: masked again: {escape(', '.join(was))}")
        self._reach.refresh()
        lease = self._session.grant.lease.lease
        say(f"gov: {escape(why or 'the lease was about to end')}")
        say(f"gov: connected again, lease {escape(lease.id)} ends {times.relative(lease.expires_at)};"
            " settings of the old session are gone")
        if missed and why:
            say(f"gov: {missed} went with the old session, so nothing was sent: look again, and press Enter")
            return False
        return True

    def _may_leave(self) -> bool:
        """Leaving ends an open transaction, so that is asked first."""
        if not self._session.transaction or self._session.lost():
            return True
        try:
            answer = input("a transaction is open, and leaving rolls it back: leave? [y/N] ")
        except EOFError:
            return True
        except KeyboardInterrupt:
            return False
        return answer.strip().lower() in ("y", "yes")

    # backslash commands

    def _command(self, meta: Meta) -> None:
        """Do it. What was typed before a command that does not use it is still unfinished, and comes back."""
        name, argument = parse(meta.line)
        match name:
            case "\\q":
                if self._may_leave():
                    raise Left
            case "\\?":
                self._tell(help_text(self._catalog))
            case "\\h":
                self._tell(describing.syntax(argument))
            case "\\conninfo":
                self._tell(telling.conninfo(self._session))
            case "\\lease":
                self._lease(argument)
            case "\\unmask":
                self._unmask(argument)
            case "\\mask":
                self._mask()
            case "\\why":
                self._why()
            case "\\x":
                self._tell(self._settings.toggle_expanded(argument))
            case "\\timing":
                self._tell(self._settings.toggle_timing(argument))
            case "\\pset":
                self._tell(self._settings.set(*(*argument.split(None, 1), "", "")[:2]))
            case "\\o":
                self._outlet.to(argument)
            case "\\i":
                self._include(argument)
            case "\\e":
                self._edit(meta.before, argument)
                return
            case "\\p" | "\\g" | "\\gx" | "\\watch":
                self._again(name, argument, meta.before or self._runner.last)
                return
            case "\\copy" | "\\c" | "\\connect" | "\\!" | "\\set":
                raise UsageError(f"{name} is not known here", hint=_INSTEAD[name])
            case _:
                self._describe(meta.line)
        self._back = meta.before

    def _tell(self, text: str) -> None:
        with self._outlet.open(str) as out:
            out.write(f"{text}\n")

    def _again(self, name: str, argument: str, statement: str) -> None:
        if not statement:
            raise UsageError(f"{name}: there is no statement yet", hint="select 1 \\gx")
        if name == "\\p":
            self._tell(highlight(statement, colour=coloured(sys.stdout)))
        elif name == "\\watch":
            self._watch(statement, argument)
        else:
            self._runner.run(statement, expanded="on" if name == "\\gx" else None)

    def _watch(self, statement: str, argument: str) -> None:
        """Run it again and again, until Ctrl-C or an error."""
        try:
            every = float(argument.removeprefix("i=") or WATCH)
        except ValueError as error:
            raise UsageError(f"\\watch: `{argument}` is no number of seconds", hint="\\watch 5") from error
        try:
            while True:
                self._tell(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, every {every:g} s, until Ctrl-C\n")
                if not self._runner.run(statement, paged=False):
                    return
                time.sleep(max(every, 0.1))
        except KeyboardInterrupt:
            say("")

    def _edit(self, text: str, file: str) -> None:
        """What was changed runs; what was not comes back into the line."""
        before = text or ("" if file else self._runner.last)
        after = edited(before, file)
        if after.strip() == before.strip() or not after.strip():
            self._back = after.strip()
            return
        say(highlight(after, colour=coloured(sys.stdout)))
        self._answer(after)

    def _include(self, file: str, depth: int = 0) -> bool:
        """Run a file; whether all of it went well. Its commands may name other files."""
        if not file or depth > DEPTH:
            raise UsageError("\\i wants a file" if depth <= DEPTH else f"more than {DEPTH} files", hint="\\i FILE")
        done, rest = steps(read(Path(file)))
        for step, line in [*done, *([(rest, 0)] if rest else [])]:
            if isinstance(step, Meta) and parse(step.line)[0] == "\\i":
                well = self._include(parse(step.line)[1], depth + 1)
            elif isinstance(step, Meta):
                if parse(step.line)[0] == "\\q":
                    return True
                self._command(step)
                well = True
            else:
                well = self._runner.run(step)
            if not well:
                where = f"{file}:{line}" if line else file
                say(f"gov: {escape(where)}: stopped here")
                return False
        return True

    def _describe(self, line: str) -> None:
        masks = self._reach.known.masks
        if not masks:  # the broker has not answered yet, or is one that does not tell
            places = (tuple(path.split(".", 2)) for path in self._session.grant.lease.masked)
            masks = {place: "yes" for place in places if len(place) == 3}
        try:
            found = describing.describe(self._session.connection, line, masks)
        except psycopg.Error as error:
            show_error(meant(error))
            return
        with self._outlet.open(str) as out:
            for listing in found:
                _list(listing, out)

    def _lease(self, argument: str) -> None:
        if argument == "new":
            self._check_idle()
            self._session.again(fresh=True)
            self._moved("a new lease and a new session")
        self._tell(telling.lease(self._session))

    def _unmask(self, argument: str) -> None:
        """Another lease in which masks are lifted, once somebody has said yes; until then this one goes on."""
        columns, _, reason = argument.partition(" ")
        if not columns:
            raise UsageError("\\unmask wants a column", hint="\\unmask customers.email ticket 4711")
        self._check_idle()
        self._session.move(self._lift([each for each in columns.split(",") if each], reason.strip().strip("'\"")))
        lease = self._session.grant.lease.lease
        self._moved(f"unmasked until {lease.expires_at}: {', '.join(lease.unmasked)}; \\mask ends it")

    def _mask(self) -> None:
        lifted = self._session.unmasked_by
        if not lifted:
            raise UsageError("nothing is unmasked here", hint="\\unmask customers.email ticket 4711")
        self._check_idle()
        was = self._session.grant.lease.lease.unmasked
        self._session.again()
        self._broker.end_lease(lifted)
        self._moved(f"masked again: {', '.join(was)}")

    def _check_idle(self) -> None:
        if self._session.transaction and not self._session.lost():
            raise UsageError("a transaction is open", hint="commit or roll back first")

    def _moved(self, why: str) -> None:
        """Say that there is another session."""
        self._reach.refresh()
        say(f"gov: {escape(why)}; settings of the old session are gone")

    def _why(self) -> None:
        if self._runner.refused is None:
            raise UsageError("nothing was refused here", hint="gov why shows the last one anywhere")
        from gov.control.statements import ExplainAsk

        statement, error = self._runner.refused
        say(highlight(statement, colour=coloured(sys.stdout)))
        show_error(error)
        lease = self._session.grant.lease.lease
        say("now:")
        explain.show(self._broker.explain(ExplainAsk(target=lease.target, scope=lease.scope, statement=statement)))


_INSTEAD = {
    "\\copy": "gov exec TARGET -c 'copy … to stdout' -o FILE", "\\c": "gov connect TARGET",
    "\\connect": "gov connect TARGET", "\\!": "Ctrl-Z goes to the shell, fg comes back", "\\set": "\\pset",
}


def _list(listing: describing.Listing, out: Output) -> None:
    if listing.title:
        out.write(f"{escape(listing.title)}\n")
    if listing.names:
        table = Table(out, Look(null=""))
        table.columns(listing.names, [0] * len(listing.names))
        table.rows(listing.rows)
        table.end()
    if listing.count is not None:
        out.write(f"({listing.count} row{'' if listing.count == 1 else 's'})\n\n")
    elif listing.text:
        out.write(f"{escape(listing.text.rstrip(), lines=True)}\n\n")


def _aside(notice: Diagnostic) -> None:
    """What the server says while nothing runs."""
    say(remark(notice))

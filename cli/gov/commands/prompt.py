"""Our own prompt: several lines until `;`, highlighting, history, and a hold shown as it happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import Completer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from psycopg.pq import TransactionStatus
from pygments.lexers.sql import PostgresLexer

from gov.client.config import Places, file_name
from gov.commands import backslash
from gov.commands.completing import Sql, names
from gov.commands.opening import connect
from gov.commands.refusals import meant
from gov.commands.running import Columns, Copied, Done, Rows
from gov.commands.statements import split, statements
from gov.commands.turning import Turn
from gov.commands.wallet import Grant
from gov.errors import GovError
from gov.ui import hold, times
from gov.ui.escape import escape
from gov.ui.results import Expanded, Table, Writer
from gov.ui.terminal import say, unechoed

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.errors import Diagnostic

_MARKS = {TransactionStatus.INTRANS: "*", TransactionStatus.INERROR: "!"}


class Prompt:
    """A conversation with one target."""

    def __init__(self, grant: Grant, renew: Callable[[], Grant], context: str) -> None:
        """`renew` gives the lease to use from now on, when the first one has ended."""
        self._grant = grant
        self._renew = renew
        self._turn: Turn | None = None
        self._switches = backslash.Switches()
        self._connection: Connection[Any] = connect(grant, "gov connect", self._on_notice)
        self._session: PromptSession[str] = session(
            history(Places.of().state, context, grant.lease.lease.target), Sql(lambda: names(self._connection)))

    def loop(self) -> None:
        """Ask and answer until the end of input."""
        self._greet()
        try:
            while True:
                try:
                    text = self._session.prompt(self._message, prompt_continuation=self._continuation)
                except KeyboardInterrupt:
                    continue
                if not self._answer(text):
                    return
        except EOFError:
            return
        finally:
            self._connection.close()

    def _greet(self) -> None:
        lease, given = self._grant.lease.lease, self._grant.lease
        say(f"gov: {escape(lease.target)} ({escape(given.environment)}), {escape(lease.scope)} scope,"
            f" lease {escape(lease.id)} ends {times.relative(lease.expires_at)}")
        if given.masked:
            say(f"gov: masked for you: {escape(', '.join(given.masked))}")
        say("gov: everything here is recorded; \\? for help")

    def _message(self) -> FormattedText:
        lease = self._grant.lease
        danger = "bold ansired" if lease.environment == "production" else "bold ansigreen"
        mark = _MARKS.get(TransactionStatus(self._connection.info.transaction_status), "")
        return FormattedText([(danger, escape(lease.lease.target)), ("", f"({escape(lease.lease.scope)})"),
                              ("bold", f"{mark}=> ")])

    def _continuation(self, width: int, line: int, wrapped: int) -> FormattedText:
        return FormattedText([("", "-> ".rjust(width))])

    def _answer(self, text: str) -> bool:
        """Do what `text` says; False when it says to leave."""
        try:
            if not text.lstrip().startswith("\\"):
                for statement in statements(text):
                    self._run(backslash.Ask(statement))
                return True
            match backslash.command(text, self._switches):
                case backslash.Leave():
                    return False
                case backslash.Say(said):
                    print(said)
                case backslash.Ask() as ask:
                    self._run(ask)
        except GovError as error:
            show_error(error)
        return True

    def _run(self, ask: backslash.Ask) -> None:
        self._keep_connected()
        began = monotonic()
        self._turn = Turn(self._connection, ask.sql, ask.parameters)
        try:
            with unechoed():
                self._show(self._turn, self._grant.lease.masked if ask.masks else None)
        except psycopg.Error as error:
            raise meant(error, ask.sql) from error
        finally:
            self._turn = None
        if self._switches.timing:
            print(f"time: {1000 * (monotonic() - began):.1f} ms")

    def _show(self, turn: Turn, masked: Collection[str] | None) -> None:
        shown: Writer = Expanded(sys.stdout) if self._switches.expanded else Table(sys.stdout)
        for piece in turn.pieces():
            try:
                match piece:
                    case Columns(names, types):
                        shown.columns(names, types)
                    case Rows(rows):
                        shown.rows(rows if masked is None else backslash.with_masks(rows, masked))
                    case Copied(data):
                        sys.stdout.write(escape(data.decode(errors="replace"), lines=True))
                    case Done(tag, _):
                        shown.done(tag)
                sys.stdout.flush()
            except KeyboardInterrupt:
                turn.cancel()

    def _keep_connected(self) -> None:
        """A lost connection or a lease that has run out is replaced, when no transaction is open."""
        if not self._connection.closed and times.left(self._grant.lease.lease.expires_at) > 0:
            return
        self._connection.close()
        self._grant = self._renew()
        self._connection = connect(self._grant, "gov connect", self._on_notice)
        lease = self._grant.lease.lease
        say(f"gov: connected again, lease {escape(lease.id)} ends {times.relative(lease.expires_at)}")

    def _on_notice(self, notice: Diagnostic) -> None:
        """Called from the thread that runs a statement."""
        message = notice.message_primary or ""
        if notice.sqlstate == hold.HELD and self._turn:
            self._turn.held(hold.Hold.of(message, notice.context, notice.message_detail))
        elif notice.sqlstate == hold.ANSWERED:
            if self._turn:
                self._turn.answered()
            say(f"gov: {escape(message)}")
        elif notice.sqlstate != hold.WAITING:
            say(f"{notice.severity or 'NOTICE'}:  {escape(message)}")


def show_error(error: GovError) -> None:
    """An error as psql shows one, with what helps."""
    say(f"ERROR:  {escape(error.what)}")
    for line in error.detail.splitlines():
        say(escape(line))
    if error.hint:
        say(f"HINT:  {escape(error.hint)}")


def complete(text: str) -> bool:
    """Whether Enter sends `text`: a backslash command, or nothing after the last `;`."""
    return text.lstrip().startswith("\\") or not split(text)[1]


def session(past: FileHistory, completer: Completer) -> PromptSession[str]:
    """A line editor in which Enter sends what is complete and breaks the line otherwise; Tab completes."""
    keys = KeyBindings()
    ready = Condition(lambda: complete(get_app().current_buffer.text))

    @keys.add("enter", filter=ready)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return PromptSession(history=past, lexer=PygmentsLexer(PostgresLexer), multiline=True, key_bindings=keys,
                         completer=completer, complete_while_typing=False)


class _Discreet(FileHistory):
    """History that does not keep passwords."""

    def store_string(self, string: str) -> None:
        if "password" not in string.lower():
            super().store_string(string)


def history(state: Path, context: str, target: str) -> FileHistory:
    """The history of one target, in a file for its owner's eyes."""
    path = state / "history" / file_name(context) / file_name(target)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return _Discreet(path)

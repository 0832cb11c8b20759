"""The line editor of the prompt: keys, colours, history, and an editor of one's own for what is long."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import Completer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.styles import Style
from pygments.lexers.sql import PostgresLexer

from gov.client.config import file_name
from gov.commands.statements import steps
from gov.errors import UsageError
from gov.ui.status import STYLES, Fragments

MENU = 6
"""Lines kept free below the input for the menu of completions."""
WORDS = ("exit", "help", "quit")
"""What people type who do not know the backslash commands."""
_SECRET = re.compile(r"passw|secret|token|credential|api_?key|private.?key|://[^/\s]*:[^/\s]*@", re.IGNORECASE)


def complete(text: str) -> bool:
    """Whether Enter sends `text`: it ends with a `;` or a backslash command, is empty, or one of `WORDS`."""
    return not steps(text)[1] or text.strip().lower() in WORDS


class Line:
    """Asks for one input after another."""

    def __init__(self, past: FileHistory | InMemoryHistory, completer: Completer, message: Callable[[], Fragments],
                 status: Callable[[int], Fragments]) -> None:
        """`status` gives the lines below for so many columns; both are asked anew with every redraw."""
        self._message = message
        self._session: PromptSession[str] = PromptSession(
            history=past, lexer=PygmentsLexer(PostgresLexer), multiline=True, key_bindings=_keys(),
            completer=completer, complete_while_typing=True, reserve_space_for_menu=MENU,
            bottom_toolbar=lambda: FormattedText(status(get_app().output.get_size().columns)), refresh_interval=1.0,
            enable_open_in_editor=True, enable_suspend=True, tempfile_suffix=".sql", style=Style(list(STYLES.items())),
            search_ignore_case=True,
        )

    def ask(self, default: str = "") -> str:
        """What is typed, with `default` to begin with.

        Raises:
            EOFError: Ctrl-D.
            KeyboardInterrupt: Ctrl-C.
        """
        return self._session.prompt(lambda: FormattedText(self._message()), default=default,
                                    prompt_continuation=_continuation)


def _continuation(width: int, line: int, wrapped: int) -> FormattedText:
    return FormattedText([("", "-> ".rjust(width))])


def _keys() -> KeyBindings:
    """Enter sends what is complete and breaks the line otherwise; in the menu it takes what is chosen."""
    keys = KeyBindings()
    chosen = Condition(lambda: bool((state := get_app().current_buffer.complete_state) and state.current_completion))
    ready = Condition(lambda: complete(get_app().current_buffer.text))

    @keys.add("enter", filter=chosen)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    @keys.add("enter", filter=ready & ~chosen)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


class _Discreet(FileHistory):
    """History that does not keep secrets: what looks like one is remembered until the prompt ends."""

    def store_string(self, string: str) -> None:
        if not _SECRET.search(string):
            super().store_string(string)


def history(state: Path, context: str, target: str) -> FileHistory:
    """The history of one target, in a file for its owner's eyes."""
    path = state / "history" / file_name(context) / file_name(target)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    return _Discreet(path)


def edited(text: str, file: str = "") -> str:
    """`text`, or what is in `file`, as it comes back from `$VISUAL` or `$EDITOR`.

    Without a file the text goes through one that only its owner reads, and that is gone afterwards.

    Raises:
        UsageError: There is no such editor, it failed, or the file cannot be read.
    """
    if file:
        path = Path(file).expanduser()
        _edit(path)
        return read(path)
    with tempfile.TemporaryDirectory(prefix="gov-") as directory:  # 0700; editors leave backups beside the file
        path = Path(directory) / "statement.sql"
        path.write_text(f"{text}\n" if text else "", encoding="utf-8")
        _edit(path)
        return read(path).strip()


def _edit(path: Path) -> None:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        status = subprocess.run([*shlex.split(command), str(path)], check=False).returncode
    except (OSError, ValueError) as error:
        raise UsageError(f"the editor `{command}` cannot be run", hint="export EDITOR=nano") from error
    if status:
        raise UsageError(f"the editor ended with status {status}, so nothing was run", hint="\\e edits it again")


def read(path: Path) -> str:
    """The text of a file.

    Raises:
        UsageError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path}: {(reason or 'cannot be read').lower()}", hint="\\i FILE") from error

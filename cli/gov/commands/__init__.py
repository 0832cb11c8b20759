"""From what a person types to the module that does it, and from an error to its lines and exit status.

Nothing heavy is imported here: a word's module is loaded when the word is used.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from gov import __version__
from gov.commands.words import WORDS, Word
from gov.errors import GovError, UsageError

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter

HELP = {"help_option_names": ["-h", "--help"]}
INTERRUPTED = 130
BROKEN_PIPE = 141  # 128 + SIGPIPE, what a program says that the reader of its pipe has left
BUG = 70  # EX_SOFTWARE of sysexits.h


class Words(TyperGroup):
    """The root group: knows every word by its table, loads the one that is used."""

    def list_commands(self, ctx: Context) -> list[str]:
        """All words, in the table's order."""
        return list(WORDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """A stand-in with the word's help line; `resolve_command` gives the real one."""
        word = WORDS.get(cmd_name)
        return TyperCommand(cmd_name, help=word.help) if word else None

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """The command that `args` begins with, loaded."""
        if args[0] not in WORDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise _no_such_word(args[0])
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and found else found, rest

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The words by section."""
        for section in dict.fromkeys(word.section for word in WORDS.values()):
            with formatter.section(section):
                formatter.write_dl([(n, w.help) for n, w in WORDS.items() if w.section == section])

    def invoke(self, ctx: Context) -> Any:
        """Run the word; a reader that has left is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise typer.Exit(BROKEN_PIPE) from None


def load(name: str) -> Command:
    """The command behind the word `name`, from its module's `app` or `run`."""
    word = WORDS[name]
    module = import_module(f"gov.commands.{word.module}")
    group: typer.Typer | None = getattr(module, "app", None)
    if group is None:
        return _single(name, word, module.run)
    group.rich_markup_mode = None  # plain help everywhere, and no import of rich to print it
    group.info.help = group.info.help if isinstance(group.info.help, str) else word.help
    group.info.epilog = _examples(word)
    command = typer.main.get_group(group)
    command.name = name
    return command


def _single(name: str, word: Word, run: Any) -> Command:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, epilog=_examples(word), context_settings=HELP)(run)
    return typer.main.get_command(alone)


def _examples(word: Word) -> str:
    """The examples as an epilog; `\\b` keeps the formatter from joining lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in word.examples)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"gov {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Words, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings=HELP,
    epilog="\b\nExamples:\n  gov demo\n  gov login https://gov.example.com\n  gov connect prod\n\n"
    "Run 'gov COMMAND --help' for a command's options and examples.",
)


@app.callback()
def gov(
    version: Annotated[bool, typer.Option(
        "--version", callback=_version, is_eager=True, help="Print the version and leave.")] = False,
) -> None:
    """The governed way into a database: who asks, what runs, what is shown, and proof of it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run gov and leave with its exit status (DESIGN 13). An error of ours is never a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _occupy()
    status = run(words)
    try:
        sys.stdout.flush()
    except OSError as error:  # what is left cannot be written either, and Python would try again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = status or (BROKEN_PIPE if isinstance(error, BrokenPipeError) else _show(_of_system(error), words))
    raise SystemExit(status)


def _occupy() -> None:
    """Put something in the place of standard streams that the caller closed, or the next socket would be one of them.

    Reading there ends at once, writing to standard output fails, and what is said is not heard.
    """
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))


def run(words: list[str]) -> int:
    """The exit status of `gov WORDS`; errors have been shown on standard error."""
    try:
        if "_GOV_COMPLETE" in os.environ:
            import_module("gov.commands.completion").start()
        status = typer.main.get_command(app).main(words, prog_name="gov", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except GovError as error:
        return _show(error, words)
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # `gov audit` alone; typer does not export its class
            typer.echo(error.format_message(), err=True)
            return UsageError.exit_status
        return _show(_usage(error), words)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(err=True)
        return INTERRUPTED
    except OSError as error:
        plain = error.filename or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
        return _show(_of_system(error), words) if plain else _show_bug(error)
    except Exception as error:
        return _show_bug(error)


def _show(error: GovError, words: list[str]) -> int:
    from gov.ui.errors import as_json, render

    wants_json = "--json" in words[: words.index("--")] if "--" in words else "--json" in words
    typer.echo(as_json(error) if wants_json else render(error), err=True)
    return error.exit_status


def _no_such_word(word: str) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(word, WORDS, n=2)
    meant = " or ".join(f"`gov {name}`" for name in near)
    return UsageError(f"no such command: {word}", hint=f"did you mean {meant}?" if near else "gov --help")


def _usage(error: typer.TyperException) -> UsageError:
    """What typer complains about, in our words, with the nearest thing that exists."""
    from gov.ui.errors import plain

    path = getattr(getattr(error, "ctx", None), "command_path", "gov")
    near = sorted(getattr(error, "possibilities", None) or ())
    what = plain(error.message if near else error.format_message()).partition("? did you mean ")
    hint = f"did you mean {' or '.join(near)}?" if near else f"{path} --help"
    return UsageError(what[0], hint=f"did you mean {what[2]}" if what[2] else hint)


def _of_system(error: OSError) -> GovError:
    """What the system refuses, at a file or, where none is named, at standard output."""
    if os.environ.get("GOV_DEBUG"):
        raise error
    why = (error.strerror or str(error)).lower()
    hint = "GOV_DEBUG=1 shows who asked for it" if error.filename else "is there room where the output goes?"
    if error.filename and error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = f"make room where {error.filename} is"
    return GovError(f"{error.filename or 'standard output'}: {why}", hint=hint)


def _show_bug(error: Exception) -> int:
    if os.environ.get("GOV_DEBUG"):
        raise error
    from gov.ui.escape import escape

    typer.echo(f"gov: error: {type(error).__name__}: {escape(str(error))}\n"
               "gov: hint: this is a bug; run again with GOV_DEBUG=1 for the trace", err=True)
    return BUG

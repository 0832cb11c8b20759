"""The demo's own program: `python -m gov.demo`, which `gov demo` turns into."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from gov.demo.process import ENDINGS
from gov.demo.stage import Stage, default_directory
from gov.errors import GovError
from gov.ui.errors import as_json, render
from gov.ui.terminal import say

INTERRUPTED = 130


def tour(given: argparse.Namespace) -> None:
    """Play the story."""
    from gov.demo.tour import play

    play(sys.stdout, say, picture=given.svg)


def evening(given: argparse.Namespace) -> None:
    """Open alice's prompt, and leave with its status."""
    from gov.demo.evening import spend

    raise SystemExit(spend(Stage(given.dir), say))


def up(given: argparse.Namespace) -> None:
    """Start everything and say where it is."""
    stage = Stage(given.dir)
    stage.up(say)
    if given.json:
        print(json.dumps(stage.describe()))
        return
    where = "" if given.dir == default_directory() else f" --dir {shlex.quote(str(given.dir))}"
    print(f"the demo is up in {stage.directory}")
    print(f'  be somebody:  eval "$(gov demo env{where} --as alice)"')
    print(f"  end it:       gov demo down{where}")


def env(given: argparse.Namespace) -> None:
    """Sign somebody in and print exports. What somebody else left in the shell is taken out of it."""
    from gov.demo.sign_in import sign_in

    variables = sign_in(Stage(given.dir), given.name)
    others = {"GOV_CONTEXT", "GOV_TOKEN", "GOV_CLIENT_ID", "GOV_CLIENT_SECRET"} - set(variables)
    print(f"unset {' '.join(sorted(others))}")
    for variable, value in variables.items():
        print(f"export {variable}={shlex.quote(value)}")


def down(given: argparse.Namespace) -> None:
    """End everything and leave nothing."""
    Stage(given.dir).down()


VERBS: dict[str, Callable[[argparse.Namespace], None]] = {
    "tour": tour, "evening": evening, "up": up, "env": env, "down": down,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit status. The flags are those of `gov.commands.demo`."""
    parser = argparse.ArgumentParser(prog="python -m gov.demo")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--dir", type=Path, default=default_directory())
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--as", dest="name", default="")
    parser.add_argument("--svg", type=Path)
    given = parser.parse_args(arguments)
    for each in ENDINGS:
        signal.signal(each, _end)
    try:
        VERBS[given.verb](given)
    except GovError as error:
        say(as_json(error) if given.json else render(error))
        return error.exit_status
    except KeyboardInterrupt:
        say("")
        return INTERRUPTED
    return 0


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM and SIGHUP end us as Ctrl-C does: what was started is ended too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

"""`gov demo` on a terminal: alice's governed prompt, with a card of things to try."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

from gov.client.device import Challenge
from gov.demo.actor import GOV
from gov.demo.process import clean_environment
from gov.demo.sign_in import sign_in
from gov.demo.stage import TARGET, Stage, default_directory

CARD = """\

  You are alice, of engineering, in front of the production database of a shop.

    select * from customers limit 3;                what is sensitive is masked
    select row_to_json(c) from customers c limit 1; by any spelling
    copy customers to '/tmp/x';                     denied, with the reason
    drop table orders;                              held until another agrees

  Who says yes is bob. In a second terminal:

    eval "$(gov demo env{where} --as bob)"
    gov approve

  Leave with \\q or Ctrl-D: that ends the demo, and nothing is left.
"""


def spend(stage: Stage, say: Callable[[str], None]) -> int:
    """Bring everything up, sign alice in, open her prompt; take down afterwards what was brought up.

    Returns the prompt's exit status.
    """
    here_before = stage.exists
    try:
        stage.up(say)
        environment = clean_environment() | sign_in(stage, "alice", lambda challenge: _show(challenge, say))
        say("signed in as alice")
        default = stage.directory == default_directory().absolute()
        say(CARD.format(where="" if default else f" --dir {shlex.quote(str(stage.directory))}"))
        return _prompt(environment)
    finally:
        if not here_before:
            with suppress(OSError):  # the terminal may be gone
                say("taking the demo down")
            stage.down()


def _show(challenge: Challenge, say: Callable[[str], None]) -> None:
    say(f"alice signs in: code {challenge.user_code} at {challenge.verification_uri}")


def _prompt(environment: dict[str, str]) -> int:
    """Run the prompt in the foreground. Ctrl-C is its business until it ends."""
    child = subprocess.Popen([*GOV, "connect", TARGET], env=environment)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            os.kill(child.pid, signal.SIGHUP)
            child.wait()
        signal.signal(signal.SIGINT, before)

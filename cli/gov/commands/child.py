"""Another program under a lease of its own: it runs as our child, so that the lease can end with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from gov.errors import GovError, UsageError
from gov.ui import times
from gov.ui.escape import escape
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.commands.asking import Asking
    from gov.commands.wallet import Grant

_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_FROM_KEYS = (signal.SIGINT, signal.SIGQUIT)
"""What Ctrl-C and Ctrl-\\ send to everybody in front of the terminal, the child too."""
_LEADS_ELSEWHERE = ("PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR")
"""Settings of libpq that go before PGHOST."""


def under_lease(broker: Broker, asking: Asking, command: list[str]) -> int:
    """Run `command` with the way in set, under a new lease that ends with it; its exit status.

    Raises:
        UsageError: There is no such program; no lease was taken.
        GovError: The broker gives no lease.
    """
    from gov.commands.wallet import Wallet

    if shutil.which(command[0]) is None:
        raise _cannot(command[0], "it cannot be run" if os.path.exists(command[0]) else "no such file or directory")
    grant = Wallet.of(broker).once(broker, asking)
    lease = grant.lease.lease
    if sys.stderr.isatty():
        say(f"gov: lease {escape(lease.id)}, {escape(lease.scope)} on {escape(lease.target)},"
            f" ends {times.relative(lease.expires_at)} or with {escape(command[0])}")
    try:
        return run(command, environment(grant, os.environ))
    finally:
        _end(broker, grant)


def environment(grant: Grant, ours: Mapping[str, str]) -> dict[str, str]:
    """Our environment with the way in, and without what would lead libpq past it."""
    kept = {name: value for name, value in ours.items() if name not in _LEADS_ELSEWHERE}
    return kept | grant.settings()


def run(command: list[str], environment: Mapping[str, str]) -> int:
    """Run `command`; its exit status, 128 + N when signal N ended it. What we are sent it is sent too.

    Raises:
        UsageError: It cannot be started.
    """
    sys.stdout.flush()
    with _passing_on() as follow:
        try:
            process = subprocess.Popen(command, env=environment)
        except OSError as error:
            raise _cannot(command[0], (error.strerror or str(error)).lower()) from error
        follow(process)
        status = process.wait()
    return status if status >= 0 else 128 - status


@contextmanager
def _passing_on() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Have signals go to a child instead of us; whoever ignores one (as after nohup) goes on ignoring it."""
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        if not children:
            early.append(number)
        elif number not in _FROM_KEYS or not _in_front():
            children[0].send_signal(number)

    def follow(child: subprocess.Popen[bytes]) -> None:
        children.append(child)
        for number in early:
            child.send_signal(number)

    before = {}
    for name in _PASSED_ON:
        number = signal.Signals[name]
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, pass_on)
    try:
        yield follow
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_front() -> bool:
    """Whether keys of the terminal reach us, and so the child by themselves."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:  # there is none
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _end(broker: Broker, grant: Grant) -> None:
    lease = grant.lease.lease
    try:
        broker.end_lease(lease.id)
    except GovError as error:
        say(f"gov: lease {escape(lease.id)} could not be ended ({escape(error.what)});"
            f" it ends by itself {times.relative(lease.expires_at)}")


def _cannot(program: str, why: str) -> UsageError:
    return UsageError(f"{program}: {why}", hint="gov connect TARGET opens our own prompt")

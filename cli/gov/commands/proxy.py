"""`gov proxy TARGET`: a local end of the gateway, for tools that cannot do TLS or passwords."""

from __future__ import annotations

import asyncio
import json as javascript
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote as shell
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gov.commands import asking as words
from gov.commands.asking import Asking, broker, check_no_wait
from gov.errors import GovError, UsageError
from gov.terms import Scope
from gov.ui import times
from gov.ui.escape import escape, json_safe
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.client.api import Broker
    from gov.client.endpoint import Endpoint
    from gov.client.proxy import Proxy
    from gov.control.access import LeaseGrant

INTERRUPTED = 130
PORT = 5432
"""Where libpq looks when nothing is said."""
_USER = "gov"
"""The user name to give: any will do, since the proxy puts the lease's in its place."""


def run(
    target: words.TargetName,
    socket: Annotated[Path | None, typer.Option(
        "--socket", metavar="PATH", help="A directory for the socket, or its whole path .../.s.PGSQL.N.",
        show_default=False)] = None,
    port: Annotated[int | None, typer.Option(
        "--port", metavar="N", min=0, max=65535, show_default=False,
        help="A port of 127.0.0.1 instead, with a password of its own; 0: any that is free.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the settings as a line of JSON.")] = False,
    scope: words.ScopeFlag = Scope.READ,
    ttl: words.TtlFlag = "",
    reason: words.ReasonFlag = "",
    purpose: words.PurposeFlag = "",
    run_id: words.RunFlag = "",
    unmask: words.UnmaskFlag = None,
    request: words.RequestFlag = "",
    no_wait: words.NoWaitFlag = False,
) -> None:
    """Serve a target on a local socket that only you can use, without TLS or a password, until Ctrl-C.

    Every connection is governed as ever. The lease is the proxy's own: replaced before it ends, as long as
    policy allows, and ended with the proxy. A port can be reached by every user of the machine, so what
    connects to it must know the password that is printed.

    With --unmask the first lease is one without the masks; when it ends its sessions end, and whoever connects
    then sees masks again.
    """
    if socket is not None and port is not None:
        raise UsageError("either a socket or a port", hint="leave out --socket or --port")
    asking = Asking.of(target, scope, ttl, reason, purpose, run_id, unmask, request)
    check_no_wait(asking, no_wait=no_wait)
    from gov.client.leases import Leases
    from gov.client.proxy import Proxy
    from gov.commands import unmasking

    with broker() as asked, _endpoint(asking, socket, port) as endpoint:
        if no_wait:
            unmasking.submit(asked, asking)
        leases = Leases(_one_after_another(asked, asking))
        grant = leases.current()

        def end() -> None:
            for lease in leases.given_up():
                with suppress(GovError):  # it ends by itself
                    asked.end_lease(lease)

        try:
            proxy = Proxy(endpoint, leases, say=lambda line: say(f"gov: {escape(line)}"))
            ended_by = _loop(_serve(proxy, end, lambda: _announce(endpoint, grant, json=json)))
        finally:
            end()
    raise typer.Exit(INTERRUPTED if ended_by is signal.SIGINT else 0)


def _one_after_another(broker: Broker, asking: Asking) -> Callable[[], LeaseGrant]:
    """Takes leases: what was asked for, and behind an approval, which is for one lease, ordinary ones."""
    from gov.commands import unmasking

    todo = [asking]

    def take() -> LeaseGrant:
        lease = unmasking.taken(broker, todo[-1])
        if lease.lease.unmasked:
            given = lease.lease
            todo.append(replace(asking.masked, scope=Scope(given.scope), reason=given.reason, purpose=given.purpose))
        elif len(todo) > 1:
            say("gov: the approval is over: who connects now sees masks again")
            del todo[0]
        return lease

    return take


@contextmanager
def _endpoint(asking: Asking, socket: Path | None, port: int | None) -> Iterator[Endpoint]:
    """The place that was asked for; by default a directory of its own for each target and scope."""
    from gov.client import endpoint
    from gov.client.config import Places, file_name

    if port is not None:
        with endpoint.loopback(port) as opened:
            yield opened
    elif socket is not None:
        with endpoint.unix(socket.expanduser()) as opened:
            yield opened
    else:
        name = file_name(asking.target) + ("" if asking.scope is Scope.READ else f".{asking.scope.value}")
        wanted = Places.of().state / "proxy" / name
        with endpoint.own_directory(wanted) as directory, endpoint.unix(directory) as opened:
            yield opened


async def _serve(proxy: Proxy, end: Callable[[], None], ready: Callable[[], None]) -> signal.Signals:
    """Serve until somebody says stop; which signal it was. A second one does not wait for goodbyes."""
    loop, told = asyncio.get_running_loop(), asyncio.Queue[signal.Signals]()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told.put_nowait, number)
    await proxy.start()
    ready()
    first = await told.get()
    stopping, hurried = loop.create_task(proxy.stop(end)), loop.create_task(told.get())
    await asyncio.wait([stopping, hurried], return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, hurried):
        task.cancel()
    await asyncio.gather(stopping, hurried, return_exceptions=True)
    return first


def _loop(serving: Coroutine[Any, Any, signal.Signals]) -> signal.Signals:
    try:
        from uvloop import new_event_loop
    except ImportError:  # not on every platform
        return asyncio.run(serving)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(serving)


def settings(endpoint: Endpoint, grant: LeaseGrant) -> dict[str, str]:
    """The environment variables by which libpq and its kin find the proxy."""
    found = {"PGHOST": endpoint.host, "PGPORT": str(endpoint.port), "PGUSER": _USER, "PGDATABASE": grant.database,
             "PGSSLMODE": "disable"}
    return found if endpoint.password is None else {**found, "PGPASSWORD": endpoint.password}


def _announce(endpoint: Endpoint, grant: LeaseGrant, *, json: bool) -> None:
    """What to type: exports or JSON on standard output for programs, and on standard error for people."""
    given, lease = settings(endpoint, grant), grant.lease
    if json:
        port = {"pgport": endpoint.port, "socket": str(endpoint.path) if endpoint.path else None}
        said = {**{name.lower(): value for name, value in given.items()}, **port, "target": lease.target,
                "scope": lease.scope, "lease": lease.id, "expires_at": lease.expires_at}
        print(json_safe(javascript.dumps(said, ensure_ascii=False)))
    else:
        print("\n".join(f"export {name}={shell(value)}" for name, value in given.items()))
    sys.stdout.flush()
    say(f"gov: lease {escape(lease.id)}, {escape(lease.scope)} on {escape(lease.target)}, ends"
        f" {times.relative(lease.expires_at)}; the next one is taken in time, as long as policy allows")
    if endpoint.password is not None:
        say(f"gov: warning: every user of this machine can reach port {endpoint.port}; the password keeps them out")
    where = f"-h {shell(endpoint.host)}" + ("" if endpoint.port == PORT else f" -p {endpoint.port}")
    secret = "" if endpoint.password is None else f"PGPASSWORD={shell(endpoint.password)} "
    say(escape(f"gov: {secret}psql {where} -d {shell(grant.database)}"))
    say("gov: Ctrl-C ends it, and every session through it")

"""The daemon's life: built, recovered, serving, ended. `python -m gov.broker` runs this."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from gov import __version__
from gov.broker import authority, entries, keys, rotating
from gov.broker.analysis import Analysts, Settings
from gov.broker.api import application
from gov.broker.authority import Authority
from gov.broker.desk import RequestDesk
from gov.broker.erasing import Retention
from gov.broker.gateway import Gateway
from gov.broker.house import House
from gov.broker.indexing import Indexing
from gov.broker.leases import LeaseDesk
from gov.broker.notifying import Notifying
from gov.broker.receipts import Receipts
from gov.broker.reload import PolicyWatch, policy_of
from gov.broker.schemas import Schemas
from gov.broker.sessions import Sessions
from gov.broker.shipping import Shipping
from gov.broker.targets import TargetWatch
from gov.broker.tokens import Verifier
from gov.broker.trail import Trail
from gov.control.config import Address, Config
from gov.errors import Unavailable
from gov.lease.names import installation
from gov.lease.secret import expand
from gov.policy import render
from gov.store.budgets import Budgets
from gov.store.columns import Columns
from gov.store.database import Database
from gov.store.journal import Journal
from gov.store.leases import Leases
from gov.store.releases import Releases
from gov.store.requests import Requests
from gov.target.target import Target
from gov.terms import TargetName

log = logging.getLogger(__name__)

AGAIN_AFTER = 1.0
"""Seconds after which background work that failed begins again."""
HANG_UP_AFTER = 0.3
"""Seconds that a connection of the control API has to close by itself when the broker stops."""
GRACE = 5.0
"""Seconds that sessions get to say goodbye when the broker stops."""


Work = Callable[[], Awaitable[None]]


async def serve(config: Config, *, ready_file: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError: the policy, a key or a certificate is wrong; nothing was started.
        Unavailable: the trail or the state cannot be opened, or an address is taken.
    """
    stop = asyncio.Event()
    async with running(config) as (house, policy):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: asyncio.ensure_future(policy.reload()))
        _announce(house, ready_file)
        await stop.wait()


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[tuple[House, PolicyWatch]]:
    """A broker that serves while the context is open.

    Parts are ended in the opposite order of their start: no new connection, then sessions and leases,
    then the last entry and its checkpoint, then what they all stood on.
    """
    async with AsyncExitStack() as stack:
        house = build(config, stack)
        house.trail.start()
        await house.analysts.start(config.analysis.workers, Settings(config.analysis.seconds))
        stack.push_async_callback(house.analysts.close)
        targets = TargetWatch(house)
        stack.push_async_callback(targets.close)
        await targets.open()
        recovered = await house.leases.recover()
        await house.desk.recover()
        await targets.sweep()
        await _record_start(house, recovered)
        await rotating.resume(house)
        stack.push_async_exit(_stopping(house))
        stack.push_async_callback(house.desk.close)
        stack.push_async_callback(house.leases.close)
        gateway = Gateway(house, config.listen.gateway.host, config.listen.gateway.port)
        try:
            await gateway.start()
        except OSError as error:
            raise _taken(config.listen.gateway, error) from error
        stack.push_async_callback(gateway.close, GRACE)
        await stack.enter_async_context(_api(house))
        policy, janitor, retention = PolicyWatch(house), house.leases.janitor, Retention(house)
        works = policy.run, targets.run, janitor.run, house.indexing.run, house.shipping.run, retention.run
        async with _background(*works, house.notifying.run):
            yield house, policy


def build(config: Config, stack: AsyncExitStack) -> House:
    """The house with all its parts, nothing of it running.

    Raises:
        ConfigError: the policy, a key or a certificate is wrong.
        Unavailable: the trail or the state cannot be opened.
    """
    policy = policy_of(config.policy, config.webhooks)  # before anything is made on disk
    keys.prepare(config.key_directory)
    broker_key = keys.broker_key(config.key_directory)
    signing = keys.audit_keys(config.key_directory, config.origin)
    tls = _certificates(config)
    tls.context()  # a certificate that cannot be used is a mistake now, not at the first connection
    trail = Trail(Journal(config.audit.directory, signing, config.origin))
    stack.push_async_callback(trail.close)
    database = Database(config.state)
    stack.callback(database.close)
    now = time.time()
    house = House(
        config=config,
        clock=time.time,
        installation=installation(broker_key),
        audit_key=str(signing[-1].verifier),
        tls=tls,
        trail=trail,
        indexing=Indexing(config.audit.directory, config.index),
        shipping=Shipping(config, trail),
        notifying=Notifying(config, trail, policy),
        analysts=Analysts(),
        verifier=Verifier(config.identities),
        targets={name: _target(config, name, broker_key) for name in config.targets},
        policy=policy,
        started_at=now,
        policy_loaded_at=now,
    )
    house.leases = LeaseDesk(house, Leases(database))
    house.desk = RequestDesk(house, Requests(database))
    house.sessions = Sessions()
    trail.when_stuck = house.sessions.sever
    house.receipts = Receipts(
        house, keys.receipt_key(config.key_directory, config.origin), expand(broker_key, "gov file digests v1")
    )
    house.schemas = Schemas(house, Columns(database), Releases(database))
    house.budgets = Budgets(database)
    return house


def _certificates(config: Config) -> Authority:
    if config.tls is not None:
        return authority.configured(config.tls)
    names = (config.public.gateway.host, urlsplit(config.public.api).hostname or "localhost")
    return authority.own(config.key_directory, names, authority.today())


def _target(config: Config, name: TargetName, broker_key: bytes) -> Target:
    given = config.targets[name]
    return Target(name, given.dsn, given.environment, broker_key, tls=given.tls)


async def _record_start(house: House, recovered: int) -> None:
    """Nothing is served before the trail says who serves by which rules."""
    now = house.clock()
    house.trail.record(
        entries.broker_started(
            now,
            version=__version__,
            policy=house.policy.digest,
            targets=[*house.targets],
            origin=house.config.origin,
            recovered=recovered,
        )
    )
    files = [*map(str, house.config.policy)]
    policy, document = house.policy, render.text(house.policy)
    loaded = entries.policy_loaded(
        now, policy=policy.digest, version=house.policy_version, files=files, document=document
    )
    await house.trail.durable(house.trail.record(loaded))
    await house.trail.integrate()


def _stopping(house: House) -> Callable[[Kind, Fault, object], Awaitable[None]]:
    """What writes the last entry, with the reason, once sessions and leases have ended."""

    async def stopped(kind: Kind, fault: Fault, trace: object) -> None:
        because = "told to stop" if fault is None or isinstance(fault, asyncio.CancelledError) else str(fault)
        entry = entries.broker_stopped(house.clock(), version=__version__, because=because)
        try:
            house.refused_logins.settle(house.trail, house.clock)
            await house.trail.durable(house.trail.record(entry))
        except Unavailable as error:
            log.error("the end could not be recorded: %s", error)

    return stopped


Kind = type[BaseException] | None
Fault = BaseException | None


def _taken(address: Address, error: OSError) -> Unavailable:
    reason = (error.strerror or str(error)).lower()
    return Unavailable(f"cannot listen on {address}: {reason}", hint="listen: { gateway: HOST:PORT, api: HOST:PORT }")


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: they are the daemon's."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def _api(house: House) -> AsyncIterator[None]:
    """The control API, listening while the context is open."""
    address, tls = house.config.listen.api, house.config.public.api.startswith("https:")
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        # Ours, because uvicorn ends the process when an address is taken.
        listener = socket.create_server((address.host, address.port), family=family, backlog=256)
    except OSError as error:
        raise _taken(address, error) from error
    settings = uvicorn.Config(
        application(house),
        ssl_certfile=house.tls.certificate if tls else None,
        ssl_keyfile=house.tls.key if tls else None,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=256,
        h11_max_incomplete_event_size=64 * 1024,
        timeout_graceful_shutdown=5,
    )
    server = _Server(settings)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        hanging_up = asyncio.create_task(_hang_up(server))
        await task
        hanging_up.cancel()


async def _hang_up(server: uvicorn.Server) -> None:
    """Cut connections off that have been answered: a client that keeps one in reserve does not hear TLS's goodbye."""
    while True:
        await asyncio.sleep(HANG_UP_AFTER)
        for connection in list(server.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            transport = getattr(connection, "transport", None)
            if transport is not None and (cycle is None or cycle.response_complete):
                transport.abort()


@asynccontextmanager
async def _background(*works: Work) -> AsyncIterator[None]:
    """Run `works` while the context is open."""
    tasks = [asyncio.create_task(_lasting(work)) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _lasting(work: Work) -> None:
    """Run `work`, and again when a bug of ours ends it: nobody's session must."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s failed; it goes on in a moment", getattr(work, "__qualname__", work))
        await asyncio.sleep(AGAIN_AFTER)


def _announce(house: House, ready_file: Path | None) -> None:
    config = house.config
    facts = {"api": config.public.api, "gateway": str(config.public.gateway), "pid": os.getpid()}
    print(f"gov broker {__version__} serves {facts['api']} and {facts['gateway']}", file=sys.stderr, flush=True)
    if ready_file is not None:
        temporary = ready_file.with_name(f".{ready_file.name}.new")
        temporary.write_text(json.dumps(facts) + "\n", encoding="utf-8")
        os.replace(temporary, ready_file)

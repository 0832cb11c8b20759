"""What is recorded of real sessions: parameters, cursors, refusals of the protocol; and that no secret is."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from gov.audit import decoding
from gov.client.api import Broker
from gov.demo.stage import Stage
from gov.protocol import frames
from live import door
from live.wire import Wire

AsUser = Callable[[str], dict[str, str]]


def entries(environment: dict[str, str], **filters: Any) -> list[Any]:
    """What the trail has."""
    with Broker.current(environment) as broker:
        return broker.entries(**filters).entries


VALUES = {
    "int2": "-7", "int4": "123456", "int8": "-9007199254740993", "text": "Grüße", "bool": "true", "float8": "0.1",
    "float4": "2.5", "numeric": "-1234567.8900", "date": "1999-12-31", "timestamp": "2026-01-31 12:00:00.25",
    "uuid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "jsonb": '{"a": [1]}', "oid": "4000000000", "varchar": "",
}


def test_binary_parameters_are_decoded_for_people(as_user: AsUser, reader: dict[str, Any]) -> None:
    """Of every type that the log can tell, as PostgreSQL prints it; what is kept is what was sent."""
    oids = {"int2": 21, "int4": 23, "int8": 20, "text": 25, "bool": 16, "float8": 701, "float4": 700, "numeric": 1700,
            "date": 1082, "timestamp": 1114, "uuid": 2950, "jsonb": 3802, "oid": 26, "varchar": 1043}  # fmt: skip
    names = [*VALUES]
    with psycopg.connect(**door.parameters(reader), autocommit=True) as session:
        raw = []
        for name in names:  # as the server itself writes them
            result = session.pgconn.exec_params(f"select '{VALUES[name]}'::{name}".encode(), [], result_format=1)
            raw.append(result.get_value(0, 0))
        text = "select " + ", ".join(f"${at}::{name}" for at, name in enumerate(names, 1)) + " /* binary-4e1 */"
        done = session.pgconn.exec_params(
            text.encode(), raw, param_types=[oids[name] for name in names], param_formats=[1] * len(raw))
        assert done.status == psycopg.pq.ExecStatus.TUPLES_OK, done.error_message
    found = entries(as_user("alice"), text="binary-4e1")[-1].payload

    assert found["parameters"][0] == "\\xfff9"
    assert decoding.shown(found["parameters"], found["types"]) == [*VALUES.values()]
    assert "-1234567.8900" in door.gov(as_user("alice"), "audit", "show", str(entries(
        as_user("alice"), text="binary-4e1", kind="statement")[-1].index))


def test_a_fetch_belongs_to_its_declare(as_user: AsUser, reader: dict[str, Any]) -> None:
    """SQL's and the protocol's: its rows are rows of the column that its cursor reads."""
    with psycopg.connect(**door.parameters(reader)) as session, session.cursor("fetch-belongs") as cursor:
        cursor.execute("select email from customers order by id limit 5")
        assert len(cursor.fetchmany(2)) == 2
    carol = as_user("carol")
    answer = json.loads(door.gov(carol, "audit", "ask", "column-readers", "customers.email", "--json"))
    mine = [row for row in answer["rows"] if "fetch-belongs" in str(row["statement"])]

    assert [(row["how"], row["rows"]) for row in mine] == [("masked (partial)", 2), ("masked (partial)", 0)]
    fetch, declare = (entries(carol, after=row["entry"] - 1, before=row["entry"] + 1)[0] for row in mine)
    assert fetch.fields["cursors"] == [declare.index]


def test_what_the_protocol_refuses_is_recorded(as_user: AsUser, wire: Wire) -> None:
    """A FunctionCall, which nothing else would tell of."""
    wire.send(frames.message(b"F", b"\0\0\x04\xd2\0\0\0\0\0\0"))
    assert wire.until().error["C"] == "0A000"
    session = next(each for each in entries(as_user("alice"), kind="session.opened", limit=1))
    found = entries(as_user("alice"), session=session.fields["session"], kind="statement")

    assert [(each.fields["verdict"], each.fields["protocol"], each.payload["text"]) for each in found] == [
        ("refused", "fast path", "(function call of oid 1234)")]  # fmt: skip


SECRETS = [
    "alter role postgres password '{}'", "alter role postgres with encrypted password E'{}'",
    "create role z login password $${}$$", "create user z password U&'{}'", "alter role a password 'x' '{}'",
    "alter role /* c */ postgres -- x\n password '{}'", "alter role a password null; alter role a password '{}'",
    "create user mapping for u server s options (user 'a', password '{}')",
    "alter user mapping for u server s options (set password '{}')",
    "select dblink_connect('host=x password={}')", "select dblink('postgresql://u:{}@h/db', 'select 1')",
    "create subscription s connection 'host=h password={}' publication p",
    "alter subscription s connection 'user=u password=''{}'''",
    "do $$ begin execute 'alter role a password ''{}'''; end $$", "alter system set app.password to '{}'",
    "select set_config('app.db_password', '{}', false)", "set app.password = '{}'",
    "alter role a passwordd '{}", "create server s foreign data wrapper w options (password '{}')",
]
BY_PARAMETER = [
    "select set_config('app.password', %s, false)", "update orders set password = %s",
    "select crypt(password => %s, salt => 'a')", "select 1 where 'password' = %s",
]


def test_no_secret_reaches_the_disk(demo: Stage, as_user: AsUser, leased: Callable[..., dict[str, Any]]) -> None:
    """Tokens, the secrets of leases, passwords in statements and in parameters: not in state, trail, index or logs."""
    lease = leased("bob", "--scope", "admin", "--reason", "looks for leaks")
    canaries = [f"cnry{os.urandom(4).hex()}{at}" for at in range(len(SECRETS) + 3)]

    def run(sql: str, values: tuple[str, ...] = ()) -> None:
        with suppress(psycopg.Error), psycopg.connect(**door.parameters(lease), autocommit=True) as session:
            session.execute("set statement_timeout = 5000")
            session.execute(sql, values)

    work = [(sql.replace("{}", canary), ()) for sql, canary in zip(SECRETS, canaries, strict=False)]
    work += [(sql, (canary,)) for sql, canary in zip(BY_PARAMETER, canaries[len(SECRETS) :], strict=False)]
    threads = [threading.Thread(target=run, args=each, daemon=True) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with suppress(psycopg.Error):
        psycopg.connect(**{**door.parameters(lease), "password": canaries[-1]}).close()
    door.gov(as_user("carol"), "audit", "search", "--text", "password", "--limit", "5")  # it has been written, and read
    secrets = {each.encode() for each in (*canaries, lease["pgpassword"], *tokens(demo.directory))}
    wanted = ("audit", "state.db", "trail-index.db", "log", "broker.yaml")
    found = {(path.relative_to(demo.directory).as_posix(), secret) for path in files(demo.directory, wanted)
             for secret in secrets if secret in path.read_bytes()}  # fmt: skip

    assert not found
    assert len([*files(demo.directory, wanted)]) > 5


def files(directory: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """What the broker writes: state, trail, index, logs."""
    for path in directory.rglob("*"):
        if path.is_file() and path.relative_to(directory).parts[0].startswith(names):
            yield path


def tokens(directory: Path) -> Iterator[str]:
    """Every token that somebody of the demo holds."""
    for path in (directory / "users").rglob("*"):
        if path.is_file():
            with suppress(ValueError, OSError):
                yield from strings(json.loads(path.read_text()))


def strings(value: object) -> Iterator[str]:
    """Long strings anywhere in it: tokens are."""
    if isinstance(value, dict):
        for name, each in value.items():
            if "token" in str(name) and isinstance(each, str):
                yield each
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)

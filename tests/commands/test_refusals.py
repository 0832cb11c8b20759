"""Which error of ours an ErrorResponse is: the gateway marks its own, the rest is the database's."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import psycopg
import pytest

from gov.commands.refusals import meant
from gov.commands.running import run
from gov.errors import StatementFailed, error_of, every_error
from gov.ui.results import cell_width

READY = b"Z\x00\x00\x00\x05I"


def message(kind: bytes, body: bytes) -> bytes:
    """One backend message."""
    return kind + struct.pack("!I", len(body) + 4) + body


def error(**fields: str) -> bytes:
    """An ErrorResponse with the fields given by their letters."""
    body = b"".join(letter.encode() + text.encode() + b"\0" for letter, text in fields.items())
    return message(b"E", body + b"\0")


@pytest.fixture
def scripted() -> Iterator[tuple[list[bytes], str]]:
    """A server that lets everybody in and answers each query with the next of `answers`."""
    answers: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answers), daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        yield answers, f"host=127.0.0.1 port={port} user=u dbname=d sslmode=disable gssencmode=disable"
    thread.join(5)


def _serve(listener: socket.socket, answers: list[bytes]) -> None:
    client, _ = listener.accept()
    with client:
        (length,) = struct.unpack("!I", client.recv(4, socket.MSG_WAITALL))
        client.recv(length - 4, socket.MSG_WAITALL)
        if answers and answers[0].startswith(b"E"):
            client.sendall(answers.pop(0))
            return
        version = message(b"S", b"client_encoding\0UTF8\0")
        client.sendall(message(b"R", b"\0\0\0\0") + version + READY)
        while (head := client.recv(5, socket.MSG_WAITALL)) and head[:1] == b"Q":
            client.recv(struct.unpack("!I", head[1:])[0] - 4, socket.MSG_WAITALL)
            client.sendall(answers.pop(0) + READY)


@pytest.mark.parametrize("kind", [kind for kind in every_error() if kind is not StatementFailed],
                         ids=lambda kind: kind.code)
def test_a_marked_refusal_is_the_gateways(scripted: tuple[list[bytes], str], kind: type) -> None:
    """The routine names the error; its exit status, hint and detail follow."""
    answers, dsn = scripted
    with psycopg.connect(dsn, autocommit=True) as connection:
        answers.append(error(S="ERROR", V="ERROR", C=kind.sqlstate, M="no", D="because", H="do",
                             R=f"gov:{kind.code}"))

        with pytest.raises(psycopg.Error) as raised:
            list(run(connection, "x"))

    expected = error_of(kind.code, "no", hint="do", detail="because")
    found = meant(raised.value)
    assert (type(found), found.what, found.hint, found.detail) == (kind, "no", "do", "because")
    assert found.exit_status == expected.exit_status


def test_a_syntax_error_that_the_gateway_found_shows_where(scripted: tuple[list[bytes], str]) -> None:
    """The gateway reads with PostgreSQL's grammar: its syntax errors have the code and the position too."""
    answers, dsn = scripted
    with psycopg.connect(dsn, autocommit=True) as connection:
        answers.append(error(S="ERROR", V="ERROR", C="42601", M="syntax error at or near \"selec\"", P="1",
                             R="gov:statement-failed"))

        with pytest.raises(psycopg.Error) as raised:
            list(run(connection, "selec 1"))

    found = meant(raised.value, "selec 1")
    assert isinstance(found, StatementFailed)
    assert (found.what, found.detail) == (
        "syntax error at or near \"selec\" (SQLSTATE 42601)", "LINE 1: selec 1\n        ^")


def test_the_same_sqlstate_without_the_mark_is_the_databases(scripted: tuple[list[bytes], str]) -> None:
    """PostgreSQL's own `permission denied` has exit status 1, its code, and the position."""
    answers, dsn = scripted
    with psycopg.connect(dsn, autocommit=True) as connection:
        answers.append(error(S="ERROR", V="ERROR", C="42501", M="permission denied for table t", P="15",
                             R="aclcheck_error"))

        with pytest.raises(psycopg.Error) as raised:
            list(run(connection, "select *\n from t"))

    found = meant(raised.value, "select *\n from t")
    assert isinstance(found, StatementFailed)
    assert found.what == "permission denied for table t (SQLSTATE 42501)"
    assert found.detail == "LINE 2:  from t\n             ^"


def test_a_position_far_to_the_right_stays_in_sight(scripted: tuple[list[bytes], str]) -> None:
    """Of a long line the part around the caret is shown, and the caret is below it, wide characters or not."""
    statement = f"select '{'漢' * 100}', nope, {'x, ' * 100} 1"
    answers, dsn = scripted
    with psycopg.connect(dsn, autocommit=True) as connection:
        answers.append(error(S="ERROR", V="ERROR", C="42703", M="no such column",
                             P=str(statement.index("nope") + 1), R="parserOpenTable"))

        with pytest.raises(psycopg.Error) as raised:
            list(run(connection, statement))

    shown, caret = meant(raised.value, statement).detail.split("\n")
    assert len(shown) < 80
    assert cell_width(shown[: shown.index("nope")]) == caret.index("^")


@pytest.mark.parametrize(("text", "status", "what"), [
    ("the lease ended 4 minutes ago", 3, "the lease ended 4 minutes ago"),
    ("the target does not answer", 7, "the target does not answer"),
])
def test_refused_at_the_door(
    scripted: tuple[list[bytes], str], text: str, status: int, what: str
) -> None:
    """At login libpq keeps the text only; a lease that is over is told from a target that is down."""
    answers, dsn = scripted
    answers.append(error(S="FATAL", V="FATAL", C="28000", M=text, H="gov leases"))

    with pytest.raises(psycopg.Error) as raised:
        psycopg.connect(dsn)

    found = meant(raised.value)
    assert (found.exit_status, found.what, found.hint) == (status, what, "gov leases")


@pytest.mark.parametrize("sqlstate", ["57P01", "57P02", "57P03", "08006"])
def test_a_database_that_goes_away(scripted: tuple[list[bytes], str], sqlstate: str) -> None:
    """A shutdown or crash of the database is no refusal of the statement: status 7."""
    answers, dsn = scripted
    with psycopg.connect(dsn, autocommit=True) as connection:
        answers.append(error(S="FATAL", V="FATAL", C=sqlstate, M="going down", R="ProcessInterrupts"))

        with pytest.raises(psycopg.Error) as raised:
            list(run(connection, "x"))

    assert meant(raised.value).exit_status == 7

"""in-toto statements about files."""

from __future__ import annotations

import json

import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as TheirStatement

from gov.errors import Unverified
from gov.receipt import statement
from gov.receipt.statement import Subject

FILES = (Subject("a.parquet", "a" * 64), Subject("b.parquet", "b" * 64))


def test_there_and_back() -> None:
    """Members that say nothing are left out, whatever their depth; zero and false say something."""
    payload = statement.write(FILES, {"run": "", "n": 0, "no": False, "deep": {"empty": [], "é": [{"x": None}]}})

    assert statement.read(payload) == statement.Statement(FILES, {"n": 0, "no": False, "deep": {"é": [{}]}})
    assert payload.isascii()


def test_third_parties_accept_it() -> None:
    """in-toto's own library reads and validates the statement."""
    said = json.loads(statement.write(FILES, {"receipt": "rc-1"}))
    read = ParseDict(said, statement_pb2.Statement())

    TheirStatement.copy_from_pb(read).validate()
    assert [each.digest["sha256"] for each in read.subject] == ["a" * 64, "b" * 64]


@pytest.mark.parametrize("payload", [
    b"", b"{}", b"[]", b'"x"', b"[" * 100_000, statement.write((), {"a": 1}),
    statement.write(FILES, {"a": 1}).replace(b"receipt:1", b"receipt:2"),
    statement.write(FILES, {"a": 1}).replace(b'{"a":1}', b"[]"),
], ids=range(8))  # fmt: skip
def test_what_is_no_receipt(payload: bytes) -> None:
    """Another type, no subject, no predicate, or no JSON at all."""
    with pytest.raises(Unverified):
        statement.read(payload)

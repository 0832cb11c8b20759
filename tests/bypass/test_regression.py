"""A sample of PostgreSQL's regression statements, where their file is beside the repository."""

from __future__ import annotations

import random
from collections.abc import Callable

import psycopg
import pytest

from bypass.canaries import leaked
from bypass.corpus import SIMPLE, Attempt
from bypass.playing import play
from bypass.regression import FILE, statements
from live.wire import Lease

READS = ("select", "with", "values", "table", "explain", "show")


def test_no_canary_comes_back(canaries: psycopg.Connection, lease_for: Callable[[str], Lease]) -> None:
    """Reading statements about the shop's own tables in place of the suite's; `regression.py` sends them all."""
    if not FILE.exists():
        pytest.skip(f"{FILE.name} is not in ../shared/data")
    reads = [text for text in statements(FILE) if text.lower().startswith(READS) and "customers" not in text]
    texts = [_about_customers(text) for text in random.Random(4).sample(reads, 150)]
    attempt = Attempt("regression", "PostgreSQL's own suite", "read", "read", "", False, "", tuple(texts))
    (played,) = play(attempt, lease_for("read"), {}, forms=[SIMPLE])
    assert leaked(played.heard) == []
    assert len(played.replies.tags) > 20


def _about_customers(text: str) -> str:
    for table in ("tenk1", "tenk2", "onek", "onek2", "int8_tbl", "int4_tbl", "text_tbl", "person", "emp"):
        text = text.replace(table, "customers")
    return text.replace("unique1", "id").replace("stringu1", "ssn").replace("stringu2", "email")

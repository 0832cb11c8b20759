"""Real logs, made by the journal, held in memory so that tests can change any byte of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gov.audit.checkpoint import Checkpoint
from gov.audit.entry import Entry
from gov.audit.note import SigningKey
from gov.audit.verify import Verified, verify
from gov.store.disk import Files
from gov.store.journal import Journal

ORIGIN = "gov.example.com/audit"
KEY = SigningKey(ORIGIN, bytes(range(32)))
START = 1769860800.0

Log = dict[str, bytes]
"""Path to content."""


def statements(first: int, count: int) -> Iterable[Entry]:
    """That many entries, alternating: a statement, and what became of it."""
    for index in range(first, first + count):
        if index % 2:
            fields = {"session": "ss-1", "statement": index - 1, "rows": index, "outcome": "done"}
            yield Entry("statement.done", START + index, fields)
        else:
            fields = {"session": "ss-1", "principal": "alice", "subject": "8f2c", "verdict": "allow", "n": index}
            yield Entry("statement", START + index, fields, {"text": f"select {index}"})


def make(directory: Path, in_tree: int, pending: int = 0, step: int = 1000) -> Log:
    """A log with so many entries in its tree, integrated step by step, and so many in its journal."""
    with_journal = Journal(directory, KEY, ORIGIN)
    for first in range(0, in_tree, step):
        with_journal.append_many(statements(first, min(step, in_tree - first)))
        with_journal.integrate()
    with_journal.append_many(statements(in_tree, pending))
    log = load(directory)
    with_journal.close()
    return log


def load(directory: Path) -> Log:
    """The log in `directory`, as it is at this moment."""
    files = Files(directory)
    return {name: files(name) or b"" for name in files.names()}


def check(log: Log, known: Checkpoint | None = None, key: SigningKey = KEY) -> Verified:
    """What the verifier says of it."""
    return verify(log.get, key.verifier, known=known, names=log.keys())

"""Who trusts a key follows to the next by proof, and in no other way."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit import vectors
from audit.logs import KEY, ORIGIN, START, Log, load
from gov.audit import rotation
from gov.audit.checkpoint import Checkpoint, sign
from gov.audit.entry import Entry
from gov.audit.note import SigningKey
from gov.audit.rotation import Reign, follow
from gov.audit.verify import verify
from gov.errors import ConfigError, Unverified
from gov.store.handover import hand_over, sign_with
from gov.store.journal import Journal

THIRD = SigningKey(ORIGIN, bytes(range(7, 39)))
CHAIN = (KEY, vectors.NEXT, THIRD)


@pytest.fixture(scope="module", name="log")
def _log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log whose key changed twice, over a restart; said twice, as after a stop."""
    directory = tmp_path_factory.mktemp("rotation")
    with Journal(directory, KEY, ORIGIN) as journal:
        _change(journal, KEY, vectors.NEXT, times=2)
    with Journal(directory, [KEY, vectors.NEXT], ORIGIN) as journal:
        sign_with(journal, vectors.NEXT)
        _change(journal, vectors.NEXT, THIRD, times=1)
        sign_with(journal, THIRD)
        journal.append(Entry("broker.stopped", START, {"version": "1"}))
    return load(directory)


def _change(journal: Journal, old: SigningKey, new: SigningKey, times: int) -> None:
    sign_with(journal, old, new)
    for _ in range(times):
        index = journal.append(Entry("key.changed", START, {"old": str(old.verifier), "new": str(new.verifier)}))
    journal.integrate()
    hand_over(journal, index, old, new)


def test_from_every_key_to_the_one_in_force(log: Log) -> None:
    """Whichever was pinned: the log holds for all of them."""
    for place, key in enumerate(CHAIN):
        links = follow(key.verifier, log.get)
        assert [link.new for link in links] == [later.verifier for later in CHAIN[place + 1 :]]
        assert verify(log.get, key.verifier, names=log).keys == tuple(later.verifier for later in CHAIN[place:])


def test_without_the_proof_nobody_follows(log: Log) -> None:
    """The checkpoint is signed by a stranger then; nor does a proof for another key help."""
    first, second = (rotation.path(key.verifier) for key in CHAIN[:2])
    for change in ({first: None}, {first: log[second]}, {second: None}, {second: log[first]}):
        changed = {path: data for path, data in (log | change).items() if data is not None}
        with pytest.raises(Unverified):
            verify(changed.get, KEY.verifier, names=changed)


def test_a_proof_of_another_log(tmp_path: Path, log: Log) -> None:
    """Signed by the same key, of the same name, with the same words: not of this log."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        journal.append(Entry("broker.stopped", START, {"version": "2"}))
        _change(journal, KEY, vectors.NEXT, times=1)
    other = load(tmp_path)
    link = rotation.path(KEY.verifier)
    with pytest.raises(Unverified, match="not the ones of the log"):
        verify((log | {link: other[link]}).get, KEY.verifier, names=log)


def test_the_key_in_force_has_signed(log: Log) -> None:
    """An older one alone, though it once did, is not enough."""
    head = Checkpoint(ORIGIN, verify(log.get, THIRD.verifier).size, verify(log.get, THIRD.verifier).root)
    for keys in ((KEY,), (KEY, vectors.NEXT)):
        with pytest.raises(Unverified, match="not signed by"):
            verify((log | {"checkpoint": sign(head, *keys)}).get, KEY.verifier)


def test_a_change_that_is_none() -> None:
    """From another key than the one in force, back to an old one, or to nothing."""
    reign, (one, two, three) = Reign(), (str(key.verifier) for key in CHAIN)
    reign.change({"old": one, "new": two})
    for fields in (
        {"old": one, "new": three}, {"old": two, "new": one}, {"old": two, "new": two}, {"old": two},
        {"old": "x", "new": two},
    ):
        with pytest.raises(Unverified):
            reign.change(fields)
    reign.change({"old": one, "new": two})
    reign.change({"old": two, "new": three})
    assert [*map(str, reign.keys)] == [one, two, three]


def test_a_log_of_a_key_that_is_given_up_is_opened_with_both(tmp_path: Path) -> None:
    """And with the new one alone when it is handed over; never with the old one alone."""
    with Journal(tmp_path, KEY, ORIGIN) as journal:
        _change(journal, KEY, vectors.NEXT, times=1)
    Journal(tmp_path, [KEY, vectors.NEXT], ORIGIN).close()
    with pytest.raises(ConfigError, match="another key"):
        Journal(tmp_path, KEY, ORIGIN)
    Journal(tmp_path, vectors.NEXT, ORIGIN).close()

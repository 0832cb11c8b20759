"""Every client is a witness: a log that goes back, forks or changes its key is found out."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from gov.audit.checkpoint import Checkpoint, sign
from gov.audit.note import SigningKey
from gov.audit.rotation import Link
from gov.client.checkpoints import PROVE_EVERY, Witness
from gov.client.config import Context, Places
from gov.errors import ConfigError, Unverified

KEY = SigningKey("gov.example", b"k" * 32)
OTHER = SigningKey("gov.example", b"o" * 32)


def header(size: int, *, content: str = "log", key: SigningKey = KEY) -> str:
    """What a broker sends for a log of that size."""
    root = sha256(f"{content} {size}".encode()).digest()
    return b64encode(sign(Checkpoint("gov.example", size, root), key)).decode()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    """A witness with the log's key pinned at login."""
    return witness_in(tmp_path)


def witness_in(directory: Path, key: SigningKey | None = KEY) -> Witness:
    """A witness that remembers in `directory`."""
    pinned = str(key.verifier) if key else ""
    return Witness(Context("b", "https://gov.example", audit_key=pinned), Places.below(directory))


def see(witness: Witness, text: str | None) -> int:
    """One call: what was known before it, and its reply. The size that is known then."""
    witness.compare(witness.newest(), text)
    newest = witness.newest()
    assert newest is not None
    return newest.checkpoint.size


def test_a_growing_log_is_followed(witness: Witness, tmp_path: Path) -> None:
    """Also by the next process."""
    assert [see(witness, header(size)) for size in (0, 3, 3, 8)] == [0, 3, 3, 8]
    assert see(witness_in(tmp_path), header(9)) == 9


def test_a_log_that_goes_back_is_found_out(witness: Witness) -> None:
    """And stays found out: the newest checkpoint is kept."""
    see(witness, header(8))

    for _ in range(2):
        with pytest.raises(Unverified, match="had 8 entries and now has 7") as caught:
            see(witness, header(7))
        assert caught.value.hint == "gov audit verify"
    assert see(witness, header(8)) == 8


def test_a_rewritten_log_of_equal_size_is_found_out(witness: Witness) -> None:
    """Same size, other root."""
    see(witness, header(8))

    with pytest.raises(Unverified, match="not the one seen before"):
        see(witness, header(8, content="rewritten"))


@pytest.mark.parametrize("text", [None, "", "%%%", "AAAA", header(9, key=OTHER), header(9)[:-8] + "AAAAAAA="])
def test_what_the_pinned_key_did_not_sign_is_refused(text: str | None, witness: Witness) -> None:
    """No checkpoint, nonsense, another key of the same name, a broken signature."""
    see(witness, header(8))

    with pytest.raises(Unverified):
        see(witness, text)
    assert see(witness, header(8)) == 8


def test_replies_that_cross_each_other_are_no_alarm(witness: Witness, tmp_path: Path) -> None:
    """Another process saw a newer checkpoint while our reply was under way: ours is still honest."""
    see(witness, header(3))
    before = witness.newest()
    see(witness_in(tmp_path), header(9))

    witness.compare(before, header(5))

    newest = witness.newest()
    assert newest is not None
    assert newest.checkpoint.size == 9


def test_a_memory_that_was_tampered_with_is_found_out(witness: Witness, tmp_path: Path) -> None:
    """Whoever edits the file cannot sign."""
    see(witness, header(8))
    (file,) = (tmp_path / "state" / "checkpoints").glob("*.json")
    file.write_text(file.read_text().replace("\\n8\\n", "\\n7\\n"))

    with pytest.raises(Unverified):
        witness.newest()
    file.write_text("{")
    with pytest.raises(Unverified, match="cannot be read"):
        witness.newest()


def test_without_a_login_the_key_is_pinned_at_first_sight(tmp_path: Path) -> None:
    """The second key is not believed."""
    witness = witness_in(tmp_path, None)
    assert not witness.pinned
    with pytest.raises(ConfigError):
        witness.pin("nonsense")

    witness.pin(str(KEY.verifier))
    witness.pin(str(OTHER.verifier))
    see(witness, header(3))
    with pytest.raises(Unverified):
        see(witness, header(4, key=OTHER))
    witness.forget()
    assert not witness.pinned


def test_a_proof_is_due_now_and_then_from_what_was_proved_last(witness: Witness) -> None:
    """The first checkpoint needs none; what was proved by a quicker process is not taken back."""
    see(witness, header(3))
    see(witness, header(9))
    earlier, newest = witness.unproved(PROVE_EVERY), witness.newest()
    assert earlier is not None
    assert newest is not None
    assert earlier.checkpoint.size == 3

    witness.proved(newest, PROVE_EVERY)
    witness.proved(earlier, PROVE_EVERY)
    assert witness.unproved(2 * PROVE_EVERY - 1) is None
    later = witness.unproved(2 * PROVE_EVERY)
    assert later is not None
    assert later.checkpoint.size == 9


def test_a_slower_process_does_not_take_back_what_another_followed(witness: Witness, tmp_path: Path) -> None:
    """Both go out from the same key; the one that saw fewer changes comes last."""
    third = SigningKey("gov.example", b"3" * 32)
    first, second = (
        Link(old.verifier, new.verifier, 0, Checkpoint("gov.example", 1)) for old, new in ((KEY, OTHER), (OTHER, third))
    )
    witness_in(tmp_path).follow([first, second])
    witness.follow([first])

    assert [*witness.keys] == [KEY.verifier, OTHER.verifier, third.verifier]
    assert see(witness, header(3, key=third)) == 3

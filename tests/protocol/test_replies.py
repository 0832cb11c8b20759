"""Which reply answers what, however the network cuts the bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.errors import ProtocolError
from gov.protocol.allowance import Allowance
from gov.protocol.copied import Copied
from gov.protocol.frames import message
from gov.protocol.replies import Awaits, Expected, Replies


@dataclass
class Ear:
    """Remembers what it is told; withholds completion until `ready_to_tell`."""

    heard: list[Any] = field(default_factory=list)
    ready_to_tell: bool = True

    def described(self, body: bytes) -> None:
        """Note a RowDescription."""
        self.heard.append("described")

    def completed(self, turn: Any, tag: str, rows: int, octets: int, *, last: bool) -> bool:
        """Note a completion, unless it has to wait."""
        if self.ready_to_tell:
            self.heard.append(("completed", turn, tag, rows))
        return self.ready_to_tell

    def certain(self) -> bool:
        """Withhold a commit as long as a completion."""
        return self.ready_to_tell

    def suspended(self, turn: Any, rows: int, octets: int) -> None:
        """Note a suspended portal."""
        self.heard.append(("suspended", turn, rows))

    def failed(self, turn: Any, body: bytes, rows: int, octets: int) -> bytes | None:
        """Note an error."""
        self.heard.append(("failed", turn))
        return None

    def ready(self, status: int, turn: Any) -> None:
        """Note ReadyForQuery."""
        self.heard.append(("ready", chr(status)))

    def parameter(self, name: str, value: str) -> None:
        """Note a setting."""
        self.heard.append((name, value))

    def copied(self, turn: Any, data: Copied) -> None:
        """Note the data of a COPY."""
        self.heard.append(("copied", turn, data.size, data.digest))

    def exhausted(self, turn: Any, allowance: Allowance) -> None:
        """Note a statement that has more rows than it may show."""
        self.heard.append(("exhausted", turn))


ROW = message(b"D", b"\0\1\0\0\0\3abc")
T = message(b"T", b"\0\0")


def done(tag: str) -> bytes:
    """CommandComplete."""
    return message(b"C", tag.encode() + b"\0")


def ready(status: bytes = b"I") -> bytes:
    """ReadyForQuery."""
    return message(b"Z", status)


def replies(*expected: Expected) -> tuple[Replies, Ear]:
    """Replies that await `expected`, and who listens."""
    ear = Ear()
    made = Replies(ear)
    for entry in expected:
        assert made.expect(entry)
    return made, ear


def group(turn: str, **more: Any) -> list[Expected]:
    """Parse, Bind, Execute and Sync of one statement."""
    return [
        Expected(Awaits.PARSE),
        Expected(Awaits.BIND, turn, **more),
        Expected(Awaits.EXECUTE, turn),
        Expected(Awaits.SYNC),
    ]


@given(st.lists(st.integers(1, 40), max_size=30))
def test_however_it_is_cut_the_same_comes_out(cuts: list[int]) -> None:
    """Bytes to the client and what the listener hears do not depend on packet borders."""
    data = message(b"S", b"TimeZone\0UTC\0") + T + ROW * 5 + done("SELECT 5") + ready()
    made, ear = replies(Expected(Awaits.QUERY, "q"))

    out, at = b"", 0
    for cut in cuts:
        out += made.feed(memoryview(data[at : at + cut]))
        at += cut
    out += made.feed(memoryview(data[at:]))

    assert out == data
    assert ear.heard == [("TimeZone", "UTC"), "described", ("completed", "q", "SELECT 5", 5), ("ready", "I")]


def test_a_pipeline_is_answered_in_order() -> None:
    """Two groups in flight: each reply belongs to the statement that asked for it."""
    made, ear = replies(*group("a"), *group("b"))

    made.feed(b"".join(message(k) for k in (b"1", b"2")) + ROW + done("SELECT 1") + ready())
    made.feed(b"".join(message(k) for k in (b"1", b"2")) + done("SELECT 0") + ready(b"T"))

    assert ear.heard == [
        ("completed", "a", "SELECT 1", 1), ("ready", "I"), ("completed", "b", "SELECT 0", 0), ("ready", "T"),
    ]


def test_an_error_skips_to_sync_and_undoes_what_was_skipped() -> None:
    """After an error in a group nothing else of it is answered, and the next group is."""
    undone: list[str] = []
    first = group("a", undone=lambda: undone.append("a"))
    made, ear = replies(*first, *group("b"))

    made.feed(message(b"E", b"C42601\0\0") + ready())
    made.feed(message(b"1") + message(b"2") + done("SELECT 0") + ready())

    assert undone == ["a"]
    assert ear.heard[0] == ("failed", None)
    assert ("completed", "b", "SELECT 0", 0) in ear.heard


def test_what_is_sent_while_the_database_skips_is_not_awaited() -> None:
    """Between an error and Sync the database answers nothing, so nothing is expected."""
    made, _ = replies(Expected(Awaits.PARSE))
    made.feed(message(b"E", b"\0"))

    assert not made.expect(Expected(Awaits.BIND))
    assert made.expect(Expected(Awaits.SYNC))
    assert made.feed(ready()) == ready()


def test_our_own_refusal_takes_the_place_of_the_database_s() -> None:
    """A refusal is provoked at its place in the protocol, and the client hears our reason."""
    made, _ = replies(Expected(Awaits.BIND, refusal=b"ours"), Expected(Awaits.SYNC))

    assert made.feed(message(b"E", b"C26000\0\0") + ready(b"E")) == b"ours" + ready(b"E")


def test_success_is_withheld_until_it_may_be_told() -> None:
    """Rows go on; from the completion on everything waits."""
    made, ear = replies(Expected(Awaits.QUERY, "q"))
    ear.ready_to_tell = False

    before = made.feed(T + ROW + done("SELECT 1") + ready())
    ear.ready_to_tell = True
    after = made.resume()

    assert (before, after) == (T + ROW, done("SELECT 1") + ready())
    assert ear.heard[1] == ("completed", "q", "SELECT 1", 1)


def test_what_is_captured_does_not_reach_the_client() -> None:
    """Our own queries are answered to us."""
    captured: list[tuple[int, bytes]] = []
    made, _ = replies(Expected(Awaits.QUERY, captured=captured))

    out = made.feed(T + ROW + done("SELECT 1") + ready())

    assert out == b""
    assert [chr(kind) for kind, _ in captured] == ["T", "D", "C", "Z"]


def test_a_sync_behind_an_extended_copy_is_not_answered() -> None:
    """In copy mode PostgreSQL ignores the Sync that was sent along; the one after the data counts."""
    made, _ = replies(*group("copy"))
    made.feed(message(b"1") + message(b"2") + message(b"G", b"\0\0\0"))
    made.expect(Expected(Awaits.SYNC))

    assert made.feed(done("COPY 2") + ready()) == done("COPY 2") + ready()
    assert not made.expected


@pytest.mark.parametrize("kind", [b"1", b"Z", b"C", b"?", b"R"])
def test_what_nobody_asked_for_ends_the_conversation(kind: bytes) -> None:
    """A reply without a question means that we have lost track."""
    made, _ = replies()

    with pytest.raises(ProtocolError):
        made.feed(message(kind, b"I\0"))


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_our_own_error(data: bytes) -> None:
    """Garbage from the database is a protocol error."""
    made, _ = replies(*group("a"), Expected(Awaits.QUERY, "q"))
    try:
        made.feed(data)
    except ProtocolError:
        pass
    except UnicodeDecodeError:
        pytest.fail("a ParameterStatus that is not UTF-8 must be a protocol error")


def test_a_commit_is_not_heard_before_its_time() -> None:
    """ReadyForQuery outside a transaction is withheld like a completion; inside one it is not."""
    made, ear = replies(Expected(Awaits.SYNC), Expected(Awaits.SYNC))
    ear.ready_to_tell = False
    assert made.feed(ready(b"T")) == ready(b"T")
    assert made.feed(ready()) == b""
    assert made.withheld
    ear.ready_to_tell = True
    assert made.resume() == ready()


@given(st.integers(1, len(ROW) - 1))
def test_what_is_said_aside_does_not_cut_a_message(cut: int) -> None:
    """Our own words wait for the end of a message that the client has heard a part of."""
    made, _ = replies(Expected(Awaits.QUERY))
    notice = message(b"N", b"\0")
    first = made.feed(ROW[:cut])
    said = b""
    if made.amid:
        made.aside = notice
    else:
        said = notice
    assert first + said + made.feed(ROW[cut:] + ROW) in (ROW + notice + ROW, notice + ROW + ROW)


def test_rows_that_nobody_hears_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of captured replies one too many is kept, so that it shows; not all of them."""
    monkeypatch.setattr("gov.protocol.replies.KEPT", 10 * len(ROW))
    captured: list[tuple[int, bytes]] = []
    made, _ = replies(Expected(Awaits.QUERY, captured=captured))
    made.feed(T + ROW * 1000 + done("SELECT 1000") + ready())
    assert len(captured) < 30
    assert sum(len(body) for _, body in captured) > 10 * len(ROW)
    assert captured[-1][0] == ord("Z")


def bounded(awaits: Awaits, left: int) -> Expected:
    """A statement of which `left` rows may pass at first."""
    async def more(allowance: Allowance) -> None:
        raise AssertionError("the listener asks, not the relay")

    return Expected(awaits, "t", allowance=Allowance(more, left))


def fed(made: Replies, data: bytes, cuts: list[int], *, then: int, refusal: bytes) -> bytes:
    """What the client gets for `data` in pieces; `then` more rows are allowed once, and then it is stopped."""
    out, more = b"", [then]
    bounds = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    for start, end in pairwise(bounds):
        out += made.feed(memoryview(data)[start:end])
        while made.withheld:
            allowance = made.expected[0].allowance
            assert allowance is not None
            if rows := more.pop() if more else 0:
                allowance.left = rows
            else:
                made.stop(refusal)
            out += made.resume()
    return out


REFUSAL = message(b"E", b"SERROR\0C54000\0Mno more\0\0")
CUTS = st.lists(st.integers(0, 1 << 16), max_size=12)


@given(rows=st.integers(0, 30), first=st.integers(0, 20), then=st.integers(0, 20), cuts=CUTS, cancelled=st.booleans())
def test_of_a_simple_query_exactly_the_allowed_rows_pass(
    rows: int, first: int, then: int, cuts: list[int], cancelled: bool
) -> None:
    """However the bytes are cut, the rows beyond never pass; the refusal comes once, whether the cancel hit or not."""
    made, _ = replies(bounded(Awaits.QUERY, first))
    ends = message(b"E", b"SERROR\0C57014\0\0") if cancelled else done("SELECT 9") + T + ROW + done("SELECT 1")
    out = fed(made, T + ROW * rows + ends + ready(), cuts, then=then, refusal=REFUSAL)
    if rows > first + then:
        assert out == T + ROW * (first + then) + REFUSAL + ready()
    elif cancelled:
        assert out == T + ROW * rows + ends + ready()
    assert not made.expected


@given(rows=st.integers(1, 30), first=st.integers(0, 20), cuts=CUTS, end=st.sampled_from("EsC"))
def test_of_a_portal_exactly_the_allowed_rows_pass(rows: int, first: int, cuts: list[int], end: str) -> None:
    """A database that fails makes place for the refusal; of one that has finished the client hears nothing."""
    made, _ = replies(bounded(Awaits.EXECUTE, first), Expected(Awaits.SYNC))
    ends = {"E": message(b"E", b"SERROR\0C57014\0\0"), "s": message(b"s"), "C": done("SELECT 9")}[end]
    out = fed(made, ROW * rows + ends + ready(), cuts, then=0, refusal=REFUSAL)
    if rows > first:
        assert out == ROW * first + (REFUSAL if end == "E" else b"") + ready()
    else:
        assert out == ROW * rows + ends + ready()


@given(rows=st.integers(1, 30), first=st.integers(0, 20), cuts=CUTS)
def test_copy_data_counts_as_rows_do(rows: int, first: int, cuts: list[int]) -> None:
    """COPY TO STDOUT is no way around."""
    made, _ = replies(bounded(Awaits.QUERY, first))
    line = message(b"d", b"1\tann@example.com\n")
    begin, end = message(b"H", b"\0\0\1\0\0"), message(b"c")
    out = fed(made, begin + line * rows + end + done("COPY 9") + ready(), cuts, then=0, refusal=REFUSAL)
    whole = begin + line * rows + end + done("COPY 9") + ready()
    assert out == (begin + line * first + REFUSAL + ready() if rows > first else whole)


@given(st.lists(st.integers(0, 120)))
def test_the_digest_of_a_copy(cuts: list[int]) -> None:
    """It is that of the content alone, is told before the command's end, and begins anew with each COPY."""
    made, ear = replies(Expected(Awaits.QUERY, "copies"))
    begin, end = message(b"H", b"\0\0\1\0\0"), message(b"c") + done("COPY 2")
    lines = message(b"d", b"1\tann\n") + message(b"d", b"") + message(b"d", b"2\tbob\n")
    whole = begin + lines + end + begin + end + ready()
    for start, stop in pairwise(sorted({0, len(whole)} | {cut for cut in cuts if cut < len(whole)})):
        made.feed(whole[start:stop])

    told = [("copied", "copies", len(data), sha256(data).hexdigest()) for data in (b"1\tann\n2\tbob\n", b"")]
    assert [each for each in ear.heard if each[0] == "copied"] == told
    assert ear.heard.index(told[0]) < ear.heard.index(("completed", "copies", "COPY 2", 3))


@given(sizes=st.lists(st.integers(0, 300), min_size=1, max_size=20), left=st.integers(0, 12), cuts=CUTS)
def test_what_is_packed_into_few_rows_counts_as_many(sizes: list[int], left: int, cuts: list[int]) -> None:
    """However the bytes are cut, what passes has no more rows than allowed, nor more bytes than those may have."""
    made, _ = replies(bounded(Awaits.QUERY, left))
    allowance = made.expected[0].allowance
    assert allowance is not None
    allowance.octets = 100
    rows = [message(b"D", bytes(size)) for size in sizes]
    out = fed(made, b"".join(rows) + done("SELECT 9") + ready(), cuts, then=0, refusal=REFUSAL)
    shown = out[: out.index(REFUSAL)] if REFUSAL in out else b"".join(rows)
    assert b"".join(rows).startswith(shown)
    assert len(shown) < 100 * (left + 1 + len(sizes))
    if REFUSAL not in out:
        assert len(rows) <= left

"""The digest of a COPY's content, however it comes in pieces."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gov.protocol.copied import Copied
from gov.protocol.frames import message


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(0, 400)))
def test_only_the_content_counts(contents: list[bytes], cuts: list[int]) -> None:
    """Cut anywhere behind a header: reads end where whole headers do, or in the middle of a content."""
    wire, allowed = b"", [0]
    for content in contents:
        start = len(wire) + 5
        wire += message(b"d", content)
        allowed += range(start, len(wire) + 1)
    places = sorted({place for place in cuts if place in allowed} | {0, len(wire)})
    copied = Copied()
    for start, end in pairwise(places):
        copied.add(memoryview(wire)[start:end])

    assert (copied.size, copied.digest) == (len(b"".join(contents)), sha256(b"".join(contents)).hexdigest())

"""A mark for each of millions of entries: one bit, so that what is known of a whole log stays small."""

from __future__ import annotations

_DIGITS = bytes.maketrans(b"\x00\x01", b"01")


def packed(flags: bytearray) -> bytes:
    """Flags of 0 and 1, one a byte, as bits: the first is the lowest of the first byte."""
    if not flags:
        return b""
    return int(flags[::-1].translate(_DIGITS), 2).to_bytes((len(flags) + 7) // 8, "little")


class Marks:
    """Which of the entries 0, 1, 2, … have a mark."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def put(self, first: int, bits: bytes) -> None:
        """The marks of the entries from `first` on, a multiple of 8; before it there is none where nothing was put."""
        start = first // 8
        self._bits[len(self._bits) :] = bytes(max(0, start - len(self._bits)))
        self._bits[start : start + len(bits)] = bits

    def __contains__(self, index: int) -> bool:
        return 0 <= index < 8 * len(self._bits) and bool(self._bits[index // 8] >> index % 8 & 1)

    def clear(self, first: int, end: int) -> None:
        """Take the marks of first ≤ index < end away."""
        end = min(end, 8 * len(self._bits))
        while first < end and (first % 8 or end - first < 8):
            self._bits[first // 8] &= ~(1 << first % 8) & 0xFF
            first += 1
        if first < end:
            whole = end // 8
            self._bits[first // 8 : whole] = bytes(whole - first // 8)
            self.clear(whole * 8, end)

    def count(self) -> int:
        """How many marks there are."""
        return int.from_bytes(self._bits, "little").bit_count()

    def first(self) -> int | None:
        """The lowest entry with a mark."""
        rest = bytes(self._bits).lstrip(b"\0")
        if not rest:
            return None
        place = len(self._bits) - len(rest)
        return 8 * place + (rest[0] & -rest[0]).bit_length() - 1

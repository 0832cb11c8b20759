"""Sends an attempt to the gateway in every form that a client has for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bypass.corpus import Attempt
from gov.protocol import frames
from live.wire import SYNC, Heard, Lease, Wire, dialled, run

FORMS = ("simple", "extended", "copied")
"""A Query; Parse to Sync, with results in binary; and inside of COPY, where it is a query."""
_STOP_COPY = frames.message(b"f", b"nothing to send\0")


@dataclass(frozen=True)
class Played:
    """What came of an attempt in one form."""

    form: str
    heard: bytes
    """Every byte since the connection stood."""
    replies: Heard

    @property
    def stopped(self) -> bool:
        """Whether something of it was refused, failed or was held."""
        return bool(self.replies.states or self.replies.requests)


def play(
    attempt: Attempt, lease: Lease, values: Mapping[str, str], *, around: bool = False, forms: Iterable[str] = FORMS
) -> Iterator[Played]:
    """The attempt in each of these forms, in a session of its own; what is held is withdrawn.

    With `around` it is put into a transaction that is rolled back.
    """
    messages = [_filled(text, values) for text in attempt.messages]
    for form in forms:
        if form == "copied" and not _copyable(messages):
            continue
        with dialled(lease) as wire:
            said = Heard(wire.query("begin")) if around else Heard()
            for text in messages:
                said += _send(wire, text, form)
                if _ended(said):
                    break
            yield Played(form, bytes(wire.heard), said)


def _ended(said: Heard) -> bool:
    """Whether the gateway has ended the session."""
    return any(each.kind == "E" and each.fields["S"] == "FATAL" for each in said)


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _copyable(messages: list[str]) -> bool:
    (first, *more) = messages
    head = first.lstrip("( ").lower()
    return not more and head.startswith(("select", "with", "table", "values")) and "into" not in head


def _send(wire: Wire, text: str, form: str) -> Heard:
    match form:
        case "simple":
            sent = frames.build_query(text.encode())
        case "copied":
            sent = frames.build_query(f"copy ({text.rstrip().rstrip(';')}\n) to stdout".encode())
        case _:
            sent = run(text, binary=True) + SYNC
    wire.send(sent)
    found = Heard()
    while not found or found[-1].kind != "Z":
        try:
            found.append(reply := wire.one())
        except EOFError:
            break
        if reply.request:
            wire.cancel()
        if reply.kind == "G":
            wire.send(_STOP_COPY, b"" if form in ("simple", "copied") else SYNC)
    return found

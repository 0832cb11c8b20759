"""The analyst: a child process in which PostgreSQL's C parser may crash without harm.

`python -m gov.broker.analyst` reads frames from standard input and answers them on standard output, in
order. A frame is its length (four bytes, big-endian, not counting the five of the header), one byte that
says what it is, and the body.

* `PING` is answered by `DONE`.
* `KEEP` brings a ground, a pickled `Kept`; it is answered by `STEP`. `FORGET` takes one away by its number, and is
  not answered.
* `STUDY` asks about a text: a JSON list of the ground's number and a `Question`. Of a long one there is a `STEP`
  after each part of the work. The answer is `FACTS` with JSON, and then `DONE` with the fields of its lineage, if
  there are any. Where there are no facts it is `DONE` alone, with the name of what there is: `Refused`, `Executes`
  or `Undoes`. Instead of either it may be `FAILED`, with a JSON list of the error's code, what, hint and detail.

It ends when its input does, when its parent dies, and when anything happens that it does not expect. What comes
to it is from the broker, and may be pickled; what comes from it never is.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import pickle
import resource
import signal
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple, TypeVar

from gov.broker.lineages import flows, lineage_of
from gov.broker.study import Ground, Known, Question, study
from gov.errors import GovError, TooComplex
from gov.policy.decision import Outcome
from gov.sql.catalog import Catalog
from gov.sql.facts import encode
from gov.sql.grammar import HINT_SHORTER
from gov.sql.outline import outline
from gov.terms import Relation

T = TypeVar("T")

HEADER = struct.Struct("!IB")
PING, KEEP, FORGET, STUDY, STEP, FACTS, DONE, FAILED = b"pkgstadf"

LONG = 1 << 13
"""Bytes of a question from which on its parts are told one by one, each of which has its time."""
STACK = 512 << 20
"""Bytes, of which only what is used costs memory: the C parser recurses, and 1+1+… nests 100,000 deep."""
RECURSION = 1_000_000
MEMORY = 2 << 30
"""Bytes of address space: the stack, 200 MB of program, catalogs, and 250 MB for a statement at the bounds."""
_PR_SET_PDEATHSIG = 1


class Kept(NamedTuple):
    """A ground, as it is sent."""

    number: int
    catalog: int
    """The number of its catalog."""
    snapshot: Catalog | None
    """The catalog itself, unless it came before."""
    target: str
    outcome: Outcome
    views: Mapping[Relation, Relation]


def frame(kind: int, body: bytes = b"") -> bytes:
    """One frame."""
    return HEADER.pack(len(body), kind) + body


class Analyst:
    """What answers frames, with what it keeps between them."""

    def __init__(self, say: Callable[[bytes], object]) -> None:
        self._say = say
        """Takes the frames of an answer, one by one."""
        self._grounds: dict[int, tuple[int, Ground]] = {}
        """By number, with the numbers of their catalogs."""

    def take(self, kind: int, body: bytes) -> None:
        """Do what one frame says.

        Raises:
            Exception: It is not understood, and nothing can be relied on any more.
        """
        if kind == STUDY:
            self._study(body)
        elif kind == KEEP:
            self._keep(Kept(*pickle.loads(body)))  # noqa: S301 - the broker's own
            self._say(frame(STEP))
        elif kind == FORGET:
            del self._grounds[json.loads(body)]
        elif kind == PING:
            outline("select 1")
            self._say(frame(DONE))
        else:
            raise ValueError(f"a frame of kind {kind}")

    def _keep(self, kept: Kept) -> None:
        catalog = kept.snapshot
        if catalog is None:
            catalog = next(ground.whole for number, ground in self._grounds.values() if number == kept.catalog)
        else:
            catalog.prepare()
        ground = Ground(kept.target, catalog, kept.outcome, kept.views)
        self._grounds[kept.number] = kept.catalog, ground
        gc.freeze()  # thousands of things that stay need not be looked at again and again

    def _study(self, body: bytes) -> None:
        number, row = json.loads(body)
        asked = Question(*row)
        question = asked._replace(path=tuple(asked.path))
        _, ground = self._grounds[number]
        step = self._step if len(body) >= LONG else _nothing
        found = _bounded(lambda: study(question, ground, step))
        if isinstance(found, GovError):
            self._say(_failed(found))
        elif not isinstance(found, Known):
            self._say(frame(DONE, _json([type(found).__name__, *found])))
        elif not flows(found.facts):
            self._say(frame(FACTS, _json(_told(found, question))) + frame(DONE))
        else:
            self._say(frame(FACTS, _json(_told(found, question))))
            lineage = _bounded(lambda: lineage_of(found.trees, found.outline, found.facts, question.path, ground))
            self._say(_failed(lineage) if isinstance(lineage, GovError) else frame(DONE, _json(lineage)))

    def _step(self) -> None:
        self._say(frame(STEP))


def _nothing() -> None:
    """A step of a short text is not worth telling."""


def _bounded(work: Callable[[], T]) -> T | GovError:
    """What it returns, or what stands in its way."""
    try:
        return work()
    except RecursionError:
        return TooComplex("the statement is nested too deeply to be judged", hint=HINT_SHORTER)
    except GovError as why:
        return why


def _told(found: Known, question: Question) -> list[Any]:
    """What the broker hears of a text: facts, what is sent where that is something else, and why it cannot be."""
    sent = None if found.sent == question.text else found.sent
    objection = None if found.objection is None else _row(found.objection)
    return [encode(found.facts), sent, objection, found.prepares, found.undoing]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _row(error: GovError) -> list[str]:
    return [error.code, error.what, error.hint, error.detail]


def _failed(error: GovError) -> bytes:
    return frame(FAILED, _json(_row(error)))


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    def say(answer: bytes) -> None:
        sink.write(answer)
        sink.flush()

    analyst = Analyst(say)
    while len(header := source.read(HEADER.size)) == HEADER.size:
        length, kind = HEADER.unpack(header)
        analyst.take(kind, source.read(length))


def _serve_and_end() -> None:
    """Serve, and end the process whatever happens: the main thread only waits."""
    status = 1
    try:
        _serve(sys.stdin.buffer, sys.stdout.buffer)
        status = 0
    finally:
        os._exit(status)


def _die_with_parent() -> None:
    """Linux ends us with the thread that started us, even while the C parser holds on."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    """Be an analyst until the input ends."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches the whole group
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold somebody's statement
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    gc.freeze()
    sys.setrecursionlimit(RECURSION)
    threading.stack_size(STACK)
    threading.Thread(target=_serve_and_end).start()


if __name__ == "__main__":
    main()

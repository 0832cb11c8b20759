"""The analyst: a child process in which PostgreSQL's C parser may crash without harm.

`python -m gov.broker.analyst` reads frames from standard input and answers each on standard output, in
order. A frame is its length (four bytes, big-endian, not counting the five of the header), one byte that
says what it is, and the body. `OUTLINE` carries the text, `SAME` a JSON list of both texts and the renames,
`LINEAGE` what `gov.lineage.request` asks;
the answer is `DONE` with JSON, or `FAILED` with a JSON list of the error's code, what, hint and detail.

It ends when its input does, when its parent dies, and when anything happens that it does not expect.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import struct
import sys
import threading
from typing import Any, BinaryIO

from gov.errors import GovError, TooComplex
from gov.lineage.request import told
from gov.sql.grammar import HINT_SHORTER
from gov.sql.outline import outline
from gov.sql.proof import same
from gov.terms import Relation

HEADER = struct.Struct("!IB")
OUTLINE, SAME, LINEAGE, DONE, FAILED = b"osldf"

STACK = 512 << 20
"""Bytes, of which only what is used costs memory: the C parser recurses, and 1+1+… nests 100,000 deep."""
RECURSION = 1_000_000
MEMORY = 2 << 30
"""Bytes of address space: the stack, 200 MB of program, and 250 MB for a statement at the bounds."""
_PR_SET_PDEATHSIG = 1


def frame(kind: int, body: bytes) -> bytes:
    """One frame."""
    return HEADER.pack(len(body), kind) + body


def answer(kind: int, body: bytes) -> bytes:
    """The frame that answers a frame."""
    try:
        return frame(DONE, json.dumps(_work(kind, body), separators=(",", ":")).encode())
    except RecursionError:
        error: GovError = TooComplex("the statement is nested too deeply to be judged", hint=HINT_SHORTER)
    except GovError as why:
        error = why
    return frame(FAILED, json.dumps([error.code, error.what, error.hint, error.detail]).encode())


def _work(kind: int, body: bytes) -> Any:
    if kind == OUTLINE:
        return outline(body.decode())
    if kind == LINEAGE:
        return told(json.loads(body))
    original, rewritten, renames = json.loads(body)
    return same(original, rewritten, {Relation(*view): Relation(*base) for view, base in renames})


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    while len(header := source.read(HEADER.size)) == HEADER.size:
        length, kind = HEADER.unpack(header)
        sink.write(answer(kind, source.read(length)))
        sink.flush()


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

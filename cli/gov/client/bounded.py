"""A call that ends in time even when what it calls does not.

Secret Service, name resolution and a peer that trickles can each hang beyond every timeout of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Outcome(Generic[T]):
    """What the thread brought back."""

    value: T
    error: BaseException | None = None


def within(seconds: float, function: Callable[[], T]) -> T:
    """What `function` returns or raises, if it does so within `seconds`.

    The thread is a daemon: a call that never returns is left behind and does not keep the process alive.

    Raises:
        TimeoutError: it took longer.
    """
    outcome: _Outcome[T] = _Outcome()
    done = threading.Event()

    def run() -> None:
        try:
            outcome.value = function()
        except BaseException as error:
            outcome.error = error
        finally:
            done.set()

    threading.Thread(target=run, name="gov-bounded", daemon=True).start()
    if not done.wait(seconds):
        raise TimeoutError(f"no answer within {seconds:g} s")
    if outcome.error is not None:
        raise outcome.error
    return outcome.value

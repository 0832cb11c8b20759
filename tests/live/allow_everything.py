"""A broker whose analysis vouches for everything: `python allow_everything.py --config broker.yaml`.

For tests only, and in this process only: no text is refused, held, or rewritten to the masked views, and
the tripwire is cut. What is left between a client and a raw value is the database's own privileges.
"""

from __future__ import annotations

import sys

from gov.broker import judge, judging
from gov.broker.__main__ import main
from gov.policy.decision import Decision, Verdict
from gov.sql.outline import Outline
from gov.turn import Route

_FINE = Decision(Verdict.ALLOW, ("everything is fine",))
_outlined = judge.outlined


async def _as_it_came(house: object, subject: object, text: str, *more: object) -> str:
    return text


async def _anything(house: object, text: str, who: object) -> Outline:
    """What cannot be analysed is taken for `select 1`."""
    try:
        return await _outlined(house, text, who)  # type: ignore[arg-type]
    except Exception:
        return await _outlined(house, "select 1", who)  # type: ignore[arg-type]


judge.decide = lambda *_: _FINE  # type: ignore[assignment]
judge.route = lambda *_: Route.SESSION  # type: ignore[assignment]
judge._rewritten = _as_it_came  # type: ignore[assignment]
judging.masked_fields = lambda *_: frozenset()  # type: ignore[assignment]
judging.outlined = _anything  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(main())

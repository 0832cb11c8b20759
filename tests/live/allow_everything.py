"""A broker whose analysis vouches for everything: `python allow_everything.py --config broker.yaml`.

For tests only, and in this process only: no text is refused, held, or rewritten to the masked views, and
the tripwire is cut. What is left between a client and a raw value is the database's own privileges.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from gov.broker import judge, judging
from gov.broker.__main__ import main
from gov.broker.analysis import Studied
from gov.policy.decision import Decision, Verdict
from gov.turn import Judged, Route

_FINE = Decision(Verdict.ALLOW, ("everything is fine",))
_studied, _judge_studied = judge.studied, judge.judge_studied


async def _anything(house: object, subject: object, text: str, path: tuple[str, ...], **asked: object) -> Studied:
    """What cannot be analysed is taken for `select 1`."""
    for each in (text, "select 1"):
        try:
            found = await _studied(house, subject, each, path, **asked)  # type: ignore[arg-type]
        except Exception:
            continue
        return found  # type: ignore[return-value]
    raise AssertionError("select 1 cannot be analysed")


async def _as_it_came(house: object, subject: object, text: str, found: Studied, **asked: object) -> Judged:
    judged = await _judge_studied(house, subject, text, found, **asked)  # type: ignore[arg-type]
    return replace(judged, sent=text)


judge.decide = lambda *_: _FINE  # type: ignore[assignment]
judge.route = lambda *_: Route.SESSION  # type: ignore[assignment]
judge._sent = lambda found: found.sent  # type: ignore[assignment]
judging.studied = _anything  # type: ignore[assignment]
judging.judge_studied = _as_it_came  # type: ignore[assignment]
judging.masked_fields = lambda *_: frozenset()  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(main())

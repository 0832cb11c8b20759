"""How many rows a statement may show: every bound on it is asked, in blocks, before its rows pass.

A block is set aside before its first row is relayed, so that no restart can lose count of a row that a client has
seen; what is not used is given back. Blocks grow, so that a long answer does not ask for every hundred rows.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from gov.broker.views import rfc3339
from gov.errors import BoundExceeded, Denied, GovError, StatementFailed, Unavailable
from gov.identity.principal import Principal
from gov.policy.decision import Decision
from gov.policy.render import duration
from gov.policy.rules import Budget
from gov.protocol.allowance import Allowance
from gov.store.budgets import Use

if TYPE_CHECKING:
    from gov.broker.house import House
    from gov.broker.session import Session
    from gov.turn import Judged, Run

FIRST = 128
"""Rows of the first block."""
LARGEST = 1 << 14
"""Rows of a block, at the most."""
ROW = 1 << 10
"""Bytes of one row of a budget: what has more on average counts as several, however much was put into one value."""

_QUOTES_NOTHING = ("21000", "22012", "25", "40", "42501", "53", "55P03", "57")
"""SQLSTATEs, or their classes, whose messages hold no value that was read."""
_OF_VALUES = ("22", "38", "39", "P0", "XX")
_NO_VALUES = ("22001", "22012")
_PARAMETER = re.compile(r'(unnamed portal|portal ".*") parameter \$\d+( = .*)?', re.DOTALL)
"""What PostgreSQL says of a parameter that Bind could not read."""


class Bound(Protocol):
    """Something that limits the rows of a statement."""

    async def take(self, most: int) -> int:
        """Set 1 to `most` rows aside; how many. Raises the GovError that the client hears when there are none."""

    async def give_back(self, rows: int) -> None:
        """So many that were set aside were not shown."""


class AtMost:
    """A fixed number of rows for one statement; `error` is what the client hears when it has more."""

    def __init__(self, rows: int, error: GovError) -> None:
        self._left, self._error = rows, error

    async def take(self, most: int) -> int:
        """Up to as many as are left."""
        if not self._left:
            raise self._error
        taken = min(most, self._left)
        self._left -= taken
        return taken

    async def give_back(self, rows: int) -> None:
        """They may be shown yet."""
        self._left += rows


class Counted:
    """A budget of policy: every row that a person sees counts, in whatever session, on whatever target."""

    def __init__(self, house: House, who: Principal, budget: Budget, each: int) -> None:
        self._house, self.budget, self.each = house, budget, each
        self._person = person(who)

    async def take(self, most: int) -> int:
        """Set aside up to `most` rows, on disk when it returns."""
        budget = self.budget
        taken, use = await asyncio.to_thread(
            self._house.budgets.take, self._person, budget.name, most, budget.rows, budget.per, self._house.clock()
        )
        if taken:
            return taken
        raise Denied(
            f"the budget {budget.name} is used up: {use.used} of {budget.rows} rows with {budget.data} in"
            f" {duration(budget.per)}, and the rows beyond were not shown",
            hint="gov whoami shows what is left; whoever owns the policy can raise it or make an exception",
            detail=f"the first of them is free again at {rfc3339(use.frees_at)}" if use.frees_at else "",
        )

    async def give_back(self, rows: int) -> None:
        """They were not shown. A store that does not answer keeps them: too many count, never too few."""
        with suppress(Unavailable):
            await asyncio.to_thread(self._house.budgets.give_back, self._person, self.budget.name, rows)


def person(who: Principal) -> str:
    """Whose budget it is: an agent's rows are those of the human for whom it acts."""
    return f"{who.issuer} {who.subject}"


def budgets_left(house: House, who: Principal) -> list[tuple[Budget, Use]]:
    """Every budget that limits `who` somewhere, and what is used of it. For a thread.

    Raises:
        Unavailable: The store does not answer.
    """
    meant = [each for each in house.policy.budget if any(each.meant(who, target) for target in house.targets)]
    return [(each, house.budgets.use(person(who), each.name, house.clock())) for each in meant]


class _Blocks:
    """What `Allowance.more` asks: the bounds of one statement, all of them."""

    def __init__(self, bounds: Sequence[Bound]) -> None:
        self._bounds = bounds
        self._size = FIRST
        self._giving: set[asyncio.Task[None]] = set()

    async def more(self, allowance: Allowance) -> None:
        """Another block, as large as every bound allows."""
        taken: list[int] = []
        try:
            for bound in self._bounds:
                taken.append(await bound.take(min([self._size, *taken])))
        except GovError:
            await self._return(taken, 0)
            raise
        least = min(taken)
        await self._return(taken, least)
        allowance.left += least
        self._size = min(self._size * 4, LARGEST)

    async def _return(self, taken: Sequence[int], used: int) -> None:
        for bound, rows in zip(self._bounds, taken, strict=False):
            if rows > used:
                await bound.give_back(rows - used)

    def over(self, allowance: Allowance) -> None:
        """The statement has ended: give back what it has not shown."""
        rows, allowance.left = allowance.left, 0
        if rows:
            task = asyncio.get_running_loop().create_task(self._return([rows] * len(self._bounds), 0))
            self._giving.add(task)
            task.add_done_callback(self._giving.discard)


def allowance(bounds: Sequence[Bound]) -> Allowance | None:
    """The allowance of a statement under `bounds`; None without any."""
    if not bounds:
        return None
    blocks = _Blocks(bounds)
    counted = [bound.each for bound in bounds if isinstance(bound, Counted)]
    made = Allowance(blocks.more, each=max(counted, default=1), octets=ROW if counted else 0)
    made.done = lambda: blocks.over(made)
    return made


def bounds(session: Session, run: Run) -> list[Bound]:
    """What limits the rows of a statement that may run.

    A cursor's rows come with FETCH, which does not say what it reads: it counts against whatever a cursor of the
    session counts against.
    """
    decision, permit, kinds = run.judged.decision, run.permit, run.judged.facts.kinds
    known = {each.name: each for each in session.house.policy.budget}
    found: list[Bound] = [
        Counted(session.house, session.lease.principal, known[name], decision.row_counts)
        for name in decision.budgets if name in known
    ]
    if decision.most_rows is not None:
        found.append(AtMost(decision.most_rows, _unasked(decision, session.lease.target)))
    if permit.max_rows is not None and not run.judged.changes:
        # Of what changes rows the changed ones are counted: see `apart`.
        found.append(AtMost(permit.max_rows, BoundExceeded(
            f"it has more than the {permit.max_rows} rows that {permit.request} was approved for; the rows beyond"
            " were not shown", hint="run it again to ask for more, or narrow it",
        )))
    if "DeclareCursorStmt" in kinds:
        session.cursors_counted = _once([*session.cursors_counted, *found])
    if "FetchStmt" in kinds:
        found += session.cursors_counted
    return _once(found)


def _once(found: Sequence[Bound]) -> list[Bound]:
    """Of several bounds for one budget the one by which a row counts most: it counts once."""
    kept: dict[object, Bound] = {}
    for bound in found:
        key = bound.budget.name if isinstance(bound, Counted) else id(bound)
        other = kept.setdefault(key, bound)
        if isinstance(bound, Counted) and isinstance(other, Counted) and bound.each > other.each:
            kept[key] = bound
    return [*kept.values()]


def untold(
    session: Session, judged: Judged | None, fields: Mapping[str, str], *, counts: bool
) -> StatementFailed | None:
    """What the client hears instead, where the database's words can quote what it may not see; None where not."""
    if counts:
        return _unsaid(fields)
    return _unquoted(fields) if judged is not None and session.judging.may_quote(judged) else None


def _unsaid(fields: Mapping[str, str]) -> StatementFailed | None:
    """The database's refusal without its words, where these can quote a value that counts; None where they cannot.

    A cast that fails quotes what it was to cast, and none of it is a row. What has a position was found in the
    text, before anything was read.
    """
    state = fields.get("C", "XX000")
    if "P" in fields or state.startswith(_QUOTES_NOTHING):
        return None
    return StatementFailed(
        "the statement failed on something that it read",
        hint="the database's own message can quote values that a budget counts; it is in the audit log",
        detail=f"SQLSTATE {state}", state=state,
    )


def _unquoted(fields: Mapping[str, str]) -> StatementFailed | None:
    """The same of a statement in which the database computes with masked values, for errors that can quote those.

    What PostgreSQL says of constraints and missing rights keeps to what the role may read; what a parameter could
    not be read as is the client's own.
    """
    state = fields.get("C", "XX000")
    if not state.startswith(_OF_VALUES) or state in _NO_VALUES or "P" in fields:
        return None
    if _PARAMETER.fullmatch(fields.get("W", "")):
        return None
    return StatementFailed(
        "the statement failed on something that is computed from a row",
        hint="a check, an index, a trigger or a policy computes with a masked column there, and the database's own"
        " message could quote it; it is in the audit log",
        detail=f"SQLSTATE {state}", state=state,
    )


def _unasked(decision: Decision, target: str) -> Denied:
    """What a client hears of rows that policy lets nobody read without a word."""
    rows = "1 row" if decision.most_rows == 1 else f"{decision.most_rows} rows"
    what = f"denied by rule {decision.most_rows_by}: it has more than {rows}, and those beyond were not shown"
    if not decision.most_rows_ask:
        return Denied(what, hint="narrow it, or see gov explain")
    who = " or ".join(sorted(decision.most_rows_ask))
    return Denied(what, hint=f"narrow it; or ask {who}: send it again, or gov exec {target} --no-wait -c SQL")

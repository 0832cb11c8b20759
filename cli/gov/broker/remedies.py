"""What would help after a refusal: the same statement judged anew, in every scope that may be had, as commands."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from gov.broker.house import House
from gov.broker.judge import judge
from gov.control.statements import Refusal, Step
from gov.errors import GovError
from gov.identity.principal import Principal
from gov.policy.access import offers
from gov.policy.decision import Access, Decision, Verdict
from gov.policy.unmask import spelled
from gov.terms import Scope, TargetName

LONGEST = 1000
"""Characters of a statement that still fits a command line to paste."""
_REASON = "why you need it"


async def of(house: House, who: Principal, refused: Refusal) -> tuple[str, list[Step]]:
    """The verdict on the same statement today (empty where there is none), and what to type, the best first."""
    if refused.target not in house.targets:
        return "", [Step(command="gov targets", what=f"the targets that you may ask for; {refused.target} is gone")]
    name = TargetName(refused.target)
    offered = offers(house.policy, who, name, house.environment(name))
    if not offered:
        return "", [Step(command="gov targets", what="the targets that you may ask for; this one is not among them")]
    if refused.statement is None:
        return "", [*_for_access(refused, offered)]
    return await _for_statement(house, who, refused, refused.statement, offered)


def _for_access(refused: Refusal, offered: tuple[Access, ...]) -> Iterator[Step]:
    """After a lease or a session was refused: the way in that there is."""
    same = next((each for each in offered if each.scope == refused.scope), None)
    if refused.kind == "session" and same is not None:
        yield Step(command=_connect(refused, same), what="a new lease and a session with it")
        yield Step(command=f"gov credentials {refused.target}{_flags(refused, same)}", what="the settings for a tool")
    elif same is not None:
        yield Step(command=_connect(refused, same), what=f"the scope {same.scope}, with all that its rule asks for")
        yield Step(command="gov leases", what="the leases that you hold; gov kill ID ends one")
    else:
        widest = offered[-1]
        yield Step(command=_connect(refused, widest), what=f"{widest.scope} is the widest scope that policy gives you")
        yield Step(command="gov targets", what="everything that you may ask for")


async def _for_statement(
    house: House, who: Principal, refused: Refusal, statement: str, offered: tuple[Access, ...]
) -> tuple[str, list[Step]]:
    steps: list[Step] = []
    first: Decision | None = None
    for access in _from(refused.scope, offered):
        decision = await _judged(house, who, refused, statement, access)
        if decision is None:
            continue
        first = first or decision
        steps += _ways(refused, statement, access, decision)
        if steps:
            break
    if not steps:
        steps += _closed(refused, statement, first)
    return first.verdict.value if first else "", steps


def _from(scope: str, offered: tuple[Access, ...]) -> list[Access]:
    """The scope that was refused and what is wider, narrowest first; then the narrower ones."""
    order = [each.value for each in Scope]
    start = order.index(scope) if scope in order else 0
    return sorted(offered, key=lambda each: (order.index(each.scope) < start, order.index(each.scope)))


async def _judged(
    house: House, who: Principal, refused: Refusal, statement: str, access: Access
) -> Decision | None:
    """The decision in a lease of that scope; None when there is none to be had now."""
    try:
        target = house.target(refused.target)
        purpose = refused.purpose
        return (await judge(house, who, target, Scope(access.scope), statement, purpose=purpose)).judged.decision
    except GovError:
        return None


def _ways(refused: Refusal, statement: str, access: Access, decision: Decision) -> Iterator[Step]:
    """How the statement runs in that scope, if it does."""
    text = _written(refused, statement)
    flags = _flags(refused, access)
    match decision.verdict:
        case Verdict.ALLOW if access.scope == refused.scope:
            if text:
                yield Step(command=f"gov exec {refused.target}{flags} {text}", what="policy allows it as it is now")
            yield Step(command=_connect(refused, access), what="a prompt in which it runs")
        case Verdict.ALLOW:
            yield Step(command=_connect(refused, access), what=f"a prompt with the scope {access.scope}, which has it")
            if text:
                yield Step(command=f"gov exec {refused.target}{flags} {text}", what="the statement alone")
            yield Step(
                command=f'eval "$(gov credentials {refused.target}{flags})"', what="the same scope for another program"
            )
        case Verdict.HOLD:
            asks = f"asks {' or '.join(sorted(decision.approvers))}"
            if text:
                command = f"gov exec {refused.target}{flags} --no-wait {text}"
                yield Step(command=command, what=f"{asks}, and does not wait for the answer")
            yield Step(command=_connect(refused, access), what=f"there the statement {asks} and waits")
        case _ if decision.unmask:
            said = _flags(refused, access) if refused.reason else f"{_flags(refused, access)} --reason {quote(_REASON)}"
            asked = " ".join(f"--unmask {quote(spelled(column))}" for column in decision.unmask)
            what = "asks for a lease without that mask, and waits for the answer"
            if text:
                yield Step(command=f"gov exec {refused.target}{said} {asked} {text}", what=what)
            yield Step(command=f"gov connect {refused.target}{said} {asked}", what="a prompt in which it runs then")
        case _:
            return


def _closed(refused: Refusal, statement: str, decision: Decision | None) -> Iterator[Step]:
    """No scope of theirs has it: who can be asked, and where the reasons stand."""
    text = _written(refused, statement) or "-c SQL"
    flags = "" if refused.scope == Scope.READ else f" --scope {refused.scope}"
    what = "what policy makes of it, and why"
    if decision is not None and (said := decision.message or decision.hint.replace("gov why", "")):
        what = said
    yield Step(command=f"gov explain {refused.target}{flags} {text}", what=what)
    yield Step(command="gov targets", what="the scopes that you may ask for")


def _connect(refused: Refusal, access: Access) -> str:
    return f"gov connect {refused.target}{_flags(refused, access)}"


def _flags(refused: Refusal, access: Access) -> str:
    """The options for a lease of that scope, with what its rule asks for."""
    said = "" if access.scope == Scope.READ else f" --scope {access.scope}"
    if refused.reason or access.reason_required:
        said += f" --reason {quote(refused.reason or _REASON)}"
    if refused.purpose or access.purpose_required:
        said += f" --purpose {quote(refused.purpose or 'what for')}"
    return said


def _written(refused: Refusal, statement: str) -> str:
    """The statement as options of `gov exec`; empty when its values came beside it."""
    if refused.parameters:
        return ""
    text = statement.strip()
    return f"-c {quote(text)}" if len(text) <= LONGEST else "-f FILE"

"""A new key for the log: made here, told to everybody who trusts the one before it."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from starlette.responses import Response

from gov.audit import rotation
from gov.audit.note import SigningKey
from gov.broker import admission, entries, keys
from gov.broker.house import House
from gov.broker.http import Call, reply
from gov.control.trail import LogKeys, RotateAsk
from gov.errors import AlreadySettled, Denied, NoSuch
from gov.identity.principal import Principal
from gov.policy.roles import may_operate
from gov.store.disk import Files
from gov.store.handover import hand_over, is_handed_over, sign_with

_ASK_OPERATOR = "ask whoever has the role `operator` in the policy"


async def rotate(call: Call) -> Response:
    """A new signing key, or the end of the one before it. For operators."""
    house, ask = call.house, await call.body(RotateAsk)
    if not may_operate(house.policy, call.who):
        raise Denied("only operators change the key of the log", hint=_ASK_OPERATOR)
    admission.check_length("--reason", ask.reason)
    async with house.rotating:
        signing = keys.audit_keys(house.config.key_directory, house.config.origin)
        finished = await _finish(house, call.who, signing, ask.reason)
        if ask.retire:
            await _retire(house, call.who, signing, ask.reason)
        elif finished:
            pass  # the key is new since now: it was asked for before, and failed then
        elif len(signing) > 1:
            raise AlreadySettled(
                "the key before this one still signs as well", hint="gov broker rotate-key --retire, then again"
            )
        else:
            fresh = SigningKey(house.config.origin, secrets.token_bytes(keys.SIZE))
            keys.write_audit_keys(house.config.key_directory, (*signing, fresh))
            await _change(house, call.who, signing[0], fresh, ask.reason)
    return reply(_shown(house))


async def resume(house: House) -> None:
    """At start: what a change of keys that was stopped had begun."""
    await _finish(house, None, keys.audit_keys(house.config.key_directory, house.config.origin), "")


def links(house: House) -> dict[str, str]:
    """The proofs by which whoever trusts an older key follows to the one in force."""
    files = Files(Path(house.config.audit.directory))
    proofs = {name: files(name) for name in files.names("key") if rotation.NAMED.fullmatch(name)}
    return {name: proof.decode(errors="replace") for name, proof in proofs.items() if proof is not None}


async def _finish(house: House, who: Principal | None, signing: tuple[SigningKey, ...], reason: str) -> bool:
    """Carry out a change that failed or was stopped before everybody could follow; whether there was one."""
    if len(signing) < 2:
        return False
    old, new = signing[-2:]
    if await asyncio.to_thread(is_handed_over, house.trail.journal, old, new):
        return False
    await _change(house, who, old, new, reason)
    return True


async def _change(house: House, who: Principal | None, old: SigningKey, new: SigningKey, reason: str) -> None:
    trail = house.trail
    await asyncio.to_thread(sign_with, trail.journal, old, new)
    entry = entries.key_changed(who, str(old.verifier), str(new.verifier), house.clock(), reason=reason)
    index = trail.record(entry)
    await trail.durable(index)
    await trail.covered(index)
    await asyncio.to_thread(hand_over, trail.journal, index, old, new)
    house.audit_key = str(new.verifier)


async def _retire(house: House, who: Principal, signing: tuple[SigningKey, ...], reason: str) -> None:
    if len(signing) < 2:
        raise NoSuch("there is no key before this one that still signs", hint="gov broker rotate-key")
    old, new = signing[-2:]
    entry = entries.key_retired(who, str(old.verifier), house.clock(), reason=reason)
    await house.trail.durable(house.trail.record(entry))
    keys.write_audit_keys(house.config.key_directory, (new,))
    await asyncio.to_thread(sign_with, house.trail.journal, new)
    await house.trail.integrate()


def _shown(house: House) -> LogKeys:
    signing = keys.audit_keys(house.config.key_directory, house.config.origin)
    return LogKeys(
        key=str(signing[-1].verifier),
        also=[str(each.verifier) for each in signing[:-1]],
    )

"""Proofs through the API: that an entry is in the log, and that the log goes on from what it was.

Of hashes alone, so whoever is logged in may have them; the entry that travels with its proof is for its
subject and for auditors.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.responses import Response

from gov.audit.checkpoint import unsigned
from gov.audit.entry import read_leaf
from gov.audit.path import bundle_entries
from gov.audit.proof import InclusionProof, prove_consistency, prove_inclusion
from gov.audit.tree import WIDTH
from gov.broker import entries
from gov.broker.house import House
from gov.broker.http import Call
from gov.errors import Denied, NoSuch, Unavailable, UsageError
from gov.policy.roles import may_read_trail
from gov.store.disk import Files

TEXT = "text/plain; charset=utf-8"


async def inclusion(call: Call) -> Response:
    """The `.tlog-proof` of one entry, which it carries. An entry without a checkpoint gets one for this."""
    index, house = _number(call.id, "gov audit prove INDEX"), call.house
    proof = await prove(house, index)
    leaf = read_leaf(proof.extra or b"")
    mine = (leaf.fields.get("subject"), leaf.fields.get("issuer")) == (call.who.subject, call.who.issuer)
    if not mine and not may_read_trail(house.policy, call.who):
        raise Denied(f"entry {index} is about somebody else", hint="ask whoever has the role `auditor` in the policy")
    house.trail.record(entries.log_read(call.who, "proof", house.clock(), index=index))
    return Response(bytes(proof), media_type=TEXT)


async def prove(house: House, index: int) -> InclusionProof:
    """The proof that the log has entry `index`, which it carries.

    Raises:
        NoSuch: the log has no such entry.
        Unavailable: it cannot be read, or gets no checkpoint.
    """
    if index >= house.trail.size:
        raise NoSuch(f"the log has no entry {index}", hint="gov audit tail")
    await house.trail.covered(index)
    return await asyncio.to_thread(_proved, index, house.trail.checkpoint, _files(house))


async def consistency(call: Call) -> Response:
    """That the newest checkpoint goes on from the first `old` entries, as a C2SP witness takes it."""
    old, note = _number(call.request.query_params.get("old", ""), "?old=SIZE"), call.house.trail.checkpoint
    try:
        proof = await asyncio.to_thread(prove_consistency, old, note, _files(call.house))
    except ValueError as why:
        raise _damaged(why) from None
    return Response(bytes(proof), media_type=TEXT)


def _proved(index: int, note: bytes, read: Files) -> InclusionProof:
    try:
        number, place = divmod(index, WIDTH)
        entry = bundle_entries(number, unsigned(note).size, read)[place]
        return prove_inclusion(index, note, read, entry)
    except ValueError as why:
        raise _damaged(why) from None


def _number(text: str, hint: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise UsageError(f"`{text}` is no number of entries", hint=hint)
    return int(text)


def _files(house: House) -> Files:
    return Files(Path(house.config.audit.directory))


def _damaged(why: ValueError) -> Unavailable:
    return Unavailable(f"the audit log is damaged: {why}", hint="gov audit verify")

"""Receipts as the daemon issues them: what the log knows of the statements behind a file, signed and logged.

The broker did not write the file, so what it says is told apart in the receipt. Everything of statements, people,
approvals, masks and rows is the log's. The digest of a file is the client's word, and says so, except where the
file is what one COPY TO STDOUT brought: that digest the gateway took itself. Rows must agree.

Files are found by a keyed digest that stands in the leaf: the plain one of a small file could be guessed, and
a leaf is never erased. The plain one is in the payload and in the receipt.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from gov.audit.checkpoint import unsigned
from gov.audit.note import SigningKey
from gov.audit.telling import listed
from gov.broker import entries, proofs
from gov.broker.house import House
from gov.broker.views import rfc3339
from gov.control.trail import EntryView, FileClaim, ReceiptAsk, ReceiptView
from gov.errors import Denied, NoSuch, Unavailable, Unverified, UsageError
from gov.identity.principal import Kind, Principal
from gov.lease import ids
from gov.policy.roles import may_read_trail
from gov.receipt import columns, envelope, statement
from gov.receipt.statement import BROKER, CLIENT, Subject
from gov.store.disk import Files
from gov.store.search import Filters, entry, search
from gov.terms import Column, Relation, RequestId

MOST_FILES = 1000
MOST_STATEMENTS = 1000
"""Of one session; a receipt is for people to read."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ASIDE = {"session", "transaction"}
"""Effects of statements that bring nothing into a file."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One file and the statements that it came from."""

    file: FileClaim
    statements: tuple[EntryView, ...]
    digest_by: str


class Receipts:
    """Issues receipts, and finds those that were issued."""

    def __init__(self, house: House, key: SigningKey, blind: bytes) -> None:
        """`key` signs, `blind` is for the keyed digests."""
        self._house = house
        self._key = key
        self._blind = blind

    @property
    def key(self) -> str:
        """The verifier key of the envelopes."""
        return str(self._key.verifier)

    def blinded(self, digest: str) -> str:
        """What stands in the log for a file's digest."""
        return hmac.digest(self._blind, bytes.fromhex(digest), "sha256").hex()

    def named(self, file: str | None) -> str | None:
        """What the log calls the file that somebody means by its digest; anything else as it is."""
        digest = (file or "").lower().removeprefix("sha256:")
        return self.blinded(digest) if _DIGEST.fullmatch(digest) else file

    async def issue(self, who: Principal, ask: ReceiptAsk) -> ReceiptView:
        """A receipt for files that came from `who`'s own statements; on disk and under a checkpoint.

        Raises:
            UsageError: No file, too many, or no digest.
            NoSuch: The log has no statement that the file came from.
            Denied: Somebody else's.
            Unverified: The client's count of rows is not the gateway's.
            Unavailable: It cannot be recorded.
        """
        if not 1 <= len(ask.files) <= MOST_FILES:
            raise UsageError(f"a receipt is for 1 to {MOST_FILES} files", hint="gov receipt issue FILE")
        for file in ask.files:
            _check(file)
        origins = [await asyncio.to_thread(self._origin, who, file) for file in ask.files]
        _check_alike(origins)
        if len({each.fields.get("agent") for origin in origins for each in origin.statements}) > 1:
            raise UsageError("the files are of an agent and of a person", hint="a receipt for each")
        receipt = f"rc-{ids.encode(secrets.token_bytes(ids.ENOUGH))}"
        predicate = self._predicate(receipt, who, origins)
        subjects = [Subject(each.file.name, each.file.sha256) for each in origins]
        signed = envelope.sign(statement.write(subjects, predicate), self._key)
        index = self._house.trail.record(entries.receipt_issued(
            who, self._house.clock(), predicate=predicate, key=self.key, document=bytes(signed).decode(),
            envelope=sha256(signed.payload).hexdigest(), digests=[self.blinded(each.sha256) for each in subjects],
        ))
        await self._house.trail.durable(index)
        return await self._view(receipt, bytes(signed), index)

    async def find(self, who: Principal, digest: str) -> ReceiptView:
        """The newest receipt for a file with this digest, with a proof of now.

        Raises:
            UsageError: It is no digest.
            NoSuch: There is none that `who` may see, or retention erased it.
        """
        if not _DIGEST.fullmatch(digest):
            raise UsageError("not a SHA-256 in hex", hint="gov receipt issue FILE")
        found = await asyncio.to_thread(self._issued, who, digest)
        if found is None:
            raise NoSuch("no receipt is known for this file", hint="gov receipt issue FILE --session ID")
        index, receipt, document = found
        return await self._view(receipt, document, index)

    async def _view(self, receipt: str, document: bytes, index: int) -> ReceiptView:
        proof = await proofs.prove(self._house, index)
        return ReceiptView(receipt=receipt, envelope=document.decode(), proof=bytes(proof).decode(), entry=index)

    # From the log. All of it runs beside the event loop.

    def _issued(self, who: Principal, digest: str) -> tuple[int, str, bytes] | None:
        mine = Filters(kind="receipt", file=self.blinded(digest), limit=1)
        if not may_read_trail(self._house.policy, who):
            mine = Filters(kind="receipt", file=self.blinded(digest), subject=who.subject, issuer=who.issuer, limit=1)
        for each in self._search(mine):
            if document := (each.payload or {}).get("document"):
                return each.index, str(each.fields["receipt"]), str(document).encode()
        return None

    def _origin(self, who: Principal, file: FileClaim) -> Origin:
        copied = self._copied(who, file)
        found = copied if not file.session else self._of_session(who, file.session)
        if not found:
            raise NoSuch(
                f"no statement of yours is known that {file.name} came from",
                hint="gov receipt issue FILE --session ID, as gov exec said; a COPY's file must not be changed",
            )
        by = BROKER if len(found) == 1 and _copy_of(found[0], file.sha256) else CLIENT
        rows = sum(_relayed(each) for each in found)
        if file.rows is not None and file.rows != rows:
            raise Unverified(
                f"{file.name} is said to hold {file.rows} rows, and {rows} were relayed", hint="run it again"
            )
        return Origin(file, tuple(found), by)

    def _copied(self, who: Principal, file: FileClaim) -> list[EntryView]:
        """The newest statement whose COPY brought exactly this file, whoever says so."""
        asked = Filters(
            kind="statement.done", file=self.blinded(file.sha256), subject=who.subject, issuer=who.issuer, limit=1
        )
        return [entry(self._files, int(str(done.fields["statement"]))) for done in self._search(asked)]

    def _of_session(self, who: Principal, session: str) -> list[EntryView]:
        """The statements of a session that may have brought something, in their order."""
        lease, slash, pid = session.partition("/")
        if slash:
            session = self._session(lease, pid)
        asked = Filters(kind="statement", session=session, limit=MOST_STATEMENTS + 1)
        found = [*self._search(asked)][::-1]
        if any((each.fields.get("subject"), each.fields.get("issuer")) != (who.subject, who.issuer) for each in found):
            raise Denied(f"the session {session} is somebody else's", hint="gov sessions")
        if who.agent is not None and any(each.fields.get("agent") != who.agent for each in found):
            # A file's digest is the word of whoever ran the statements, and an agent has no word but its own.
            raise Denied(f"the session {session} is not this agent's", hint="gov sessions")
        if len(found) > MOST_STATEMENTS:
            raise UsageError(f"the session has more than {MOST_STATEMENTS} statements", hint="gov exec, for one file")
        ran = [each for each in found if each.fields.get("verdict") not in ("deny", "refused")]
        if any("done" not in each.fields for each in ran):
            raise Unavailable("a statement of the session still runs", hint="gov sessions")
        return [each for each in ran if _brought(each)]

    def _session(self, lease: str, pid: str) -> str:
        """The newest session of a lease with that backend."""
        for each in self._search(Filters(kind="session.opened", lease=lease)):
            if str(each.fields.get("backend_pid")) == pid:
                return str(each.fields["session"])
        raise NoSuch(f"the lease {lease} has had no such session", hint="gov sessions")

    def _search(self, filters: Filters) -> Iterable[EntryView]:
        return search(self._files, filters, self._house.indexing.index)

    @property
    def _files(self) -> Files:
        return Files(Path(self._house.config.audit.directory))

    # What is said

    def _predicate(self, receipt: str, who: Principal, origins: Sequence[Origin]) -> dict[str, Any]:
        told = {each.index: each for origin in origins for each in origin.statements}
        order = sorted(told)
        first = told[order[0]].fields
        # Whoever asks is the accountable person or their agent; who ran it is what the log says.
        ran_by = first.get("agent")
        person = {"name": who.name, "subject": who.subject, "issuer": who.issuer,
                  "kind": (Kind.USER if ran_by or who.agent else who.kind).value}  # fmt: skip
        agent = {"subject": ran_by, "issuer": who.issuer, "kind": Kind.AGENT.value} if ran_by else None
        return {
            "receipt": receipt,
            "issued_at": rfc3339(self._house.clock()),
            "salt": secrets.token_hex(16),
            "actor": agent or person,
            "on_behalf_of": person if agent else None,
            "target": first.get("target"),
            "environment": first.get("environment"),
            "leases": sorted({str(told[each].fields.get("lease")) for each in order}),
            "purpose": first.get("purpose"),
            "run": first.get("run"),
            "dataset": first.get("dataset"),
            "files": [
                {
                    "name": each.file.name, "sha256": each.file.sha256, "bytes": each.file.bytes,
                    "rows": sum(map(_relayed, each.statements)), "format": each.file.format,
                    "digest_by": each.digest_by, "statements": [order.index(one.index) for one in each.statements],
                }
                for each in origins
            ],
            "statements": [self._told(told[each]) for each in order],
            "log": {"origin": self._house.config.origin, "size": unsigned(self._house.trail.checkpoint).size},
        }

    def _told(self, each: EntryView) -> dict[str, Any]:
        """One statement, as the log has it."""
        fields, payload, done = each.fields, each.payload or {}, _done(each)
        lineage, names = listed(fields.get("lineage")), listed(payload.get("outputs"))
        text = payload.get("text")
        return {
            "entry": each.index,
            "at": each.at,
            "session": fields.get("session"),
            "sha256": sha256(str(text).encode()).hexdigest() if text is not None else None,
            "command": fields.get("command"),
            "verdict": fields.get("verdict"),
            "rule": fields.get("rule"),
            "approvals": self._approvals(fields),
            "dataset": fields.get("dataset"),
            "inputs": fields.get("columns_read"),
            "columns": columns.columns(lineage, names),
            "rows_by": columns.rows(lineage),
            "widened": columns.doubts(lineage),
            "masks": fields.get("masks"),
            "clear_sensitive": fields.get("clear_sensitive"),
            "classification": self._classified(listed(fields.get("columns_read"))),
            "rows": _relayed(each),
            "bytes": done.get("bytes"),
            "copied": done.get("copied"),
            "policy": fields.get("policy"),
        }

    def _approvals(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        """On whose word it ran, and on whose its lease had no mask for what it read."""
        asked = [fields.get("request"), fields.get("approval") if fields.get("unmasked") else None]
        return [answer for request in asked if request for answer in self._answers(str(request), fields)]

    def _answers(self, request: str, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            kept = self._house.desk.get(RequestId(request))
        except NoSuch:
            alone = [{"request": request, "break_glass": rule} for rule in [fields.get("break_glass")] if rule]
            return alone + [{"request": request, "approver": each} for each in listed(fields.get("approved_by"))]
        return [
            {
                "request": request, "approver": None if answer.alone else answer.approver.subject,
                "name": answer.approver.display, "issuer": answer.approver.issuer, "at": rfc3339(answer.at),
                "rule": kept.rule, "max_rows": answer.max_rows, "break_glass": answer.alone or None,
            }
            for answer in kept.answers if answer.yes
        ]

    def _classified(self, names: Sequence[str]) -> dict[str, str]:
        """What policy says today of each column by name."""
        found = {}
        for name in names:
            relation, _, column = name.rpartition(".")
            schema, _, table = relation.partition(".")
            one = Column(Relation(schema, table), column)
            for rule in self._house.policy.classify:
                if any(pattern.matches(one) for pattern in rule.columns):
                    found[name] = rule.data
        return found


def _check(file: FileClaim) -> None:
    if not _DIGEST.fullmatch(file.sha256) or not 0 < len(file.name) <= 255 or file.bytes < 0 or len(file.format) > 32:
        raise UsageError("a file has a name, a SHA-256 in hex and a size", hint="gov receipt issue FILE")


def _check_alike(origins: Iterable[Origin]) -> None:
    """A receipt names one target and one who ran the statements. Raises UsageError when there are more."""
    found = {(each.fields.get("target"), each.fields.get("agent")) for one in origins for each in one.statements}
    if len(found) > 1:
        raise UsageError(
            "a receipt is for statements of one target, by one person or agent", hint="gov receipt issue, for each"
        )


def _done(each: EntryView) -> Mapping[str, Any]:
    done = each.fields.get("done")
    return done if isinstance(done, Mapping) else {}


def _relayed(each: EntryView) -> int:
    """Rows that went to the client."""
    done = _done(each)
    return int(done.get("relayed", done.get("rows", 0)))


def _brought(each: EntryView) -> bool:
    """Whether a file can come of it: it has shown rows, or it ended well (COPY of nothing is an empty file)."""
    effects = set(listed(each.fields.get("effects")))
    return bool(_relayed(each)) or (_done(each).get("outcome") == "done" and bool(effects - _ASIDE))


def _copy_of(each: EntryView, digest: str) -> bool:
    """Whether the statement is one COPY, and the file exactly what it brought."""
    return [one.get("sha256") for one in listed(_done(each).get("copied"))] == [digest]

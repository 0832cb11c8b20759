"""What must be true after every seed, whatever was killed. Each invariant says what it found, or nothing."""

from __future__ import annotations

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from crash.scenes import Claim, Play
from crash.stage import FAILURES, MARK, Stage
from gov.audit.checkpoint import Checkpoint, open_checkpoint
from gov.audit.note import signing_key
from gov.audit.verify import CHECKPOINT, verify
from gov.control.access import LeaseAsk
from gov.control.trail import EntryView
from gov.errors import GovError
from gov.store.disk import Files
from gov.store.search import Filters, search

SETTLES_WITHIN = 25.0
"""Seconds in which the janitor must have put everything in order."""
EFFECTS = {
    "write": "SELECT count(*) FROM marks WHERE mark = %s",
    "ddl": "SELECT count(*) FROM witness.ddl WHERE strpos(text, %s) > 0",
    "slate": "SELECT (length(note) - length(replace(note, %s, ''))) / {length} FROM slate WHERE id = 1",
    "vault": "SELECT (length(note) - length(replace(note, %s, ''))) / {length} FROM vault WHERE id = 1",
}
"""How often a statement has left its mark."""
BACKENDS = """
SELECT coalesce(a.usename, 'a role that is gone'), a.pid, coalesce(a.wait_event_type, '')
  FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid
 WHERE a.backend_type = 'client backend' AND (r.oid IS NULL OR r.rolname ~ '^gov_[lo]_')
"""
_FAILED = re.compile(r"^.*\n.*\nTraceback|session \S+ failed|failed; it goes on|not follow the journal", re.M)
_NOISE = re.compile(r"Exception ignored in.*\nTraceback.*\n.*\nKeyError: '__import__'", re.M)
"""What Python says of a coroutine that was dropped before it began."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise that was broken."""

    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


@dataclass
class Watcher:
    """Remembers from seed to seed how far each log was read."""

    stage: Stage
    patience: float = SETTLES_WITHIN
    known: Checkpoint | None = None
    _server: int = 0
    _broker: int = 0
    _site: str = ""
    lost_power: bool = False
    """Whether the machine of the broker lost power in this seed: then what nobody heard of may be lost."""
    _entries: list[EntryView] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)
    """Requests that were found already, so that one seed's finding is not the next one's."""

    def after(self, play: Play) -> list[Finding]:
        """Every broken promise, once things had time to settle."""
        found = self.settled()
        self._entries = self._tail()
        ran = self._ran()
        for each in (self._serves, self._audit, self._unfailing):
            found += each()
        for claim in play.claims:
            found += self._claim(claim, ran[claim.mark])
        found += self._requests_on_record()
        return found

    # what settles

    def settled(self, *, empty: bool = False) -> list[Finding]:
        """Look again and again until all is in order, or the time is over; with `empty` nothing may be left at all."""
        deadline = time.monotonic() + self.patience
        while True:
            found = [*self._looked(empty)]
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def _looked(self, empty: bool) -> Iterator[Finding]:
        stage = self.stage
        try:
            unfinished = {each.id: each.state for each in stage.person("bob").leases(all=True)}
            live = set() if empty else {lease for lease, state in unfinished.items() if state == "active"}
            roles = {name for (name,) in stage.admin("SELECT rolname FROM pg_roles WHERE rolname ~ '^gov_[lo]_'")}
            backends = stage.admin(BACKENDS)
        except FAILURES as error:
            yield Finding("serves", f"{type(error).__name__}: {str(error)[:200]}")
            return
        owned = {f"gov_l_{stage.installation}_{lease.removeprefix('ls-')}": lease for lease in live}
        for role in sorted(roles - set(owned)):
            yield Finding("one-shots" if role.startswith("gov_o_") else "roles", f"{role} belongs to no live lease")
        for role in sorted(set(owned) - roles):
            yield Finding("leases", f"{owned[role]} is active, its role is gone")
        for lease, state in unfinished.items():
            if lease not in live:
                yield Finding("leases", f"{lease} is {state}")
        for role, pid, waits in backends:
            if role not in owned:
                yield Finding("backends", f"backend {pid} ({waits}) of {role}")
        sessions = Counter(each.lease for each in stage.person("bob").sessions(all=True))
        # Who waits for a lock does not hear that the connection was cut; the end of the lease is the end of it.
        there = Counter(owned[role] for role, _, waits in backends if role in owned and waits != "Lock")
        if sessions != there:
            yield Finding("backends", f"sessions {dict(sessions)}, backends {dict(there)}")
        yield from self._requests()

    def _requests(self) -> Iterator[Finding]:
        """Nothing that was held in a session outlives it, and none waits with enough answers."""
        sessions = {each.id for each in self.stage.person("bob").sessions(all=True)}
        for request in self.stage.person("bob").requests():
            if request.session is not None and request.session not in sessions:
                yield Finding("requests", f"{request.id} is {request.state}, its session is gone")
            yes = sum(answer.yes for answer in request.answers)
            if (request.state == "approved") != (yes >= request.count):
                yield Finding("requests", f"{request.id} is {request.state} with {yes} of {request.count} answers")

    # what is certain

    def _tail(self) -> list[EntryView]:
        """The whole trail of this site, read on from where the last seed stopped."""
        if self._site != str(self.stage.site):
            self._site, self._entries, self.known, self._broker = str(self.stage.site), [], None, 0
        # What was not yet in the tree may have been lost with the power, and been written anew.
        safe = self.known.size if self.known else 0
        kept = [each for each in self._entries if each.index < safe]
        fresh = search(Files(self.stage.site / "audit"), Filters(after=safe - 1) if safe else Filters())
        return [*kept, *[*fresh][::-1]]

    def _ran(self) -> Counter[str]:
        """How often the database began to run the statement of each mark, as its own log says."""
        with self.stage.server_log.open("rb") as log:
            log.seek(self._server)
            lines = log.read().decode(errors="replace")
            self._server = log.tell()
        said = re.findall(r"^gov_\w+\|LOG:  (?:statement|execute [^:]*): (.*)$", lines, re.M)
        run = [text for text in said if "EXPLAIN (" not in text]  # what is only estimated does not run
        return Counter(mark for text in run for mark in set(MARK.findall(text)))

    def _claim(self, claim: Claim, ran: int) -> Iterator[Finding]:
        left = 0
        if claim.kind in EFFECTS:
            ((left,),) = self.stage.admin(EFFECTS[claim.kind].format(length=len(claim.mark)), claim.mark)
        entries = [each for each in self._of("statement") if claim.mark in str((each.payload or {}).get("text"))]
        passed = [each for each in entries if each.fields.get("verdict") not in ("deny", "refused")]
        if max(ran, left) > 1:
            yield Finding("once", f"{claim} ran {ran} times and left its mark {left} times")
        if (ran or left) and not passed:
            # What nobody heard of, and what only reads, may be lost with the power.
            if claim.approvers or (claim.heard and claim.kind != "read"):
                yield Finding("durable" if self.lost_power else "recorded", f"{claim} ran and is not in the trail")
            elif not self.lost_power:
                yield Finding("recorded", f"{claim} ran and is not in the trail")
        if claim.heard and claim.kind in EFFECTS and not left:
            yield Finding("kept", f"{claim} was heard to succeed and left nothing")
        if claim.bounded and left:
            yield Finding("bounded", f"{claim} left its mark beyond its bound")
        if claim.approvers and (ran or left):
            yield from self._approved(claim, passed)

    def _approved(self, claim: Claim, passed: list[EntryView]) -> Iterator[Finding]:
        for entry in passed:
            request = entry.fields.get("request")
            yes = {
                each.fields["by"] for each in self._of("request.answered")
                if each.fields["request"] == request and each.fields["yes"] and each.index < entry.index
            }  # fmt: skip
            spent = [each for each in self._of("request.spent") if each.fields["request"] == request]
            if request is None or len(yes) < claim.approvers or len(spent) != 1:
                yield Finding("approved", f"{claim} ran; {request}: yes by {sorted(yes)}, spent {len(spent)} times")

    def _requests_on_record(self) -> Iterator[Finding]:
        """What the store says of a request is what the trail said last."""
        said: dict[str, str] = {}
        for entry in self._entries:
            name = entry.fields.get("request")
            if not entry.kind.startswith("request."):
                continue
            word = {"request.opened": "pending", "request.spent": "spent"}.get(entry.kind)
            said[str(name)] = word or str(entry.fields["state"])
        with closing(sqlite3.connect(self.stage.site / "state.db")) as store:
            stored = dict(store.execute("SELECT id, state FROM gov_requests").fetchall())
        for name in sorted(stored.keys() | said.keys()):
            if stored.get(name) != said.get(name) and name not in self._told:
                self._told.add(name)
                yield Finding("requests", f"{name} is {stored.get(name)}, and the trail says {said.get(name)}")

    def _of(self, kind: str) -> Iterator[EntryView]:
        return (each for each in self._entries if each.kind == kind)

    def _audit(self) -> list[Finding]:
        """The log holds, and goes on from what it was."""
        directory = self.stage.site / "audit"
        key = signing_key((self.stage.directory / "keys" / "audit.key").read_text().strip()).verifier
        files = Files(directory)
        for attempt in range(5):
            try:
                verify(files, key, known=self.known, names=list(files.names()))
            except GovError as error:
                if attempt == 4:
                    return [Finding("audit", error.what)]
                time.sleep(0.2)  # the writer was in the middle of a checkpoint
            else:
                break
        note = files(CHECKPOINT)
        assert note is not None
        self.known = open_checkpoint(note, key)
        return []

    def _serves(self) -> list[Finding]:
        """The broker gives a lease, and its session reads."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                alice = self.stage.person("alice")
                grant = alice.lease(LeaseAsk(target="prod"))
                with self.stage.connect(grant) as session:
                    session.execute(b"SELECT 1").fetchall()
                alice.end_lease(grant.lease.id)
            except FAILURES as error:
                if time.monotonic() > deadline:
                    return [Finding("serves", f"{type(error).__name__}: {str(error)[:200]}")]
                time.sleep(0.05)
            else:
                return []

    def _unfailing(self) -> list[Finding]:
        """No exception that nobody expected."""
        with self.stage.log.open("rb") as log:
            log.seek(self._broker)
            said = _NOISE.sub("", log.read().decode(errors="replace"))
            self._broker = log.tell()
        return [Finding("unfailing", said[each.start() : each.start() + 3000]) for each in _FAILED.finditer(said)][:1]



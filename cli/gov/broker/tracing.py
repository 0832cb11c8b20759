"""Answers `gov trace`: everybody about what they did themselves, auditors about all. It is recorded."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Any, cast, get_args

from starlette.responses import Response

from gov.audit.telling import stamp
from gov.broker import entries
from gov.broker.house import House
from gov.broker.http import Call, reply
from gov.control.tracing import About, FileView, FlowView, OutputView, StatementView, Trace, Way
from gov.errors import GovError, NoSuch, Unavailable, UsageError
from gov.lineage.flow import WORDS
from gov.policy.roles import may_read_trail
from gov.sql.catalog import Catalog
from gov.store.disk import Files
from gov.store.edges import lineage_of, statements_of
from gov.store.filters import Filters
from gov.store.flows import Use, Whose, files, made_of, use_of_entry
from gov.store.index import Index, indexed
from gov.store.log import Entries, Found
from gov.store.nearest import nearest
from gov.store.search import matching
from gov.store.tracing import Hop, Kin, Walk, by_person, by_run, related

PATIENCE = 5.0
"""Seconds that an answer waits for the index to have the newest entries."""
PAUSE = 0.1
MOST_FLOWS = 400
"""Flows told of one statement."""
MOST_FILES = 50


async def trace(call: Call) -> Response:
    """Everything before and behind one thing."""
    query = call.request.query_params
    about, name, way = query.get("about", ""), query.get("name", ""), query.get("way", "both")
    if about not in get_args(About) or way not in get_args(Way) or not name:
        raise UsageError("a trace is about a column, table, user, run or file", hint="gov trace --help")
    auditor = may_read_trail(call.house.policy, call.who)
    whose = Whose() if auditor else Whose(call.who.subject, call.who.issuer)
    index, log = call.house.indexing.index, Files(Path(call.house.config.audit.directory))
    await _caught_up(index, call.house.trail.size)
    tracing = _Tracing(
        log, index, whose, everything=query.get("all", "") == "true", target=query.get("target", ""),
        kin=await _kin(call.house),
    )  # fmt: skip
    asked = call.house.receipts.named(name) or "" if about == "file" else name
    try:
        found = await asyncio.to_thread(tracing.answer, cast(About, about), asked, cast(Way, way))
    except NoSuch:
        if about != "file":
            raise
        raise _nothing("file", "", name, []) from None  # what the log calls a file is for nobody to compare with
    if about == "file":
        found = found.model_copy(update={"name": name, "found": [name]})
    call.house.trail.record(
        entries.log_read(
            call.who, "trace", call.house.clock(), filters=dict(query), entries=len(found.statements)
        )
    )
    return reply(found)


async def _kin(house: House) -> Kin:
    """Which relations share rows, on every target that answers."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for name, target in house.targets.items():
        with suppress(GovError):
            catalog = await target.catalog() if name not in house.down else Catalog("")
            above = {info.relation: info.parent for info in catalog.relations.values() if info.parent}
            found |= {(name, str(each)): frozenset(map(str, kin)) for each, kin in related(above).items()}
    return found


async def _caught_up(index: Index, size: int) -> None:
    """Wait until the index has what is in the log now, or the patience is over."""
    for _ in range(round(PATIENCE / PAUSE)):
        if await asyncio.to_thread(lambda: index.size) >= size:
            return
        await asyncio.sleep(PAUSE)


def _nothing(about: About, target: str, name: str, near: list[str]) -> NoSuch:
    """What was asked for, and how to look for it."""
    thing = {"column": "a column or table", "table": "a table", "run": "a run", "user": "a user or agent",
             "file": "a file with SHA-256"}[about]  # fmt: skip
    option = {"run": "--run ", "user": "--user "}.get(about, "")
    place = f"{target}:" if target else ""
    if near:
        first = f"gov trace {option}{quote(place + near[0])}{' --table' if about == 'table' else ''}"
        hint = f"did you mean {' or '.join(near)}? {first}"
    else:
        hint = {
            "column": f"gov audit search --column {quote(name)}", "table": f"gov audit search --table {quote(name)}",
            "run": f"gov audit search --run-id {quote(name)}", "user": f"gov audit search --user {quote(name)}",
            "file": "gov receipt show FILE says of which statements it is; gov trace --user NAME, --run ID",
        }[about]  # fmt: skip
    return NoSuch(f"nothing that you may see has to do with {thing} `{place}{name}`", hint=hint)


class _Tracing:
    """One answer."""

    def __init__(self, log: Files, index: Index, whose: Whose, *, everything: bool, target: str, kin: Kin) -> None:
        self._log, self._index, self._whose, self._target, self._kin = log, index, whose, target, kin
        self._all = everything
        self._entries = Entries(log)
        self._answers: dict[str, list[str]] = {}
        """Who said yes to a request."""

    def answer(self, about: About, name: str, way: Way) -> Trace:
        """The answer.

        Raises:
            NoSuch: Nothing is known of it.
            Unavailable: There is no index, or it cannot be read.
        """
        try:
            with self._index.reading() as connection:
                walk = Walk(connection, self._whose, self._all, kin=self._kin)
                found = self._walked(walk, about, name, way)
                meant = about
                if not found and about == "column":
                    meant, found = "table", self._walked(walk, "table", name, way)
                if not found:
                    near = nearest(connection, self._whose, about, self._target, name)
                    raise _nothing(about, self._target, name, near)
                about = meant
                statements = [self._statement(connection, number, hop, walk)
                              for number, hop in enumerate(walk.hops.values())]  # fmt: skip
                behind = max(self._entries.size - indexed(connection), 0)
        except sqlite3.Error as why:
            raise Unavailable(f"the index of the trail cannot be read: {why}", hint="gov broker status") from None
        return Trace(about=about, name=name, way=way, found=found, statements=statements, kin=self._told(statements),
                     more=walk.more, behind=behind, size=self._entries.size)  # fmt: skip

    def _told(self, statements: list[StatementView]) -> dict[str, list[str]]:
        """The kin of what the statements read and write."""
        touched = {(each.target, name.rpartition(".")[0]) for each in statements for flow in each.flows
                   for name in (flow.source, flow.sink)}  # fmt: skip
        return {
            f"{target}:{relation}": sorted(f"{target}:{each}" for each in kin)
            for (target, relation), kin in sorted(self._kin.items())
            if (target, relation) in touched or not touched.isdisjoint((target, each) for each in kin)
        }

    def _walked(self, walk: Walk, about: About, name: str, way: Way) -> list[str]:
        if about == "column":
            found = walk.column(self._target, name, way)
        elif about == "table":
            found = walk.table(self._target, name, way)
        elif about == "run":
            by_run(walk, name, way)
            found = [name] if walk.hops else []
        elif about == "user":
            found = self._subjects(name)
            by_person(walk, found, way)
        else:
            found = self._file(walk, name.removeprefix("sha256:").lower(), way)
        return found

    def _subjects(self, name: str) -> list[str]:
        """The subjects and agents that go by a name."""
        asked = Filters(principal=name, kind="statement", limit=1, subject=self._whose.subject,
                        issuer=self._whose.issuer)  # fmt: skip
        found = next(iter(matching(self._log, asked, self._index)), None)
        if found is None:
            return []
        fields = found[0].leaf.fields
        return [name] if name == fields.get("agent") else [str(fields.get("subject"))]

    def _file(self, walk: Walk, digest: str, way: Way) -> list[str]:
        """From the statements whose results are in a file."""
        found: list[Use] = []
        for number in files(walk.connection, digest):
            for statement in self._statements_of(self._entries[number]):
                use = use_of_entry(walk.connection, statement) if self._visible(statement) else None
                if use is not None:
                    found.append(use)
        walk.statements(found, way)
        return [digest] if found else []

    def _statements_of(self, entry: Found) -> Iterable[Found]:
        """The statements that an entry about a file speaks of."""
        if entry.leaf.kind == "statement":
            return [entry]
        return [self._entries[number] for number in statements_of(entry.leaf.fields)]

    def _visible(self, entry: Found) -> bool:
        fields = entry.leaf.fields
        return self._whose.subject is None or (
            (fields.get("subject"), fields.get("issuer")) == (self._whose.subject, self._whose.issuer)
        )

    def _statement(self, connection: sqlite3.Connection, number: int, hop: Hop, walk: Walk) -> StatementView:
        use = hop.use
        newest, oldest = self._entries[use.last], self._entries[use.first]
        fields, payload = newest.leaf.fields, newest.payload() or {}
        done = self._done(connection, use.last)
        lineage = lineage_of(fields)
        rules = {each["column"]: str(each.get("rule", "")) for one in lineage for each in one.get("sources", ())}
        flows = [
            FlowView(source=edge.source, sink=edge.sink, kinds=_words(edge.kinds), mask=edge.mask,
                     rule=rules.get(edge.source, ""))
            for edge in walk.edges(use.shape)[:MOST_FLOWS]
        ]
        return StatementView(
            id=f"s{number}", way=hop.way, depth=hop.depth, target=use.target, entry=use.last, first=use.first,
            at=stamp(newest.leaf.at), since=stamp(oldest.leaf.at), uses=use.uses,
            **{name: str(fields.get(name) or "") for name in (
                "subject", "issuer", "agent", "run", "purpose", "session", "rule", "command", "dataset")},
            request=str(fields.get("request") or fields.get("approval") or ""),
            who=str(payload.get("principal") or fields.get("subject") or ""),
            approved_by=self._approvers(fields, payload), break_glass=str(fields.get("break_glass") or ""),
            unmasked=[*map(str, fields.get("unmasked") or ())],
            text=str(payload.get("text") or ""), outcome=str(done.get("outcome") or ""), rows=done.get("rows"),
            duration_ms=done.get("duration_ms"), flows=flows, outputs=_outputs(lineage, payload),
            files=self._files(connection, use.last),
            lineage=lineage, names=payload.get("outputs") or [], exact=all(each.get("exact", True) for each in lineage),
            widened=[why for each in lineage for why in each.get("widened", ())],
        )  # fmt: skip

    def _approvers(self, fields: Mapping[str, Any], payload: Mapping[str, Any]) -> list[str]:
        """Who approved the statement, or its lease's reading of masked columns."""
        own = payload.get("approvers") or fields.get("approved_by")
        lease = fields.get("approval")
        if own or not lease or fields.get("break_glass"):
            return [str(each) for each in own or ()]
        if lease not in self._answers:
            asked = Filters(request=str(lease), kind="request.answered")
            answers = [found for found, _ in matching(self._log, asked, self._index) if found.leaf.fields.get("yes")]
            self._answers[lease] = [
                str((found.payload() or {}).get("approver") or found.leaf.fields.get("by")) for found in answers
            ]
        return self._answers[lease]

    def _done(self, connection: sqlite3.Connection, statement: int) -> Mapping[str, Any]:
        row = connection.execute("SELECT id FROM outcome WHERE statement = ?", (statement,)).fetchone()
        return self._entries[row[0]].leaf.fields if row and row[0] < self._entries.size else {}

    def _files(self, connection: sqlite3.Connection, statement: int) -> list[FileView]:
        """Files that somebody has a receipt for, of the newest run."""
        found = []
        for number in made_of(connection, statement):
            entry = self._entries[number]
            payload = entry.payload() or {}
            told = payload.get("files") or payload.get("copied") or ()
            found += [FileView(digest=str(each.get("sha256")), name=str(each.get("name") or ""), entry=number,
                               at=stamp(entry.leaf.at)) for each in told]  # fmt: skip
        return found[:MOST_FILES]


def _outputs(lineage: list[Any], payload: Mapping[str, Any]) -> list[OutputView]:
    names = payload.get("outputs") or []
    found: list[OutputView] = []
    for number, statement in enumerate(lineage):
        called = names[number] if number < len(names) else []
        sources = statement.get("sources") or []
        for place, flow in enumerate(statement.get("outputs") or ()):
            name = str(called[place]) if place < len(called) else ""
            found.append(OutputView(name=name, sources=_sources(flow, sources)))
    return found[:MOST_FLOWS]


def _sources(flow: Mapping[str, Any], sources: list[Any]) -> list[FlowView]:
    kinds: dict[int, list[str]] = {}
    for word, places in flow.items():
        for place in places:
            kinds.setdefault(place, []).append(word)
    return [
        FlowView(source=sources[place]["column"], kinds=words, mask=str(sources[place].get("mask", "")),
                 rule=str(sources[place].get("rule", "")))
        for place, words in sorted(kinds.items())
    ]


def _words(kinds: int) -> list[str]:
    return [word for bit, word in WORDS.items() if kinds & bit]

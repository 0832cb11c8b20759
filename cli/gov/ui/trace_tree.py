"""A trace as a tree for the terminal: what was asked about, what lies before it, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from gov.control.tracing import FlowView, StatementView, Trace
from gov.ui.escape import escape
from gov.ui.lineage import DIRECT, decides, how
from gov.ui.sql import one_line

MOST_LINES = 2000
_TEXT = 70


@dataclass(slots=True)
class Branch:
    """A line and what is below it."""

    text: str
    below: list[Branch] = field(default_factory=list)

    def add(self, text: str) -> Branch:
        """A new line below."""
        self.below.append(Branch(text))
        return self.below[-1]


def lines(trace: Trace) -> Iterator[str]:
    """The tree, line by line, escaped."""
    root = _Drawing(trace).root()
    yield escape(root.text)
    for count, line in enumerate(_drawn(root.below, "")):
        if count >= MOST_LINES:
            yield "…  (--format json has everything)"
            break
        yield line
    if trace.more:
        yield "there is more than is shown: narrow it with --up, --down or --target"
    if trace.behind:
        yield f"the newest {trace.behind} entries of the trail were not looked at yet"


def _drawn(branches: list[Branch], indent: str) -> Iterator[str]:
    for number, branch in enumerate(branches, 1):
        last = number == len(branches)
        yield f"{indent}{'└─ ' if last else '├─ '}{escape(branch.text)}"
        yield from _drawn(branch.below, indent + ("   " if last else "│  "))


class _Drawing:
    """One trace, from the answer's list of statements to branches."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._shown: set[str] = set()
        """Statements that were told whole; the next time a word is enough."""

    def root(self) -> Branch:
        trace = self._trace
        root = Branch(title(trace))
        if trace.about in ("column", "table"):
            columns = self._columns()
            self._before(root, columns)
            self._after(root, columns)
            if not root.below:
                root.add("nothing flowed into it or out of it")
            return root
        for statement in _newest(each for each in trace.statements if each.way == "here"):
            self._whole(root, statement)
        return root

    def _columns(self) -> set[str]:
        if self._trace.about == "column":
            return {*self._trace.found}
        return {f"{table}.*" for table in self._trace.found}

    def _with_kin(self, columns: set[str]) -> set[str]:
        """And the same columns of tables that share rows: partitions, and what they are partitions of."""
        pairs = [each.rpartition(".") for each in columns]
        return columns | {f"{kin}.{name}" for table, _, name in pairs for kin in self._trace.kin.get(table, ())}

    def _before(self, root: Branch, columns: set[str]) -> None:
        if self._trace.way == "down":
            return
        columns = self._with_kin(columns)
        writers = [each for each in self._trace.statements if _touches(each, columns, "sink")]
        if not writers:
            return
        branch = root.add("came from")
        for statement in _newest(writers):
            self._came(branch, statement, columns)

    def _after(self, root: Branch, columns: set[str]) -> None:
        if self._trace.way == "up":
            return
        columns = self._with_kin(columns)
        readers = [each for each in self._trace.statements if _touches(each, columns, "source")]
        if not readers:
            return
        branch = root.add("went to")
        for statement in _newest(readers):
            self._went(branch, statement, columns)

    def _came(self, root: Branch, statement: StatementView, columns: set[str]) -> None:
        """A statement that wrote some of `columns`."""
        branch = self._statement(root, statement)
        if branch is None:
            return
        flows = [each for each in statement.flows if _covers(columns, statement.target, each.sink)]
        direct = {each.source for each in flows if each.source and DIRECT & {*each.kinds}}
        for flow in flows:
            if flow.source in direct and flow.source and DIRECT & {*flow.kinds}:
                source = _full(statement, flow.source)
                line = branch.add(f"{_full(statement, flow.sink)} ← {source}{_how(flow)}")
                if source not in columns:  # what it was before is told beside this
                    self._before(line, {source})
        self._decides(branch, statement, lambda source, written: _covers(columns, statement.target, f"{written}.*"))
        if not direct:
            branch.add("from no column: constants, parameters or data of the client's")

    def _went(self, root: Branch, statement: StatementView, columns: set[str]) -> None:
        """A statement that read some of `columns`."""
        branch = self._statement(root, statement)
        if branch is None:
            return
        flows = [each for each in statement.flows if _covers(columns, statement.target, each.source)]
        for output in statement.outputs:
            for flow in output.sources:
                if _covers(columns, statement.target, flow.source) and DIRECT & {*flow.kinds}:
                    branch.add(f"to the result as {_name(output.name)}{_how(flow)}")
        if not statement.outputs and any(not each.sink and DIRECT & {*each.kinds} for each in flows):
            branch.add("to the result")
        for flow in flows:
            if flow.sink and DIRECT & {*flow.kinds}:
                sink = _full(statement, flow.sink)
                line = branch.add(f"to {sink}{_how(flow)}")
                if sink not in columns:
                    self._after(line, {sink})
        self._decides(branch, statement, lambda source, written: _covers(columns, statement.target, source))
        self._files(branch, statement)

    def _whole(self, root: Branch, statement: StatementView) -> None:
        """A statement with everything that flows through it."""
        branch = self._statement(root, statement)
        if branch is None:
            return
        for output in statement.outputs:
            line = branch.add(f"column {_name(output.name)}")
            for flow in output.sources:
                if DIRECT & {*flow.kinds}:
                    source = line.add(f"← {_full(statement, flow.source)}{_how(flow)}")
                    self._before(source, {_full(statement, flow.source)})
                else:
                    line.add(f"{_full(statement, flow.source)}{_how(flow)}")
            if not output.sources:
                line.text += ", from no column"
        for sink in dict.fromkeys(each.sink for each in statement.flows if each.sink):
            line = branch.add(f"writes {_full(statement, sink)}")
            for flow in statement.flows:
                if flow.sink == sink and flow.source and DIRECT & {*flow.kinds}:
                    source = line.add(f"← {_full(statement, flow.source)}{_how(flow)}")
                    self._before(source, {_full(statement, flow.source)})
            self._after(line, {_full(statement, sink)})
        self._decides(branch, statement, lambda source, written: True)
        self._files(branch, statement)

    def _statement(self, root: Branch, statement: StatementView) -> Branch | None:
        """Its line, with who and why below; None when it was told before."""
        head = f"{statement.command or 'statement'} by {who(statement)}"
        if statement.purpose:
            head += f" for {statement.purpose}"
        head += f" · {when(statement)} · entry {statement.entry}"
        if statement.id in self._shown:
            root.add(f"{head}, as above")
            return None
        self._shown.add(statement.id)
        branch = root.add(head)
        if statement.text:
            branch.add(one_line(statement.text, _TEXT))
        if statement.approved_by:
            branch.add(f"approved by {', '.join(statement.approved_by)} ({statement.request})")
        if statement.break_glass:
            branch.add(f"alone, by break glass: rule {statement.break_glass} ({statement.request})")
        if statement.unmasked:
            branch.add(f"unmasked: {', '.join(statement.unmasked)}")
        if statement.run:
            branch.add(f"run {statement.run}")
        if statement.dataset:
            branch.add(f"data set {statement.dataset}")
        if statement.outcome and statement.outcome != "done":
            branch.add(f"it {statement.outcome.replace('_', ' ')}")
        for why in statement.widened:
            branch.add(f"not exact: {why}")
        return branch

    def _decides(self, branch: Branch, statement: StatementView, told: Callable[[str, str], bool]) -> None:
        """What decides which rows there are, a line for each way; `told` says of which source and relation."""
        found: dict[str, dict[str, None]] = {}
        for kind, source, written in _rows(statement):
            if told(source, written):
                found.setdefault(kind, {})[source] = None
        for kind, sources in found.items():
            branch.add(decides(kind, [*sources]))

    def _files(self, branch: Branch, statement: StatementView) -> None:
        for file in statement.files:
            branch.add(f"file {file.name or file.digest[:16]} · receipt entry {file.entry}")


def _rows(statement: StatementView) -> Iterator[tuple[str, str, str]]:
    """(kind, source, relation) of what decides about rows; the relation is empty for those of the result."""
    for each in statement.lineage:
        sources = each.get("sources") or []
        flows = [("", each.get("rows") or {})]
        flows += [(write.get("relation", ""), write.get("rows") or {}) for write in each.get("writes", ())]
        for written, flow in flows:
            for kind, places in flow.items():
                for place in places:
                    yield kind, str(sources[place]["column"]), written


def title(trace: Trace) -> str:
    """What it is about."""
    if trace.about == "user":
        return f"{trace.name} ({', '.join(trace.found)})"
    if trace.about == "file":
        name = next((file.name for each in trace.statements for file in each.files if file.digest == trace.name), "")
        return f"file {name} sha256:{trace.name}".replace("  ", " ")
    most = 6
    return f"{trace.about} {', '.join(trace.found[:most])}{' …' if len(trace.found) > most else ''}"


def who(statement: StatementView) -> str:
    """The person, and the agent that acted for them."""
    name = statement.who or statement.subject
    return f"{statement.agent} for {name}" if statement.agent else name


def when(statement: StatementView) -> str:
    """The day and minute; of many, from when to when."""
    last = f"{statement.at[:10]} {statement.at[11:16]}Z"
    counted = statement.rows is not None and statement.uses == 1
    rows = f", {statement.rows:,} row{'' if statement.rows == 1 else 's'}" if counted else ""
    if statement.uses == 1:
        return last + rows
    return f"{statement.uses:,} times, {statement.since[:10]} {statement.since[11:16]}Z to {last}"


def _name(name: str) -> str:
    return name or "(name erased)"


def _how(flow: FlowView) -> str:
    return how(flow.kinds, flow.mask, flow.rule)


def _full(statement: StatementView, column: str) -> str:
    return f"{statement.target}:{column}"


def _newest(statements: Iterable[StatementView]) -> list[StatementView]:
    return sorted(statements, key=lambda each: -each.entry)


def _touches(statement: StatementView, columns: set[str], side: str) -> bool:
    return any(_covers(columns, statement.target, getattr(each, side)) for each in statement.flows)


def _covers(columns: set[str], target: str, name: str) -> bool:
    """Whether `name` can be one of `columns`: itself, all of a table, or everything in reach."""
    if not name:
        return False
    full = f"{target}:{name}"
    table = full.rpartition(".")[0]
    if name == "*" or full in columns or f"{table}.*" in columns:
        return True
    return name.endswith(".*") and any(each.rpartition(".")[0] == table for each in columns)

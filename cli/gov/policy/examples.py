"""Examples of what policy shall decide, read from a file. `docs/policy-tests.md` describes the format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gov.identity.principal import Kind, Principal
from gov.policy.complaint import Complaint, Position, did_you_mean
from gov.policy.decision import Verdict
from gov.policy.nodes import Section, Source
from gov.policy.pattern import column_pattern, relation_pattern
from gov.sql.catalog import Catalog, ColumnInfo, FunctionInfo, RelationInfo, RelationKind
from gov.terms import Relation, Scope

KEYS = ("version", "policy", "catalog", "tables", "search_path", "target", "environment", "people", "cases")
PERSON = ("groups", "kind", "agent", "on_behalf_of", "subject")
TABLE = ("columns", "kind", "parent")
CASE = ("name", "as", "target", "environment", "scope", "sql", "client", "purpose", "hour", "rows", "expect")
EXPECT = ("verdict", "rule", "rules", "approvers", "reason", "masks", "effects", "filters", "budgets", "break_glass")

NOON = 12
"""The hour of a case that gives none: rules for the night shall not meet every example."""
CLEAR = "clear"
"""What a case says of a column that no mask lies on."""

_KINDS = {kind.name.lower(): kind for kind in RelationKind}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a case says of the decision; None is what it says nothing of."""

    verdict: Verdict
    rule: str | None = None
    rules: frozenset[str] | None = None
    approvers: frozenset[str] | None = None
    reason: str | None = None
    """Words that the reasons hold."""
    masks: Mapping[str, str] = field(default_factory=dict)
    """Column (`schema.table.column`) to its mask in such a lease, or `clear`."""
    effects: frozenset[str] | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    """Table (`schema.table`) to the condition that its rows must meet in such a lease, or `clear`."""
    budgets: frozenset[str] | None = None
    """Names of the budgets that the rows of the answer count against."""
    break_glass: frozenset[str] | None = None
    """Names of the rules by which they may go ahead alone."""


@dataclass(frozen=True, slots=True)
class Case:
    """One example: who sends what, and what shall come of it. Without `sql` it asks for a lease."""

    name: str
    who: Principal
    target: str
    environment: str
    scope: Scope
    sql: str
    expected: Expected
    at: Position
    client: str = ""
    purpose: str = ""
    hour: int = NOON
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Examples:
    """One file of cases."""

    policy: tuple[str, ...] = ()
    """Policy files, as the file names them."""
    catalog: str = ""
    """The file of a snapshot, as the file names it."""
    tables: tuple[RelationInfo, ...] = ()
    """Tables that are written out instead."""
    search_path: tuple[str, ...] = ("public",)
    cases: tuple[Case, ...] = ()


def read(name: str, text: str) -> tuple[Examples, list[Complaint]]:
    """The examples in the file `name`; with any complaint they are good for nothing."""
    source = Source(name)
    root = source.compose(text)
    if root is None:
        if not source.complaints:
            source.nothing()
        return Examples(), source.complaints
    section = Section(source, root, KEYS)
    section.require("version", "cases")
    section.word("version", ("1",))
    if "catalog" in section and "tables" in section:
        section.complain("tables", "either `catalog` or `tables`")
    people = {who: _person(who, each) for who, each in section.named("people", PERSON)}
    examples = Examples(
        policy=section.texts("policy"),
        catalog=section.text("catalog"),
        tables=_tables(section),
        search_path=section.texts("search_path") or ("public",),
        cases=tuple(_case(each, section, people) for each in section.sections("cases", CASE)),
    )
    return examples, sorted(set(source.complaints))


def catalog_of(examples: Examples, built_in: tuple[FunctionInfo, ...]) -> Catalog:
    """The catalog of the tables that the file writes out, with the functions of PostgreSQL."""
    functions: dict[str, tuple[FunctionInfo, ...]] = {}
    for each in built_in:
        functions[each.name] = (*functions.get(each.name, ()), each)
    relations = {info.relation: info for info in examples.tables}
    return Catalog("written-out", relations, functions, examples.search_path)


def _person(name: str, section: Section) -> Principal:
    """`{ groups: [engineering] }`; an agent is `{ agent: assistant, on_behalf_of: alice }`."""
    agent, human = section.text("agent"), section.text("on_behalf_of")
    if bool(agent) != bool(human):
        section.complain("", "an agent needs both `agent` and `on_behalf_of`")
    kind = Kind.AGENT if agent else Kind(section.word("kind", ("user", "service")) or Kind.USER)
    return Principal(
        issuer="https://example.invalid",
        subject=section.text("subject") or human or name,
        name=human or name,
        groups=frozenset(section.texts("groups")),
        kind=kind,
        agent=agent or None,
    )


def _tables(section: Section) -> tuple[RelationInfo, ...]:
    """`public.customers: [id integer, email text]`, or a mapping that says more."""
    found = []
    for oid, (name, each) in enumerate(section.named("tables", TABLE, alone="columns"), start=1):
        relation = _relation(name)
        if relation is None:
            each.complain("", f"`{name}` is not of the form schema.table")
            continue
        columns = tuple(_column(number, text) for number, text in enumerate(each.texts("columns"), start=1))
        kind = _KINDS.get(each.word("kind", tuple(_KINDS)) or "table", RelationKind.TABLE)
        parent = each.text("parent")
        found.append(RelationInfo(relation, oid, kind, "owner", columns, _relation(parent) if parent else None))
    return tuple(found)


def _column(number: int, text: str) -> ColumnInfo:
    name, _, type = text.partition(" ")
    return ColumnInfo(name, type.strip() or "text", number)


def _relation(text: str) -> Relation | None:
    pattern = relation_pattern(text)
    return pattern.exact if pattern else None


def _case(section: Section, root: Section, people: Mapping[str, Principal]) -> Case:
    section.require("as", "expect")
    name = section.text("as")
    if name and name not in people:
        section.complain("as", f"nobody among `people` is `{name}`{did_you_mean(name, people)}")
    target = section.text("target") or root.text("target")
    if not target:
        section.complain("", "`target` is missing, here and at the top of the file")
    sql = section.text("sql").strip()
    return Case(
        name=section.text("name") or sql or "a lease",
        who=people.get(name) or Principal("", "", ""),
        target=target,
        environment=section.text("environment") or root.text("environment"),
        scope=Scope(section.word("scope", [scope.value for scope in Scope]) or Scope.READ),
        sql=sql,
        expected=_expected(section),
        at=section.marks()[""],
        client=section.text("client"),
        purpose=section.text("purpose"),
        hour=_hour(section),
        rows=section.whole("rows", 0, 0) if "rows" in section else None,
    )


def _hour(section: Section) -> int:
    hour = section.whole("hour", 0, NOON) if "hour" in section else NOON
    if hour > 23:
        section.complain("hour", f"`{hour}` is not an hour from 0 to 23")
    return hour


def _expected(section: Section) -> Expected:
    verdicts = [verdict.value for verdict in Verdict]
    if not section.nested("expect"):
        return Expected(Verdict(section.word("expect", verdicts) or Verdict.DENY))
    inner = section.section("expect", EXPECT)
    assert inner is not None
    inner.require("verdict")
    masks = inner.pairs("masks", null=True) if "masks" in inner else {}
    for column in masks:
        pattern = column_pattern(column)
        if pattern is None or pattern.relation.exact is None:
            inner.complain("masks", f"`{column}` is not of the form schema.table.column")
    filters = inner.pairs("filters", null=True) if "filters" in inner else {}
    for table in filters:
        if _relation(table) is None:
            inner.complain("filters", f"`{table}` is not of the form schema.table")
    return Expected(
        verdict=Verdict(inner.word("verdict", verdicts) or Verdict.DENY),
        rule=inner.text("rule") or None,
        rules=frozenset(inner.texts("rules")) if "rules" in inner else None,
        approvers=frozenset(inner.texts("approvers")) if "approvers" in inner else None,
        reason=inner.text("reason") or None,
        masks=masks,
        effects=frozenset(inner.texts("effects")) if "effects" in inner else None,
        filters=filters,
        budgets=frozenset(inner.texts("budgets")) - {"none"} if "budgets" in inner else None,
        break_glass=frozenset(inner.texts("break_glass")) - {"none"} if "break_glass" in inner else None,
    )

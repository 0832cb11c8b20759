"""The sections of a policy document, each read into its rules. `docs/policy.md` describes the format."""

from __future__ import annotations

import re

from gov.policy import conditions, masks
from gov.policy.decision import Unmask, Verdict
from gov.policy.nodes import Section
from gov.policy.pattern import column_pattern, relation_pattern
from gov.policy.rules import (
    AccessRule,
    BreakGlass,
    Budget,
    Classification,
    DataSetRule,
    Event,
    Guardrail,
    MaskRule,
    NotifyRule,
    People,
    Roles,
    RowRule,
    When,
)
from gov.terms import Effect, Scope

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_DATA = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
_FUNCTION = re.compile(r"[^.\s()]+\.[^.\s()]+(?:\([^()]*\))?")
_HOURS = re.compile(r"([0-9]{1,2})-([0-9]{1,2})")

_PERSONS = ("groups", "users", "services", "agents")
_PEOPLE = (*_PERSONS, "on_behalf_of")
CLASSIFY = ("columns", "as")
ACCESS = (
    "name", *_PEOPLE, "targets", "environment", "relations", "scope",
    "max_ttl", "max_statement", "reason", "purpose",
)
MASKING = ("name", "data", "with", "except", "write", "unmask")
UNMASK = ("approvers", "max_ttl", "scope", "reason", "purposes", "count", "expires")
WHEN = (
    "effects", "relations", "columns", "reads", "unmasked", "where", "environment", "targets", "scope",
    *_PEOPLE, "client", "purpose", "hours", "rows_over",
)
ROWS = ("name", "table", "where", "for", "except", "targets", "purpose")
BUDGET = ("name", "data", "unmasked", "rows", "per", "for", "except", "targets")
GUARDRAIL = ("name", "when", "then", "approvers", "count", "expires", "message")
DATASETS = ("name", *_PEOPLE, "targets", "purposes", "approvers", "max_ttl", "count", "expires")
BREAK_GLASS = ("name", *_PEOPLE, "targets", "environment", "rules", "when", "max_ttl")
NOTIFY = ("name", "webhooks", "events", "rules", "targets", "environment")
ROLES = ("auditor", "operator", "policy_admin")


def classification(section: Section) -> Classification:
    """`{ columns: [public.customers.email], as: pii.contact }`."""
    section.require("columns", "as")
    columns = section.spelled("columns", column_pattern, "schema.table.column")
    return Classification(columns, _data(section, "as"), section.marks())


def access_rule(section: Section) -> AccessRule:
    """`{ name: engineers-read, groups: [engineering], targets: [prod], scope: read, max_ttl: 8h }`."""
    section.require("name", "targets", "scope", "max_ttl")
    return AccessRule(
        name=_name(section),
        people=_somebody(section),
        targets=frozenset(section.texts("targets")),
        environments=frozenset(section.texts("environment")),
        scope=Scope(section.word("scope", [scope.value for scope in Scope]) or Scope.READ),
        max_ttl=section.duration("max_ttl"),
        relations=section.spelled("relations", relation_pattern, "schema.table"),
        reason_required=section.word("reason", ("required", "optional")) == "required",
        purpose_required=section.word("purpose", ("required", "optional")) == "required",
        max_statement=section.duration("max_statement") or None,
        marks=section.marks(),
    )


def mask_rule(section: Section) -> MaskRule:
    """`{ name: contact-is-partial, data: pii.contact, with: partial, except: { groups: [privacy] } }`."""
    section.require("name", "data", "with")
    excepted, lifting = section.section("except", _PEOPLE), section.section("unmask", UNMASK)
    return MaskRule(
        name=_name(section),
        data=_data(section, "data"),
        mask=_mask(section),
        excepted=people(excepted) if excepted else People(),
        write=section.word("write", ("allow", "deny")) == "allow",
        unmask=unmask(lifting) if lifting else None,
        marks=section.marks(),
    )


def unmask(section: Section) -> Unmask:
    """`{ approvers: [privacy], max_ttl: 1h, reason: required, purposes: ["support:*"] }`."""
    section.require("approvers", "max_ttl")
    purposes = frozenset(section.texts("purposes"))
    return Unmask(
        approvers=frozenset(section.texts("approvers")),
        max_ttl=section.duration("max_ttl"),
        scope=Scope(section.word("scope", [scope.value for scope in Scope]) or Scope.READ),
        reason_required=section.word("reason", ("required", "optional")) == "required",
        purposes=(purposes,) if purposes else (),
        count=section.whole("count", 1, 1),
        expires=section.duration("expires", 900.0),
    )


def row_rule(section: Section) -> RowRule:
    """`{ name: consenting-only, table: public.customers, where: marketing_consent, except: { groups: [privacy] } }`."""
    section.require("name", "table", "where")
    return RowRule(
        name=_name(section),
        tables=section.spelled("table", relation_pattern, "schema.table"),
        where=_condition(section),
        people=_whom(section, "for"),
        excepted=_whom(section, "except"),
        targets=frozenset(section.texts("targets")),
        purposes=frozenset(section.texts("purpose")),
        marks=section.marks(),
    )


def budget(section: Section) -> Budget:
    """`{ name: clear-pii-per-day, data: pii, unmasked: true, rows: 1000, per: 1d }`."""
    section.require("name", "data", "rows", "per")
    return Budget(
        name=_name(section),
        data=_data(section, "data"),
        rows=section.whole("rows", 1, 1),
        per=section.duration("per", 86400.0),
        unmasked=section.flag("unmasked"),
        people=_whom(section, "for"),
        excepted=_whom(section, "except"),
        targets=frozenset(section.texts("targets")),
        marks=section.marks(),
    )


def _whom(section: Section, key: str) -> People:
    inner = section.section(key, _PEOPLE)
    return people(inner) if inner else People()


def _condition(section: Section) -> conditions.Condition:
    text = section.text("where").strip()
    if not text:
        return conditions.Condition("true")
    try:
        return conditions.read(text)
    except conditions.Mistaken as why:
        section.complain_within("where", str(why), why.at)
        return conditions.Condition("true")


def guardrail(section: Section) -> Guardrail:
    """`{ name: …, when: { effects: [drop] }, then: hold, approvers: [dba] }`."""
    section.require("name", "when", "then")
    then = section.word("then", [verdict.value for verdict in Verdict])
    conditions = section.section("when", WHEN)
    if then == Verdict.HOLD:
        section.require("approvers")
    elif then:
        for key in ("approvers", "count", "expires"):
            if key in section:
                section.complain(key, f"`{key}` goes with `then: hold` only")
    return Guardrail(
        name=_name(section),
        when=when(conditions) if conditions else When(),
        then=Verdict(then or Verdict.DENY),
        approvers=frozenset(section.texts("approvers")),
        count=section.whole("count", 1, 1),
        expires=section.duration("expires", 900.0),
        message=section.text("message"),
        marks=section.marks(),
    )


def when(section: Section) -> When:
    """The conditions of a guardrail."""
    section.word("where", ("missing",))
    rows_over = section.whole("rows_over", 0, 0) if "rows_over" in section else None
    return When(
        effects=section.words("effects", Effect),
        relations=section.spelled("relations", relation_pattern, "schema.table"),
        columns=section.spelled("columns", column_pattern, "schema.table.column"),
        reads=_data(section, "reads") or None,
        unmasked=section.flag("unmasked"),
        where_missing="where" in section,
        environments=frozenset(section.texts("environment")),
        targets=frozenset(section.texts("targets")),
        scopes=section.words("scope", Scope),
        people=people(section),
        clients=frozenset(section.texts("client")),
        purposes=frozenset(section.texts("purpose")),
        hours=_hours(section),
        rows_over=rows_over,
    )


def people(section: Section) -> People:
    """`groups`, `users`, `services` and `agents` of any section that has them."""
    return People(*(frozenset(section.texts(key)) for key in _PEOPLE))


def _somebody(section: Section) -> People:
    """The same of a section that has no meaning without."""
    who = people(section)
    if not who:
        section.complain("", f"says nobody; give one of {', '.join(_PERSONS)}")
    return who


def dataset_rule(section: Section) -> DataSetRule:
    """`{ name: training, groups: [engineering], targets: [prod], purposes: ["train:*"], approvers: [privacy], … }`."""
    section.require("name", "targets", "purposes", "approvers", "max_ttl")
    return DataSetRule(
        name=_name(section),
        people=_somebody(section),
        targets=frozenset(section.texts("targets")),
        purposes=frozenset(section.texts("purposes")),
        approvers=frozenset(section.texts("approvers")),
        max_ttl=section.duration("max_ttl"),
        count=section.whole("count", 1, 1),
        expires=section.duration("expires", 86400.0),
        marks=section.marks(),
    )


def break_glass(section: Section) -> BreakGlass:
    """`{ name: on-call, groups: [oncall], targets: [prod], rules: [destructive-needs-dba], when: { hours: 18-8 } }`."""
    section.require("name", "targets")
    # A number of rows above which somebody may go ahead alone would be a mistake.
    conditions = section.section("when", tuple(key for key in WHEN if key != "rows_over"))
    return BreakGlass(
        name=_name(section),
        people=_somebody(section),
        targets=frozenset(section.texts("targets")),
        environments=frozenset(section.texts("environment")),
        rules=frozenset(section.texts("rules")),
        when=when(conditions) if conditions else When(),
        max_ttl=section.duration("max_ttl") or None,
        marks=section.marks(),
    )


def notify_rule(section: Section) -> NotifyRule:
    """`{ name: tell-dba, webhooks: [ops], events: [held, break_glass], targets: [prod] }`."""
    section.require("name", "webhooks", "events")
    return NotifyRule(
        name=_name(section),
        webhooks=frozenset(section.texts("webhooks")),
        events=section.words("events", Event),
        rules=frozenset(section.texts("rules")),
        targets=frozenset(section.texts("targets")),
        environments=frozenset(section.texts("environment")),
        marks=section.marks(),
    )


def roles(section: Section) -> Roles:
    """`{ auditor: { groups: [audit] }, operator: …, policy_admin: … }`."""
    inner = {key: section.section(key, _PERSONS) for key in ROLES}
    return Roles(**{key: people(each) for key, each in inner.items() if each})


VOUCH = ("functions", "extensions", "settings", "channels")


def vouched(section: Section) -> tuple[frozenset[str], ...]:
    """`{ functions: [public.tax, "public.net(numeric, text)"], extensions: [postgis], settings: [app.tenant], … }`.

    The names in the order of `VOUCH`.
    """
    functions = section.spelled("functions", _function, "schema.function")
    settings = frozenset(text.lower() for text in section.texts("settings"))
    extensions, channels = (frozenset(section.texts(key)) for key in ("extensions", "channels"))
    return frozenset(functions), extensions, settings, channels


def _mask(section: Section) -> str:
    """`redact`, `{ round: 1000 }` or `{ json: { contact.email: partial } }`, as `masks.Mask` is spelled."""
    more = (*masks.STEPPED, *masks.KEYED, masks.JSON)
    inner = section.section("with", more) if section.nested("with") else None
    if inner is None:
        word = section.text("with", null=True)
        if word in _MASK_FORMS:
            section.complain("with", f"`{word}` needs to know more: {_MASK_FORMS[word]}")
            return ""
        return section.word("with", masks.WORDS) if word else ""
    keys = inner.keys()
    if len(keys) > 1:
        section.complain("with", "holds several masks; give each a rule of its own")
    for word in keys:
        try:
            if word == masks.JSON:
                return str(masks.within_json(paths)) if (paths := inner.pairs(word, null=True)) else ""
            if text := inner.text(word):
                return str(masks.keyed(word, text) if word in masks.KEYED else masks.stepped(word, text))
        except ValueError as why:
            inner.complain(word, str(why))
    return ""


_MASK_FORMS = {
    "range": "with: { range: 1000 }",
    "round": "with: { round: 1000 }",
    "json": "with: { json: { contact.email: partial } }",
}


def _name(section: Section) -> str:
    name = section.text("name")
    if name and not _NAME.fullmatch(name):
        section.complain("name", f"`{name}` is not a name like engineers-read")
    return name


def _data(section: Section, key: str) -> str:
    data = section.text(key)
    if data and not _DATA.fullmatch(data):
        section.complain(key, f"`{data}` is not a classification like pii.contact")
    return data


def _function(text: str) -> str | None:
    return text if _FUNCTION.fullmatch(text) else None


def _hours(section: Section) -> tuple[int, int] | None:
    text = section.text("hours")
    if not text:
        return None
    match = _HOURS.fullmatch(text)
    first, second = (int(match[1]), int(match[2])) if match else (0, 0)
    if first == second or first > 23 or second > 24:
        section.complain("hours", f"`{text}` is not a span of hours like 8-18 or 22-6, UTC")
    return first, second

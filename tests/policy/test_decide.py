"""Decisions about statements: cases of the shop's policy, then what cases cannot say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gov.errors import Denied
from gov.identity.principal import Kind, Principal
from gov.policy.decide import decide, permit
from gov.policy.decision import Decision, Outcome, Verdict
from gov.policy.document import load
from gov.policy.outcome import outcome
from gov.policy.rules import Guardrail, Policy, When
from gov.policy.situation import Situation
from gov.sql.catalog import Catalog, ColumnInfo, FunctionInfo, RelationInfo, RelationKind
from gov.sql.facts import Called, Facts
from gov.sql.outline import outline
from gov.sql.resolve import resolve
from gov.terms import Column, Effect, Relation, Scope

TESTS = Path(__file__).parents[1]
POLICY = load([("shop.yaml", (TESTS / "cases/policy/shop.yaml").read_text())])

ALICE = Principal("i", "sub-alice", "alice", frozenset({"engineering"}))
PEOPLE = {
    "alice": ALICE,
    "bob": Principal("i", "sub-bob", "bob", frozenset({"dba"})),
    "carol": Principal("i", "sub-carol", "carol", frozenset({"privacy"})),
    "eve": Principal("i", "sub-eve", "eve"),
    "etl": Principal("i", "sub-etl", "etl", frozenset({"services"}), Kind.SERVICE),
    "agent": replace(ALICE, kind=Kind.AGENT, agent="assistant"),
}

TABLES = {"customers": "id full_name email ssn phone dob credit_card", "orders": "id amount"}


def table(name: str) -> Relation:
    """A table of the shop."""
    return Relation("public", name)


CATALOG = Catalog("v1", {
    table(name): RelationInfo(
        table(name), number, RelationKind.TABLE, "shop_owner",
        tuple(ColumnInfo(column, "text", n) for n, column in enumerate(columns.split(), 1)),
    )
    for number, (name, columns) in enumerate(TABLES.items())
}, functions={"count": (FunctionInfo("pg_catalog", "count", "i", False, "a"),)})


def on(scope: Scope) -> Situation:
    """The shop's database in `scope`."""
    return Situation("prod", "production", scope, hour=12)


def profile(who: Principal, scope: Scope, policy: Policy = POLICY) -> Outcome:
    """What `who` reaches in `scope`."""
    return outcome(policy, who, "prod", "production", scope, CATALOG)


def judge(who: Principal, scope: Scope, facts: Facts, policy: Policy = POLICY) -> Decision:
    """The decision in the shop."""
    return decide(policy, who, on(scope), facts, profile(who, scope, policy))


def facts_of(effects: str, details: str) -> Facts:
    """The facts that a line of `decisions.txt` describes."""
    facts = Facts(effects=frozenset(map(Effect, effects.split())))
    for detail in filter(None, map(str.strip, details.split(","))):
        word, _, rest = detail.partition(" ")
        name, _, column = rest.partition(".")
        relation = frozenset({table(name)})
        match word:
            case "reads":
                columns = facts.columns_read | {Column(table(name), column)}
                facts = replace(facts, reads=facts.reads | relation, columns_read=columns)
            case "writes":
                facts = replace(facts, writes=facts.writes | relation)
            case "sets":
                facts = replace(facts, columns_written=facts.columns_written | {Column(table(name), column)})
            case "missing":
                facts = replace(facts, missing=facts.missing | relation)
            case "unbounded":
                facts = replace(facts, unbounded=facts.unbounded | {Effect(rest)})
            case "unknown":
                facts = replace(facts, unknown=(*facts.unknown, rest))
            case "set":
                setting, _, value = rest.partition("=")
                facts = replace(facts, settings=((setting, value),))
            case "empty":
                facts = replace(facts, count=0)
            case _:
                raise AssertionError(f"the case says {detail}")
    return facts


def cases(name: str) -> list[object]:
    """The fields of each line of a file in `cases/policy`; all but the last are its name."""
    lines = (TESTS / "cases/policy" / name).read_text().splitlines()
    fields = [[" ".join(field.split()) for field in line.split("|")] for line in lines if line[:1] not in ("", "#")]
    return [pytest.param(*each, id=" ".join(filter(None, each[:-1]))) for each in fields]


@pytest.mark.parametrize(("whose", "statement", "expected"), cases("statements.txt"))
def test_the_shops_statements(whose: str, statement: str, expected: str) -> None:
    """Verdict and rule of every line in `cases/policy/statements.txt`, through the real analysis."""
    name, scope = whose.split()
    decision = judge(PEOPLE[name], Scope(scope), resolve(outline(statement), CATALOG, ("public",)))

    assert f"{decision.verdict} {decision.rule or '-'}" == expected


@pytest.mark.parametrize(("whose", "effects", "details", "expected", "reason"), cases("decisions.txt"))
def test_the_shops_decisions(whose: str, effects: str, details: str, expected: str, reason: str) -> None:
    """Verdict, rule and reason of every line in `cases/policy/decisions.txt`."""
    name, scope = whose.split()
    decision = judge(PEOPLE[name], Scope(scope), facts_of(effects, details))

    assert f"{decision.verdict} {decision.rule or '-'}" == expected
    assert reason in decision.reasons[0]
    assert decision.verdict is Verdict.ALLOW or decision.hint


def test_a_hold_lends_what_the_scope_lacks() -> None:
    """The approval opens the one effect that the rule names, nothing when the scope has it already."""
    dropping = facts_of("drop", "writes orders")

    assert judge(ALICE, Scope.READ, dropping).lends == {Effect.DROP}
    assert judge(PEOPLE["bob"], Scope.ADMIN, dropping).lends == frozenset()


def test_grant_is_lent_in_admin_scope_only() -> None:
    """A hold rule that names GRANT works for administrators; nobody else may even ask."""
    rule = Guardrail("grants", When(effects=frozenset({Effect.GRANT})), Verdict.HOLD, frozenset({"dba"}))
    policy = replace(POLICY, guardrails=(rule,))
    granting = facts_of("grant", "writes orders")

    assert judge(PEOPLE["bob"], Scope.ADMIN, granting, policy).lends == {Effect.GRANT}
    assert judge(ALICE, Scope.WRITE, granting, policy).verdict is Verdict.DENY


def test_a_hold_without_effects_lends_data_and_definitions_only() -> None:
    """Programs, files and calls are lent only by a rule that names them."""
    rule = Guardrail("all", When(scopes=frozenset({Scope.READ})), Verdict.HOLD, frozenset({"dba"}))
    policy = replace(POLICY, guardrails=(rule,))

    assert judge(ALICE, Scope.READ, facts_of("delete", "writes orders"), policy).lends == {Effect.DELETE}
    assert judge(ALICE, Scope.READ, facts_of("program", ""), policy).verdict is Verdict.DENY
    assert judge(ALICE, Scope.READ, facts_of("call", ""), policy).verdict is Verdict.DENY


def test_several_holds_are_answered_by_whom_all_of_them_name() -> None:
    """The approvers are common to all, the count the highest, the time the shortest."""
    when = When(effects=frozenset({Effect.DROP}))
    one = Guardrail("one", when, Verdict.HOLD, frozenset({"dba", "lead"}), count=2, expires=900.0)
    two = Guardrail("two", when, Verdict.HOLD, frozenset({"dba", "privacy"}), expires=60.0)
    three = Guardrail("three", when, Verdict.HOLD, frozenset({"privacy"}))
    facts = facts_of("drop", "writes orders")
    both = judge(ALICE, Scope.READ, facts, replace(POLICY, guardrails=(one, two)))
    nobody = judge(ALICE, Scope.READ, facts, replace(POLICY, guardrails=(one, three)))

    assert (both.approvers, both.count, both.expires) == ({"dba"}, 2, 60.0)
    assert both.rules == ("one", "two")
    assert nobody.verdict is Verdict.DENY
    assert "nobody can answer" in nobody.reasons[0]


def test_confirm_is_weaker_than_hold() -> None:
    """Who must be asked need not confirm; who need not be asked confirms."""
    when = When(effects=frozenset({Effect.DELETE}))
    confirm = Guardrail("sure", when, Verdict.CONFIRM)
    hold = Guardrail("held", when, Verdict.HOLD, frozenset({"dba"}))
    facts = facts_of("delete", "writes orders")

    assert judge(ALICE, Scope.WRITE, facts, replace(POLICY, guardrails=(confirm,))).verdict is Verdict.CONFIRM
    assert judge(ALICE, Scope.WRITE, facts, replace(POLICY, guardrails=(confirm, hold))).verdict is Verdict.HOLD


def test_the_hint_is_the_command_for_the_scope_that_has_it() -> None:
    """Whoever may ask for a wider scope is told how; whoever may not is not sent in circles."""
    writing = facts_of("insert", "writes orders")

    assert judge(ALICE, Scope.READ, writing).hint == "gov connect prod --scope write"
    assert "--scope" not in judge(PEOPLE["carol"], Scope.READ, writing).hint
    assert "hold rule" in judge(PEOPLE["bob"], Scope.ADMIN, facts_of("call", "")).hint


@pytest.mark.parametrize(
    ("calls", "verdict"),
    [
        ({"public.tax"}, Verdict.ALLOW),
        ({"public.tax", "public.other"}, Verdict.DENY),
        ({"public.tax", "DO"}, Verdict.DENY),
        (set(), Verdict.DENY),
    ],
)
def test_vouched_functions_are_reads(calls: set[str], verdict: Verdict) -> None:
    """Only when every call in the statement is vouched for, and known by name."""
    policy = replace(POLICY, vouched_functions=frozenset({"public.tax"}))
    facts = replace(facts_of("read call", ""), calls=frozenset(calls))

    assert judge(ALICE, Scope.READ, facts, policy).verdict is verdict


def test_writes_to_masked_columns_where_the_rule_allows_them() -> None:
    """`write: allow` opens the UPDATE, and still nobody reads the value."""
    masking = tuple(replace(rule, write=True) for rule in POLICY.masking)
    policy = replace(POLICY, masking=masking)
    setting = facts_of("update read", "writes customers, reads customers.id, sets customers.ssn")
    reading = facts_of("update read", "writes customers, reads customers.ssn, sets customers.ssn")

    assert judge(ALICE, Scope.WRITE, setting, policy).verdict is Verdict.ALLOW
    assert judge(ALICE, Scope.WRITE, reading, policy).verdict is Verdict.DENY


@pytest.mark.parametrize(("schema", "verdict"), [
    ("pg_catalog", Verdict.ALLOW), ("information_schema", Verdict.ALLOW), ("pg_temp", Verdict.ALLOW),
    ("pg_toast", Verdict.DENY), ("gov_m_1_1", Verdict.DENY), ("pg_temp_3", Verdict.DENY),
])  # fmt: skip
def test_catalogs_may_be_read(schema: str, verdict: Verdict) -> None:
    """And a session's own temporary tables; never TOAST tables, which hold raw values."""
    facts = Facts(effects=frozenset({Effect.READ}), reads=frozenset({Relation(schema, "x")}))

    assert judge(ALICE, Scope.READ, facts).verdict is verdict


@pytest.mark.parametrize("schema", ["pg_catalog", "information_schema", "gov_m_1_1", "pg_toast"])
def test_nothing_is_created_in_schemas_that_are_not_governed(schema: str) -> None:
    """Not even what does not exist yet, which elsewhere is PostgreSQL's to refuse."""
    new = frozenset({Relation(schema, "x")})
    facts = Facts(effects=frozenset({Effect.CREATE}), writes=new, missing=new)

    assert judge(PEOPLE["bob"], Scope.ADMIN, facts).verdict is Verdict.DENY


def test_catalogs_may_not_be_written() -> None:
    """Not even by an administrator who reads them as well."""
    relation = frozenset({Relation("pg_catalog", "pg_class")})
    facts = Facts(effects=frozenset({Effect.UPDATE, Effect.READ}), reads=relation, writes=relation)

    assert judge(PEOPLE["bob"], Scope.ADMIN, facts).verdict is Verdict.DENY


def test_the_profile_must_be_the_leases() -> None:
    """A profile of another scope or target judges nothing."""
    facts = facts_of("read", "reads orders.id")
    for wrong in (profile(ALICE, Scope.WRITE), replace(profile(ALICE, Scope.READ), target="staging")):
        assert decide(POLICY, ALICE, on(Scope.READ), facts, wrong).verdict is Verdict.DENY


def test_a_permit_comes_from_allow_only() -> None:
    """Held, confirmed and denied statements get none here."""
    allowed = Decision(Verdict.ALLOW, ("because",))

    assert permit(allowed, "digest", "ss-1").statement == "digest"
    for verdict in (Verdict.DENY, Verdict.HOLD, Verdict.CONFIRM):
        with pytest.raises(Denied, match=verdict.value):
            permit(replace(allowed, verdict=verdict), "digest", "ss-1")


def test_listening_needs_a_channel_that_is_vouched_for() -> None:
    """What comes on a channel no privilege guards; who may listen on it policy says by name."""
    facts = resolve(outline("listen cache; listen prices"), CATALOG, ("public",))
    vouched = replace(POLICY, vouched_channels=frozenset({"cache"}))

    assert judge(ALICE, Scope.READ, facts).verdict is Verdict.DENY
    assert judge(ALICE, Scope.READ, facts, vouched).reasons == (
        "nobody vouches for the channel prices: what is sent on it passes by the masks",
    )
    both = replace(POLICY, vouched_channels=frozenset({"cache", "prices"}))
    assert judge(ALICE, Scope.READ, facts, both).verdict is Verdict.ALLOW


def test_notify_stays_refused_on_a_channel_that_is_vouched_for() -> None:
    """Listening was vouched for, sending was not."""
    vouched = replace(POLICY, vouched_channels=frozenset({"cache"}))

    facts = resolve(outline("notify cache"), CATALOG, ("public",))

    assert judge(ALICE, Scope.READ, facts, vouched).reasons == (
        "notifications pass between sessions, outside the trail",
    )


@pytest.mark.parametrize("text", [
    "copy public.customers (id, email) to stdout",
    "declare _pg_dump_cursor cursor for select id, email from only public.customers",
])  # fmt: skip
def test_a_dump_holds_no_masks(text: str) -> None:
    """pg_dump is refused masked columns, with the command that exports what may be seen; others get them masked."""
    facts = resolve(outline(text), CATALOG, ("public",))
    dumping = replace(on(Scope.READ), client="pg_dump")
    refused = decide(POLICY, ALICE, dumping, facts, profile(ALICE, Scope.READ))

    assert refused.verdict is Verdict.DENY
    assert refused.rule == "contact-is-partial"
    assert "a dump of public.customers would hold masked values of email" in refused.reasons[0]
    assert "gov exec prod -c 'SELECT * FROM public.customers' -o customers.csv" in refused.hint
    assert judge(ALICE, Scope.READ, facts).verdict is Verdict.ALLOW


def test_a_dump_of_clear_columns_passes() -> None:
    """As does its lock on a masked table, so that its definition can be dumped."""
    dumping = replace(on(Scope.READ), client="pg_dump")
    for text in ("lock table public.customers in access share mode", "copy public.orders (id, amount) to stdout"):
        facts = resolve(outline(text), CATALOG, ("public",))

        assert decide(POLICY, ALICE, dumping, facts, profile(ALICE, Scope.READ)).verdict is Verdict.ALLOW


CALLING = {"f": (
    FunctionInfo("public", "f", "v", False, "f", None, False, 20_001, ("integer",)),
    FunctionInfo("public", "f", "v", True, "f", None, False, 20_002, ("text",)),
)}  # fmt: skip


def test_policy_vouches_for_an_extension_of_a_superusers() -> None:
    """Its functions count as reads; one that somebody else owns, or an overload beside it, does not."""
    near = FunctionInfo("public", "near", "v", False, "f", "postgis", False, 20_001, ("integer",), trusted=True)
    policy = replace(POLICY, vouched_extensions=frozenset({"postgis"}))

    def verdict(*overloads: FunctionInfo) -> Verdict:
        catalog = replace(CATALOG, functions={"near": overloads})
        facts = resolve(outline("select near($1)"), catalog, ("public",))
        return decide(policy, ALICE, on(Scope.READ), facts, profile(ALICE, Scope.READ, policy)).verdict

    assert verdict(near) is Verdict.ALLOW
    assert verdict(replace(near, trusted=False)) is Verdict.DENY
    assert verdict(replace(near, extension="other")) is Verdict.DENY
    assert verdict(near, replace(near, extension=None, arguments=("text",))) is Verdict.DENY


@pytest.mark.parametrize(
    ("vouched", "statement", "verdict"),
    [
        ((), "select public.f(1)", Verdict.DENY),
        (("public.f",), "select public.f(1)", Verdict.ALLOW),
        (("public.f(integer)",), "select public.f(1)", Verdict.ALLOW),
        (("public.f(integer)",), "select public.f('x'::text)", Verdict.DENY),
        (("public.f(integer)",), "select public.f($1)", Verdict.DENY),
        (("public.f(integer)", "public.f(text)"), "select public.f($1)", Verdict.ALLOW),
        (("public.f(integer)",), "select public.f(1), public.g()", Verdict.DENY),
    ],
)
def test_policy_vouches_for_a_function_or_for_one_overload(
    vouched: tuple[str, ...], statement: str, verdict: Verdict
) -> None:
    """Where it cannot be told which overload is meant, each has to be vouched for; a refusal names the rest."""
    catalog = replace(CATALOG, functions=CALLING)
    facts = resolve(outline(statement), catalog, ("public",))
    policy = replace(POLICY, vouched_functions=frozenset(vouched))
    decision = decide(policy, ALICE, on(Scope.READ), facts, profile(ALICE, Scope.READ, policy))

    assert decision.verdict is verdict, decision
    if verdict is Verdict.DENY:
        assert "nobody vouches for public." in decision.reasons[1]
        assert decision.hint.startswith("whoever owns the policy can vouch for it: vouch: { functions: [public.")


def test_a_refusal_names_what_calls_the_function() -> None:
    """Nobody finds the trigger's function in their own INSERT."""
    facts = Facts(
        effects=frozenset({Effect.INSERT, Effect.CALL}), writes=frozenset({Relation("public", "orders")}),
        calls=frozenset({"public.touch"}),
        called=(Called("public.touch()", "volatile", why="trigger touched of public.orders"),),
    )  # fmt: skip
    decision = decide(POLICY, ALICE, on(Scope.WRITE), facts, profile(ALICE, Scope.WRITE))

    assert "nobody vouches for public.touch (called by trigger touched of public.orders)" in decision.reasons

"""Policy files: what is read from them, and every complaint at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gov
from gov.errors import ConfigError
from gov.policy.decision import Verdict
from gov.policy.document import load, read
from gov.policy.pattern import column_pattern, relation_pattern
from gov.policy.rules import AccessRule, Guardrail, MaskRule, People, When
from gov.terms import Effect, Scope

TESTS = Path(__file__).parents[1]
SHOP = (TESTS / "cases/policy/shop.yaml").read_text()


def refused() -> list[tuple[str, str, str]]:
    """(name, policy, complaints) of each case in `cases/policy/refused.txt`."""
    text = (TESTS / "cases/policy/refused.txt").read_text()
    cases = []
    for part in text.split("\n== ")[1:]:
        name, _, rest = part.partition("\n")
        policy, _, complaints = f"\n{rest}".partition("\n--\n")
        cases.append((name, policy.removeprefix("\n"), complaints.strip("\n")))
    return cases


@pytest.mark.parametrize(
    ("policy", "complaints"), [pytest.param(*case[1:], id=case[0].replace(" ", "-")) for case in refused()]
)
def test_every_mistake_is_reported_where_it_is(policy: str, complaints: str) -> None:
    """All complaints come at once, in the order of the file, as `file:line:column: message`."""
    with pytest.raises(ConfigError) as why:
        load([("policy.yaml", policy)])

    assert why.value.detail.splitlines() == [f"policy.yaml:{line}" for line in complaints.splitlines()]


def test_the_demos_policy_is_valid() -> None:
    """What `gov demo` starts with."""
    assert load([("policy.yaml", (Path(gov.__file__).parent / "demo/policy.yaml").read_text())]).access


def test_a_policy_is_read_whole() -> None:
    """Each kind of rule arrives with what was written."""
    policy = load([("policy.yaml", SHOP)])

    assert policy.access[1] == AccessRule(
        "engineers-write", People(frozenset({"engineering"})), frozenset({"prod"}), frozenset(), Scope.WRITE,
        3600.0, reason_required=True,
    )
    assert policy.access[3].max_statement == 12 * 3600.0
    assert policy.access[3].purpose_required
    assert policy.masking[0] == MaskRule(
        "contact-is-partial", "pii.contact", "partial", People(frozenset({"privacy"}))
    )
    assert policy.guardrails[1] == Guardrail(
        "unbounded-write", When(effects=frozenset({Effect.UPDATE, Effect.DELETE}), where_missing=True),
        Verdict.HOLD, frozenset({"dba"}), 1, 900.0,
    )
    assert policy.roles.auditor == People(frozenset({"dba", "privacy"}))


def test_every_condition_is_read() -> None:
    """A guardrail may use all conditions at once."""
    policy = load([("p", """
version: 1
classify: [{ columns: "*.*.ssn", as: pii }]
guardrails:
  - name: all
    when:
      effects: [read, copy_out]
      relations: ["public.*"]
      columns: [public.customers.ssn]
      reads: pii
      unmasked: true
      environment: [production, staging]
      targets: [prod*]
      scope: [read]
      users: [alice]
      agents: ["*"]
      client: psql*
      purpose: [train:*]
      hours: 22-6
      rows_over: 100
    then: confirm
    message: sure?
vouch: { functions: [public.tax], extensions: [postgis], settings: [App.Tenant], channels: [Prices] }
approvals: { fresh_within: 5m }
""")])
    relation, column = relation_pattern("public.*"), column_pattern("public.customers.ssn")
    assert relation is not None
    assert column is not None

    assert policy.guardrails[0].when == When(
        frozenset({Effect.READ, Effect.COPY_OUT}), (relation,), (column,), "pii", True, False,
        frozenset({"production", "staging"}), frozenset({"prod*"}), frozenset({Scope.READ}),
        People(users=frozenset({"alice"}), agents=frozenset({"*"})), frozenset({"psql*"}),
        frozenset({"train:*"}), (22, 6), 100,
    )
    assert (policy.guardrails[0].then, policy.guardrails[0].message) == (Verdict.CONFIRM, "sure?")
    assert policy.vouched_functions == {"public.tax"}
    assert policy.vouched_settings == {"app.tenant"}
    assert policy.vouched_channels == {"Prices"}
    assert policy.vouched_extensions == {"postgis"}
    assert policy.fresh_within == 300.0


def test_the_mask_null_is_a_word() -> None:
    """YAML reads a plain `null` as nothing; as a mask it is the strongest."""
    for spelling in ("null", '"null"'):
        text = f'version: 1\nclassify: [{{columns: "*.*.a", as: x}}]\nmasking: [{{name: m, data: x, with: {spelling}}}]'

        assert load([("p", text)]).masking[0].mask == "null"


def test_several_files_merge() -> None:
    """Lists are joined, roles united, the tightest `fresh_within` counts, and the order means nothing."""
    one = ("one", "version: 1\nroles: { auditor: { groups: [a] } }\napprovals: { fresh_within: 1h }")
    other = ("other", "version: 1\nroles: { auditor: { users: [b] } }\napprovals: { fresh_within: 15m }")
    shop = ("shop", SHOP)
    policy = load([one, shop, other])

    assert policy.roles.auditor == People(frozenset({"a", "dba", "privacy"}), frozenset({"b"}))
    assert policy.fresh_within == 900.0
    assert len(policy.access) == len(load([shop]).access)
    assert policy.digest == load([other, one, shop]).digest


def test_mistakes_of_several_files_come_together() -> None:
    """Each complaint names its file."""
    with pytest.raises(ConfigError) as why:
        load([("b.yaml", "version: 3"), ("a.yaml", "- 1")])

    assert why.value.what == "the policy has 2 mistakes"
    assert [line.split(":")[0] for line in why.value.detail.splitlines()] == ["a.yaml", "b.yaml"]


def test_no_file_is_no_policy() -> None:
    """Nothing configured is a mistake, not an open door."""
    with pytest.raises(ConfigError, match="no policy file"):
        load([])


def test_an_empty_policy_is_valid_and_grants_nothing() -> None:
    """`version: 1` alone is the safest policy there is."""
    policy = load([("p", "version: 1")])

    assert (policy.access, policy.guardrails, bool(policy.roles.auditor)) == ((), (), False)


@pytest.mark.parametrize(
    ("before", "after"),
    [("8h", "9h"), ("partial", "redact"), ("[dba]", "[dba, x]"), ("12h", "11h"), ("ask the platform", "no")],
)
def test_the_digest_is_of_the_content(before: str, after: str) -> None:
    """Any change of meaning changes it; comments, spaces and the order of rules do not."""
    digest = load([("p", SHOP)]).digest

    assert load([("p", SHOP.replace(before, after, 1))]).digest != digest
    assert load([("p", "# other words\n" + SHOP.replace(" }", "   }"))]).digest == digest


@settings(deadline=None)
@given(text=st.text(alphabet="version: 1acesnm-[]{}&*!|>\"'#,\n\t\0\ufeff\ud800", max_size=80))
def test_no_text_raises_anything_but_our_own_word(text: str) -> None:
    """Whatever a file holds, it is a policy or a list of complaints."""
    policy, complaints = read([("p", text)])

    assert complaints or policy.digest


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "a: " + "x" * (1 << 20)])
def test_a_bomb_is_a_complaint(text: str) -> None:
    """Depth and length are bounded before anything is built."""
    _, complaints = read([("p", text)])

    assert len(complaints) == 1

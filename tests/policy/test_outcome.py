"""What a principal reaches, and what of it is masked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gov.identity.principal import Principal
from gov.policy.decision import MaskSpec, Outcome
from gov.policy.document import load
from gov.policy.outcome import outcome
from gov.policy.rules import Policy
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.terms import Column, Relation, Scope

ALICE = Principal("i", "s", "alice", frozenset({"engineering"}))
HEAD = """
version: 1
classify:
  - { columns: [public.customers.email], as: pii.contact }
  - { columns: ["*.*.ssn"], as: pii.secret }
masking:
  - { name: contact, data: pii.contact, with: partial, except: { groups: [privacy] } }
  - { name: secret, data: pii.secret, with: redact, except: { groups: [privacy] } }
access:
"""
ALL = "  - { name: all, groups: ['*'], targets: [prod], scope: write, max_ttl: 1h }\n"


def policy(access: str = ALL, more: str = "") -> Policy:
    """A policy with these access rules, and more sections."""
    return load([("p", HEAD + access + more)])


def relation(text: str, columns: str = "id email ssn", parent: str = "", kind: str = "r") -> RelationInfo:
    """`schema.name` as the catalog has it."""
    return RelationInfo(
        named(text), 1, RelationKind(kind), "owner",
        tuple(ColumnInfo(name, "text", number) for number, name in enumerate(columns.split(), 1)),
        named(parent) if parent else None,
    )


def named(text: str) -> Relation:
    """`schema.name`."""
    return Relation(*text.split("."))


def catalog(*relations: RelationInfo) -> Catalog:
    """A snapshot of these."""
    return Catalog("v", {each.relation: each for each in relations})


def profile(policy: Policy, *relations: RelationInfo, who: Principal = ALICE) -> Outcome:
    """The outcome in read scope."""
    return outcome(policy, who, "prod", "production", Scope.READ, catalog(*relations))


def masks(outcome: Outcome) -> dict[str, str]:
    """`schema.table.column` to mask."""
    return {str(column): spec.mask for column, spec in outcome.masks.items()}


def test_classified_columns_are_masked_for_all_but_the_excepted() -> None:
    """The clear ones stay classified, so that the trail can say that somebody saw them."""
    everybody = profile(policy(), relation("public.customers"))
    carol = profile(policy(), relation("public.customers"), who=replace(ALICE, groups=frozenset({"privacy"})))

    assert masks(everybody) == {"public.customers.email": "partial", "public.customers.ssn": "redact"}
    assert masks(carol) == {}
    assert carol.classified == everybody.classified
    assert everybody.masks[Column(named("public.customers"), "email")] == MaskSpec(
        "partial", "contact", "pii.contact"
    )


def test_without_access_nothing_is_in_reach() -> None:
    """No rule, no table."""
    strangers = profile(policy("  - { name: x, users: [bob], targets: [prod], scope: read, max_ttl: 1h }"),
                        relation("public.customers"))  # fmt: skip

    assert (strangers.relations, strangers.masks, strangers.classified) == (frozenset(), {}, {})


def test_relations_narrow_what_a_rule_gives() -> None:
    """Several rules add up."""
    rules = (
        "  - { name: a, groups: ['*'], targets: [prod], scope: read, max_ttl: 1h, relations: [public.ord*] }\n"
        "  - { name: b, groups: ['*'], targets: [prod], scope: read, max_ttl: 1h, relations: ['stock.*'] }\n"
    )
    tables = [relation(each) for each in ("public.orders", "public.customers", "stock.items")]

    assert profile(policy(rules), *tables).relations == {named("public.orders"), named("stock.items")}


@pytest.mark.parametrize("name", ["pg_catalog.pg_class", "pg_toast.pg_toast_1", "gov_m_ab_1.customers"])
def test_system_schemas_and_our_own_are_no_tables(name: str) -> None:
    """They are in nobody's profile, whatever a pattern says."""
    assert profile(policy(), relation(name)).relations == frozenset()


def test_a_partition_is_masked_like_its_parent() -> None:
    """The rule names the parent; the rows are in the partitions of its partitions."""
    family = profile(
        policy(), relation("public.customers", kind="p"), relation("public.c_eu", parent="public.customers", kind="p"),
        relation("public.c_eu_1", parent="public.c_eu"),
    )

    assert masks(family)["public.c_eu_1.email"] == "partial"


def test_a_generated_column_is_masked_like_what_it_is_computed_from() -> None:
    """Whatever its own mask would show: nobody said what its shape tells. Policy may say it, though."""
    table = relation("public.customers", "id email lower reversed_ssn twice country")
    sources = {"lower": ("email",), "reversed_ssn": ("country", "ssn"), "twice": ("id",)}
    columns = [replace(each, derived=sources.get(each.name, ())) for each in table.columns]
    computed = replace(table, columns=(*columns, ColumnInfo("ssn", "text", 7)))
    child = relation("public.part", "id email lower", parent="public.customers")

    found = profile(policy(), computed, child)
    assert masks(found) == {
        "public.customers.email": "partial", "public.customers.lower": "redact",
        "public.customers.ssn": "redact", "public.customers.reversed_ssn": "redact",
        "public.part.email": "partial", "public.part.lower": "redact",
    }  # fmt: skip
    assert found.classified[Column(named("public.customers"), "lower")] == "pii.contact"
    spoken = load([("p", HEAD.replace("customers.email]", "customers.email, public.customers.lower]") + ALL)])
    assert masks(profile(spoken, computed))["public.customers.lower"] == "partial"


def test_a_parent_is_masked_like_its_children() -> None:
    """A scan of the parent returns the children's rows."""
    rules = load([("p", HEAD.replace("public.customers.email", "public.child.email") + ALL)])
    family = profile(rules, relation("public.parent"), relation("public.child", parent="public.parent"))

    assert masks(family)["public.parent.email"] == "partial"


def test_views_are_closed_while_anything_is_masked() -> None:
    """A view runs as its owner and may show a masked column by another name."""
    view, table = relation("public.v", "address", kind="v"), relation("public.customers")
    stored = relation("public.m", "address", kind="m")
    named_ = ALL.replace("max_ttl", "relations: [public.v, 'public.cust*'], max_ttl")
    wild = ALL.replace("max_ttl", "relations: ['public.*'], max_ttl")

    assert profile(policy(), view, stored, table).relations == {table.relation}
    assert profile(policy(wild), view, table).relations == {table.relation}
    assert profile(policy(named_), view, table).relations == {view.relation, table.relation}
    assert profile(policy(), view, stored).relations == {view.relation, stored.relation}


def test_views_stay_closed_when_the_masked_table_is_out_of_reach() -> None:
    """Taking the table away must not open the view over it."""
    rules = ALL.replace("max_ttl", "relations: ['public.v*'], max_ttl")

    assert profile(policy(rules), relation("public.v", kind="v"), relation("public.customers")).relations == frozenset()


def test_the_strongest_mask_counts() -> None:
    """Whatever order the rules have; and an UPDATE is open only where all of them open it."""
    more = (
        "  - { columns: [public.customers.email], as: health }\n"
        "masking:\n"
        "  - { name: a, data: pii, with: partial, write: allow }\n"
        "  - { name: b, data: health, with: 'null' }\n"
        "  - { name: c, data: pii.contact, with: redact, write: allow }\n"
    )
    head, _, _ = HEAD.partition("masking:")
    rules = load([("p", head + more + "access:\n" + ALL)])
    both = [rules, replace(rules, masking=rules.masking[::-1], classify=rules.classify[::-1])]
    found = [profile(each, relation("public.customers")) for each in both]
    email, ssn = (Column(named("public.customers"), name) for name in ("email", "ssn"))

    assert found[0] == found[1]
    assert found[0].masks[email] == MaskSpec("null", "b", "health", write=False)
    assert found[0].masks[ssn] == MaskSpec("partial", "a", "pii.secret", write=True)
    assert found[0].classified[email] == "health, pii.contact"


def test_the_digest_is_the_profile() -> None:
    """Equal for people who see the same, different where a mask, a table or the scope differs."""
    rules, customers = policy(), relation("public.customers")
    alice = profile(rules, customers)
    bob = profile(rules, customers, who=Principal("i", "other", "bob", frozenset({"x"})))
    write = outcome(rules, ALICE, "prod", "production", Scope.WRITE, catalog(customers))
    opened = replace(rules, masking=tuple(replace(rule, write=True) for rule in rules.masking))

    assert alice.digest == bob.digest
    assert len({alice.digest, write.digest, profile(opened, customers).digest, profile(rules).digest}) == 4


def test_tokens_are_for_the_leases_purpose_or_the_one_of_their_rule() -> None:
    """So that two purposes have two profiles, and what is no word for a mask is still a purpose."""
    rules = load([("p", """version: 1
classify: [{ columns: "*.*.email", as: a }, { columns: "*.*.ssn", as: b }, { columns: "*.*.id", as: c }]
access: [{ name: r, groups: engineering, targets: prod, scope: read, max_ttl: 1h }]
masking:
  - { name: x, data: a, with: hash }
  - { name: y, data: b, with: { pseudonym: support } }
  - { name: z, data: c, with: redact }
""")])  # fmt: skip
    world = catalog(relation("public.t"))
    made = {
        purpose: masks(outcome(rules, ALICE, "prod", "production", Scope.READ, world, purpose=purpose))
        for purpose in ("", "train: v4", "a(b)")
    }

    assert made[""] == {"public.t.email": "hash", "public.t.ssn": "pseudonym(support)", "public.t.id": "redact"}
    assert made["train: v4"] == made[""] | {"public.t.email": "hash(train: v4)"}
    assert made["a(b)"]["public.t.email"].startswith("hash(sha256:")

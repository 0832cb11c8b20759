"""Files of examples: what is read from them, and every mistake at its place."""

from __future__ import annotations

import re
from pathlib import Path

from gov.identity.principal import Kind
from gov.policy import examples
from gov.policy.examples import NOON, read
from gov.sql.catalog import RelationKind
from gov.terms import Relation

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/policy-tests.md").read_text()
SHOP = (ROOT / "tests/cases/policy/shop-cases.yaml").read_text()


def test_the_manuals_example_is_read_whole() -> None:
    """People of every kind, tables in both forms, cases with and without a statement."""
    found, complaints = read("cases.yaml", re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)[0])
    contact, lease, drop = found.cases
    orders, part = found.tables[1:]

    assert complaints == []
    assert (found.policy, found.search_path) == (("policy.yaml",), ("public",))
    assert (orders.kind, part.parent) == (RelationKind.PARTITIONED, Relation("public", "orders"))
    assert [(each.name, each.type) for each in orders.columns] == [("id", "integer"), ("amount", "numeric")]
    assert (contact.who.groups, contact.hour, contact.rows) == (frozenset({"engineering"}), NOON, None)
    assert contact.expected.masks == {"public.customers.email": "partial"}
    assert (lease.sql, lease.scope, lease.expected.verdict) == ("", "admin", "deny")
    assert (drop.who.kind, drop.who.agent, drop.who.name) == (Kind.AGENT, "assistant", "alice")


def test_every_mistake_is_reported_where_it_is() -> None:
    """All at once, as in a policy."""
    _, complaints = read("c", """
version: 1
catalog: x.json
tables: { customers: [id], public.a: { kind: heap, columns: id } }
people:
  alice: { group: a }
  bot: { agent: x }
  alice: {}
cases:
  - { as: alise, expect: maybe }
  - { as: bot, target: prod, hour: 24, rows: -1, expect: { rule: r, masks: { email: partial } } }
  - { target: prod }
""")  # fmt: skip

    assert [str(each) for each in complaints] == [
        "c:4:9: either `catalog` or `tables`",
        "c:4:22: `customers` is not of the form schema.table",
        "c:4:46: `kind` cannot be `heap`; it can be table, partitioned, view, materialized_view, foreign_table,"
        " sequence, composite",
        "c:6:12: `group` is not a key here, did you mean `groups`?",
        "c:7:8: an agent needs both `agent` and `on_behalf_of`",
        "c:8:3: `alice` is given twice",
        "c:10:5: `target` is missing, here and at the top of the file",
        "c:10:11: nobody among `people` is `alise`, did you mean `alice`?",
        "c:10:26: `expect` cannot be `maybe`; it can be allow, deny, confirm, hold",
        "c:11:36: `24` is not an hour from 0 to 23",
        "c:11:46: `-1` is not a whole number from 0 up",
        "c:11:58: `verdict` is missing",
        "c:11:76: `email` is not of the form schema.table.column",
        "c:12:5: `as` is missing",
        "c:12:5: `expect` is missing",
    ]


def test_an_empty_file_is_a_mistake() -> None:
    """As is one that is not a mapping."""
    assert [each.what for each in read("c", "")[1]] == ["the file is empty"]
    assert len(read("c", "- 1")[1]) == 1


def test_the_manual_knows_every_word() -> None:
    """Each key of the format is in the tables."""
    words = {*examples.KEYS, *examples.PERSON, *examples.CASE, *examples.EXPECT, *examples.TABLE}

    assert {word for word in words if f"`{word}`" not in MANUAL} == {"columns"}
    assert {f"`{key}`" for key in examples.EXPECT} <= set(re.findall(r"`\w+`", MANUAL.split("key of `expect`")[1]))

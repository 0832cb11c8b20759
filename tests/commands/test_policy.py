"""`gov policy check`, `test` and `diff`, as far as they need no broker; `story/policy.txt` has the rest."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import psycopg
import pytest

from commands.fake_broker import Gov
from gov.commands.policy_files import built_in
from gov.demo.cluster import Cluster
from gov.policy.examples import catalog_of, read
from gov.policy.snapshot import dump

SHOP = Path(__file__).parents[1] / "cases/policy/shop.yaml"


def test_a_good_policy_is_summed_up(gov: Gov) -> None:
    """Exit 0, how many rules of each kind, and the digest that the trail will name."""
    ran = gov("policy", "check", str(SHOP))

    assert ran.status == 0
    assert "6 access rules, 2 maskings, 4 guardrails, 2 classifications" in ran.out
    assert "digest " in ran.out


def test_every_mistake_is_a_line(gov: Gov, tmp_path: Path) -> None:
    """Exit 2, and each complaint with file, line and column."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 1\nacces: []\nguardrails: {}\n")
    ran = gov("policy", "check", str(SHOP), str(broken))

    assert ran.status == 2
    assert f"{broken}:2:1: `acces` is not a key here, did you mean `access`?" in ran.err
    assert f"{broken}:3:13: `guardrails` must be a list of rules" in ran.err
    assert f"hint: correct it, then: gov policy check {SHOP} {broken}" in ran.err


def test_json_lists_the_complaints(gov: Gov, tmp_path: Path) -> None:
    """For editors and other programs."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 2\n")
    ran = gov("policy", "check", str(broken), "--json")

    assert ran.status == 2
    assert json.loads(ran.out) == {
        "valid": False,
        "digest": None,
        "complaints": [
            {"file": str(broken), "line": 1, "column": 10, "what": "`version` cannot be `2`; it can be 1"}
        ],
        "doubts": [],
    }
    assert json.loads(gov("policy", "check", str(SHOP), "--json").out)["valid"] is True


def test_standard_input_is_a_file_like_any(gov: Gov, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"- 1\n")))
    ran = gov("policy", "check", "-")

    assert ran.status == 2
    assert "<stdin>:1:1: must be a mapping" in ran.err


@pytest.mark.parametrize("content", [None, b"version: \xff"])
def test_what_cannot_be_read_is_said_plainly(gov: Gov, tmp_path: Path, content: bytes | None) -> None:
    """A file that is not there, or not text."""
    path = tmp_path / "policy.yaml"
    if content is not None:
        path.write_bytes(content)
    ran = gov("policy", "check", str(path))

    assert ran.status == 2
    assert ("is not UTF-8 at byte 9" if content else "no such file or directory") in ran.err


CASES = SHOP.parent / "shop-cases.yaml"


def test_doubts_are_told_and_refused_when_strict(gov: Gov, tmp_path: Path) -> None:
    """Exit 0 with a warning; with --strict exit 2."""
    doubtful = tmp_path / "p.yaml"
    doubtful.write_text(SHOP.read_text().replace("approvers: [dba, privacy]", "approvers: [dba, privcy]"))
    ran = gov("policy", "check", str(doubtful))

    assert ran.status == 0
    assert "doubt: no other rule speaks of the group `privcy`, did you mean `privacy`?" in ran.err
    assert gov("policy", "check", str(doubtful), "--strict").status == 2
    doubts = json.loads(gov("policy", "check", str(doubtful), "--json").out)["doubts"]
    assert [each["what"] for each in doubts] == ["no other rule speaks of the group `privcy`, did you mean `privacy`?"]


def test_patterns_are_looked_for_in_a_snapshot(gov: Gov, tmp_path: Path) -> None:
    """`--catalog` needs no broker."""
    snapshot = tmp_path / "shop.json"
    snapshot.write_text(json.dumps({"target": "prod", **dump(catalog_of(read("c", CASES.read_text())[0], ()))}))
    policy = tmp_path / "p.yaml"
    policy.write_text(SHOP.read_text().replace("public.customers.phone", "public.customers.fone"))
    ran = gov("policy", "check", str(policy), "--catalog", str(snapshot))

    assert "`public.customers.fone` meets no column of prod, did you mean `public.customers.phone`?" in ran.err
    snapshot.write_text("{}")
    assert "it is no catalog of the format gov-catalog-1" in gov(
        "policy", "check", str(policy), "--catalog", str(snapshot)
    ).err


def test_cases_that_hold(gov: Gov) -> None:
    """Exit 0, and how many there were; aggregates and other functions of PostgreSQL are known."""
    ran = gov("policy", "test", str(CASES))

    assert (ran.status, ran.out) == (0, "12 cases, all as expected\n")
    assert json.loads(gov("policy", "test", str(CASES), "--json").out)["passed"] is True


def test_cases_that_do_not_are_told_one_by_one(gov: Gov, tmp_path: Path) -> None:
    """Exit 1, with place, statement, expected, got and why."""
    policy = tmp_path / "p.yaml"
    policy.write_text(SHOP.read_text().replace("effects: [update, delete], where: missing", "effects: [delete]"))
    ran = gov("policy", "test", str(CASES), "--policy", str(policy))

    assert ran.status == 1
    assert f"{CASES}:54:5: an update of everything waits\n  statement  UPDATE orders SET status = 'x'" in ran.out
    assert "  verdict\n    expected hold\n    got      allow\n" in ran.out
    assert "because    engineers-write gives alice the scope write on prod" in ran.out
    assert ran.out.endswith("12 cases, 1 not as expected\n")
    found = json.loads(gov("policy", "test", str(CASES), "--policy", str(policy), "--json").out)
    assert (found["total"], found["failed"]) == (12, 1)
    assert [each["differences"] for each in found["cases"] if not each["passed"]] == [[
        {"what": "verdict", "expected": "hold", "got": "allow"},
        {"what": "rule", "expected": "unbounded-write", "got": "engineers-write"},
    ]]  # fmt: skip


def test_cases_that_cannot_be_tried(gov: Gov, tmp_path: Path) -> None:
    """Exit 2, with the next word to type."""
    cases = tmp_path / "c.yaml"
    cases.write_text("version: 1\ncases: []\n")
    assert f"{cases} names no policy" in gov("policy", "test", str(cases)).err
    assert "names no catalog and no tables" in gov("policy", "test", str(cases), "--policy", str(SHOP)).err
    cases.write_text("version: 1\ncase: []\n")
    ran = gov("policy", "test", str(cases))

    assert ran.status == 2
    assert f"{cases}:2:1: `case` is not a key here, did you mean `cases`?" in ran.err
    assert gov("policy", "test", str(cases), "--catalog", "a", "--target", "b").status == 2


def test_what_changes_between_two_policies(gov: Gov, tmp_path: Path) -> None:
    """Who, where, what, from what to what; and how many of each kind."""
    (tmp_path / "new").mkdir()
    new = tmp_path / "new" / "p.yaml"
    new.write_text(SHOP.read_text().replace("dba-admin, groups: [dba]", "dba-admin, groups: [dba, sre]"))
    ran = gov("policy", "diff", str(SHOP), str(tmp_path / "new"))

    assert ran.status == 0
    assert "group sre on prod, read/write/admin\n  + no lease -> a lease of 1h with a reason\n" in ran.out
    assert ran.out.endswith("1 wider, 0 narrower, 0 different\n")
    assert gov("policy", "diff", str(SHOP), str(SHOP)).out == "nobody's access changes\n"
    (change,) = json.loads(gov("policy", "diff", str(SHOP), str(new), "--json").out)["changes"]
    assert change == {
        "who": ["group sre"], "target": "prod", "environments": [], "scopes": ["read", "write", "admin"],
        "kind": "lease", "on": [], "doing": [], "when": [], "old": "no lease", "new": "a lease of 1h with a reason",
        "direction": "wider",
    }  # fmt: skip


def test_built_in_functions_are_those_of_postgresql(cluster: Cluster) -> None:
    """The list that goes with written-out tables has every function of the server, with its volatility."""
    with psycopg.connect(cluster.admin_dsn) as connection:
        rows = connection.execute(
            "SELECT n.nspname, p.proname, p.provolatile::text, p.prokind::text FROM pg_proc p"
            " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('pg_catalog', 'information_schema')"
        ).fetchall()

    assert {(each.schema, each.name, each.volatility, each.kind) for each in built_in()} == set(rows)

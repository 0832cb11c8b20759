"""`gov audit ask`, put to the trail of real statements, by auditors and by everybody else."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg

from gov.audit.questions import QUESTIONS
from live import door

AsUser = Callable[[str], dict[str, str]]


def ask(environment: dict[str, str], *words: str) -> dict[str, Any]:
    """The answer as JSON."""
    found: dict[str, Any] = json.loads(door.gov(environment, "audit", "ask", *words, "--json"))
    return found


def test_the_questions(as_user: AsUser, reader: dict[str, Any]) -> None:
    """Who read a column and how, what left, what was refused; each with the entries that prove it."""
    alice, carol = as_user("alice"), as_user("carol")
    marker = "questions-7f3a"
    with psycopg.connect(**door.parameters(reader), autocommit=True) as session:
        session.execute(f"select email /* {marker} */ from customers limit 4")
        copying = f"copy (select phone /* {marker} */ from customers limit 2) to stdout"
        with session.cursor() as cursor, cursor.copy(copying) as out:
            assert len([*out.rows()]) == 2
        with suppress(psycopg.errors.InsufficientPrivilege):
            session.execute(f"insert /* {marker} */ into orders values (-1, 1, 1, 'new', now())")

    def mine(*words: str) -> list[dict[str, Any]]:
        return [row for row in ask(carol, *words)["rows"] if marker in str(row["statement"])]

    assert [(row["who"], row["how"], row["rows"]) for row in mine("column-readers", "customers.email")] == [
        ("alice", "masked (partial)", 4)]  # fmt: skip
    assert [(row["rows"], row["how"]) for row in mine("exports")] == [(2, "1 masked")]
    assert [row["because"] for row in mine("denied")] == ["denied: insert is not within the scope read"]
    assert len(mine("activity", "alice")) == 3
    assert not mine("ddl")
    entry = mine("exports")[0]["entry"]
    assert json.loads(door.gov(carol, "audit", "show", str(entry), "--json"))["payload"]["text"].startswith("copy")
    told = csv.DictReader(StringIO(door.gov(carol, "audit", "ask", "log-reads", "--format", "csv"), newline=""))
    assert "question column-readers" in next(row["about"] for row in told if "column-readers" in row["about"])
    assert [row["who"] for row in ask(alice, "activity", "carol")["rows"]] == []
    assert {row["who"] for row in ask(alice, "activity", "alice")["rows"]} == {"alice"}


def test_the_story_of_an_approval_is_found_by_its_statement(
    as_user: AsUser, spare: str, approve: Callable[..., object], tmp_path: Path
) -> None:
    """Who asked, who said yes and that it ran, by a part of the text: for auditors, and for whoever asked it."""
    alice = as_user("alice")
    asked = subprocess.run(
        ["gov", "exec", "prod", "--no-wait", "-c", f"drop table {spare}"], env=alice, capture_output=True, text=True
    )
    request = json.loads(asked.stdout)["request"]
    approve(request)
    door.gov(alice, "exec", "prod", "--request", request)
    story = [("request.spent", "alice"), ("request.answered yes", "bob"), ("request.opened", "alice")]
    for whose in (as_user("carol"), alice):
        for about in (f"drop table {spare}", request):
            rows = ask(whose, "approvals", about)["rows"]
            assert [(row["what"], row["who"]) for row in rows] == story, (whose, about)
    assert ask(as_user("etl"), "approvals", f"drop table {spare}")["rows"] == []
    assert ask(as_user("etl"), "approvals", request)["rows"] == []


def test_an_exported_file_is_told_with_its_rows(as_user: AsUser, tmp_path: Path) -> None:
    """What `gov exec -o` wrote: the file's name, how many rows and how large."""
    file = tmp_path / "exported-9c1.csv"
    door.gov(as_user("alice"), "exec", "prod", "-c", "select id from customers limit 3", "-o", str(file))
    (found,) = [row for row in ask(as_user("carol"), "exports")["rows"] if row["how"] == f"file {file.name}"]
    assert (found["rows"], found["bytes"]) == (3, file.stat().st_size)


def test_every_question_is_answered(as_user: AsUser, tmp_path: Path) -> None:
    """In its own columns, page after page as if it were one."""
    carol = as_user("carol")
    file = tmp_path / "data.csv"
    file.write_text("id\n1\n")
    words = {"column-readers": "email", "activity": "alice", "run": "none", "purpose": "none", "origin": str(file)}
    for name, which in QUESTIONS.items():
        found = ask(carol, name, *([words[name]] if name in words else []), "--limit", "30")
        assert found["columns"] == [*which.columns]
        assert all([*row] == found["columns"] for row in found["rows"])
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert ask(carol, "origin", str(file))["arguments"] == {"file": digest}


def test_only_auditors_count(as_user: AsUser) -> None:
    """Gaps, unused access and samples are about everybody."""
    for name in ("gaps", "unused", "population"):
        asked = subprocess.run([door.program("gov"), "audit", "ask", name], env=as_user("alice"), capture_output=True,
                               text=True, timeout=door.PATIENCE)
        assert (asked.returncode, "only auditors" in asked.stderr) == (4, True)

"""`gov audit export` of a real trail: whole, once, and gone on with."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg

from gov.audit.formats import COLUMNS
from live import door

AsUser = Callable[[str], dict[str, str]]


def now() -> str:
    """A time for `--since`: what other tests have done is a long trail."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_export(as_user: AsUser, reader: dict[str, Any], tmp_path: Path) -> None:
    """Every entry once as JSON Lines, in order, over a broken-off export; the same statements as OCSF and CSV."""
    carol, since = as_user("carol"), ("--since", now())
    file = tmp_path / "trail.jsonl"
    with psycopg.connect(**door.parameters(reader), autocommit=True) as session:
        session.execute("select 'before'")
    door.gov(carol, "audit", "export", "-o", str(file), *since)
    first = file.read_bytes()
    with psycopg.connect(**door.parameters(reader), autocommit=True) as session:
        session.execute("select 'export-9c1e'")
        session.execute("select email from customers limit 1")
    file.write_bytes(first[:-10])
    door.gov(carol, "audit", "export", "-o", str(file), "--resume", *since)

    entries = [json.loads(line) for line in file.read_text().splitlines()]
    begins = entries[0]["index"]
    assert [each["index"] for each in entries] == [*range(begins, begins + len(entries))]
    assert file.stat().st_mode & 0o777 == 0o600
    mine = [each for each in entries if "export-9c1e" in str(each["payload"].get("text"))]
    assert [each["kind"] for each in mine] == ["statement"]

    events = [json.loads(line) for line in door.gov(carol, "audit", "export", "--format", "ocsf", *since).splitlines()]
    event = next(each for each in events if each["metadata"]["sequence"] == mine[0]["index"])
    assert (event["class_uid"], event["status"], event["unmapped"]["rows"]) == (6005, "Success", 1)
    table = csv.DictReader(StringIO(door.gov(carol, "audit", "export", "--format", "csv", *since), newline=""))
    rows = {row["entry"]: row for row in table}
    assert tuple(next(iter(rows.values()))) == COLUMNS
    told = door.gov(carol, "audit", "export", "--format", "openlineage", *since)
    lineage = [json.loads(line) for line in told.splitlines()]
    assert {each["eventType"] for each in lineage} >= {"START", "COMPLETE"}
    assert any("columnLineage" in dataset["facets"] for each in lineage for dataset in each["outputs"])
    ends = [each["run"]["runId"] for each in lineage if each["eventType"] != "START"]
    assert len(ends) == len(set(ends))
    index = str(mine[0]["index"])
    assert rows[index]["statement"] == "select 'export-9c1e'"
    assert not [row for row in rows.values() if row["kind"] == "statement.done" and row["statement"] == index]


def test_evidence(as_user: AsUser, reader: dict[str, Any], tmp_path: Path) -> None:
    """A pack of a period and one of an answer, each verified by the script in it, with the key that was pinned."""
    carol, since = as_user("carol"), ("--since", now())
    with psycopg.connect(**door.parameters(reader), autocommit=True) as session:
        session.execute("select email from customers where id = 1 /* evidence-77aa */")
    packs = {"period": [*since], "answer": ["ask", "column-readers", "customers.email", *since]}
    for name, words in packs.items():
        pack = tmp_path / name
        door.gov(carol, "audit", "evidence", "-o", str(pack), *words)
        command = [sys.executable, str(pack / "verify.py"), "--key", (pack / "log/key.pub").read_text().strip()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=door.PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "evidence-77aa" in (pack / "payloads.jsonl").read_text()
    answer = json.loads((tmp_path / "answer" / "answer.json").read_text())
    entries = [json.loads(each) for each in (tmp_path / "answer" / "entries.jsonl").read_text().splitlines()]
    assert {row["entry"] for row in answer["rows"]} <= {each["index"] for each in entries}
    assert "statement.done" in {each["kind"] for each in entries}
    door.gov(carol, "audit", "verify", str(next((tmp_path / "answer" / "proofs").iterdir())))

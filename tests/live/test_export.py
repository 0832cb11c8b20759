"""`gov audit export` of a real trail: whole, once, and gone on with."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg

from gov.audit.formats import COLUMNS
from live import door

AsUser = Callable[[str], dict[str, str]]


def test_export(as_user: AsUser, reader: dict[str, Any], tmp_path: Path) -> None:
    """Every entry once as JSON Lines, in order, over a broken-off export; the same statements as OCSF and CSV."""
    carol = as_user("carol")
    file = tmp_path / "trail.jsonl"
    door.gov(carol, "audit", "export", "-o", str(file))
    first = file.read_bytes()
    with psycopg.connect(**door.parameters(reader), autocommit=True) as session:
        session.execute("select 'export-9c1e'")
    file.write_bytes(first[:-10])
    door.gov(carol, "audit", "export", "-o", str(file), "--resume")

    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each["index"] for each in entries] == [*range(len(entries))]
    assert file.stat().st_mode & 0o777 == 0o600
    mine = [each for each in entries if "export-9c1e" in str(each["payload"].get("text"))]
    assert [each["kind"] for each in mine] == ["statement"]

    events = [json.loads(line) for line in door.gov(carol, "audit", "export", "--format", "ocsf").splitlines()]
    event = next(each for each in events if each["metadata"]["sequence"] == mine[0]["index"])
    assert (event["class_uid"], event["status"], event["unmapped"]["rows"]) == (6005, "Success", 1)
    table = csv.DictReader(StringIO(door.gov(carol, "audit", "export", "--format", "csv", "--since", "1h"), newline=""))
    rows = {row["entry"]: row for row in table}
    assert tuple(next(iter(rows.values()))) == COLUMNS
    index = str(mine[0]["index"])
    assert rows[index]["statement"] == "select 'export-9c1e'"
    assert not [row for row in rows.values() if row["kind"] == "statement.done" and row["statement"] == index]

"""`gov audit` as auditors use it: who read it, who approved it, and is it all true."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from audit import logs
from commands.fake_broker import FakeBroker, Gov
from gov.audit.note import SigningKey
from gov.audit.tree import WIDTH
from gov.client.api import Broker
from gov.commands import proving
from gov.control.trail import Entries, EntryView
from gov.errors import Unverified
from gov.store.search import FILTERS


def statement(index: int, who: str, text: str, /, done: dict[str, object] | None = None, **fields: object) -> EntryView:
    """An entry as the API gives it."""
    common: dict[str, object] = {"target": "prod", "verdict": "allow", "subject": f"id-{who}"}
    payload = {"principal": who, "text": text} | {n: fields.pop(n) for n in ("approvers", "error") if n in fields}
    shown = common | fields | ({"done": done} if done else {})
    return EntryView(
        index=index, at=f"2026-01-31T12:00:{index:02}.000Z", kind="statement", fields=shown, payload=payload
    )


EMAIL = "public.customers.email"
MASK = {"column": EMAIL, "mask": "partial", "rule": "contact-is-partial"}
ENTRIES = [
    statement(1, "alice", "select email\nfrom customers", {"rows": 3, "outcome": "done"},
              columns_read=[EMAIL], masks=[MASK]),
    statement(2, "carol", "select * from customers", {"rows": 9, "outcome": "done"},
              columns_read=["public.customers.*"], clear_sensitive=[EMAIL]),
    statement(3, "eve", "table customers", columns_read=[EMAIL], verdict="deny", error="no rule allows it"),
    statement(4, "alice", "update customers set email = ''", {"rows": 5, "outcome": "done"}, columns_written=[EMAIL],
              verdict="hold", request="rq-1", approvers=["bob"], agent="robot"),
    statement(5, "alice", "drop table orders", verdict="hold", request="rq-2", error="denied by bob"),
    EntryView(index=6, at="2026-01-31T12:00:06.000Z", kind="lease.created",
              fields={"lease": "ls-1", "scope": "read", "subject": "id-alice", "target": "prod"}, payload=None),
]


def test_who_read_a_column_masked_or_clear_and_who_approved(gov: Gov, broker: FakeBroker) -> None:
    """One row each, readable."""
    broker.entries = ENTRIES

    ran = gov("audit", "search", "--column", EMAIL)

    assert ran.status == 0
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert lines == [
        "INDEX TIME WHO TARGET WHAT HOW APPROVED BY ROWS STATEMENT",
        "1 2026-01-31 12:00:01Z alice prod allow, done masked (partial) 3 select email from customers",
        "2 2026-01-31 12:00:02Z carol prod allow, done clear 9 select * from customers",
        "3 2026-01-31 12:00:03Z eve prod deny table customers",
        "4 2026-01-31 12:00:04Z robot for alice prod hold, done written bob 5 update customers set email = ''",
        "5 2026-01-31 12:00:05Z alice prod hold: not run drop table orders",
        "6 2026-01-31 12:00:06Z id-alice prod lease.created (erased)",
    ]


def test_filters_reach_the_broker(gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names of the API; times as moments."""
    asked: list[dict[str, object]] = []

    def entries(self: Broker, **filters: object) -> Entries:
        asked.append({name: value for name, value in filters.items() if value is not None})
        return Entries(entries=[], size=0)

    monkeypatch.setattr(Broker, "entries", entries)
    gov("audit", "search", "--user", "alice", "--since", "2026-01-31T12:00:00Z", "--limit", "3")

    assert asked == [{"principal": "alice", "since": "2026-01-31T12:00:00Z", "limit": 3}]
    assert set(asked[0]) <= FILTERS


@pytest.mark.parametrize("command", [("search",), ("tail",)])
def test_json_is_what_the_api_says(gov: Gov, broker: FakeBroker, command: tuple[str, ...]) -> None:
    """For other programs."""
    broker.entries = ENTRIES

    ran = gov("audit", *command, "--json")

    assert [EntryView.model_validate(each) for each in json.loads(ran.out)] == ENTRIES


def test_what_is_no_time(gov: Gov, broker: FakeBroker) -> None:
    """The hint shows what is."""
    ran = gov("audit", "search", "--since", "yesterdayish")

    assert ran.status == 2
    assert "--since 2h" in ran.err


def test_nothing_found(gov: Gov, broker: FakeBroker) -> None:
    """Is said on standard error."""
    ran = gov("audit", "search", "--user", "nobody")

    assert (ran.status, ran.out, ran.err) == (0, "", "no entry is like that\n")


def test_one_entry_with_all_that_it_says(gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statement whole, then its facts, then what became of it; control characters are shown, not sent."""
    view = statement(7, "alice", "select 1;\nselect '\x1b[2J'", {"rows": 1, "target": "prod"}, masks=[MASK])
    monkeypatch.setattr(Broker, "entry", lambda self, index: view)

    ran = gov("audit", "show", "7")

    assert ran.status == 0
    assert "    select 1;\n    select '" in ran.out
    assert "\x1b" not in ran.out
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "masks public.customers.email: partial by contact-is-partial" in lines
    assert lines[-1] == "→ rows 1"


def test_what_an_entry_states_in_parts_is_told_in_lines(
    gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lineage with its names, masks, files and an approval's facts: no brackets, no names of fields."""
    said = {"exact": True, "sources": [MASK], "outputs": [{"identity": [0]}], "rows": {}}
    one = statement(1, "alice", "select email from customers", masks=[MASK], lineage=[said], rewritten=True)
    views = {
        1: one.model_copy(update={"payload": {**(one.payload or {}), "outputs": [["contact"]]}}),
        2: EntryView(index=2, at=one.at, kind="request.opened", fields={}, payload={"facts": [["size", "9 kB"]]}),
        3: EntryView(index=3, at=one.at, kind="receipt", fields={}, payload={
            "files": [{"name": "a.csv", "sha256": "ab"}, {"name": "b.csv", "sha256": "cd"}], "document": "{}"}),
    }  # fmt: skip
    monkeypatch.setattr(Broker, "entry", lambda self, index: views[index])

    lines = [each.strip() for index in views for each in gov("audit", "show", str(index)).out.splitlines()]

    for line in (
        f"lineage         contact ← {EMAIL} (masked: partial by contact-is-partial)",
        f"masks           {EMAIL}: partial by contact-is-partial",
        "rewritten       yes", "facts           size: 9 kB", "files           a.csv: sha256 ab", "b.csv: sha256 cd",
    ):  # fmt: skip
        assert line in lines
    assert not [each for each in lines if each.startswith("outputs")]


# verify


@pytest.fixture(name="copy")
def _copy(tmp_path: Path) -> Path:
    """The directory of a log with entries in tree and journal."""
    logs.make(tmp_path / "made", 10)
    return tmp_path / "made"


def test_a_copy_is_verified_without_a_broker(gov: Gov, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a given key, or with its own and a warning."""
    monkeypatch.setenv("GOV_CONFIG_DIR", str(copy.parent / "nobody"))
    monkeypatch.delenv("GOV_BROKER", raising=False)

    given = gov("audit", "verify", "--dir", str(copy), "--key", str(logs.KEY.verifier))
    own = gov("audit", "verify", "--dir", str(copy))

    assert (given.status, own.status) == (0, 0)
    assert "the audit log holds: 10 entries" in given.out
    assert "(pinned)" in given.out
    assert given.err == ""
    assert "not pinned" in own.err


def test_the_key_may_be_in_a_file(gov: Gov, copy: Path) -> None:
    """As `key.pub` has it."""
    shutil.copy(copy / "key.pub", copy.parent / "pinned.pub")

    ran = gov("audit", "verify", "--dir", str(copy), "--key", str(copy.parent / "pinned.pub"), "--json")

    proof = json.loads(ran.out)
    assert (proof["size"], proof["pinned"], proof["payloads"], proof["torn"]) == (10, True, 5, 0)


def test_a_changed_byte_exits_with_8_and_its_place(gov: Gov, copy: Path) -> None:
    """In any file; here in one entry."""
    path = copy / "tile/entries/000.p/10"
    path.write_bytes(path.read_bytes().replace(b'"n":4', b'"n":5'))

    ran = gov("audit", "verify", "--dir", str(copy))

    assert ran.status == 8
    assert "tile/entries/000.p/10, entry 4" in ran.err


def test_another_key_exits_with_8(gov: Gov, copy: Path) -> None:
    """A log that somebody else signed."""
    other = SigningKey(logs.ORIGIN, bytes(32)).verifier

    assert gov("audit", "verify", "--dir", str(copy), "--key", str(other)).status == 8


@pytest.mark.parametrize("damage", ["garbage", ""])
def test_a_damaged_key_file_exits_with_8(gov: Gov, copy: Path, damage: str) -> None:
    """It is part of the log."""
    (copy / "key.pub").write_text(damage or (copy / "key.pub").read_text().replace("+A", "+B"))

    assert gov("audit", "verify", "--dir", str(copy)).status == 8


def test_what_is_no_log(gov: Gov, tmp_path: Path) -> None:
    """A directory that is not there, and one that is something else."""
    (tmp_path / "empty").mkdir()

    assert gov("audit", "verify", "--dir", str(tmp_path / "missing")).status == 2
    assert gov("audit", "verify", "--dir", str(tmp_path / "empty")).status == 2
    assert gov("audit", "verify", "--dir", str(tmp_path / "empty"), "--key", str(logs.KEY.verifier)).status == 8


class Moved:
    """A broker whose log has grown since its checkpoint was taken."""

    def __init__(self, log: logs.Log, note: bytes) -> None:
        self.log = log
        self.note = note

    def checkpoint(self) -> bytes:
        """The older checkpoint."""
        return self.note

    def audit_file(self, path: str) -> bytes | None:
        """The newer files."""
        return self.log.get(path)


def test_a_log_that_grows_while_it_is_read(tmp_path: Path) -> None:
    """The partial tiles of the checkpoint were pruned; the full ones begin with them."""
    before = logs.make(tmp_path / "log", WIDTH - 6)
    after = logs.make(tmp_path / "log", 20)
    remote = proving.Remote(Moved(after, before["checkpoint"]))  # type: ignore[arg-type]

    assert f"tile/0/000.p/{WIDTH - 6}" not in after
    assert proving.verify(remote, logs.KEY.verifier).size == WIDTH - 6
    with pytest.raises(Unverified):
        proving.verify(lambda path: (remote(path) or b"")[:-1] or None, logs.KEY.verifier)


@pytest.mark.parametrize("format", ["csv", "jsonl", "ocsf"])
def test_an_export_moves_no_cursor(
    gov: Gov, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    """On a terminal what the audited wrote is shown, not sent; a pipe gets CSV letter by letter."""
    text = "select '\x1b[2J\u202e'"
    page = Entries(entries=[statement(7, "mallory", text)], size=8)
    monkeypatch.setattr(Broker, "entries", lambda self, **asked: page)
    assert (text in gov("audit", "export", "--format", format).out) == (format == "csv")

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    shown = gov("audit", "export", "--format", format).out

    assert not {"\x1b", "\u202e"} & {*shown}
    assert "[2J" in shown

"""What the control plane records is classified, field by field, and reads back."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from broker.rig import ALICE, BOB, a_request, held
from gov.approval.request import Answer
from gov.audit.entry import Entry, read_leaf, read_payload, record
from gov.audit.kinds import KINDS, Sensitivity, sensitivity
from gov.broker import entries
from gov.control.access import LeaseAsk
from gov.errors import Denied
from gov.lease.lease import Lease, LeaseState
from gov.terms import LeaseId, Scope, TargetName

LEASE = Lease(
    id=LeaseId("ls-000000000001"), principal=ALICE, target=TargetName("prod"), scope=Scope.READ, role="gov_l_x",
    profile="p", purpose="", reason="look", rule="r", state=LeaseState.ACTIVE, created_at=0.0, expires_at=1.0,
    verifier="SCRAM-SHA-256$secret", ended_because="",
)  # fmt: skip
ANSWER = Answer(BOB, True, 1.0, "fine", 5)
SPENT = replace(held(), answers=(ANSWER,))
EVERY = [
    entries.broker_started(1.0, version="1", policy="d", targets=["prod"], origin="o", recovered=1),
    entries.broker_stopped(1.0, version="1", because="told to stop"),
    entries.policy_loaded(1.0, policy="d", version=1, files=["policy.yaml"], document="version: 1\n"),
    entries.policy_refused(1.0, policy="d", version=1, files=["policy.yaml"], complaints="1:1: no"),
    entries.login_refused(1.0, client="curl", because="the token has expired", times=3),
    entries.login(ALICE, 1.0, expires_at=2.0, client="gov"),
    entries.lease_created(LEASE, "production", 1.0),
    entries.lease_refused(ALICE, LeaseAsk(target="prod"), "production", Denied("no", hint="ask"), 1.0),
    entries.lease_ended(replace(LEASE, ended_because="killed"), 1.0),
    entries.role_swept("prod", "gov_l_x", "nobody owns it", 1.0, lease="ls-000000000001"),
    entries.schema_changed("prod", ["public.customers"], "v", 1.0),
    entries.schema_released(BOB, "prod", ["public.customers"], 1.0),
    entries.schema_synced(BOB, "prod", ["public.customers"], "v", 1.0),
    entries.columns_accepted(BOB, "prod", ["public.customers.note"], 1.0),
    entries.request_opened(held(lease=LEASE.id), "production", 1.0),
    entries.request_answered(a_request(), ANSWER, "production", 1.0),
    entries.request_ended(a_request(), "withdrawn", "production", 1.0),
    entries.request_spent(SPENT, "ss-000000000001", 1.0, lease="ls-000000000001"),
    entries.receipt_issued(
        ALICE, 1.0, predicate={"receipt": "rc-1", "target": "prod", "statements": [{"entry": 1}],
                               "files": [{"name": "x.csv", "sha256": "ab"}]},
        key="k", document="{}", envelope="cd", digests=["ab"],
    ),
    entries.ship_changed("https://siem.example.com", "ocsf", 1.0, lagging=True, behind=7, error="HTTP status 500"),
    entries.notify_failed("soc", {"entry": 3, "event": "held", "request": "rq-1", "tries": 7, "error": "no"}, 1.0),
    entries.kill(BOB, ["ls-000000000001"], [], "alice", 1.0),
    entries.log_erased(BOB, 1.0, of="id-alice", policy="90d", reason="asked to"),
    entries.key_changed(BOB, "old", "new", 1.0, reason="yearly"),
    entries.key_retired(BOB, "old", 1.0, reason="yearly"),
    entries.log_read(BOB, "entries", 1.0, filters={"kind": "login"}, entries=3, index=1, path="x", text="t"),
]


@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.kind)
def test_every_field_is_classified(entry: Entry) -> None:
    """A field that nobody classified would count as secret and be lost to searches."""
    assert set(entry.fields) <= set(KINDS[entry.kind])


@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.kind)
def test_the_leaf_has_what_is_public_and_nothing_else(entry: Entry) -> None:
    """Names, words and values are beside the log, where they can be erased."""
    stored = record(entry, 0, bytes(32), bytes(16))
    leaf = read_leaf(stored.leaf)
    payload = read_payload(stored.sealed) if stored.sealed else {}

    assert all(sensitivity(entry.kind, name) is Sensitivity.PUBLIC for name in leaf.fields)
    assert leaf.fields.keys() | payload.keys() == {name for name, value in entry.fields.items() if value}
    assert b"alice" not in stored.leaf.replace(b"id-alice", b"")


def test_no_entry_has_a_secret_of_ours() -> None:
    """The verifier of a lease is nobody's to read."""
    assert all("SCRAM" not in str(entry.fields) for entry in EVERY)


def test_all_kinds_of_the_control_plane_are_here() -> None:
    """Whoever adds a function adds its example."""
    made = [name for name, value in vars(entries).items() if inspect.isfunction(value) and not name.startswith("_")]

    assert len(made) - len({"who", "rfc3339"}) == len(EVERY)

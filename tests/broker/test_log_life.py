"""The log of a running broker over its life: its key changes, payloads are erased, and everybody can still prove it."""

from __future__ import annotations

import signal
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash as their_leaf_hash

from broker.site import Site
from gov.audit import rotation
from gov.audit.checkpoint import open_checkpoint
from gov.audit.entry import read_leaf
from gov.audit.note import SigningKey, verifier_key
from gov.audit.proof import verify_inclusion
from gov.audit.verify import Verified, verify
from gov.broker import keys
from gov.client.access import Access
from gov.client.api import Broker
from gov.client.checkpoints import Witness
from gov.client.config import Contexts, Places
from gov.client.login import meet
from gov.control.access import LeaseAsk
from gov.control.statements import ExplainAsk
from gov.control.trail import EraseAsk, RotateAsk
from gov.errors import AlreadySettled, Denied, NoSuch, Unavailable, Unverified, UsageError
from gov.store.disk import Files


def prove(site: Site, key: str) -> Verified:
    """What the verifier says of the log, for whoever trusts that key. Tried again while the broker moves it on."""
    files = Files(site.directory / "audit")
    for attempt in range(20):
        try:
            return verify(files, verifier_key(key), names=list(files.names()))
        except Unverified:
            if attempt == 19:
                raise
    raise AssertionError


def fresh(site: Site, name: str) -> Witness:
    """The witness of somebody, as their next process has it."""
    places = Places.below(site.directory / "users" / name)
    return Witness(Contexts(places).current({}), places)


def test_payloads_are_erased_for_a_reason(site: Site) -> None:
    """By auditors, of entries or of a person; it is an entry with who and why, and every proof stays whole."""
    alice, bob = site.as_user("alice"), site.as_user("bob")
    alice.explain(ExplainAsk(target="prod", statement="SELECT 1"))
    first = alice.entries(limit=1).entries[-1].index
    proof = alice.proof(first)
    for ask, error in (
        (EraseAsk(subject="u-alice", reason=" "), UsageError), (EraseAsk(reason="asked to"), UsageError),
        (EraseAsk(entries=[1], subject="u-alice", reason="both"), UsageError),
        (EraseAsk(subject="nobody", reason="asked to"), NoSuch),
        (EraseAsk(subject="u-alice", before="soon", reason="asked to"), UsageError),
    ):
        with pytest.raises(error):
            bob.erase(ask)
    with pytest.raises(Denied):
        alice.erase(EraseAsk(subject="u-alice", reason="mine"))

    lease = alice.lease(LeaseAsk(target="prod", scope="read", ttl=60, reason="because of mrs brown")).lease.id
    alice.end_lease(lease)
    wait_for(lambda: all(each.state == "ended" for each in bob.leases(all=True)))
    before = prove(site, bob.info().audit_key).erased
    done = bob.erase(EraseAsk(subject="u-alice", reason="asked to, ticket 7"))
    entry = bob.entries(kind="log.erased").entries[-1]

    assert done.payloads > 0
    wait_for(lambda: not [each for each in (*site.directory.glob("*"), *site.directory.glob("audit/**/*"))
                          if each.is_file() and b"mrs brown" in each.read_bytes()])
    assert (entry.fields["subject"], entry.fields["of"]) == ("u-bob", "u-alice")
    assert entry.payload == {"principal": "bob", "reason": "asked to, ticket 7"}
    shown = bob.entry(first)
    assert (shown.payload, shown.fields["subject"]) == (None, "u-alice")
    found = prove(site, bob.info().audit_key)
    assert found.erased == before + done.payloads
    assert verify_inclusion(proof, [verifier_key(bob.info().audit_key)]).index == first
    with pytest.raises(NoSuch):
        bob.erase(EraseAsk(entries=[entry.index], reason="cover up"))


def test_the_key_changes_and_clients_follow(site: Site) -> None:
    """By the proof that the old key signed; a copy verifies from either; the old one ends when it is told to."""
    bob, alice = client(site, "bob"), client(site, "alice")
    with pytest.raises(Denied):
        alice.rotate_key(RotateAsk())
    with suppress(NoSuch):
        bob.rotate_key(RotateAsk(retire=True))  # that another test began
    with pytest.raises(NoSuch):
        bob.rotate_key(RotateAsk(retire=True))
    old = bob.info().audit_key
    before = alice.checkpoint()

    ring = bob.rotate_key(RotateAsk(reason="once a year"))
    assert (ring.also, bob.info().audit_key) == ([old], ring.key)
    with pytest.raises(AlreadySettled):
        bob.rotate_key(RotateAsk())
    for key in (old, ring.key):  # both sign
        open_checkpoint(bob.checkpoint(), verifier_key(key))
    assert [str(key) for key in prove(site, old).keys] == [old, ring.key]
    assert [str(key) for key in fresh(site, "bob").keys][-2:] == [old, ring.key]

    assert bob.rotate_key(RotateAsk(retire=True)).also == []
    with pytest.raises(Unverified):
        open_checkpoint(bob.checkpoint(), verifier_key(old))
    client(site, "alice").whoami()  # has not heard of it: follows from the old key
    assert [str(key) for key in fresh(site, "alice").keys][-2:] == [old, ring.key]
    assert open_checkpoint(before, verifier_key(old)).size <= prove(site, old).size
    assert prove(site, ring.key).keys == (verifier_key(ring.key),)
    places = Places.below(site.directory / "users" / "alice")
    assert meet(site.url, places, environ={}).audit_key == ring.key  # as the next login does
    assert rotation.path(verifier_key(old)) in [*Files(site.directory / "audit").names("key")]


def test_a_key_that_nobody_handed_over(site: Site) -> None:
    """Of the right name, and no proof: whoever trusts it does not believe this broker."""
    stranger = SigningKey(verifier_key(site.as_user("bob").info().audit_key).name, bytes(32))
    places = Places.below(site.directory / "users" / "alice")
    site.as_user("alice")
    context = Contexts(places).current({})
    Contexts(places).save(replace(context, audit_key=str(stranger.verifier)))
    try:
        with pytest.raises(Unverified, match="another key"):
            meet(site.url, places, environ={})
    finally:
        Contexts(places).save(context)


def test_the_log_is_served_as_tiles(site: Site) -> None:
    """To an outside tool that reads tiled logs: hashes to whoever is logged in, contents to auditors; nothing else."""
    site.as_user("alice")
    key = site.as_user("bob").info().audit_key
    with httpx.Client(base_url=f"{site.url}/gov/", verify=ssl.create_default_context(cafile=site.ca_file)) as web:
        auditor, somebody = ({"Authorization": f"Bearer {site.token(name)}"} for name in ("bob", "alice"))
        reader = TilesReader(_Web(web, auditor))
        head = reader.get_checkpoint()
        head.verify(Vkey.from_string(key))
        assert reader.calculate_root_hash() == head.root_hash
        entry = reader.get_entry(head.size - 1)
        reader.get_inclusion_proof(head.size - 1, head.size).check(their_leaf_hash(entry), head.root_hash)

        tile, bundle = f"tile/0/000.p/{head.size}", f"tile/entries/000.p/{head.size}"
        assert web.get(tile, headers=somebody).headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert web.get("checkpoint", headers=somebody).headers["Cache-Control"] == "no-store"
        assert web.get("payload/000", headers=auditor).headers["Cache-Control"] == "no-store"
        assert web.get(bundle, headers=auditor).headers["Content-Encoding"] == "gzip"
        assert [web.get(path, headers=somebody).status_code for path in (bundle, "payload/000")] == [403, 403]
        assert web.get(tile).status_code == web.get("checkpoint").status_code == 401
        for path in ("journal/0000000000000001", "..%2fkeys%2faudit.key", "%2e%2e/state.db", "tile/0/000.p/250",
                     "tile/00/000", "new/0", "", "payload/000/../../keys/audit.key", "key/..%2f..%2fstate.db"):
            assert web.get(path, headers=auditor).status_code == 404, path


class _Web:
    """A log as tlog-scales fetches it."""

    def __init__(self, web: httpx.Client, headers: dict[str, str]) -> None:
        self._web, self._headers = web, headers

    def get(self, *path: str) -> bytes | None:
        """A file, None when there is none."""
        reply = self._web.get("/".join(path), headers=self._headers)
        return reply.content if reply.is_success else None


def test_hashes_may_be_public_and_payloads_age(site: Site) -> None:
    """Where the configuration says so. Entries are never public; what has aged goes by itself, and says so."""
    text, bob = site.config.read_text(), client(site, "bob")
    first = next(each.index for each in bob.entries(kind="login", principal="bob").entries if each.payload)
    site.end()
    audit = "audit: { directory: audit, tiles: public, retention: { payload: 2s } }"
    site.config.write_text(text.replace("audit: { directory: audit }", audit))
    site.start()
    try:
        deadline = time.monotonic() + 60
        while bob.entry(first).payload is not None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        said = [each.fields for each in bob.entries(kind="log.erased").entries if "policy" in each.fields]
        assert said
        assert all("subject" not in each for each in said)
        assert prove(site, bob.info().audit_key).erased > 0
        with httpx.Client(base_url=f"{site.url}/gov/", verify=ssl.create_default_context(cafile=site.ca_file)) as web:
            size = web.get("checkpoint").text.split("\n")[1]
            assert web.get(f"tile/0/000.p/{size}").headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert site.as_user("bob").info().audit_key in web.get("key.pub").text
            assert web.get(f"tile/entries/000.p/{size}").status_code == web.get("payload/000").status_code == 401
    finally:
        site.end()
        site.config.write_text(text)
        site.start()


def wait_for(done: Callable[[], bool]) -> None:
    """Until it is so, within a minute."""
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_change_of_keys_that_was_stopped(site: Site) -> None:
    """With the new key made and nothing said of it: the next start says it, and goes on."""
    bob = client(site, "bob")
    with suppress(NoSuch):
        bob.rotate_key(RotateAsk(retire=True))  # that another test began
    old, before = bob.info().audit_key, len(bob.entries(kind="key.changed").entries)
    site.end()
    signing = keys.audit_keys(site.directory / "keys", verifier_key(old).name)
    new = SigningKey(verifier_key(old).name, bytes(range(32)))
    keys.write_audit_keys(site.directory / "keys", (*signing, new))
    site.start()

    assert bob.info().audit_key == str(new.verifier)
    bob.whoami()
    assert str(prove(site, old).keys[-1]) == str(new.verifier)
    site.end(signal.SIGTERM)
    site.start()
    kinds = [each.kind for each in bob.entries(kind="key.changed").entries]
    assert len(kinds) == before + 1
    proof = bob.proof(bob.entries(kind="key.changed").entries[-1].index)
    leaf = read_leaf(verify_inclusion(proof, [new.verifier]).entry)
    assert leaf.fields["new"] == str(new.verifier)


def test_a_change_that_failed_is_carried_out_before_the_old_key_ends(site: Site) -> None:
    """Without the proof of it nobody could follow, and the log would be nobody's: no key is given up before."""
    with suppress(NoSuch):
        client(site, "bob").rotate_key(RotateAsk(retire=True))  # that another test began
    old = verifier_key(client(site, "bob").info().audit_key)
    in_the_way = site.directory / "audit" / "key" / f"{old.id.hex()}.tlog-proof"
    in_the_way.mkdir(parents=True)
    for ask in (RotateAsk(), RotateAsk(retire=True), RotateAsk()):
        bob = client(site, "bob")
        with pytest.raises(Unavailable):
            bob.rotate_key(ask)
        open_checkpoint(bob.checkpoint(), old)
    in_the_way.rmdir()

    ring = client(site, "bob").rotate_key(RotateAsk(retire=True))

    assert (ring.also, client(site, "bob").info().audit_key) == ([], ring.key)
    client(site, "alice").whoami()
    assert str(fresh(site, "alice").keys[-1]) == ring.key
    assert str(prove(site, str(old)).keys[-1]) == ring.key
    assert prove(site, ring.key).size


def client(site: Site, name: str) -> Broker:
    """The broker for somebody, as their next process has it: each follows the log's keys once."""
    site.as_user(name)
    places = Places.below(site.directory / "users" / name)
    context = Contexts(places).current({})
    return Broker(context, token=Access(context, places, {}).token, witness=fresh(site, name))

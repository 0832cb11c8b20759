"""The control API over real HTTPS: who sees what, who may do what, and how it says no."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest

from broker.site import Site
from gov.audit.checkpoint import open_checkpoint
from gov.audit.entry import read_leaf
from gov.audit.note import verifier_key
from gov.audit.proof import verify_consistency, verify_inclusion
from gov.client.api import Broker
from gov.control.access import Kill, LeaseAsk
from gov.control.model import CHECKPOINT_HEADER
from gov.control.requests import ApproveAsk, DenyAsk, Submit
from gov.control.statements import ExplainAsk
from gov.errors import AlreadySettled, Denied, NoSuch, NotLoggedIn, UsageError

READ = LeaseAsk(target="prod")
DROP = Submit(target="prod", statement="DROP TABLE orders")


@pytest.fixture
def alice(site: Site) -> Broker:
    """The broker as an engineer sees it."""
    return site.as_user("alice")


@pytest.fixture
def bob(site: Site) -> Broker:
    """The broker as a dba sees it: approver, operator and auditor."""
    return site.as_user("bob")


@pytest.fixture
def eve(site: Site) -> Broker:
    """The broker as somebody in no group sees it."""
    return site.as_user("eve")


def raw(site: Site, method: str, path: str, **given: Any) -> httpx.Response:
    """A request as no client of ours would send it."""
    with httpx.Client(
        base_url=site.url, verify=ssl.create_default_context(cafile=site.ca_file), trust_env=False
    ) as client:
        return client.request(method, path, **given)


def token_of(broker: Broker) -> dict[str, str]:
    """The header that makes a request theirs."""
    return {"Authorization": f"Bearer {broker._required_token()}"}


def test_what_a_lease_would_reach(alice: Broker, eve: Broker) -> None:
    """Every relation in reach with its columns, the masked ones marked; nothing for somebody without access."""
    reach = alice.reach("prod", "read")

    (customers,) = (each for each in reach.relations if (each.namespace, each.name) == ("public", "customers"))
    masks = {column.name: column.mask for column in customers.columns}
    assert (customers.kind, masks["email"], masks["id"]) == ("table", "partial", None)
    assert reach.search_path == ["public"]
    assert not [each for each in reach.relations if each.namespace.startswith(("pg_", "gov_"))]
    with pytest.raises(Denied):
        eve.reach("prod", "read")
    with pytest.raises(NoSuch):
        alice.reach("prod", "everything")


def test_what_a_stranger_may_know(site: Site) -> None:
    """Enough to log in, and the newest checkpoint."""
    reply = raw(site, "GET", "/v1/info")

    assert reply.json()["issuer"] == site.issuer
    assert "BEGIN CERTIFICATE" in reply.json()["ca"]
    assert reply.headers[CHECKPOINT_HEADER]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic x"}, {"Authorization": "Bearer a.b.c"}])
def test_without_a_token_nothing_else(site: Site, header: dict[str, str]) -> None:
    """No token, another scheme, a forged one: 401 and the command that helps."""
    for path in ("/v1/whoami", "/v1/leases", "/v1/audit/entries", "/v1/status"):
        reply = raw(site, "GET", path, headers=header)
        assert (reply.status_code, reply.json()["code"]) == (401, NotLoggedIn.code)
        assert reply.json()["hint"].startswith("gov login")
        assert reply.headers["WWW-Authenticate"] == "Bearer"


def test_a_refused_token_is_in_the_trail(site: Site, bob: Broker) -> None:
    """Once, with why and from where, and nothing of the token: what it says nobody vouches for."""
    for _ in range(3):
        raw(site, "GET", "/v1/whoami", headers={"Authorization": "Bearer forged.marked-1b7.x", "User-Agent": "curl"})
    found = [each for each in bob.entries(kind="login.refused", limit=100).entries
             if (each.payload or {}).get("client", "").startswith("curl from 127.0.0.1:")]  # fmt: skip
    assert len(found) == 1
    assert found[0].fields == {"times": 1}
    assert (found[0].payload or {})["because"]
    assert "marked-1b7" not in found[0].model_dump_json()


def test_who_one_is_and_where_one_may_go(alice: Broker, eve: Broker) -> None:
    """Targets are listed with the scopes that policy gives, and not at all without one."""
    (target,) = alice.targets()

    assert alice.whoami().groups == ["engineering"]
    assert [(each.scope, each.max_ttl, each.reason) for each in target.scopes] == [
        ("read", 8 * 3600, "optional"),
        ("write", 3600, "required"),
    ]
    assert (target.status, target.environment) == ("up", "production")
    assert eve.targets() == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "json"),
        (b"[]", "object"),
        (b'{"target": 5}', "target"),
        (b'{"target": "prod", "ttl": "60"}', "ttl"),
        (b'{"target": "prod", "scpoe": "read"}', "unknown field `scpoe`"),
        (b"{}", "target: field required"),
        (b'{"target": "prod", "reason": "' + b"x" * 3_000_000 + b'"}', "larger than"),
    ],
)
def test_bodies_are_read_strictly(site: Site, alice: Broker, body: bytes, says: str) -> None:
    """Nothing is guessed: a field that is misspelled or of another type is a mistake, said in words."""
    reply = raw(site, "POST", "/v1/leases", content=body, headers=token_of(alice))

    assert (reply.status_code, reply.json()["code"]) == (400, UsageError.code)
    assert says in reply.json()["what"]


def test_paths_that_are_none(site: Site, alice: Broker) -> None:
    """Unknown path and wrong method answer in the same form as everything."""
    assert raw(site, "GET", "/v1/nothing", headers=token_of(alice)).json()["code"] == NoSuch.code
    assert raw(site, "PUT", "/v1/leases", headers=token_of(alice)).status_code == 405


def test_a_lease_from_asking_to_ending(site: Site, alice: Broker, eve: Broker) -> None:
    """It opens the gateway, is listed, and stops opening it when it has ended."""
    grant = alice.lease(READ)
    with site.session(grant) as session:
        assert session.execute("SELECT email FROM customers").fetchone() == ("c***@e***.com",)
        (open_one,) = [each for each in alice.leases() if each.id == grant.lease.id]
        assert (open_one.state, open_one.sessions) == ("active", 1)
        assert [each.lease for each in alice.sessions()] == [grant.lease.id]
        assert eve.leases() == []
        assert eve.sessions() == []

        killed = alice.end_lease(grant.lease.id)
        assert (killed.leases, len(killed.sessions)) == ([grant.lease.id], 1)
    with pytest.raises(Exception, match=r"authentication|lease|role"), site.session(grant):
        pass
    assert site.shop.roles() == []


def test_others_are_ended_by_operators_only(alice: Broker, bob: Broker, eve: Broker) -> None:
    """Eve may not end alice's lease nor list it; bob may, by id or all of alice's at once."""
    first, second = alice.lease(READ), alice.lease(READ)

    for forbidden in (
        lambda: eve.end_lease(first.lease.id),
        lambda: eve.kill(Kill(user="alice")),
        lambda: eve.leases(all=True),
        lambda: eve.sync("prod"),
    ):
        with pytest.raises(Denied):
            forbidden()
    assert {first.lease.id, second.lease.id} <= {each.id for each in bob.leases(all=True)}
    assert bob.kill(Kill(id=first.lease.id)).leases == [first.lease.id]
    assert bob.kill(Kill(user="alice")).leases == [second.lease.id]
    with pytest.raises(UsageError):
        bob.kill(Kill())
    for unknown in ("ss-000000000000", "ls-000000000000"):
        with pytest.raises(NoSuch):
            bob.kill(Kill(id=unknown))
    with pytest.raises(NoSuch, match="no lease or session is called `x`"):
        bob.kill(Kill(id="x"))


def test_a_session_is_ended_alone(site: Site, alice: Broker, bob: Broker) -> None:
    """The lease lives on and opens another."""
    grant = alice.lease(READ)
    with site.session(grant):
        (session,) = alice.sessions()
        assert bob.end_session(session.id).sessions == [session.id]
    with site.session(grant) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)
    alice.end_lease(grant.lease.id)


def test_killing_a_user_takes_back_their_requests(alice: Broker, bob: Broker) -> None:
    """Nobody approves, by mistake, what somebody asked who was just thrown out."""
    asked = alice.submit(DROP).request
    assert asked is not None
    bob.kill(Kill(user="alice"))

    assert alice.request(asked).state == "withdrawn"


def test_a_request_from_asking_to_answer(alice: Broker, bob: Broker, eve: Broker) -> None:
    """Held for the dba: not for oneself, not for eve; answered once."""
    submitted = alice.submit(DROP)
    assert (submitted.verdict, submitted.state) == ("hold", "pending")
    asked = submitted.request
    assert asked is not None

    assert asked in [each.id for each in bob.requests() if each.may_answer]
    assert asked in [each.id for each in alice.requests() if each.mine and not each.may_answer]
    assert asked not in [each.id for each in eve.requests()]
    for forbidden in (lambda: alice.approve(asked, ApproveAsk()), lambda: eve.approve(asked, ApproveAsk())):
        with pytest.raises(Denied):
            forbidden()
    with pytest.raises(Denied):
        eve.request(asked)
    with pytest.raises(UsageError):
        bob.deny(asked, DenyAsk(reason=" "))

    assert bob.deny(asked, DenyAsk(reason="not today")).answers[0].reason == "not today"
    with pytest.raises(AlreadySettled):
        bob.approve(asked, ApproveAsk())
    with pytest.raises(NoSuch):
        bob.approve("rq-zzzzzz", ApproveAsk())


def test_one_takes_back_ones_own(alice: Broker, bob: Broker) -> None:
    """The requester withdraws; an approver says no instead."""
    asked = alice.submit(DROP).request
    assert asked is not None

    assert alice.withdraw(asked).state == "withdrawn"
    with pytest.raises(AlreadySettled):
        bob.approve(asked, ApproveAsk())


def test_what_needs_no_approval_opens_no_request(alice: Broker) -> None:
    """The verdict comes back, and nothing waits."""
    assert alice.submit(Submit(target="prod", statement="SELECT 1")).request is None
    denied = alice.submit(Submit(target="prod", statement="SELECT pg_read_file('/etc/passwd')"))
    assert (denied.verdict, denied.request) == ("deny", None)


def test_an_approved_request_is_spent_in_a_lease_of_its_own(site: Site, alice: Broker, bob: Broker) -> None:
    """`gov exec --no-wait` and `--request`: the statement runs once, exactly as approved."""
    site.shop.admin(f"SET ROLE {site.shop.owner}; CREATE TABLE doomed(id int)")
    bob.sync("prod")
    asked = alice.submit(Submit(target="prod", statement="DROP TABLE doomed")).request
    assert asked is not None
    bob.approve(asked, ApproveAsk())
    grant = alice.lease(READ.model_copy(update={"request": asked}))
    with site.session(grant) as session:
        session.execute("DROP TABLE doomed")

    assert alice.request(asked).state == "spent"
    assert site.shop.admin("SELECT to_regclass('public.doomed')") == [(None,)]
    alice.end_lease(grant.lease.id)


def test_a_statement_is_explained_without_running(site: Site, alice: Broker, eve: Broker) -> None:
    """Decision, reasons, masks and approvers; for whom has no access, the reason why not."""
    read = alice.explain(ExplainAsk(target="prod", statement="SELECT email FROM customers"))
    drop = alice.explain(ExplainAsk(target="prod", statement="DROP TABLE orders"))

    assert (read.verdict, [each.column for each in read.masks]) == ("allow", ["public.customers.email"])
    assert read.rewritten is not None
    assert (drop.verdict, drop.approvers) == ("hold", ["dba"])
    with pytest.raises(Denied):
        eve.explain(ExplainAsk(target="prod", statement="SELECT 1"))
    assert site.shop.roles() == []


def test_the_trail_is_read_by_auditors_and_by_everybody_for_themselves(alice: Broker, bob: Broker) -> None:
    """Alice finds her own entries and nobody else's; every reading is an entry itself."""
    bob.whoami()
    mine = alice.entries(limit=1000)
    everything = bob.entries(limit=1000)

    assert {each.fields["subject"] for each in mine.entries} == {"u-alice"}
    assert {"u-alice", "u-bob"} <= {each.fields.get("subject") for each in everything.entries}
    indices = [each.index for each in everything.entries]
    assert indices == sorted(indices)
    reads = bob.entries(kind="log.read", limit=1000).entries
    assert {each.fields["subject"] for each in reads} >= {"u-alice", "u-bob"}

    others = next(each.index for each in everything.entries if each.fields.get("subject") == "u-bob")
    with pytest.raises(Denied):
        alice.entry(others)
    assert bob.entry(others).index == others
    with pytest.raises(UsageError):
        bob.entries(colum="x")


@pytest.mark.parametrize("path", [
    "audit/ask/exports?limit=many", f"audit/ask/exports?before={10**30}", f"audit/entries?after=-{10**30}",
    "audit/entries?since=1e400", "audit/entries?until=nan", f"audit/entries/{'9' * 5000}",
])  # fmt: skip
def test_numbers_and_times_that_are_none(site: Site, alice: Broker, path: str) -> None:
    """They are the caller's mistake, not the broker's."""
    reply = raw(site, "GET", f"/v1/{path}", headers=token_of(alice))
    assert (reply.status_code, reply.json()["code"]) == (400, "usage")


def test_what_the_log_calls_a_file_is_not_told(site: Site, alice: Broker) -> None:
    """Its keyed digest would let somebody with a copy of the entries compare."""
    digest = "0" * 64
    reply = raw(site, "GET", f"/v1/trace?about=file&name={digest}", headers=token_of(alice))
    assert (reply.status_code, digest in reply.json()["what"]) == (404, True)


def test_following_the_trail_does_not_feed_it(bob: Broker) -> None:
    """Whoever asks again for what is new finds their own reading once, and then nothing."""
    after = bob.entries(limit=1).size - 2
    pages = [bob.entries(after=after) for _ in range(3)]

    assert [[each.kind for each in page.entries] for page in pages] == [["log.read"]] * 3
    assert len({page.size for page in pages}) == 1


def test_an_entry_is_proved_as_soon_as_it_is_written(alice: Broker, bob: Broker) -> None:
    """By a proof that carries it and needs the key alone; entries of others are for auditors."""
    keys = [verifier_key(alice.info().audit_key)]
    alice.entries(limit=1)
    last = bob.entries(limit=1).entries[-1]
    mine = alice.entries(limit=1).entries[-1]

    included = verify_inclusion(alice.proof(mine.index), keys)
    assert (included.index, read_leaf(included.entry).kind) == (mine.index, mine.kind)
    assert verify_inclusion(bob.proof(mine.index), keys).entry == included.entry
    with pytest.raises(Denied):
        alice.proof(next(each.index for each in bob.entries(principal="bob").entries))
    with pytest.raises(NoSuch):
        alice.proof(last.index + 10_000)


def test_growth_is_proved_to_whoever_is_logged_in(alice: Broker) -> None:
    """In the form that a C2SP witness takes."""
    key = verifier_key(alice.info().audit_key)
    before = open_checkpoint(alice.checkpoint(), key)

    assert verify_consistency(alice.growth(before.size), [key], before).size >= before.size
    with pytest.raises(NoSuch):
        alice.growth(before.size + 10_000)


def test_hashes_are_for_everybody_contents_for_auditors(alice: Broker, bob: Broker) -> None:
    """Every client can be a witness; what people did is another matter."""
    assert alice.checkpoint() == alice.audit_file("checkpoint")
    assert bob.audit_file("tile/0/000") or bob.audit_file("tile/0/000.p/1") is None
    with pytest.raises(Denied):
        alice.audit_file("tile/entries/000.p/1")
    for path in ("../state.db", "/etc/passwd", "journal/0000000000000001", "keys/audit.key", "tile/0/000.p/1/../.."):
        assert bob.audit_file(path) is None


def test_the_status_of_the_house(alice: Broker) -> None:
    """Everybody may see that it works, and since when."""
    found = alice.status()

    assert (found.journal, found.policy_error) == ("ok", None)
    assert [(each.name, each.status) for each in found.targets] == [("prod", "up")]


def test_a_login_is_recorded_once(bob: Broker) -> None:
    """The first time a token is seen, and not with every call."""
    for _ in range(3):
        bob.whoami()
    logins = bob.entries(kind="login", principal="bob", limit=1000).entries

    assert len(logins) == 1

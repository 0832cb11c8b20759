"""Strategies for the values that the store keeps."""

from __future__ import annotations

from hypothesis import strategies as st

from gov.approval.request import Answer, Request, RequestState
from gov.identity.principal import Kind, Principal
from gov.lease.lease import Lease, LeaseState
from gov.terms import Effect, Relation, Scope

words = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.text("abcdefghijklmnop-_", min_size=1, max_size=12)
times = st.floats(0, 4e9, allow_nan=False)
ids = st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=12, max_size=12)

principals = st.builds(
    Principal,
    issuer=words,
    subject=words,
    name=words,
    groups=st.frozensets(names),
    kind=st.sampled_from(Kind),
    agent=st.none() | names,
    auth_time=st.none() | times,
)
leases = st.builds(
    Lease,
    id=ids.map("ls-".__add__),
    principal=principals,
    target=names,
    scope=st.sampled_from(Scope),
    role=ids.map("gov_".__add__),
    profile=names,
    purpose=words,
    reason=words,
    rule=names,
    state=st.sampled_from(LeaseState),
    created_at=times,
    expires_at=times,
    verifier=words,
    request=st.none() | ids.map("rq-".__add__),
    ended_because=words,
)
answers = st.builds(
    Answer,
    approver=principals,
    yes=st.booleans(),
    at=times,
    reason=words,
    max_rows=st.none() | st.integers(0, 2**40),
)
requests = st.builds(
    Request,
    id=ids.map("rq-".__add__),
    state=st.sampled_from(RequestState),
    requester=principals,
    target=names,
    scope=st.sampled_from(Scope),
    purpose=words,
    reason=words,
    statement=words,
    parameters=st.lists(st.none() | words, max_size=3).map(tuple),
    digest=names,
    definitions=names,
    relations=st.lists(st.builds(Relation, schema=names, name=words), max_size=3).map(tuple),
    rule=names,
    reasons=st.lists(words, max_size=3).map(tuple),
    approvers=st.frozensets(names),
    count=st.integers(1, 5),
    created_at=times,
    expires_at=times,
    lease=st.none() | ids.map("ls-".__add__),
    session=st.none() | ids.map("ss-".__add__),
    answers=st.lists(answers, max_size=2).map(tuple),
    facts=st.lists(st.tuples(words, words), max_size=2).map(tuple),
    effects=st.frozensets(st.sampled_from(Effect)),
)

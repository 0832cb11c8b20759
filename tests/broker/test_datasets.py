"""What an approved data set still needs from policy at every use."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from broker.rig import ALICE, BOB, a_request
from gov.approval.dataset import DataSet
from gov.approval.request import Answer, RequestState
from gov.broker import datasets
from gov.errors import Denied
from gov.policy.document import load

POLICY = """
version: 1
access: [{{ name: read, groups: [engineering], targets: [prod], scope: read, max_ttl: 8h }}]
datasets:
  - {{ name: {rule}, groups: [{group}], targets: [prod], purposes: ["{purposes}"], approvers: [dba], max_ttl: 30d }}
"""
QUERY = "select id from orders"


@pytest.mark.parametrize(("changed", "is_offered"), [
    ({}, True), ({"group": "dba"}, False), ({"purposes": "report:*"}, False), ({"rule": "other"}, False),
])  # fmt: skip
def test_policy_must_still_offer_it(changed: dict[str, str], is_offered: bool) -> None:
    """To whoever asked, for its purpose, by the rule that it was approved under."""
    request = a_request(
        state=RequestState.APPROVED, rule="training", purpose="train:x", statement=QUERY,
        answers=(Answer(BOB, yes=True, at=1.0),), dataset=DataSet("churn", 3600.0),
    )  # fmt: skip
    policy = load([("p.yaml", POLICY.format(**{"rule": "training", "group": "engineering", "purposes": "train:*"}
                                            | changed))])
    session = cast(Any, SimpleNamespace(
        lease=SimpleNamespace(request=request.id, principal=ALICE), judging=SimpleNamespace(reads_otherwise=False),
        house=SimpleNamespace(policy=policy, desk=SimpleNamespace(get=lambda _: request)),
    ))
    judged = cast(Any, SimpleNamespace(fields={}, decision=SimpleNamespace(approvers=(), rule=None)))
    statement = cast(Any, SimpleNamespace(text=QUERY, parameters=()))

    if is_offered:
        assert datasets.approval(session, statement, judged) is request
    else:
        with pytest.raises(Denied, match="offers alice the data set churn no more"):
            datasets.approval(session, statement, judged)

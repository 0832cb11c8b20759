"""What the broker goes by, over the control API: who may see it, and that it is what is in force."""

from __future__ import annotations

import pytest

from broker.site import Site
from gov.errors import Denied, NoSuch
from gov.policy.document import load
from gov.policy.snapshot import load as catalog_from
from gov.terms import Relation


def test_the_policy_in_force_is_for_those_who_govern(site: Site) -> None:
    """As one document with the digest that the trail names; others see what they may ask for, no more."""
    view = site.as_user("bob").policy()

    assert load([("shown", view.document)]).digest == view.digest == site.as_user("bob").status().policy_digest
    assert (view.version, view.error) == (1, None)
    for name in ("alice", "eve"):
        with pytest.raises(Denied, match="auditors, operators and policy admins"):
            site.as_user(name).policy()


def test_a_catalog_is_for_whoever_could_read_it_in_a_lease(site: Site) -> None:
    """Names and types of everything, gov's own schemas left out; nothing for somebody without access."""
    found = site.as_user("alice").catalog("prod")
    catalog = catalog_from(found)

    assert (found["target"], found["environment"]) == ("prod", "production")
    assert Relation("public", "customers") in catalog.relations
    assert "count" in catalog.functions
    assert not any(relation.schema.startswith("gov_m_") for relation in catalog.relations)
    with pytest.raises(Denied):
        site.as_user("eve").catalog("prod")
    with pytest.raises(NoSuch):
        site.as_user("alice").catalog("nowhere")

"""Principals: whom the log names, and who counts as the same person."""

from __future__ import annotations

from gov.identity.principal import Kind, Principal

ALICE = Principal("https://id.example.com", "u-1", "alice")
HER_AGENT = Principal("https://id.example.com", "u-1", "alice", kind=Kind.AGENT, agent="assistant")


def test_an_agent_is_shown_with_whom_it_acts_for() -> None:
    """Both names are always there."""
    assert HER_AGENT.display == "assistant for alice"
    assert ALICE.display == "alice"


def test_an_agent_is_the_same_person_as_its_human() -> None:
    """So that it can never approve what they asked for; a namesake at another issuer is somebody else."""
    assert HER_AGENT.same_person(ALICE)
    assert not ALICE.same_person(Principal("https://other.example.com", "u-1", "alice"))

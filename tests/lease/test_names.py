"""Names of roles and schemas on a target."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gov.lease import names
from gov.terms import LeaseId

NAME = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=63).filter(
    lambda text: len(text.encode()) <= names.LONGEST
)


@given(NAME, NAME)
def test_two_source_schemas_never_share_a_mask_schema(one: str, other: str) -> None:
    """The name of a mask schema fits and tells its source apart from every other."""
    schemas = [names.mask_schema("gov_p_x", "0123456789abcdef", source) for source in (one, other)]

    assert all(len(schema.encode()) <= names.LONGEST for schema in schemas)
    assert (schemas[0] == schemas[1]) == (one == other)


@given(NAME)
def test_a_mask_schema_begins_with_profile_and_version(source: str) -> None:
    """Old versions are found by the beginning of their names."""
    prefix = names.mask_schema_prefix("gov_p_x")

    assert names.mask_schema("gov_p_x", "0123456789abcdef", source).startswith(f"{prefix}0123456789ab")


def test_long_names_that_begin_alike_differ() -> None:
    """Cutting does not make two schemas one."""
    one, other = "s" * 62 + "a", "s" * 62 + "b"

    assert names.mask_schema("p", "0" * 12, one) != names.mask_schema("p", "0" * 12, other)


def test_installations_differ_by_key() -> None:
    """Two brokers on one cluster have names of their own; one broker keeps its."""
    assert names.installation(b"a" * 32) == names.installation(b"a" * 32)
    assert names.installation(b"a" * 32) != names.installation(b"b" * 32)


def test_only_ephemeral_roles_of_this_installation_count() -> None:
    """A profile, a stranger's role and another broker's are not ours to end."""
    ours = names.lease_role("abcdef", LeaseId("ls-0123456789ab"))

    assert ours == "gov_l_abcdef_0123456789ab"
    assert names.ephemeral("abcdef", ours)
    assert names.ephemeral("abcdef", names.one_shot_role("abcdef", "x"))
    assert not names.ephemeral("ghijkl", ours)
    assert not names.ephemeral("abcdef", names.profile_role("abcdef", "0" * 16))
    assert not names.ephemeral("abcdef", "postgres")


def test_each_target_has_an_owner_of_views() -> None:
    """Two targets may be on one cluster under different roles of the broker."""
    assert names.views_role("abcdef", "prod") != names.views_role("abcdef", "crm")
    assert len(names.views_role("abcdef", "x" * 200)) <= names.LONGEST


def test_a_marker_survives_its_comment() -> None:
    """What is written to a role's comment is read back the same."""
    marker = names.Marker("abcdef", "prod", "lease", "ls-0123456789ab")

    assert names.decode_marker(marker.encode()) == marker


@pytest.mark.parametrize(
    "comment",
    [
        None,
        "",
        "the night shift's role",
        "[]",
        "7",
        json.dumps({"gov": "abcdef"}),
        json.dumps({"gov": "a", "target": "t", "kind": "superuser", "id": ""}),
        json.dumps({"gov": "a", "target": "t", "kind": "lease", "id": 7}),
        json.dumps({"gov": "a", "target": "t", "kind": ["lease"], "id": ""}),
        json.dumps({"gov": "a", "target": "t", "kind": "lease", "id": "", "more": ""}),
    ],
)
def test_any_other_comment_is_no_marker(comment: str | None) -> None:
    """Whatever a stranger wrote there, it is neither trusted nor a crash."""
    assert names.decode_marker(comment) is None


@given(st.text())
def test_no_comment_crashes_the_janitor(comment: str) -> None:
    """Decoding answers for every text."""
    assert names.decode_marker(comment) is None or json.loads(comment)

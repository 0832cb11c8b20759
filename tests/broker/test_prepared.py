"""Which text stands behind a prepared name, and when that is certain."""

from __future__ import annotations

import pytest

from gov.broker.prepared import Names, Prepared


def entry(name: bytes, text: str, group: int) -> Prepared:
    """A statement prepared in `group`."""
    return Prepared(name, text, text, b"\0\0", group)


def known(text: str = "a", name: bytes = b"s") -> Names:
    """Names with one confirmed statement, prepared in group 0."""
    names = Names()
    first = entry(name, text, 0)
    names.put(first)
    names.confirm(first)()
    return names


def test_a_name_can_be_used_in_the_group_that_prepares_it() -> None:
    """If its Parse fails there, so does the Bind behind it."""
    names = Names()
    names.put(entry(b"s", "a", 3))

    assert names.settled(b"s", 3)
    assert not names.settled(b"s", 4)


def test_a_confirmed_name_can_be_used_in_any_group() -> None:
    """The database has said that it is prepared."""
    assert known().settled(b"s", 9)


def test_a_parse_that_failed_leaves_the_name_to_what_it_was() -> None:
    """The unnamed statement falls back when its replacement was skipped."""
    names = known("old", b"")
    undo = names.put(entry(b"", "new", 1))
    undo()

    found = names.get(b"")
    assert found is not None
    assert found.text == "old"


def test_a_close_counts_when_it_is_confirmed() -> None:
    """Until then the name is uncertain; skipped, it stays."""
    names = known()
    confirmed, undone = names.close(b"s", 1)

    assert names.get(b"s") is None
    assert not names.settled(b"s", 2)
    undone()
    assert names.get(b"s") is not None
    confirmed, _ = names.close(b"s", 3)
    confirmed()
    assert names.get(b"s") is None
    assert names.settled(b"s", 4)


def test_only_a_named_statement_is_taken() -> None:
    """A Parse of the unnamed statement replaces it; of a named one it fails."""
    assert known().taken(b"s")
    assert not known(name=b"").taken(b"")


@pytest.mark.parametrize(("text", "left"), [
    ("deallocate s", False), ("DEALLOCATE PREPARE s;", False), ('deallocate "s"', False), ("deallocate S", False),
    ("deallocate other", True), ("deallocate all", False), ("deallocate /* x */ s", False), ("discard all", False),
])
def test_sql_takes_names_away(text: str, left: bool) -> None:
    """Where it cannot be told which, all are forgotten: a Bind is then refused, and never judged wrongly."""
    names = known()
    names.deallocated(text)

    assert (names.get(b"s") is not None) == left


def test_sql_that_changes_names_makes_all_uncertain() -> None:
    """Until everything that was sent is answered; names that PREPARE takes are gone at once."""
    names = known()
    names.changing(1, [b"t"])
    assert not names.settled(b"s", 2)

    names.drained()
    assert names.settled(b"s", 2)

    names.changing(3, [b"s"])
    assert names.get(b"s") is None

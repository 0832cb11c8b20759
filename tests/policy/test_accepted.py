"""Columns of classified tables: what is accepted, what is closed, and that no name opens what nobody has seen."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gov.policy.accepted import accepted, closed, met, narrowed, opened, watched
from gov.policy.decision import MaskSpec, Outcome
from gov.sql.catalog import Catalog, ColumnInfo, RelationInfo, RelationKind
from gov.terms import Column, Relation

T, CHILD = Relation("public", "t"), Relation("public", "child")
SSN = Column(T, "ssn")


def table(relation: Relation, *names: str, oid: int = 1, parent: Relation | None = None) -> RelationInfo:
    """A table with these columns; a name that is empty stands for a column that was dropped."""
    columns = tuple(ColumnInfo(name, "text", number) for number, name in enumerate(names, 1) if name)
    return RelationInfo(relation, oid, RelationKind.TABLE, "owner", columns, parent)


def catalog(*infos: RelationInfo) -> Catalog:
    """A snapshot of these."""
    return Catalog("v", {info.relation: info for info in infos})


def test_a_table_that_is_new_is_taken_as_it_is() -> None:
    """Its policy was written for the columns that there are."""
    ledger = met({}, {SSN}, catalog(table(T, "id", "ssn", "city")))

    assert opened(table(T, "id", "ssn", "city"), ledger, {SSN}) == {"id", "ssn", "city"}


def test_a_table_without_classified_data_is_nobodys_business() -> None:
    """Nothing is remembered of it, and nothing of it is closed."""
    assert met({}, set(), catalog(table(T, "id"))) == {}
    assert watched({}, set(), catalog(table(T, "id"))) == {}


def test_a_new_column_is_closed_until_it_is_classified_or_accepted() -> None:
    """Both open it."""
    ledger = met({}, {SSN}, catalog(table(T, "id", "ssn")))
    now = table(T, "id", "ssn", "note")

    assert opened(now, ledger, {SSN}) == {"id", "ssn"}
    assert opened(now, ledger, {SSN, Column(T, "note")}) == {"id", "ssn", "note"}
    assert opened(now, {T: accepted(now)}, {SSN}) == {"id", "ssn", "note"}
    assert met(ledger, {SSN}, catalog(now)) == {}


def test_another_column_under_an_accepted_name_is_closed() -> None:
    """DROP city, RENAME ssn TO city: the number gives it away."""
    ledger = met({}, {SSN}, catalog(table(T, "id", "ssn", "city")))

    assert opened(table(T, "id", "city", ""), ledger, set()) == {"id"}


def test_a_table_made_anew_is_known_by_its_names() -> None:
    """A restored dump has other numbers; what is new in it is closed, from then on by number again."""
    ledger = met({}, {SSN}, catalog(table(T, "id", "", "ssn", "city")))
    restored = table(T, "id", "ssn", "city", "note", oid=7)
    ledger |= met(ledger, {SSN}, catalog(restored))

    assert ledger[T].oid == 7
    assert opened(restored, ledger, {SSN}) == {"id", "ssn", "city"}
    assert opened(table(T, "id", "city", "", "note", oid=7), ledger, set()) == {"id"}


def test_a_renamed_table_is_closed_and_stays_watched() -> None:
    """The policy speaks of its old name: nothing of it is clear because of that."""
    ledger = met({}, {SSN}, catalog(table(T, "id", "ssn")))
    renamed = table(Relation("public", "people"), "id", "ssn")
    ledger |= met(ledger, set(), catalog(renamed))

    assert watched(ledger, set(), catalog(renamed)) == {renamed.relation: frozenset()}


def test_a_classification_that_is_taken_back_leaves_the_column_clear() -> None:
    """Whoever writes the policy has said so."""
    ledger = met({}, {SSN}, catalog(table(T, "id", "ssn")))

    assert opened(table(T, "id", "ssn"), ledger, set()) == {"id", "ssn"}


def test_what_is_closed_in_a_parent_is_closed_in_its_new_child() -> None:
    """A partition that is attached is no way around; columns of its own are taken as they are."""
    parent = table(T, "id", "ssn")
    ledger = met({}, {SSN}, catalog(parent))
    child = table(CHILD, "id", "ssn", "note", "own", oid=2, parent=T)
    now = catalog(table(T, "id", "ssn", "note"), child)
    classes = {SSN, Column(CHILD, "ssn")}
    ledger |= met(ledger, classes, now)

    assert watched(ledger, classes, now)[CHILD] == {"id", "ssn", "own"}


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(NAMES, NAMES, st.sets(st.sampled_from("abcdef")))
def test_nothing_is_open_that_nobody_spoke_of(before: list[str], after: list[str], words: set[str]) -> None:
    """Whatever a table becomes: an open column is classified, or was there under its name and number."""
    classes = {Column(T, word) for word in words & {*before}} | {Column(T, "z")}
    ledger = met({}, classes, catalog(table(T, *before, "z")))
    now = table(T, *after, oid=1)

    for name in opened(now, ledger, {Column(T, word) for word in words}):
        number = next(each.number for each in now.columns if each.name == name)
        assert name in words or before[number - 1 : number] == [name]


def test_a_snapshot_that_an_outcome_has_not_seen_is_narrowed() -> None:
    """An outcome of before keeps a column closed that came later."""
    old = catalog(table(T, "id", "ssn"))
    content = Outcome(
        "prod", "read", frozenset({T}), {SSN: MaskSpec("redact", "r", "pii")},
        opened=watched(met({}, {SSN}, old), {SSN}, old),
    )  # fmt: skip
    new = catalog(table(T, "id", "ssn", "note"))

    assert closed(content, old) == frozenset()
    assert closed(content, new) == {Column(T, "note")}
    assert [each.name for each in narrowed(new, closed(content, new)).relations[T].columns] == ["id", "ssn"]
    assert closed(replace(content, opened={}), old) == {Column(T, "id")}

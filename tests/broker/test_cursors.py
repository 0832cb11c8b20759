"""A FETCH says what its cursor reads; where the name cannot be told, what any of them may read."""

from __future__ import annotations

from typing import Any

import pytest

from gov.broker.cursors import MOST, Cursors

EMAIL: dict[str, Any] = {
    "columns_read": ["public.customers.email"], "masks": [{"column": "public.customers.email", "mask": "partial"}],
    "lineage": [{"exact": True, "sources": [{"column": "public.customers.email", "mask": "partial"}],
                 "outputs": [{"identity": [0]}]}],
    "outputs": [["email"]],
}  # fmt: skip
PHONE: dict[str, Any] = {
    "columns_read": ["public.customers.phone"], "clear_sensitive": ["public.customers.phone"],
    "lineage": [{"exact": False, "sources": [{"column": "public.customers.phone"}], "widened": ["a function"],
                 "outputs": [{"transformation": [0]}]}],
}  # fmt: skip
WHICH = "which cursor it fetches from cannot be told"


def declared(*texts: str) -> Cursors:
    """A session that said this, the first about emails, the others about phones."""
    cursors = Cursors()
    for index, text in enumerate(texts):
        cursors.declared(text, 10 + index, PHONE if index else EMAIL)
    return cursors


@pytest.mark.parametrize("fetch", [
    "fetch c", "FETCH 3 FROM c", "fetch forward all in C;", "fetch next from c", "fetch absolute -2 from c", "move c",
    "FETCH BACKWARD 5 FROM \"c\"", 'fetch from  c ;', "/* of:app */ fetch 2 from c", "-- next\n/**/fetch c",
])  # fmt: skip
def test_the_cursor_of_that_name(fetch: str) -> None:
    """However the FETCH is spelt."""
    for before in ("", "  ", "/* of:app */", "-- the emails\n/** / * **/ "):
        cursors = declared(f"{before}declare c cursor for select email from customers",
                           f'{before}DECLARE "C" scroll cursor for select 1')  # fmt: skip
        assert cursors.of(fetch) == {"cursors": [10], **EMAIL}


@pytest.mark.parametrize("fetch", [
    "fetch 1 from d", "fetch 1 from c; fetch 1 from e", 'fetch from U&"\\0063"', "/* /* */ */ fetch c",
])  # fmt: skip
def test_a_name_that_cannot_be_told(fetch: str) -> None:
    """Widens to all of the session's cursors."""
    cursors = declared("declare c cursor for select email from customers", "declare e cursor for select phone from x")

    assert cursors.of(fetch) == {
        "cursors": [10, 11], "columns_read": ["public.customers.email", "public.customers.phone"],
        "masks": EMAIL["masks"], "clear_sensitive": ["public.customers.phone"],
        "lineage": [{**EMAIL["lineage"][0], "exact": False, "widened": [WHICH]},
                    {**PHONE["lineage"][0], "widened": ["a function", WHICH]}],
        "outputs": [["email"], []],
    }  # fmt: skip


def test_the_lineage_of_many_cursors_is_told_by_column() -> None:
    """Where it would be too long for an entry."""
    cursors = declared(*["fetch in doubt; declare c cursor for select 1"] * MOST)
    (said,) = cursors.of("fetch c")["lineage"]  # type: ignore[misc, attr-defined]
    assert said["sources"] == [{"column": "public.customers.email"}, {"column": "public.customers.phone"}]
    assert said["widened"] == [WHICH]


def test_a_cursor_declared_among_other_statements() -> None:
    """May have any name, so a FETCH may be of it whatever its name."""
    cursors = declared("declare c cursor for select email from customers", "close c; declare c cursor for select phone")

    assert cursors.of("fetch c")["cursors"] == [10, 11]
    assert all(WHICH in each["widened"] for each in cursors.of("fetch c")["lineage"])  # type: ignore[attr-defined]


def test_the_newest_of_a_name_counts_and_the_oldest_are_forgotten() -> None:
    """A session declares the same name again and again."""
    cursors = declared(*["declare c cursor for select 1"] * 2, *(f"declare c{n} cursor for x" for n in range(MOST)))

    assert len(cursors.of("fetch nothing")["cursors"]) == MOST  # type: ignore[arg-type]
    assert declared(*["declare c cursor for select 1"] * 2).of("fetch c")["cursors"] == [11]
    assert Cursors().of("fetch c") == {}
    assert declared("declare c cursor for select email").of("close c") == {}

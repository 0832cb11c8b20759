"""Reading search_path as PostgreSQL shows it."""

from __future__ import annotations

import pytest

from gov.session.path import read_path


@pytest.mark.parametrize(("shown", "schemas"), [
    ('"$user", public', ("u", "public")),
    ("public", ("public",)),
    ("", ()),
    ('""', ()),
    ('"My Schema", "a""b", x', ("My Schema", 'a"b', "x")),
    ("pg_catalog, public", ("pg_catalog", "public")),
])
def test_a_path_is_read(shown: str, schemas: tuple[str, ...]) -> None:
    """Quotes, doubled quotes, and `$user` as the role's own name."""
    assert read_path(shown, "u") == schemas

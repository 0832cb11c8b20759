"""Names of columns and tables as entries state them, and as people ask for them."""

from __future__ import annotations


def covers(stated: str, asked: str) -> bool:
    """Whether `stated` (`public.customers.email`, `public.customers.*`) is the column `asked`.

    People may leave out the schema, and the table too: `customers.email`, `email`.
    """
    relation, _, name = stated.rpartition(".")
    asked_relation, _, asked_name = asked.rpartition(".")
    return name in ("*", asked_name) and ends(relation, asked_relation)


def ends(stated: str, asked: str) -> bool:
    """Whether the qualified name `stated` ends in `asked`, at a dot."""
    return not asked or stated == asked or stated.endswith(f".{asked}")

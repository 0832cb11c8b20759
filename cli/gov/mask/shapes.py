"""`partial`: the shape of a text, as SQL. `docs/masks.md` says what each shape keeps."""

from __future__ import annotations

_PARTIAL = """CASE
  WHEN {v} IS NULL THEN NULL
  WHEN {v} OPERATOR(pg_catalog.~) '^[^@[:space:]]+@[^@[:space:]]+[.][A-Za-z]{{2,10}}$'
    THEN pg_catalog.left({v}, 1) OPERATOR(pg_catalog.||) '***@'
      OPERATOR(pg_catalog.||) pg_catalog.left(pg_catalog.split_part({v}, '@', 2), 1)
      OPERATOR(pg_catalog.||) '***.' OPERATOR(pg_catalog.||) pg_catalog.regexp_replace({v}, '^.*[.]', '')
  WHEN {v} OPERATOR(pg_catalog.~) '^[0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}$'
    THEN '***-**-' OPERATOR(pg_catalog.||) pg_catalog.right({v}, 4)
  WHEN {v} OPERATOR(pg_catalog.~) '^([0-9][ -]?){{13,19}}$'
    THEN pg_catalog.regexp_replace({v}, '[0-9](?=([ -]?[0-9]){{4}})', '*', 'g')
  WHEN {v} OPERATOR(pg_catalog.~) '^[+]?[(]?([0-9][ ().-]{{0,2}}){{7,15}}$'
    THEN pg_catalog.regexp_replace({v}, '[0-9](?=([ ().-]*[0-9]){{2}})', '*', 'g')
  WHEN pg_catalog.length({v}) OPERATOR(pg_catalog.>=) 5
    THEN pg_catalog.left({v}, 1) OPERATOR(pg_catalog.||) '***'
  ELSE '***' END"""
"""By shape, in this order: email, social security number, card, phone, other text from five characters.

Shorter text is hidden whole: the first letter of `M` or `yes` is all there is to know.
"""


def partial(value: str) -> str:
    """SQL of type text that shows the shape of `value`, SQL of type text."""
    return _PARTIAL.format(v=value)

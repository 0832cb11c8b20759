"""Where the range of a column is divided, so that several read a part each."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from gov.errors import UsageError

_WHOLE, _NUMERIC, _DATE, _MOMENTS = (20, 21, 23), 1700, 1082, (1114, 1184)


def cuts(first: str, last: str, oid: int, parts: int) -> list[str]:
    """Where each of at most `parts` ranges of equal width begins, as PostgreSQL writes values of the type `oid`.

    Raises:
        UsageError: The type has no widths, or a value no place in it (infinity, a year before 1).
    """
    try:
        if oid in _WHOLE:
            low, high = int(first), int(last)
            found = [str(low + (high - low + 1) * n // parts) for n in range(parts)]
        elif oid == _NUMERIC:
            least, width = Decimal(first), Decimal(last) - Decimal(first)
            if not width.is_finite():
                raise ValueError(last)
            found = [f"{least + width * n / parts:f}" for n in range(parts)]
        elif oid == _DATE:
            start, days = date.fromisoformat(first), (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
            found = [(start + timedelta(days=days * n // parts)).isoformat() for n in range(parts)]
        elif oid in _MOMENTS:
            begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
            found = [(begin + (end - begin) * n / parts).isoformat(sep=" ") for n in range(parts)]
        else:
            raise UsageError(
                "the column of --by has no ranges that can be divided", hint="--by a column of numbers, dates or times"
            )
    except (ValueError, ArithmeticError) as error:
        raise UsageError(
            f"the range from {first} to {last} cannot be divided", hint="--by another column"
        ) from error
    return [*dict.fromkeys(found)]

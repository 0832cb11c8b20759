"""From RFC 3339 strings and seconds to what people say: `in 42m`, `3h ago`."""

from __future__ import annotations

from datetime import UTC, datetime


def parse(text: str) -> datetime:
    """The moment that an RFC 3339 string names."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def span(seconds: float) -> str:
    """A length of time in its two greatest units: `42m`, `1h 5m`, `3d 2h`, `12s`."""
    left = max(0, round(seconds))
    for big, small, size, part in (("d", "h", 86400, 3600), ("h", "m", 3600, 60)):
        if left >= size:
            rest = left % size // part
            return f"{left // size}{big} {rest}{small}" if rest else f"{left // size}{big}"
    return f"{left // 60}m" if left >= 120 else f"{left}s"


def countdown(seconds: float) -> str:
    """Time left, to the second: `1:02:03`, `42:10`, `0:07`."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def left(text: str, now: datetime | None = None) -> float:
    """Seconds until the moment `text` names; negative when it has passed."""
    return (parse(text) - (now or datetime.now(UTC))).total_seconds()


def relative(text: str, now: datetime | None = None) -> str:
    """The moment `text` names as seen from `now`: `in 42m`, `3h ago`, `now`; unchanged when it is no time."""
    try:
        seconds = left(text, now)
    except ValueError:
        return text
    if abs(seconds) < 1:
        return "now"
    return f"in {span(seconds)}" if seconds > 0 else f"{span(-seconds)} ago"


def duration(text: str) -> int:
    """Seconds that `90`, `90s`, `30m`, `8h`, `1d` or `1h30m` name.

    Raises:
        ValueError: It is none of these, or not positive.
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    total, number = 0, ""
    for character in text.strip().lower():
        if character.isascii() and character.isdigit():
            number += character
        elif number and character in units:
            total, number = total + int(number) * units[character], ""
        else:
            raise ValueError(f"`{text}` is not a length of time")
    total += int(number or 0)
    if total <= 0:
        raise ValueError(f"`{text}` is not a length of time")
    return total

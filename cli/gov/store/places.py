"""The directories that a log stands in: whether they are still the ones it was written to."""

from __future__ import annotations

from pathlib import Path

from gov.store.disk import Disk

JOURNAL = "journal"
_NAMES = (".", JOURNAL, "tile", "payload")


class Places:
    """Remembers each directory as soon as it is there."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self._directory = directory
        self._disk = disk
        self._known: dict[str, tuple[int, int]] = {}

    def wrong(self) -> str:
        """Which of them has been removed or replaced, in words; empty when none has. Raises OSError."""
        for name in _NAMES:
            found = self._disk.identity(self._directory / name)
            known = self._known.get(name) or found
            if found != known:
                return f"{self._directory if name == '.' else f'{name}/'} was removed or replaced"
            if found:
                self._known[name] = found
        return ""

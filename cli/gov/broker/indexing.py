"""The index of the trail as the broker has it: a child process that fills it, and what it last said."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from gov.broker.follower import Follower
from gov.store.index import Index

log = logging.getLogger(__name__)


class Indexing:
    """Keeps the index behind the log by about a second. Questions are answered while it is behind, slowly."""

    def __init__(self, directory: Path, path: Path) -> None:
        """An index at `path` of the log in `directory`."""
        self.index = Index(path)
        self.size = 0
        """Entries that it has."""
        self.error = ""
        """Why it does not follow; empty when all is well."""
        self._child = Follower("gov.broker.indexer", (str(directory), str(path)), self._heard)

    async def run(self) -> None:
        """Until cancelled."""
        await self._child.run()

    def _heard(self, said: dict[str, Any]) -> None:
        error = str(said.get("error", ""))
        if error and error != self.error:
            log.error("the index of the trail does not follow: %s", error)
        self.error, self.size = error, int(said.get("size", self.size))

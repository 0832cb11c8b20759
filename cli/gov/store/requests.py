"""Approval requests in the store. Whoever changes one says what it was: two cannot claim the same.

Store and trail are two files, so a crash can fall between them. Where one is ahead of the other the request is
**doubtful**: marked so in the transaction that begins a change, unmarked once both say the same. What is still
marked at the next start has to be settled before anything else.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from gov.approval.request import Request, RequestState
from gov.identity.principal import Principal
from gov.store.database import DOUBTFUL, REQUESTS, Database, Document
from gov.terms import RequestId

_DOCUMENT = Document(Request)
_OPEN = (RequestState.PENDING.value, RequestState.APPROVED.value)


class Requests:
    """Every approval request, until retention lets it go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, request: Request) -> None:
        """Store a new request, doubtful until `certain`. On the disk when this returns.

        Raises:
            Unavailable: The store does not take it, or has one with its id.
        """
        with self._database.write() as connection:
            connection.execute(insert(REQUESTS).values(_row(request)))
            _mark(connection, request.id)

    def get(self, request: RequestId) -> Request | None:
        """The request with that id."""
        with self._database.read() as connection:
            query = select(REQUESTS).where(REQUESTS.c.id == request)
            row = connection.execute(query).mappings().one_or_none()
            return _request(row) if row else None

    def open(self) -> list[Request]:
        """Requests that can still come to something, oldest first: pending and approved ones."""
        query = select(REQUESTS).where(REQUESTS.c.state.in_(_OPEN)).order_by(REQUESTS.c.created_at)
        with self._database.read() as connection:
            return [_request(row) for row in connection.execute(query).mappings()]

    def pending(self) -> list[Request]:
        """Requests that wait for an answer, oldest first."""
        return [request for request in self.open() if request.state is RequestState.PENDING]

    def all(self, limit: int = 1000) -> list[Request]:
        """The newest requests, whatever their state; newest last."""
        query = select(REQUESTS).order_by(REQUESTS.c.created_at.desc()).limit(limit)
        with self._database.read() as connection:
            return [_request(row) for row in connection.execute(query).mappings()][::-1]

    def replace(self, old: Request, new: Request, *, recorded: bool = False) -> bool:
        """Store `new` where `old` is; False when what is stored is not `old` any more.

        Args:
            old: As it was read.
            new: As it shall be.
            recorded: Whether the trail says so already; else the request is doubtful until `certain`.

        Raises:
            Unavailable: The store does not answer.
        """
        if old.id != new.id:
            raise ValueError(f"{new.id} does not replace {old.id}")
        with self._database.write() as connection:
            query = select(REQUESTS).where(REQUESTS.c.id == old.id)
            row = connection.execute(query).mappings().one_or_none()
            if row is None or _request(row) != old:
                return False
            # The writer is alone from BEGIN on; the condition holds for stores that let several write.
            unchanged = (REQUESTS.c.id == old.id) & (REQUESTS.c.document == row["document"])
            if connection.execute(update(REQUESTS).where(unchanged).values(_row(new))).rowcount != 1:
                return False
            (_unmark if recorded else _mark)(connection, new.id)
            return True

    def doubt(self, request: RequestId) -> None:
        """From now until `certain`, or a recorded `replace`, the trail may be ahead of what is stored.

        Raises:
            Unavailable: The store does not take it.
        """
        with self._database.write() as connection:
            _mark(connection, request)

    def certain(self, request: RequestId) -> None:
        """The trail says what is stored.

        Raises:
            Unavailable: The store does not take it.
        """
        with self._database.write() as connection:
            _unmark(connection, request)

    def forget(self, before: float, whose: Callable[[Principal], bool] = lambda requester: True) -> int:
        """Let go what was settled, and made before that time, seconds since the epoch; how many there were.

        Of these, what `whose` says of who asked. What is gone is in no file of the store.

        Raises:
            Unavailable: The store does not take it.
        """
        kept = select(DOUBTFUL.c.id)
        old = (REQUESTS.c.created_at < before) & REQUESTS.c.state.not_in(_OPEN) & REQUESTS.c.id.not_in(kept)
        with self._database.write() as connection:
            found = map(_request, connection.execute(select(REQUESTS).where(old)).mappings())
            gone = [each.id for each in found if whose(each.requester)]
            for each in gone:
                connection.execute(delete(REQUESTS).where(REQUESTS.c.id == each))
        self._database.scrub()
        return len(gone)

    def doubtful(self) -> list[Request]:
        """Requests whose last change was cut off between store and trail, oldest first."""
        query = select(REQUESTS).join(DOUBTFUL, DOUBTFUL.c.id == REQUESTS.c.id).order_by(REQUESTS.c.created_at)
        with self._database.read() as connection:
            return [_request(row) for row in connection.execute(query).mappings()]


def _mark(connection: Connection, request: RequestId) -> None:
    _unmark(connection, request)
    connection.execute(insert(DOUBTFUL).values(id=request))


def _unmark(connection: Connection, request: RequestId) -> None:
    connection.execute(delete(DOUBTFUL).where(DOUBTFUL.c.id == request))


def _request(row: RowMapping) -> Request:
    return _DOCUMENT.read(row["document"])


def _row(request: Request) -> dict[str, object]:
    return {
        "id": request.id,
        "state": request.state.value,
        "target": request.target,
        "created_at": request.created_at,
        "document": _DOCUMENT.write(request),
    }

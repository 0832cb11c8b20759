"""Approval requests in the store. Whoever changes one says what it was: two cannot claim the same."""

from __future__ import annotations

from sqlalchemy import RowMapping, insert, select, update

from gov.approval.request import Request, RequestState
from gov.store.database import REQUESTS, Database, Document
from gov.terms import RequestId

_DOCUMENT = Document(Request)
_OPEN = (RequestState.PENDING.value, RequestState.APPROVED.value)


class Requests:
    """Every approval request there ever was."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, request: Request) -> None:
        """Store a new request. On the disk when this returns.

        Raises:
            Unavailable: The store does not take it, or has one with its id.
        """
        with self._database.write() as connection:
            connection.execute(insert(REQUESTS).values(_row(request)))

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

    def replace(self, old: Request, new: Request) -> bool:
        """Store `new` where `old` is; False when what is stored is not `old` any more.

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
            return connection.execute(update(REQUESTS).where(unchanged).values(_row(new))).rowcount == 1


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

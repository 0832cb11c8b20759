"""Every error a person, a script or a SQL client can meet, in one tree.

GovError
├── UsageError          exit 2
├── NotLoggedIn         exit 3   SQLSTATE 28000
├── Denied              exit 4   SQLSTATE 42501
├── ApprovalDenied      exit 5   SQLSTATE 42501
├── NotApproved         exit 6   SQLSTATE 57014   pending, timed out or withdrawn
├── Unreachable         exit 7   SQLSTATE 08001   broker or target
├── Unverified          exit 8   SQLSTATE 58000   audit or receipt does not hold
├── StatementFailed     exit 1   the database's own refusal
├── NotUnderstood       exit 4   SQLSTATE 0A000   cannot be judged
├── TooComplex          exit 4   SQLSTATE 54001   beyond the bounds of analysis
├── BoundExceeded       exit 4   SQLSTATE 54000   a bounded approval was exceeded, rolled back
├── LeaseEnded          exit 3   SQLSTATE 57P01   expired or revoked (28000 at login)
├── NoSuch              exit 2   an id that nothing answers to
├── AlreadySettled      exit 6   a request that is expired, withdrawn or answered
├── LimitReached        exit 7   SQLSTATE 53300   too many sessions, or too much of something else (53400)
├── Unavailable         exit 7   SQLSTATE 58000   audit, store or broker cannot answer
├── ConfigError         exit 2   a file with line and column
└── ProtocolError       SQLSTATE 08P01   the peer broke the wire protocol; the connection ends

Each says what happened (`what`: lower case, no full stop) and what helps (`hint`: a command to
paste where there is one). SQLSTATEs are those of the PostgreSQL manual, appendix A.
"""

from __future__ import annotations

from typing import ClassVar


class GovError(Exception):
    """Something went wrong, and this is how to go on.

    `code` is the stable name in JSON, `exit_status` the command's, `sqlstate` what a SQL client sees.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1
    sqlstate: ClassVar[str] = "XX000"

    def __init__(self, what: str, *, hint: str, detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.detail = detail
        """More lines for whoever wants them: a rule, a position. May be empty."""

    @property
    def wire_state(self) -> str:
        """The SQLSTATE of the ErrorResponse."""
        return self.sqlstate


class UsageError(GovError):
    """The command's words do not fit together."""

    code = "usage"
    exit_status = 2
    sqlstate = "22023"


class NotLoggedIn(GovError):
    """No valid identity: never logged in, expired, or the token was refused."""

    code = "not-logged-in"
    exit_status = 3
    sqlstate = "28000"


class Denied(GovError):
    """Policy says no."""

    code = "denied"
    exit_status = 4
    sqlstate = "42501"


class ApprovalDenied(GovError):
    """An approver said no."""

    code = "approval-denied"
    exit_status = 5
    sqlstate = "42501"


class NotApproved(GovError):
    """Nobody said yes: the request is pending, timed out or was withdrawn."""

    code = "not-approved"
    exit_status = 6
    sqlstate = "57014"


class Unreachable(GovError):
    """The broker or the target does not answer."""

    code = "unreachable"
    exit_status = 7
    sqlstate = "08001"


class Unverified(GovError):
    """The audit log or a receipt does not hold."""

    code = "unverified"
    exit_status = 8
    sqlstate = "58000"


class StatementFailed(GovError):
    """The database refused or failed the statement."""

    code = "statement-failed"
    exit_status = 1

    def __init__(self, what: str, *, hint: str, detail: str = "", state: str = "XX000", position: int = 0) -> None:
        super().__init__(what, hint=hint, detail=detail)
        self.state = state
        """The database's SQLSTATE."""
        self.position = position
        """Of a syntax error, in characters from 1; 0 when there is none."""

    @property
    def wire_state(self) -> str:
        """The database's own SQLSTATE."""
        return self.state


class NotUnderstood(GovError):
    """The statement cannot be judged, so it does not run."""

    code = "not-understood"
    exit_status = 4
    sqlstate = "0A000"


class TooComplex(GovError):
    """The statement is beyond the bounds of analysis."""

    code = "too-complex"
    exit_status = 4
    sqlstate = "54001"


class BoundExceeded(GovError):
    """More rows changed than the approval allowed; all was rolled back."""

    code = "bound-exceeded"
    exit_status = 4
    sqlstate = "54000"


class LeaseEnded(GovError):
    """The lease expired or was revoked."""

    code = "lease-ended"
    exit_status = 3
    sqlstate = "57P01"


class NoSuch(GovError):
    """Nothing has that id or name."""

    code = "no-such"
    exit_status = 2
    sqlstate = "42704"


class AlreadySettled(GovError):
    """The request can no longer be answered."""

    code = "already-settled"
    exit_status = 6
    sqlstate = "55000"


class LimitReached(GovError):
    """A client has as much of something as it may have at once."""

    code = "limit-reached"
    exit_status = 7
    sqlstate = "53300"

    def __init__(self, what: str, *, hint: str, detail: str = "", state: str = "53300") -> None:
        super().__init__(what, hint=hint, detail=detail)
        self.state = state

    @property
    def wire_state(self) -> str:
        """`53300` for sessions, `53400` for what one session has, `57P05` for what it leaves unread."""
        return self.state


class Unavailable(GovError):
    """Audit, store or broker cannot answer, so nothing runs."""

    code = "unavailable"
    exit_status = 7
    sqlstate = "58000"


class ConfigError(GovError):
    """A configuration or policy file is wrong. `detail` lists every complaint as file:line:column."""

    code = "config"
    exit_status = 2
    sqlstate = "F0000"


class ProtocolError(GovError):
    """The peer broke the wire protocol; the connection ends."""

    code = "protocol"
    exit_status = 1
    sqlstate = "08P01"


def every_error() -> tuple[type[GovError], ...]:
    """All concrete errors, so that a reply with a `code` can become the error again."""
    return tuple(GovError.__subclasses__())


def error_of(code: str, what: str, *, hint: str, detail: str = "") -> GovError:
    """The error that `code` names; an unknown code gives a plain `GovError`."""
    for kind in every_error():
        if kind.code == code:
            return kind(what, hint=hint, detail=detail)
    return GovError(what, hint=hint, detail=detail)

"""From what psycopg raises to the error that was meant: the gateway's refusal, or the database's own.

Every ErrorResponse that the gateway itself writes carries `gov:` and the error's code in the field R
(routine), which psycopg shows as `diag.source_function`. What has no such mark is the database's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gov.client.refused import refused
from gov.errors import GovError, StatementFailed, Unreachable, error_of
from gov.ui.escape import escape
from gov.ui.results import cell_width

if TYPE_CHECKING:
    import psycopg
    from psycopg.errors import Diagnostic

MARK = "gov:"
SHOWN = 66
"""Characters of a line that is shown with a position: it fits into 80 columns."""
_GONE = ("08", "57P")
"""Classes of SQLSTATE for a database that shuts down, crashes or does not answer (manual, appendix A)."""


def meant(error: psycopg.Error, statement: str = "") -> GovError:
    """The error of ours that `error` stands for. `statement` helps to show a position."""
    diag = error.diag
    said = diag.message_primary
    if said is None:
        return refused(str(error))  # a connection that failed
    routine = diag.source_function or ""
    if routine.startswith(MARK) and routine != MARK + StatementFailed.code:  # that one quotes PostgreSQL's grammar
        return error_of(routine.removeprefix(MARK), said, hint=diag.message_hint or "", detail=_detail(diag))
    if (diag.sqlstate or "").startswith(_GONE):
        return Unreachable(said, hint=diag.message_hint or "gov status", detail=_detail(diag))
    detail = "\n".join(filter(None, (_position(diag, statement), _detail(diag), diag.context or "")))
    return StatementFailed(f"{said} (SQLSTATE {diag.sqlstate})", hint=diag.message_hint or "", detail=detail)


def _detail(diag: Diagnostic) -> str:
    return diag.message_detail or ""


def _position(diag: Diagnostic, statement: str) -> str:
    """`LINE 2: …` with a caret below, as psql draws it; of a long line the part around the caret."""
    try:
        offset = int(diag.statement_position or "") - 1
    except ValueError:
        return ""
    if not statement:
        return ""
    before = statement[:offset]
    start, number = before.rfind("\n") + 1, before.count("\n") + 1
    label = f"LINE {number}: "
    lead, rest = statement[start:offset].replace("\t", " "), statement[offset:].partition("\n")[0].replace("\t", " ")
    if len(lead) > SHOWN // 2:
        lead = "..." + lead[-(SHOWN // 2) + 3 :]
    if len(lead) + len(rest) > SHOWN:
        rest = rest[: SHOWN - len(lead) - 3] + "..."
    return f"{label}{lead}{rest}\n{' ' * cell_width(label + escape(lead))}^"

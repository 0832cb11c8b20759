"""`gov credentials TARGET`: a lease in the form that another program reads."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from shlex import quote as shell
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, urlencode

import typer

from gov.commands import asking as words
from gov.commands.asking import Asking, broker, check_no_wait
from gov.terms import Scope
from gov.ui import times
from gov.ui.escape import escape
from gov.ui.output import print_json
from gov.ui.terminal import say

if TYPE_CHECKING:
    from gov.commands.wallet import Grant


class Form(StrEnum):
    """How a lease is written down."""

    ENV = "env"
    URI = "uri"
    JSON = "json"
    PGPASS = "pgpass"
    SERVICE = "service"


def run(
    target: words.TargetName,
    format: Annotated[Form, typer.Option("--format", help="For a shell, a URI, a program, or libpq's files.")]
    = Form.ENV,
    json: words.JsonFlag = False,
    scope: words.ScopeFlag = Scope.READ,
    ttl: words.TtlFlag = "",
    reason: words.ReasonFlag = "",
    purpose: words.PurposeFlag = "",
    run_id: words.RunFlag = "",
    unmask: words.UnmaskFlag = None,
    request: words.RequestFlag = "",
    no_wait: words.NoWaitFlag = False,
) -> None:
    """Take a lease and print how to connect with it.

    A live lease of the same scope, with the same columns unmasked, is used again. The secret opens the gateway
    only, and ends with the lease.
    """
    from gov.commands import unmasking
    from gov.commands.wallet import Wallet

    asking = Asking.of(target, scope, ttl, reason, purpose, run_id, unmask, request)
    check_no_wait(asking, no_wait=no_wait)
    with broker() as asked:
        wallet = Wallet.of(asked)
        if no_wait and not wallet.has(asked, asking):
            unmasking.submit(asked, asking)
        grant = wallet.lease(asked, asking)
    lease = grant.lease.lease
    say(f"gov: lease {escape(lease.id)}, {escape(lease.scope)} on {escape(lease.target)},"
        f" ends {times.relative(lease.expires_at)}")
    if json or format is Form.JSON:
        print_json(as_json(grant))
    else:
        typer.echo(FORMS[format](grant))


def as_json(grant: Grant) -> dict[str, object]:
    """The settings in lower case, the lease and its end."""
    settings: dict[str, object] = {name.lower(): value for name, value in grant.settings().items()}
    lease = grant.lease.lease
    return {**settings, "pgport": grant.lease.port, "lease": lease.id, "expires_at": lease.expires_at}


def _env(grant: Grant) -> str:
    return "\n".join(f"export {name}={shell(value)}" for name, value in grant.settings().items())


def _uri(grant: Grant) -> str:
    """A libpq connection URI (manual, 32.1.1.2)."""
    given = grant.lease
    host = f"[{given.host}]" if ":" in given.host else given.host
    user, password, name = (quote(part, safe="") for part in (given.user, given.password, given.database))
    trust = urlencode({"sslmode": "verify-full", "sslrootcert": grant.ca_file})
    return f"postgresql://{user}:{password}@{host}:{given.port}/{name}?{trust}"


def _pgpass(grant: Grant) -> str:
    """A line of `~/.pgpass` (manual, 32.16): `:` and `\\` inside a field are escaped."""
    given = grant.lease
    fields = (given.host, str(given.port), given.database, given.user, given.password)
    return ":".join(field.replace("\\", "\\\\").replace(":", "\\:") for field in fields)


def _service(grant: Grant) -> str:
    """A section of `~/.pg_service.conf` (manual, 32.17)."""
    names = {"PGDATABASE": "dbname"}
    lines = [f"{names.get(name, name.removeprefix('PG').lower())}={value}"
             for name, value in grant.settings().items()]
    return "\n".join([f"[{grant.lease.lease.target}]", *lines])


FORMS: dict[Form, Callable[[Grant], str]] = {
    Form.ENV: _env, Form.URI: _uri, Form.PGPASS: _pgpass, Form.SERVICE: _service,
}

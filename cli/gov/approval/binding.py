"""What an approval is bound to, as one digest: the exact statement in its exact circumstances.

The digest is SHA-256 over `gov-statement-1`, a zero byte, and JSON with sorted keys, no spaces and ASCII
only. Its members are agent, issuer, parameters, purpose, scope, session, settings, statement, subject and
target, where `parameters` is a list of text or null, `settings` an object with lower-case names, and `agent`
and `session` may be null. Fingerprints are no key here: `IN (1)` and `IN (1,2,3)` have the same one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from gov.identity.principal import Principal
from gov.terms import Column, Scope, SessionId, StatementDigest, TargetName

_DOMAIN = b"gov-statement-1\0"


def bind(
    statement: str,
    parameters: Sequence[str | None],
    settings: Mapping[str, str],
    target: TargetName,
    principal: Principal,
    scope: Scope,
    session: SessionId | None,
    purpose: str,
) -> StatementDigest:
    """The digest. `settings` are those that change meaning; `session` is None for `--no-wait`."""
    circumstances = {
        "statement": statement,
        "parameters": list(parameters),
        "settings": {name.lower(): value for name, value in settings.items()},
        "target": target,
        "issuer": principal.issuer,
        "subject": principal.subject,
        "agent": principal.agent,
        "scope": scope.value,
        "session": session,
        "purpose": purpose,
    }
    text = json.dumps(circumstances, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return StatementDigest(sha256(_DOMAIN + text.encode("ascii")).hexdigest())


def bind_unmasking(
    columns: Sequence[Column], ttl: float, target: TargetName, principal: Principal, scope: Scope, purpose: str
) -> StatementDigest:
    """The digest of a request to lift masks: no statement has a setting of the name `gov.unmask`."""
    settings = {"gov.unmask": f"{ttl:.0f}"}
    return bind("", [*map(str, columns)], settings, target, principal, scope, None, purpose)

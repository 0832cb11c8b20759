"""Entries as events of the Open Cybersecurity Schema Framework 1.8, as SIEMs and data lakes read them.

    statement, statement.done, session.opened, session.refused, session.closed    6005 Datastore Activity
    login, login.refused                                                          3002 Authentication
    everything else                                                               6003 API Activity

An event's `metadata.uid` is the log's name and the entry's number, so that whoever gets one twice can tell.
A `statement.done` belongs to the statement in its `metadata.correlation_uid`. What OCSF has no name for
stands under `unmapped`, by gov's own names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gov.audit.telling import ERASED, Told, ran, text

VERSION: Final = "1.8.0"
Event = dict[str, Any]

DATASTORE: Final = 6005
AUTHENTICATION: Final = 3002
API: Final = 6003
_CLASSES: Final = {DATASTORE: "Datastore Activity", AUTHENTICATION: "Authentication", API: "API Activity"}
_CATEGORIES: Final = {6: "Application Activity", 3: "Identity & Access Management"}
_ACTIVITIES: Final[Mapping[int, Mapping[int, str]]] = {
    DATASTORE: {1: "Read", 2: "Update", 3: "Connect", 4: "Query", 5: "Write", 6: "Create", 7: "Delete"},
    AUTHENTICATION: {1: "Logon"},
    API: {1: "Create", 2: "Read", 3: "Update", 4: "Delete"},
}
_OTHER: Final = 99
_BY_EFFECT: Final = (
    ({"truncate", "delete", "drop"}, 7), ({"alter", "update", "merge", "grant", "role"}, 2), ({"create"}, 6),
    ({"insert", "copy_in"}, 5), ({"copy_out"}, 1), ({"read"}, 4),
)
"""The gravest effect names a statement's activity."""
_BY_WORD: Final = {
    "created": 1, "opened": 1, "started": 1, "accepted": 1, "read": 2, "ended": 4, "stopped": 4, "swept": 4,
    "erased": 4, "kill": 4,
}
"""The last word of a kind names the activity of everything else; 3, an update, where it is not here."""
_SEVERITIES: Final = {1: "Informational", 2: "Low", 3: "Medium", 4: "High"}
_STATUS: Final = {0: "Unknown", 1: "Success", 2: "Failure"}
_ALARMING: Final = frozenset({"policy.loaded", "policy.refused", "log.erased", "kill", "columns.accepted"})
_CLIENT: Final = re.compile(r"(?P<app>.*?)\s*from (?P<ip>[0-9a-fA-F.:]+):(?P<port>\d+)$")
_MAPPED: Final = frozenset({
    "subject", "issuer", "principal", "session", "target", "client", "text", "parameters", "error", "sqlstate",
    "duration_ms", "done", "rule", "verdict", "policy",
})  # fmt: skip
"""Fields that have a place in OCSF; the others go to `unmapped`."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose events they are."""

    origin: str
    """The log's name."""
    version: str
    """Of gov."""


def event(told: Told, source: Source) -> Event:
    """The entry as one event, of one class, valid by the schema."""
    fields, payload = told.fields, told.payload or {}
    done = fields.get("done")
    done = done if isinstance(done, Mapping) else fields
    kind_class, activity = _class_of(told)
    status = _status(told, done)
    severity = _severity(told)
    made: Event = {
        "activity_id": activity,
        "activity_name": _ACTIVITIES[kind_class].get(activity, told.kind),
        "actor": _actor(told),
        "category_name": _CATEGORIES[kind_class // 1000],
        "category_uid": kind_class // 1000,
        "class_name": _CLASSES[kind_class],
        "class_uid": kind_class,
        "metadata": _metadata(told, source),
        "severity": _SEVERITIES[severity],
        "severity_id": severity,
        "status": _STATUS[status],
        "status_id": status,
        "time": round(datetime.fromisoformat(told.at).timestamp() * 1000),
        "type_name": f"{_CLASSES[kind_class]}: {_ACTIVITIES[kind_class].get(activity, 'Other')}",
        "type_uid": kind_class * 100 + activity,
        "src_endpoint": _endpoint(text(payload.get("client"))),
        "unmapped": _unmapped(told),
        **_action(told),
    }
    if target := fields.get("target"):
        made["dst_endpoint"] = {"name": text(target), "svc_name": "postgresql"}
    if code := done.get("sqlstate"):
        made["status_code"] = text(code)
    if detail := payload.get("error") or done.get("error") or payload.get("because"):
        made["status_detail"] = text(detail)
    if (took := done.get("duration_ms")) is not None:
        made["duration"] = round(float(took))
    return made | _OF_CLASS[kind_class](told)


def _class_of(told: Told) -> tuple[int, int]:
    if told.kind in ("login", "login.refused"):
        return AUTHENTICATION, 1
    if told.kind in ("session.opened", "session.refused"):
        return DATASTORE, 3
    if told.kind == "session.closed":
        return DATASTORE, _OTHER
    if told.kind in ("statement", "statement.done"):
        effects = set(told.fields.get("effects") or ())
        return DATASTORE, next((activity for names, activity in _BY_EFFECT if names & effects), _OTHER)
    return API, _BY_WORD.get(told.kind.rpartition(".")[2], 3)


def _status(told: Told, done: Mapping[str, Any]) -> int:
    if told.kind.endswith(".refused") or told.fields.get("verdict") in ("deny", "refused"):
        return 2
    if told.kind == "statement" and not ran(told):
        return 2
    if told.kind in ("statement", "statement.done"):
        outcome = done.get("outcome")
        return 0 if outcome is None else 1 if outcome == "done" else 2
    return 1


def _severity(told: Told) -> int:
    if told.fields.get("break_glass"):
        return 4
    if told.fields.get("verdict") == "deny" or told.kind.endswith(".refused") or told.kind in _ALARMING:
        return 3
    if told.fields.get("clear_sensitive") or told.fields.get("request") or told.fields.get("verdict") == "refused":
        return 2
    return 1


def _action(told: Told) -> Event:
    """What the gateway did: the profile `security_control`."""
    if told.kind == "statement.done":
        return {"action_id": 3, "action": "Observed", "disposition_id": 0, "disposition": "Unknown"}
    verdict = told.fields.get("verdict")
    if verdict in ("deny", "refused") or told.kind.endswith(".refused"):
        action = {"action_id": 2, "action": "Denied", "disposition_id": 2, "disposition": "Blocked"}
    elif told.fields.get("masks"):
        action = {"action_id": 4, "action": "Modified", "disposition_id": 1, "disposition": "Allowed"}
    else:
        action = {"action_id": 1, "action": "Allowed", "disposition_id": 1, "disposition": "Allowed"}
    rule, policy = told.fields.get("rule"), told.fields.get("policy")
    applied: Event = {"is_applied": True}
    if rule:
        applied["name"] = text(rule)
    if policy:
        applied["uid"] = text(policy)
    if rule or policy:
        action["authorizations"] = [{"decision": text(verdict or "allow"), "policy": applied}]
    return action


def _actor(told: Told) -> Event:
    fields, payload = told.fields, told.payload or {}
    name, subject = payload.get("principal"), fields.get("subject")
    actor: Event = {"app_name": "gov"}
    if name or subject:
        user: Event = {"type_id": 4 if fields.get("kind") == "service" else 1}
        user |= {"name": text(name)} if name else {}
        user |= {"uid": text(subject)} if subject else {}
        actor["user"] = user
    if session := fields.get("session"):
        issuer = fields.get("issuer")
        actor["session"] = {"uid": text(session), **({"issuer": text(issuer)} if issuer else {})}
    if app := _client(text(payload.get("client")))[0]:
        actor["app_name"] = app
    if agent := fields.get("agent"):
        actor["app_uid"] = text(agent)
    return actor


def _client(client: str) -> tuple[str, str, int]:
    """`psql from 127.0.0.1:51234` in its three parts; empty and 0 where it is something else."""
    found = _CLIENT.match(client)
    return (found["app"], found["ip"], int(found["port"])) if found else (client, "", 0)


def _endpoint(client: str) -> Event:
    _, ip, port = _client(client)
    if not ip:
        return {"name": client or "unknown"}
    return {"ip": ip, **({"port": port} if 0 < port <= 65535 else {})}


def _metadata(told: Told, source: Source) -> Event:
    metadata: Event = {
        "event_code": told.kind,
        "log_name": source.origin,
        "original_time": told.at,
        "product": {"name": "gov", "vendor_name": "gov", "version": source.version},
        "profiles": ["security_control"],
        "sequence": told.index,
        "uid": f"{source.origin}/{told.index}",
        "version": VERSION,
    }
    if (statement := told.fields.get("statement")) is not None and told.kind == "statement.done":
        metadata["correlation_uid"] = f"{source.origin}/{statement}"
    return metadata


def _unmapped(told: Told) -> Event:
    said = {**(told.payload or {}), **told.fields}
    unmapped = {name: value for name, value in sorted(said.items()) if name not in _MAPPED}
    done = told.fields.get("done")
    if isinstance(done, Mapping):
        unmapped |= {name: done[name] for name in ("rows", "bytes", "outcome", "notices") if name in done}
    if told.payload is None:
        unmapped["payload"] = ERASED
    return unmapped


# what each class has of its own


def _datastore(told: Told) -> Event:
    fields, payload = told.fields, told.payload or {}
    made: Event = {"database": {"name": text(fields.get("target")) or "unknown", "type_id": 1, "type": "Relational"},
                   "type": "Database", "type_id": 1}
    tables = list(dict.fromkeys([*map(text, fields.get("writes") or ()), *map(text, fields.get("reads") or ())]))
    if len(tables) == 1:
        made["table"] = {"name": tables[0], "uid": f"{text(fields.get('target'))}/{tables[0]}"}
        made |= {"type": "Table", "type_id": 3}
    if told.kind == "statement":
        said = payload.get("text", "") if told.payload is not None else ERASED
        query: Event = {"query_string": text(said), "uid": str(told.index)}
        if parameters := payload.get("parameters"):
            query["data"] = {"parameters": parameters}
        made["query_info"] = query
    return made


def _authentication(told: Told) -> Event:
    subject, name = told.fields.get("subject"), (told.payload or {}).get("principal")
    groups = [{"name": text(each)} for each in told.fields.get("groups") or ()]
    user: Event = {"uid": text(subject) or "unknown", "type_id": 4 if told.fields.get("kind") == "service" else 1}
    user |= {"name": text(name)} if name else {}
    user |= {"groups": groups} if groups else {}
    return {
        "user": user, "service": {"name": "gov"}, "auth_protocol": "OpenID", "auth_protocol_id": 4,
        "is_remote": True, "logon_type": "Network", "logon_type_id": 3,
    }  # fmt: skip


def _api(told: Told) -> Event:
    return {"api": {"operation": told.kind, "service": {"name": "gov"}, "request": {"uid": str(told.index)}}}


_OF_CLASS: Final = {DATASTORE: _datastore, AUTHENTICATION: _authentication, API: _api}

"""What gov calls its roles and schemas on a target, and how it recognises its own.

Roles are shared by all databases of a cluster, so every name carries the **installation**, six
characters that follow from the broker's key: two brokers on one cluster never touch each other's.

    gov_l_<installation>_<lease>       LOGIN, one per lease
    gov_o_<installation>_<random>      LOGIN, one per one-shot statement
    gov_p_<installation>_<digest>      NOLOGIN, one per outcome of policy: holds the grants
    gov_v_<installation>_<target>      NOLOGIN, owns the masked views of one target
    gov_m_<profile>_<version>_<schema> the schema of the masked views of one source schema

Ephemeral roles carry a **marker** as their comment, so that a janitor knows whose they are, and that
a name which merely looks like ours is left alone.
"""

from __future__ import annotations

import json
from base64 import b32encode
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal, get_args

from gov.lease.secret import expand
from gov.terms import LeaseId

LONGEST = 63
"""Bytes of an identifier: NAMEDATALEN - 1."""

_SCHEMA_ROOM = LONGEST - len("gov_m_12345678_123456789012_")

MarkerKind = Literal["lease", "one-shot", "profile", "views"]


@dataclass(frozen=True, slots=True)
class Marker:
    """The comment on a role of gov, as JSON."""

    gov: str
    """The installation."""
    target: str
    kind: MarkerKind
    id: str
    """The lease's id, the outcome's digest, or empty."""

    def encode(self) -> str:
        """One line of JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)


def decode_marker(comment: str | None) -> Marker | None:
    """The marker that `comment` holds; None when it is anything else, or written by a stranger."""
    try:
        fields = json.loads(comment or "")
        marker = Marker(**fields)
    except (ValueError, TypeError, RecursionError):
        return None
    strings = all(isinstance(value, str) for value in fields.values())
    return marker if strings and marker.kind in get_args(MarkerKind) else None


def installation(broker_key: bytes) -> str:
    """Six characters of `[a-z2-7]` that name whoever holds this key."""
    return b32encode(expand(broker_key, "gov installation v1", 5)).decode().lower()[:6]


def lease_role(installed: str, lease: LeaseId) -> str:
    """The role of a lease: follows from its id, so that intent can be stored before effect."""
    return f"gov_l_{installed}_{lease.removeprefix('ls-')}"


def one_shot_role(installed: str, unique: str) -> str:
    """The role that runs one approved statement."""
    return f"gov_o_{installed}_{unique}"


def profile_role(installed: str, digest: str) -> str:
    """The role that holds the grants of one outcome of policy."""
    return f"gov_p_{installed}_{digest}"


def views_role(installed: str, target: str) -> str:
    """The role that owns all masked views of a target; its name holds a hash, as targets' names are free."""
    return f"gov_v_{installed}_{sha256(target.encode()).hexdigest()[:8]}"


def ephemeral(installed: str, role: str) -> bool:
    """Whether `role` is called like a lease's or a one-shot role of this installation."""
    return role.startswith((f"gov_l_{installed}_", f"gov_o_{installed}_"))


def mask_schema(profile: str, version: str, source: str) -> str:
    """The schema that holds the masked views of tables in schema `source`.

    Two sources never share one: a name that does not fit is cut and told apart by a hash, behind a
    dash where all others have an underscore.

    Args:
        profile: The profile role.
        version: Hex digest of what the views say; 12 characters of it are used.
        source: The schema of the tables.
    """
    prefix = f"{mask_schema_prefix(profile)}{version[:12]}"
    if len(source.encode()) <= _SCHEMA_ROOM:
        return f"{prefix}_{source}"
    mark = sha256(source.encode()).hexdigest()[:12]
    head = source.encode()[: _SCHEMA_ROOM - len(mark) - 1].decode(errors="ignore")
    return f"{prefix}-{mark}_{head}"


def mask_schema_prefix(profile: str) -> str:
    """What the names of all mask schemas of a profile begin with."""
    return f"gov_m_{sha256(profile.encode()).hexdigest()[:8]}_"

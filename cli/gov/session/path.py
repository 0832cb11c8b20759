"""What `SHOW search_path` says, as the schemas that names are looked up in (PostgreSQL manual, 5.10.3)."""

from __future__ import annotations


def read_path(shown: str, user: str) -> tuple[str, ...]:
    """The schemas of a search_path as PostgreSQL shows it: quoted where it must be, `"$user"` replaced by `user`."""
    schemas: list[str] = []
    at = 0
    while at < len(shown):
        if shown[at] in ", \t\n":
            at += 1
        elif shown[at] == '"':
            name, at = _quoted(shown, at + 1)
            schemas.append(name)
        else:
            end = at
            while end < len(shown) and shown[end] not in ", ":
                end += 1
            schemas.append(shown[at:end])
            at = end
    return tuple(user if schema == "$user" else schema for schema in schemas if schema)


def _quoted(shown: str, at: int) -> tuple[str, int]:
    """A quoted identifier that begins at `at`, and where to go on; a doubled quote stands for one."""
    name: list[str] = []
    while at < len(shown):
        if shown[at] == '"':
            if shown[at + 1 : at + 2] != '"':
                return "".join(name), at + 1
            at += 1
        name.append(shown[at])
        at += 1
    return "".join(name), at

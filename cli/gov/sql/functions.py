"""What a function does, by what it is in the catalog.

The rule for PostgreSQL 14 to 18, and for what a later version brings: a built-in that is reviewed by name
does what `sql.reviewed` says. Of the others those that are IMMUTABLE or STABLE and that everybody may execute
only read; a VOLATILE one, and one that PostgreSQL keeps from PUBLIC, is a call. Functions of a contrib
extension are judged as their extension is reviewed, when a superuser owns them. Whatever else there is, is
somebody's code: a call.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gov.sql.reviewed import EFFECTS, EXTENSIONS, OF_EXTENSIONS, READS, Review
from gov.terms import Effect

if TYPE_CHECKING:
    from gov.sql.catalog import FunctionInfo

BUILT_IN = frozenset({"pg_catalog", "information_schema"})
"""Schemas whose functions come with the server."""
FIRST_USER_OID = 16_384
"""FirstNormalObjectId: what comes with the server is below it, whatever its schema."""


def effect_of(function: FunctionInfo) -> Review:
    """The effect of calling it, and the reason."""
    if function.schema in BUILT_IN and function.extension is None and function.oid < FIRST_USER_OID:
        return _built_in(function)
    if function.extension is not None:
        return _of_extension(function, function.extension)
    return Effect.CALL, "a function of somebody's"


@lru_cache(maxsize=8192)
def _built_in(function: FunctionInfo) -> Review:
    found = listed(function.name, function.arguments)
    if found is not None:
        return found
    if function.volatility == "v":
        return Effect.CALL, "volatile, and not vouched for"
    if not function.public:
        return Effect.CALL, "kept from PUBLIC, and not vouched for"
    return Effect.READ, "immutable" if function.volatility == "i" else "stable"


def listed(name: str, arguments: tuple[str, ...] | None) -> Review | None:
    """What the reviewed list says of a built-in; of every overload where the types are not known."""
    found = READS.get(name) or EFFECTS.get(name)
    if found is None and (overloads := _OVERLOADS.get(name)):
        if arguments is None:
            return next(iter(overloads.values()))
        found = overloads.get(",".join(arguments))
    return found


_OVERLOADS: dict[str, dict[str, Review]] = {}
for _key, _review in EFFECTS.items():
    if "(" in _key:
        _OVERLOADS.setdefault(_key.partition("(")[0], {})[_key.partition("(")[2].removesuffix(")")] = _review


def _of_extension(function: FunctionInfo, extension: str) -> Review:
    effect, why = EXTENSIONS.get(extension, (Effect.CALL, f"of the extension {extension}, which nobody has looked at"))
    effect, why = OF_EXTENSIONS.get((extension, function.name), (effect, why))
    if effect is not Effect.READ:
        return effect, why
    if not function.trusted:
        return Effect.CALL, f"belongs to the extension {extension}, and not to a superuser"
    if function.volatility == "v" and (extension, function.name) not in OF_EXTENSIONS:
        return Effect.CALL, "volatile, and not vouched for"
    return Effect.READ, why

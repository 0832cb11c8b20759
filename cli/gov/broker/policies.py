"""What the broker goes by, for whoever answers for policy: the document in force, and the catalogs of targets."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from gov.broker import views
from gov.broker.house import House
from gov.broker.http import Call, reply
from gov.control.operating import PolicyView
from gov.errors import Denied
from gov.identity.principal import Principal
from gov.policy import render, snapshot
from gov.policy.access import offers
from gov.policy.roles import may_accept_policy, may_operate, may_read_trail
from gov.terms import TargetName


async def policy(call: Call) -> Response:
    """The policy in force, as one document.

    Raises:
        Denied: the caller has no part in governing.
    """
    house = call.house
    if not governs(house, call.who):
        raise Denied(
            "the policy is shown to auditors, operators and policy admins",
            hint="gov targets lists what you may ask for, gov explain TARGET -c SQL says why",
        )
    return reply(
        PolicyView(
            digest=house.policy.digest,
            version=house.policy_version,
            loaded_at=views.rfc3339(house.policy_loaded_at),
            files=[str(path) for path in house.config.policy],
            error=house.policy_error,
            document=render.text(house.policy),
        )
    )


async def catalog(call: Call) -> Response:
    """A target's catalog, which any lease on it could read in `pg_catalog`.

    Raises:
        NoSuch: no such target.
        Denied: the caller may have no lease there and has no part in governing.
        Unreachable: the target does not answer.
    """
    house, name = call.house, TargetName(call.id)
    target, environment = house.target(name), house.environment(name)
    if not offers(house.policy, call.who, name, environment) and not governs(house, call.who):
        raise Denied(f"no access rule lets {call.who.display} into {name}", hint="gov targets")
    found = snapshot.dump(await target.catalog())
    return JSONResponse({"target": name, "environment": environment, **found})


def governs(house: House, who: Principal) -> bool:
    """Whether `who` has one of the roles."""
    return any(may(house.policy, who) for may in (may_read_trail, may_operate, may_accept_policy))

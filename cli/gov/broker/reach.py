"""What a lease would reach: relations, their columns and masks, for completion at a prompt. Read only."""

from __future__ import annotations

from starlette.responses import Response

from gov.broker import admission
from gov.broker.house import scope_of
from gov.broker.http import Call, reply
from gov.control.access import ColumnView, Reach, RelationView
from gov.errors import NoSuch
from gov.policy.accepted import closed, narrowed
from gov.policy.decision import Outcome
from gov.policy.outcome import outcome
from gov.sql.catalog import Catalog, RelationInfo
from gov.terms import SYSTEM_SCHEMAS, Column, TargetName


async def reach(call: Call) -> Response:
    """What a lease of the scope in the query (`read` when left out) reaches on the target, or the `lease` there.

    Raises:
        NoSuch: no such target, scope or lease.
        LeaseEnded: the lease is over.
        Denied: the caller may not have such a lease.
        Unreachable: the target does not answer.
    """
    house, name = call.house, TargetName(call.id)
    scope = scope_of(call.request.query_params.get("scope", "read"))
    target = house.target(name)
    admission.granted(house, call.who, name, scope)
    catalog, environment = await house.schemas.met(name), house.environment(name)
    if lease_id := call.request.query_params.get("lease"):
        content = await _of_lease(call, lease_id, name)
    else:
        content = outcome(house.policy, call.who, name, environment, scope, catalog, target.ledger)
    return reply(shown(narrowed(catalog, closed(content, catalog)), content))


async def _of_lease(call: Call, lease_id: str, name: TargetName) -> Outcome:
    """What a lease of the caller's reaches: less is masked there when an approval says so."""
    lease = call.house.leases.get(lease_id)
    if lease.target != name or not lease.principal.same_person(call.who):
        raise NoSuch(f"no lease of yours on {name} is called `{lease_id}`", hint="gov leases")
    return (await call.house.leases.current(lease))[0]


def shown(catalog: Catalog, content: Outcome) -> Reach:
    """`content` as the person sees it, in the order of names."""
    found = sorted(relation for relation in content.relations if relation in catalog.relations)
    return Reach(
        relations=[_relation(catalog.relations[each], content) for each in found],
        functions=sorted(
            {
                f"{function.schema}.{function.name}"
                for overloads in catalog.functions.values()
                for function in overloads
                if function.schema not in SYSTEM_SCHEMAS
            }
        ),
        search_path=[*catalog.search_path],
    )


def _relation(info: RelationInfo, content: Outcome) -> RelationView:
    masks = {each.name: content.masks.get(Column(info.relation, each.name)) for each in info.columns}
    return RelationView(
        namespace=info.relation.schema,
        name=info.relation.name,
        kind=info.kind.name.lower().replace("_", " ").replace("partitioned", "partitioned table"),
        columns=[
            ColumnView(name=each.name, type=each.type, mask=spec.mask if (spec := masks[each.name]) else None)
            for each in info.columns
        ],
    )

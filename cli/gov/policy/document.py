"""From the text of policy files to a `Policy`, or to every complaint about them at once.

The format is YAML and described in `docs/policy.md`. Several files merge: lists are joined, roles united.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from math import inf

from gov.errors import ConfigError
from gov.policy import sections
from gov.policy.check import complaints_about
from gov.policy.complaint import Complaint
from gov.policy.nodes import Section, Source
from gov.policy.rules import FRESH_WITHIN, People, Policy, Roles

VERSION = "1"
KEYS = (
    "version", "classify", "access", "masking", "rows", "budget", "guardrails", "roles", "vouch", "approvals",
    "datasets", "break_glass", "notify",
)


def load(files: Sequence[tuple[str, str]]) -> Policy:
    """The policy that `files`, pairs of name and text, make together.

    Raises:
        ConfigError: Something is wrong; `detail` has one `file:line:column: message` a line, all of them.
    """
    policy, complaints = read(files)
    if complaints:
        raise refusal([name for name, _ in files], complaints)
    return policy


def refusal(names: Sequence[str], complaints: Sequence[Complaint]) -> ConfigError:
    """The error that says all of `complaints` about the files `names`."""
    many = "a mistake" if len(complaints) == 1 else f"{len(complaints)} mistakes"
    return ConfigError(
        f"the policy has {many}",
        hint=f"correct it, then: gov policy check {' '.join(names)}",
        detail="\n".join(map(str, complaints)),
    )


def read(files: Sequence[tuple[str, str]]) -> tuple[Policy, list[Complaint]]:
    """As `load`, but the complaints come back; with any of them the policy is good for nothing."""
    if not files:
        raise ConfigError("no policy file is given", hint="gov policy check FILE")
    parts: list[Policy] = []
    complaints: list[Complaint] = []
    for name, text in files:
        source = Source(name, complaints)
        root = source.compose(text)
        if root is not None:
            parts.append(_part(Section(source, root, KEYS)))
        elif not any(complaint.at.file == name for complaint in complaints):
            source.nothing()
    policy = _merge(parts)
    # Rules that were misread would draw complaints that make no sense.
    complaints += [] if complaints else complaints_about(policy)
    return policy, sorted(set(complaints))


def _part(root: Section) -> Policy:
    """What one file says; `fresh_within` is endless where it says nothing of it."""
    root.require("version")
    root.word("version", (VERSION,))
    roles = root.section("roles", sections.ROLES)
    vouch = root.section("vouch", sections.VOUCH)
    approvals = root.section("approvals", ("fresh_within",))
    functions, extensions, settings, channels = sections.vouched(vouch) if vouch else (frozenset[str](),) * 4
    return Policy(
        classify=tuple(map(sections.classification, root.sections("classify", sections.CLASSIFY))),
        access=tuple(map(sections.access_rule, root.sections("access", sections.ACCESS))),
        masking=tuple(map(sections.mask_rule, root.sections("masking", sections.MASKING))),
        rows=tuple(map(sections.row_rule, root.sections("rows", sections.ROWS))),
        budget=tuple(map(sections.budget, root.sections("budget", sections.BUDGET))),
        guardrails=tuple(map(sections.guardrail, root.sections("guardrails", sections.GUARDRAIL))),
        datasets=tuple(map(sections.dataset_rule, root.sections("datasets", sections.DATASETS))),
        break_glass=tuple(map(sections.break_glass, root.sections("break_glass", sections.BREAK_GLASS))),
        notify=tuple(map(sections.notify_rule, root.sections("notify", sections.NOTIFY))),
        roles=sections.roles(roles) if roles else Roles(),
        vouched_functions=functions,
        vouched_settings=settings,
        vouched_channels=channels,
        vouched_extensions=extensions,
        fresh_within=approvals.duration("fresh_within", inf) if approvals else inf,
    )


def _merge(parts: Sequence[Policy]) -> Policy:
    """All rules of all parts; of several `fresh_within` the shortest."""
    whole = Policy(fresh_within=inf)
    for part in parts:
        whole = Policy(
            classify=whole.classify + part.classify,
            access=whole.access + part.access,
            masking=whole.masking + part.masking,
            guardrails=whole.guardrails + part.guardrails,
            rows=whole.rows + part.rows,
            budget=whole.budget + part.budget,
            datasets=whole.datasets + part.datasets,
            break_glass=whole.break_glass + part.break_glass,
            notify=whole.notify + part.notify,
            roles=_united(whole.roles, part.roles),
            vouched_functions=whole.vouched_functions | part.vouched_functions,
            vouched_settings=whole.vouched_settings | part.vouched_settings,
            vouched_channels=whole.vouched_channels | part.vouched_channels,
            vouched_extensions=whole.vouched_extensions | part.vouched_extensions,
            fresh_within=min(whole.fresh_within, part.fresh_within),
        )
    return replace(whole, fresh_within=FRESH_WITHIN) if whole.fresh_within == inf else whole


def _united(one: Roles, other: Roles) -> Roles:
    return Roles(
        *(_both(getattr(one, each.name), getattr(other, each.name)) for each in fields(Roles))
    )


def _both(one: People, other: People) -> People:
    return People(*(getattr(one, each.name) | getattr(other, each.name) for each in fields(People)))

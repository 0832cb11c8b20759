"""A policy written out as a document: what `document.load` reads back as the same policy, digest and all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from gov.policy.decision import Unmask
from gov.policy.masks import JSON, KEYED, PLAIN, parse
from gov.policy.rules import (
    AccessRule,
    BreakGlass,
    Budget,
    Classification,
    DataSetRule,
    Guardrail,
    MaskRule,
    NotifyRule,
    People,
    Policy,
    RowRule,
    When,
)

Value = str | bool | Iterable[str]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""What YAML takes for something else than text, however it is capitalised."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def text(policy: Policy) -> str:
    """The whole policy as one file, each rule in the order it has."""
    parts = (
        ("classify", [_flow(_classification(each)) for each in policy.classify]),
        ("access", [_flow(_access(each)) for each in policy.access]),
        ("masking", [_flow(_masking(each)) for each in policy.masking]),
        ("rows", [_block(_rows(each)) for each in policy.rows]),
        ("budget", [_flow(_budget(each)) for each in policy.budget]),
        ("guardrails", [_block(_guardrail(each)) for each in policy.guardrails]),
        ("datasets", [_block(_dataset(each)) for each in policy.datasets]),
        ("break_glass", [_block(_break_glass(each)) for each in policy.break_glass]),
        ("notify", [_flow(_notify(each)) for each in policy.notify]),
    )
    lines = ["version: 1"]
    for name, rules in parts:
        lines += ["", f"{name}:", *(f"  - {rule}" for rule in rules)] if rules else []
    lines += _governing(policy)
    return "\n".join(lines) + "\n"


def _governing(policy: Policy) -> Iterator[str]:
    roles = {name: getattr(policy.roles, name) for name in ("auditor", "operator", "policy_admin")}
    said = [f"  {name}: {_flow(_people(people))}" for name, people in roles.items() if people]
    if said:
        yield from ("", "roles:", *said)
    vouched = _present({
        name: sorted(getattr(policy, f"vouched_{name}")) for name in ("functions", "extensions", "settings", "channels")
    })
    if vouched:
        yield from ("", f"vouch: {_flow(vouched)}")
    yield from ("", f"approvals: {_flow({'fresh_within': duration(policy.fresh_within)})}")


def _classification(rule: Classification) -> dict[str, str]:
    return _present({"columns": map(str, rule.columns), "as": rule.data})


def _access(rule: AccessRule) -> dict[str, str]:
    where = _present({
        "targets": sorted(rule.targets), "environment": sorted(rule.environments),
        "relations": map(str, rule.relations), "scope": rule.scope.value,
    })  # fmt: skip
    return _present({"name": rule.name}) | _people(rule.people) | where | _given({
        "max_ttl": duration(rule.max_ttl),
        "max_statement": duration(rule.max_statement) if rule.max_statement else "",
        "reason": "required" if rule.reason_required else "",
        "purpose": "required" if rule.purpose_required else "",
    })


def _masking(rule: MaskRule) -> dict[str, str]:
    return _present({"name": rule.name, "data": rule.data}) | _given({
        "with": mask(rule.mask),
        "except": _flow(_people(rule.excepted)) if rule.excepted else "",
        "write": "allow" if rule.write else "",
        "unmask": _flow(_unmask(rule.unmask)) if rule.unmask else "",
    })


def _unmask(terms: Unmask) -> dict[str, str]:
    return _given({
        "approvers": _yaml(sorted(terms.approvers)),
        "max_ttl": duration(terms.max_ttl),
        "scope": terms.scope.value,
        "reason": "required" if terms.reason_required else "",
        "purposes": _yaml(sorted(frozenset().union(*terms.purposes))),
        "count": str(terms.count),
        "expires": duration(terms.expires),
    })


def _rows(rule: RowRule) -> dict[str, str]:
    return _given({
        "name": _scalar(rule.name),
        "table": _yaml(list(map(str, rule.tables))),
        "where": _quoted(rule.where.text),
        "for": _flow(_people(rule.people)) if rule.people else "",
        "except": _flow(_people(rule.excepted)) if rule.excepted else "",
        "targets": _yaml(sorted(rule.targets)),
        "purpose": _yaml(sorted(rule.purposes)),
    })


def _budget(rule: Budget) -> dict[str, str]:
    return _present({"name": rule.name, "data": rule.data, "unmasked": rule.unmasked}) | _given({
        "rows": str(rule.rows),
        "per": duration(rule.per),
        "for": _flow(_people(rule.people)) if rule.people else "",
        "except": _flow(_people(rule.excepted)) if rule.excepted else "",
        "targets": _yaml(sorted(rule.targets)),
    })


def mask(spelled: str) -> str:
    """A mask as `with:` has it."""
    meant = parse(spelled)
    if meant.name in PLAIN or (meant.name in KEYED and not meant.purpose):
        return _scalar(meant.name) if meant.name != "null" else "null"
    if meant.name == JSON:
        paths = {_scalar(path): each for path, each in meant.paths}
        return _flow({JSON: _flow(paths)})
    return _flow({meant.name: str(meant.step) if meant.step is not None else _scalar(meant.purpose)})


def _guardrail(rule: Guardrail) -> dict[str, str]:
    hold = bool(rule.approvers)
    return _given({
        "name": _scalar(rule.name),
        "when": _flow(_when(rule.when)),
        "then": rule.then.value,
        "approvers": _yaml(sorted(rule.approvers)),
        "count": str(rule.count) if hold else "",
        "expires": duration(rule.expires) if hold else "",
        "message": _yaml(rule.message),
    })


def _dataset(rule: DataSetRule) -> dict[str, str]:
    return _present({"name": rule.name}) | _people(rule.people) | _given({
        "targets": _yaml(sorted(rule.targets)),
        "purposes": _yaml(sorted(rule.purposes)),
        "approvers": _yaml(sorted(rule.approvers)),
        "max_ttl": duration(rule.max_ttl),
        "count": str(rule.count),
        "expires": duration(rule.expires),
    })


def _break_glass(rule: BreakGlass) -> dict[str, str]:
    when = _when(rule.when)
    return _present({"name": rule.name}) | _people(rule.people) | _given({
        "targets": _yaml(sorted(rule.targets)),
        "environment": _yaml(sorted(rule.environments)),
        "rules": _yaml(sorted(rule.rules)),
        "when": _flow(when) if when else "",
        "max_ttl": duration(rule.max_ttl) if rule.max_ttl else "",
    })


def _notify(rule: NotifyRule) -> dict[str, str]:
    return _present({
        "name": rule.name, "webhooks": sorted(rule.webhooks), "events": sorted(rule.events),
        "rules": sorted(rule.rules), "targets": sorted(rule.targets), "environment": sorted(rule.environments),
    })


def _when(when: When) -> dict[str, str]:
    found = _present({
        "effects": sorted(when.effects), "relations": map(str, when.relations), "columns": map(str, when.columns),
        "reads": when.reads or "", "unmasked": when.unmasked, "where": "missing" if when.where_missing else "",
        "environment": sorted(when.environments), "targets": sorted(when.targets), "scope": sorted(when.scopes),
        "client": sorted(when.clients), "purpose": sorted(when.purposes),
    }) | _people(when.people)  # fmt: skip
    if when.hours is not None:
        found["hours"] = f"{when.hours[0]}-{when.hours[1]}"
    if when.rows_over is not None:
        found["rows_over"] = str(when.rows_over)
    return found


def _people(people: People) -> dict[str, str]:
    return _present({
        name: sorted(getattr(people, name)) for name in ("groups", "users", "services", "agents", "on_behalf_of")
    })


def _present(values: Mapping[str, Value]) -> dict[str, str]:
    """Each value as YAML, those that say nothing left out."""
    return _given({key: _yaml(value) for key, value in values.items()})


def _given(values: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}


def _yaml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, str):
        return _scalar(value) if value else ""
    items = [_scalar(each) for each in value]
    return f"[{', '.join(items)}]" if items else ""


def _flow(values: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{key}: {value}" for key, value in values.items()) + " }" if values else "{}"


def _block(values: Mapping[str, str]) -> str:
    return "\n    ".join(f"{key}: {value}" for key, value in values.items())


def _scalar(text: str) -> str:
    """Text that YAML reads as this text: plain where it can be, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    return '"' + "".join(each if each.isprintable() and each not in '"\\' else _escaped(each) for each in text) + '"'


def _escaped(character: str) -> str:
    return f"\\{character}" if character in '"\\' else f"\\U{ord(character):08x}"


def duration(seconds: float) -> str:
    """Seconds as a policy has them: `90s`, `15m`, `8h`, `1d`."""
    return next(f"{int(seconds // unit)}{letter}" for unit, letter in _UNITS if seconds % unit == 0)

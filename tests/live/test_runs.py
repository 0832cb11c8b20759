"""`--run-id`: whatever a run of a training or a pipeline sends is tied to it in the trail."""

from __future__ import annotations

import json
from collections.abc import Callable

from gov.client.api import Broker
from live import door

AsUser = Callable[[str], dict[str, str]]


def statements(environment: door.Environment, text: str) -> list[dict[str, object]]:
    """The fields of one's own statements that hold `text`, oldest first."""
    with Broker.current(environment) as broker:
        return [each.fields for each in broker.entries(kind="statement", text=text).entries]


def test_every_way_in_names_the_run(as_user: AsUser) -> None:
    """exec and credentials take it as an option, any command from the environment; a lease is for one run."""
    alice = as_user("alice")
    leases = set()
    for run in ("churn-v4:1", ""):
        asked = ["exec", "prod", "-c", f"select 'marked {run}'", "--purpose", "train:churn-v4"]
        door.gov(alice, *asked, *(["--run-id", run] if run else []))
        leases.add(json.loads(door.gov({**alice, "GOV_RUN_ID": run}, "credentials", "prod", "--json",
                                       "--purpose", "train:churn-v4"))["lease"])

    found = [(each.get("run"), each.get("purpose"), each["lease"]) for each in statements(alice, "'marked ")]
    assert [pair[:2] for pair in found] == [(run or None, "train:churn-v4") for run in ("churn-v4:1", "")]
    assert {pair[2] for pair in found} == leases
    assert len(leases) == 2

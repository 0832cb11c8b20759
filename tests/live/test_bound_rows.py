"""`rows_over` and `--max-rows` hold at the relay: so many rows pass, whatever the planner had thought."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping

import pytest

from live import door
from live.wire import SYNC, Lease, dialled, run

LED_ASTRAY = "select id, email from customers where abs(id) = id and id + 0 = id"
"""All of them, and the planner thinks of a handful."""


@pytest.fixture(scope="module")
def clear(as_user: Callable[[str], dict[str, str]]) -> Lease:
    """Carol's, for whom addresses are clear, a hundred at a time."""
    return door.credentials(as_user("carol"))


def test_just_so_many_rows_pass_and_then_it_says_whom_to_ask(clear: Lease) -> None:
    """The client has a hundred rows and a refusal that names the rule; the session goes on, and asks the next time."""
    with dialled(clear) as wire:
        for text, sent in (
            (LED_ASTRAY, wire.query(LED_ASTRAY)),
            (f"{LED_ASTRAY} and true", wire.play(run(f"{LED_ASTRAY} and true") + SYNC)),
        ):
            assert len(sent.rows) == 100, text
            assert sent.states == ["42501"]
            assert "bulk-pii-export" in sent.error["M"]
            assert "dba or privacy" in sent.error["H"]
            assert "--no-wait" in sent.error["H"]
        assert wire.query("select 1").rows == [("1",)]
        again = wire.query(LED_ASTRAY, held=lambda request: wire.cancel())
        assert again.requests
        assert not again.rows


def test_what_keeps_to_the_bound_is_left_alone(clear: Lease) -> None:
    """Few rows, counts and one person's neighbours pass without a word, in full."""
    with dialled(clear) as wire:
        for text, rows in (
            ("select email from customers where id <= 100", 100),
            ("select email from customers order by id limit 100", 100),
            ("select count(*), count(distinct email) from customers", 1),
            ("select country, count(email) from customers where id <= 500 group by country", None),
            ("select max(email) from customers", 1),
            ("select c.email, o.amount from customers c join orders o on o.customer_id = c.id where c.id = 7", None),
            ("select sum(balance) from customers where email like 'a%'", 1),
        ):
            heard = wire.query(text)
            assert (heard.states, heard.requests) == ([], []), text
            assert rows is None or len(heard.rows) == rows, text


def gov(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """`gov WORDS`, however it ends."""
    return subprocess.run(["gov", *words], env=environment, capture_output=True, text=True, timeout=door.PATIENCE)


@pytest.mark.parametrize(("bound", "says"), [((), ""), (("--max-rows", "7"), "more than the 7 rows that {} was")])
def test_an_approval_lets_pass_what_it_says(
    as_user: Callable[[str], dict[str, str]], bound: tuple[str, ...], says: str
) -> None:
    """With somebody's yes all rows come, or as many as they have said."""
    carol = as_user("carol")
    asked = gov(carol, "exec", "prod", "--no-wait", "-c", LED_ASTRAY)
    assert asked.returncode == 6, asked.stderr
    request = json.loads(asked.stdout)["request"]
    door.gov(as_user("bob"), "approve", request, "--yes", *bound)
    done = gov(carol, "exec", "prod", "--request", request, "--format", "jsonl")
    assert done.returncode == (4 if bound else 0)
    assert says.format(request) in done.stderr
    assert bound or len(done.stdout.splitlines()) == 10_000
    spent = json.loads(door.gov(carol, "requests", "--all", "--json"))
    assert next(each["state"] for each in spent if each["id"] == request) == "spent"

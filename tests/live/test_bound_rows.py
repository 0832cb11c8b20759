"""`rows_over` and `--max-rows` hold at the relay: so many rows pass, whatever the planner had thought."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from gov.client.api import Broker
from gov.control.requests import ApproveAsk, Submit
from live import door
from live.wire import SYNC, Lease, dialled, run

LED_ASTRAY = "select id, email from customers where abs(id) = id and id + 0 = id"
"""All of them, and the planner thinks of a handful."""


@pytest.fixture(scope="module")
def clear(as_user: Callable[[str], dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Lease:
    """Carol's, for whom addresses are clear, a hundred at a time."""
    return door.granted(as_user("carol"), tmp_path_factory.mktemp("carol") / "ca.pem")


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
            ("select email from customers where id <= 50", 50),
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


@pytest.mark.parametrize(("bound", "says"), [(None, ""), (7, "more than the 7 rows that {} was")])
def test_an_approval_lets_pass_what_it_says(
    as_user: Callable[[str], dict[str, str]], bound: int | None, says: str
) -> None:
    """With somebody's yes all rows come, or as many as they have said: those are printed, and then the error."""
    with Broker.current(as_user("carol")) as carol, Broker.current(as_user("bob")) as bob:
        request = carol.submit(Submit(target="prod", statement=LED_ASTRAY)).request or ""
        bob.approve(request, ApproveAsk(max_rows=bound))
        command = ["gov", "exec", "prod", "--request", request, "--format", "jsonl"]
        done = subprocess.run(
            command, env=as_user("carol"), capture_output=True, text=True, timeout=door.PATIENCE
        )
        assert done.returncode == (4 if bound else 0)
        assert says.format(request) in done.stderr
        assert len(done.stdout.splitlines()) == (bound or 10_000)
        assert carol.request(request).state == "spent"

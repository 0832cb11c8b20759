"""`gov connect` against the real gateway: what it describes, what it shows of a hold, and how it goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from commands.terminal import Terminal, terminal
from gov.commands.describing import Listing, describe
from gov.errors import UsageError
from live import door
from live.wire import Lease

MASKS = {("public", "customers", "email"): "partial"}
Environment = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def governed(reader: Lease) -> Iterator[psycopg.Connection[Any]]:
    """A session of Alice's."""
    with psycopg.connect(**door.parameters(reader), autocommit=True) as connection:
        yield connection


def told(connection: psycopg.Connection[Any], line: str) -> str:
    """Everything a command shows, as text."""
    parts = describe(connection, line, MASKS)
    return "\n".join("\n".join([each.title, " ".join(each.names), *(" ".join(map(str, row)) for row in each.rows),
                                each.text]) for each in parts)


@pytest.mark.parametrize(("line", "expected"), [
    ("\\d", "public customers table"), ("\\d+", "public orders table"), ("\\dt", "public payments table"),
    ("\\dt+ prod*", "products"), ("\\dv", "Schema Name"), ("\\dm", "Schema Name"), ("\\di", "customers_pkey index"),
    ("\\ds", "orders_id_seq sequence"), ("\\df+ pg_catalog.lower", "lowercase"), ("\\dn", "public"),
    ("\\dn+", "standard"),
    ("\\du", "gov_broker"), ("\\dT", "Schema"), ("\\dD", "Schema"), ("\\dp", "gov_p_"), ("\\z", "gov_p_"),
    ("\\ddp", "Owner"), ("\\dx", "plpgsql"), ("\\dE", "Schema"), ("\\dF", "english"), ("\\db", "pg_default"),
    ("\\l", "shop"), ("\\l+", "shop"), ("\\sf pg_catalog.to_timestamp(double precision)", "CREATE OR REPLACE FUNCTION"),
    ("\\d customers", 'Table "public.customers"'), ("\\d+ customers", "email text partial  not null"),
    ("\\d customers_pkey", 'Index "public.customers_pkey"'), ("\\d orders_id_seq", 'Sequence "public.orders_id_seq"'),
    ("\\d nothing_here", "nothing is called nothing_here"), ("\\d pgbench_t*", 'Table "public.pgbench_tellers"'),
])
def test_the_catalog_is_described(governed: psycopg.Connection[Any], line: str, expected: str) -> None:
    """Each command is allowed to a lease that only reads, and answers."""
    assert expected.replace("  ", " ") in told(governed, line).replace("  ", " ")


def test_columns_carry_their_masks(governed: psycopg.Connection[Any]) -> None:
    """`\\d NAME` has a column for them where something is masked, and none where nothing is."""
    (customers,), (orders,) = describe(governed, "\\d customers", MASKS), describe(governed, "\\d orders", MASKS)

    assert customers.names[:3] == ("Column", "Type", "Masked")
    assert {row[0]: row[2] for row in customers.rows if row[2]} == {"email": "partial"}
    assert isinstance(orders, Listing)
    assert "Masked" not in orders.names
    with pytest.raises(UsageError):
        describe(governed, "\\dz", MASKS)


@pytest.fixture
def prompt(as_user: Environment) -> Iterator[Terminal]:
    """Alice's prompt, with a lease of its own."""
    with terminal("connect", "prod", "--ttl", "20m", size=(80, 24), **as_user("alice")) as opened:
        opened.shows("PRODUCTION .*5 masked")
        yield opened


def test_a_day_at_the_prompt(
    prompt: Terminal, as_user: Environment, spare: str, approve: Callable[..., object], deny: Callable[[str], object]
) -> None:
    """Masks in the menu and in rows; a denial with its reason, an approval with its name; a lease that is revoked."""
    prompt.types("select 1 from customers c where c.em")
    prompt.shows("email +masked: partial")
    prompt.types("\x03")
    prompt.types("select email from customers limit 1;\r")
    prompt.shows(r" \w\*\*\*@\w\*\*\*")

    prompt.types("drop table products;\r")
    prompt.shows(r"HELD +rq-\w+")
    prompt.shows(r"expires +in 1\d:\d\d")
    deny(_request(prompt))
    prompt.shows(r"ERROR: +bob denied rq-\w+: not today")

    prompt.types(f"\x0cdrop table {spare};\r")
    prompt.shows(r"HELD +rq-\w+")
    approve(_request(prompt))
    prompt.shows(r"rq-\w+ approved by bob")
    prompt.shows("DROP TABLE")

    prompt.types("\x0ccopy customers to '/tmp/x';\r")
    prompt.shows("no-server-files")
    prompt.types("\\why\r")
    prompt.shows("deny by rule no-server-files")

    prompt.types("\x0c\\lease\r")
    prompt.shows(r"lease +ls-\w+")
    first = re.search(r"ls-\w+", prompt.screen)
    assert first
    door.gov(as_user("alice"), "kill", first[0])
    prompt.shows("ended by alice.*your next statement connects again")
    prompt.types("select 40 + 2 as n;\r")
    prompt.shows(r"connected again, lease ls-\w+")
    prompt.shows("42")
    prompt.types("\x04")
    assert prompt.ends() == 0


def test_masks_are_lifted_and_come_back(prompt: Terminal, as_user: Environment) -> None:
    """`\\unmask` waits for a yes, moves to a lease that shows the column, and `\\mask` moves back and ends that."""
    prompt.types("\\unmask\r")
    prompt.shows("wants a column")
    prompt.types("begin;\r")
    prompt.shows("in transaction")
    prompt.types("\\unmask customers.email\r")
    prompt.shows("a transaction is open")
    prompt.types("rollback;\r\x0c\\unmask customers.email ticket 4711\r")
    prompt.shows(r"gov approve rq-\w+")
    prompt.types("\x03")
    prompt.shows(r"PRODUCTION .*4 masked|PRODUCTION .*5 masked")

    prompt.types("\x0c\\unmask customers.email ticket 4711\r")
    prompt.shows(r"gov approve rq-\w+")
    door.gov(as_user("carol"), "approve", _request(prompt), "--yes")
    prompt.shows(r"unmasked until .*public\.customers\.email")
    prompt.shows("4 masked · 1 UNMASKED")
    prompt.types("\x0cselect email from customers where id = 1;\r")
    prompt.shows(r" \w{3,}[\w.+-]*@\w{2,}")
    prompt.types("\x0c\\lease\r")
    prompt.shows("reason +ticket 4711")
    prompt.shows(r"unmasked +public\.customers\.email")
    lifted = re.search(r"ls-\w+", prompt.screen)
    assert lifted

    prompt.types("\x0c\\mask\r")
    prompt.shows(r"masked again: public\.customers\.email")
    prompt.types("select email from customers where id = 1;\r")
    prompt.shows(r" \w\*\*\*@\w\*\*\*")
    assert lifted[0] not in door.gov(as_user("alice"), "leases", "--mine")
    prompt.types("\x0c\\mask\r")
    prompt.shows("nothing is unmasked here")


def _request(prompt: Terminal) -> str:
    found = re.search(r"gov approve (rq-\w+)", prompt.screen)
    assert found, prompt.screen
    return found[1]

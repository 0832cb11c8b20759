"""Row filters through the gateway: no byte of a hidden row comes back, whatever is asked in whatever way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from gov.client.api import Broker
from gov.demo.stage import Stage
from live import door
from live.wire import SYNC, Heard, Wire, dialled, run

TABLES = """
CREATE TABLE public.hid (id int PRIMARY KEY, tenant text, email text, note text);
CREATE TABLE public.hid_parts (id int, tenant text, note text) PARTITION BY RANGE (id);
CREATE TABLE public.hid_low PARTITION OF public.hid_parts FOR VALUES FROM (0) TO (10);
CREATE TABLE public.hid_high PARTITION OF public.hid_parts FOR VALUES FROM (10) TO (20);
CREATE TABLE public.hid_broken (id int);
INSERT INTO public.hid SELECT n, CASE WHEN n <= 3 THEN 'ours' ELSE 'qxtenant' END,
  CASE WHEN n <= 3 THEN 'seen' || n || '@example.com' ELSE 'qxhidden' || n || '@example.com' END,
  CASE WHEN n <= 3 THEN 'shown ' ELSE 'qxhidden ' END || n FROM generate_series(1, 9) n;
INSERT INTO public.hid_parts SELECT id, tenant, note FROM public.hid;
INSERT INTO public.hid_parts SELECT id + 10, tenant, note FROM public.hid;
INSERT INTO public.hid_broken VALUES (1);
ANALYZE public.hid, public.hid_parts;
"""
NAMES = ("hid", "hid_parts", "hid_broken")
CANARIES = (b"qxtenant", b"qxhidden")
RULES = """
rows:
  - { name: own-tenant, table: [public.hid, public.hid_parts], where: tenant = 'ours', for: { groups: [engineering] } }
  - { name: broken, table: public.hid_broken, where: nowhere = 1, for: { groups: [engineering] } }
"""


@pytest.fixture(scope="module")
def bob(as_user: Callable[[str], dict[str, str]]) -> Iterator[Broker]:
    """The broker as Bob, for whom no row is hidden."""
    with Broker.current(as_user("bob")) as broker:
        yield broker


@pytest.fixture(scope="module")
def filtered(demo: Stage, bob: Broker) -> Iterator[str]:
    """Tables with hidden rows, under a policy that hides them; its text."""
    with psycopg.connect(demo.cluster.admin_dsn_of("shop"), autocommit=True) as admin:
        admin.execute(TABLES)
        for name in (*NAMES, "hid_low", "hid_high"):
            admin.execute(f"ALTER TABLE public.{name} OWNER TO shop_owner".encode())
        before = demo.policy_file.read_text(encoding="utf-8")
        email = "classify:\n  - { columns: [public.hid.email], as: pii.contact }"
        text = before.replace("classify:", email, 1) + RULES
        try:
            with door.ruled(demo, bob, text):
                bob.sync("prod")
                yield text
        finally:
            admin.execute(f"DROP TABLE {', '.join(NAMES)} CASCADE".encode())
            bob.sync("prod")


@pytest.fixture(scope="module")
def lease_of(as_user: Callable[[str], dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Call it with a name and what else a lease is asked with."""
    ca_file = tmp_path_factory.mktemp("hidden") / "ca.pem"
    return lambda name, **asked: door.granted(as_user(name), ca_file, **asked)


READS = (
    ("select * from hid", 3), ("table hid", 3), ("select * from only hid", 3), ("select h from hid h", 3),
    ("select to_json(h) from hid h", 3), ("select count(*), count(email) from hid", 1),
    ("select string_agg(note, '') from hid", 1), ("select max(note), min(tenant) from hid", 1),
    ("select h.*, p.note, h.email from hid h join hid_parts p using (id)", 3),
    ("select * from products p left join hid h on h.id = p.id where p.id between 4 and 9 and h.id is not null", 0),
    ("select * from hid where id = 7", 0), ("select * from hid where note like 'q' || 'x%'", 0),
    ("select * from hid where 1 / (case when note like 'q' || 'x%' then 0 else 1 end) > 0", 3),
    ("select note from hid union all select note from hid_low", 6), ("select * from hid_low", 3),
    ("select note from hid_high where id > 0", 3), ("select * from hid_parts", 6),
    ("explain select * from hid where id = 7", None),
    ("explain (analyze, verbose, timing off) select * from hid", None),
    ("explain (format json) select * from hid_parts where note > 'q'", None),
    ("select most_common_vals, histogram_bounds from pg_stats where tablename like 'hid%'", 0),
)
"""What is asked, and how many rows come; None where PostgreSQL decides."""

REFUSED = (
    ("select ctid, xmin from hid", "shows alice no ctid", "its key"),
    ("select 1 from hid_parts where tableoid = 'hid_low'::regclass", "shows alice no tableoid", "its key"),
    ("select * from hid for update", "cannot lock rows of public.hid", "leave FOR UPDATE out"),
    ("select * from hid for key share", "cannot lock rows of public.hid", "leave FOR UPDATE out"),
    ("update hid set note = 'x' where id = 5", "public.hid is read-only for alice", "exception"),
    ("delete from hid where id = 5", "public.hid is read-only for alice", "exception"),
    ("insert into hid values (100, 'ours', 'x', 'y')", "public.hid is read-only for alice", "exception"),
    ("insert into hid values (5, 'x', 'x', 'x') on conflict (id) do update set note = 'z'", "read-only", "exception"),
    ("merge into hid h using products p on h.id = p.id when matched then delete", "read-only", "exception"),
    ("copy hid from stdin", "public.hid is read-only for alice", "exception"),
    ("delete from hid_low where id = 5", "public.hid_low is read-only for alice", "exception"),
    ("create table taken as select id from hid", "a copy of public.hid would hold every row", "exception"),
)
"""What is asked, and what the refusal and its hint say."""

SPIED = (
    "select * from only hid_parts", "copy hid_parts to stdout",
    "select * from hid tablesample system (100)", "select id, note from hid group by id",
    "select * from hid where note::int > 0", "select query_to_xml('select * from hid', true, true, '')",
    "do $$ begin perform note::int from hid; end $$", "insert into products (id, name) select id, note from hid",
    "select * from hid where id = 7 and note::int = 1", "truncate hid", "lock table hid",
)
"""However it ends."""


def heard_from(wire: Wire, text: str) -> Iterator[Heard]:
    """The replies to `text` in either protocol."""
    yield wire.query(text, held=lambda request: wire.cancel())
    yield wire.play(run(text), SYNC, held=lambda request: wire.cancel())


@pytest.mark.usefixtures("filtered")
def test_no_byte_of_a_hidden_row_comes_back(lease_of: Callable[..., Any]) -> None:
    """Reads see what the filter leaves, masked as ever; what else is refused names the filter; errors quote nothing."""
    with dialled(lease_of("alice", scope="write", reason="a test")) as wire:
        for text, rows in READS:
            for heard in heard_from(wire, text):
                assert heard.states == [], text
                assert rows is None or len(heard.rows) == rows, text
        for heard in heard_from(wire, "select count(*), min(email) from hid"):
            assert heard.rows == [("3", "s***@e***.com")]
        for text, says, hint in REFUSED:
            for heard in heard_from(wire, text):
                assert heard.states == ["42501"], text
                assert heard.error["M"].startswith("denied by rule own-tenant: "), text
                assert says in heard.error["M"]
                assert hint in heard.error["H"]
        for text in SPIED:
            for _ in heard_from(wire, text):
                pass
        for text, rows in (("hid", 3), ("(select * from hid_parts)", 6), ("hid_low (note)", 3)):
            for options in ("", "(format binary)"):
                assert wire.query(f"copy {text} to stdout {options}").tags == [f"COPY {rows}"]
        cursor = wire.query("begin; declare c scroll cursor with hold for select * from hid; fetch 2 from c; commit;"
                            " fetch all from c; fetch backward all from c; move absolute 7 in c; close c")
        assert cursor.tags[2:] == ["FETCH 2", "COMMIT", "FETCH 1", "FETCH 3", "MOVE 0", "CLOSE CURSOR"]
        assert not [each for each in CANARIES if each in bytes(wire.heard)]


@pytest.mark.usefixtures("filtered")
def test_what_only_tables_have_is_explained(lease_of: Callable[..., Any]) -> None:
    """PostgreSQL speaks of a view that nobody wrote; the hint says whence it comes, and only where there is one."""
    with psycopg.connect(**door.parameters(lease_of("alice")), autocommit=True) as session:
        for text, state, hint in (
            ("SELECT note, count(*) FROM hid GROUP BY id", "42803", "name every column"),
            ("SELECT * FROM hid TABLESAMPLE SYSTEM (1)", "0A000", "TABLESAMPLE"),
        ):
            with pytest.raises(psycopg.Error) as refused:
                session.execute(text.encode())
            assert (refused.value.sqlstate, hint in str(refused.value.diag.message_hint)) == (state, True)
        with pytest.raises(psycopg.Error) as plain:
            session.execute("SELECT amount, count(*) FROM orders GROUP BY status")
        assert plain.value.diag.message_hint is None


def test_a_broken_filter_closes_its_table_alone(lease_of: Callable[..., Any]) -> None:
    """It says what is wrong with it; whoever it is not meant for reads the table, and all of the others."""
    with dialled(lease_of("alice")) as wire:
        closed = wire.query("select * from hid_broken")
        assert closed.states == ["58000"]
        assert 'public.hid_broken is closed: ' in closed.error["M"]
        assert 'column "nowhere" does not exist' in closed.error["M"]
        assert "gov broker check prod" in closed.error["H"]
        assert wire.query("select count(*) from hid").rows == [("3",)]
        assert wire.query("select 1 from products limit 1").rows == [("1",)]
    with dialled(lease_of("bob")) as wire:
        assert wire.query("select count(*) from hid").rows == [("9",)]
        assert wire.query("select * from hid_broken").states == ["58000"]


def test_another_filter_ends_the_sessions_it_is_meant_for(
    filtered: str, demo: Stage, bob: Broker, lease_of: Callable[..., Any]
) -> None:
    """At once, amid a transaction too, so that nobody goes on with the rows of before; others do not notice."""
    other = filtered.replace("where: tenant = 'ours'", "where: tenant = 'ours' and id % 10 = 2")
    other = other.replace("where: nowhere = 1", "where: id = 1")
    ids = "select id from hid order by id"
    with psycopg.connect(**door.parameters(lease_of("alice")), autocommit=True) as moved, \
            psycopg.connect(**door.parameters(lease_of("bob"))) as stays:
        assert len(stays.execute(ids).fetchall()) == 9
        moved.execute("begin")
        assert moved.execute(ids, prepare=True).fetchall() == [(1,), (2,), (3,)]
        with door.ruled(demo, bob, other):
            with pytest.raises(psycopg.errors.AdminShutdown, match="policy changed"):
                moved.execute(ids)
            with psycopg.connect(**door.parameters(lease_of("alice")), autocommit=True) as anew:
                assert anew.execute(ids).fetchall() == [(2,)]
                assert anew.execute("select id from hid_parts order by id").fetchall() == [(2,), (12,)]
                bob.sync("prod")
                assert anew.execute("select count(*) from hid_broken").fetchall() == [(1,)]
            assert len(stays.execute(ids).fetchall()) == 9


@pytest.mark.usefixtures("filtered")
def test_a_change_of_the_table_moves_a_live_session(
    admin: psycopg.Connection[Any], bob: Broker, lease_of: Callable[..., Any]
) -> None:
    """Its views are made anew, and what is prepared goes on over them, with the same rows hidden."""
    with psycopg.connect(**door.parameters(lease_of("alice")), autocommit=True) as connection:
        text = "select * from hid where id > %s order by id"
        before = connection.execute(text, [1], prepare=True).fetchall()
        admin.execute("ALTER TABLE public.hid ADD COLUMN more text DEFAULT 'qxmore'")
        admin.execute("UPDATE public.hid SET more = 'fine' WHERE tenant = 'ours'")
        bob.sync("prod")
        bob.accept("prod", "public.hid")
        after = connection.execute(text, [1], prepare=True).fetchall()
    assert [row[:4] for row in after] == before
    assert [row[4:] for row in after] == [("fine",), ("fine",)]

"""The tables of kinds.sql in a demo's shop, with the policy of kinds.yaml, for as long as something looks at them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal

from gov.client.api import Broker
from gov.demo.stage import Stage
from gov.policy import document

HERE = Path(__file__).parent
PATIENCE = 60.0
Admin = psycopg.Connection[Any]
_READER, _PASSWORD = "kinds_reader", "kinds"
_FOREIGN = """
CREATE ROLE {reader} LOGIN PASSWORD {password};
GRANT USAGE ON SCHEMA kinds TO {reader};
GRANT SELECT ON kinds.base TO {reader};
CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA kinds;
CREATE SERVER kinds_loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host {host}, port {port}, dbname {database});
CREATE USER MAPPING FOR PUBLIC SERVER kinds_loop OPTIONS (user {user}, password {password});
CREATE FOREIGN TABLE kinds.remote (id int, code text) SERVER kinds_loop
  OPTIONS (schema_name 'kinds', table_name 'base');
CREATE EXTENSION IF NOT EXISTS file_fdw SCHEMA kinds;
CREATE SERVER kinds_files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE kinds.filed (id int, code text) SERVER kinds_files OPTIONS (filename {file}, format 'csv');
ALTER FOREIGN TABLE kinds.remote OWNER TO {owner};
ALTER FOREIGN TABLE kinds.filed OWNER TO {owner};
"""
_LOBS = """
CREATE TABLE kinds.lobs (id int, code oid);
INSERT INTO kinds.lobs VALUES (1, lo_from_bytea(0, 'qxkind7-lob'));
"""
_NEWER = """
ALTER TABLE kinds.computed ADD COLUMN quiet text GENERATED ALWAYS AS (lower(code)) VIRTUAL;
CREATE TABLE kinds.booked (id int4range, code int4range, note text, PRIMARY KEY (id, code WITHOUT OVERLAPS));
CREATE TABLE kinds.visits (id int4range, code int4range,
  FOREIGN KEY (id, PERIOD code) REFERENCES kinds.booked (id, PERIOD code));
INSERT INTO kinds.booked VALUES ('[1,2)', '[564738,564740)', 'a');
INSERT INTO kinds.visits VALUES ('[1,2)', '[564738,564739)');
"""
"""What PostgreSQL 18 has: columns that are computed when they are read, and keys over ranges of time."""


def create(admin: Admin, owner: str, broker: str, file: Path) -> None:
    """Make all of them, owned by `owner`; `file` is where one of them keeps its rows."""
    file.write_text("1,qxkind7-1\n2,qxkind7-2\n")
    file.chmod(0o644)
    admin.execute(SQL("GRANT CREATE ON DATABASE {} TO {}").format(Identifier(admin.info.dbname), Identifier(owner)))
    admin.execute(SQL("SET ROLE {}").format(Identifier(owner)))
    admin.execute((HERE / "kinds.sql").read_text(encoding="utf-8").encode())
    admin.execute(_LOBS)
    if admin.info.server_version >= 180_000:
        admin.execute(_NEWER)
    admin.execute("RESET ROLE")
    place = conninfo_to_dict(admin.info.dsn)
    admin.execute(SQL(_FOREIGN).format(
        reader=Identifier(_READER), user=Literal(_READER), password=Literal(_PASSWORD),
        owner=Identifier(owner), file=Literal(str(file)),
        host=Literal(admin.info.host), port=Literal(str(place["port"])), database=Literal(admin.info.dbname),
    ))  # fmt: skip
    # What a member of the staff made by hand, with the superuser's rights.
    admin.execute("CREATE VIEW kinds.foreign_made AS SELECT id, code AS harmless FROM kinds.base")
    admin.execute(SQL("GRANT USAGE ON SCHEMA kinds TO {} WITH GRANT OPTION").format(Identifier(broker)))
    admin.execute("ANALYZE")


_CODES = ("parted", "base", "computed", "unlogged", "strict", "uniq")
_MASKS = {
    "A": """hashed_number = 564738 + id / 10.0, year = date '1788-05-10' + id,
      month = timestamptz '1788-05-10 12:00+00' + id * interval '1 day', rounded = id * 1000000 + 564738,
      ranged = id * 1000000 + 564738.25, nothing = 'qxkind7-' || id, partly = 'zqxkind7-' || id || '@qxkind7.example',
      doc = jsonb_build_object('clear', id, 'tests', jsonb_build_array('qxkind7-a', 'qxkind7-b'), 'contact',
        jsonb_build_object('email', 'zqxkind7' || id || '@qxkind7.example', 'city', 'Rome'))""",
    "B": """hashed_number = (564738 + id / 10.0)::numeric(20, 6), year = date '1788-11-30' - id * 3,
      month = timestamptz '1788-05-29 01:00+00' - id * interval '37 hours', rounded = id * 1000000 + 565499 - id,
      ranged = id * 1000000 + 564000.5, nothing = 'other' || 9 - id, partly = 'zother' || 9 - id || '@qelse.example',
      doc = jsonb_build_object('clear', id, 'tests', '7'::jsonb, 'contact',
        jsonb_build_object('email', 'zother' || 9 - id || '@qelse.example', 'city', 'Rome'))""",
}
SHOWN = (*_CODES, "heir", "typed", "masks", "shows", "above", "copied", "remote", "filed", "booked", "visits", "big",
         '"Odd ""name"')  # fmt: skip
"""Where both sets of values must look alike before anything is concluded."""


def fill(admin: Admin, values: str, file: Path) -> None:
    """Let the masked columns hold the values `A` or `B`, which agree in length and in what their masks show.

    `hash` and `pseudonym` show whether values are equal, so that two texts have two tokens: those stay as they are.
    A number stays the same number and is written with other digits behind the point.
    """
    code = "'qxkind7-' || id" if values == "A" else "'qother8-' || 9 - id"
    for name in _CODES:
        admin.execute(f"UPDATE kinds.{name} SET code = {code}".encode())
        admin.execute(f"VACUUM (FULL, ANALYZE) kinds.{name}".encode())
    admin.execute(f"UPDATE kinds.big SET code = repeat('{'qxkind7-' if values == 'A' else 'other88-'}', 2000)".encode())
    admin.execute(f"""UPDATE kinds.typed SET who = ROW('n', {code})::kinds.person, dom = {code},
        many = ARRAY[ROW('n', {code})::kinds.person], doms = ARRAY[{code}]::kinds.secret[]""".encode())
    admin.execute("""UPDATE kinds."Odd ""name" SET "CODE" = $1, "code " = $1 || 1, oid = $1 || 2""".replace(
        "$1", "'qxkind7'" if values == "A" else "'other88'").encode())  # fmt: skip
    admin.execute(f"UPDATE kinds.masks SET {_MASKS[values]}".encode())
    for name in ("big", "typed", '"Odd ""name"', "masks"):
        admin.execute(f"VACUUM (FULL, ANALYZE) kinds.{name}".encode())
    if admin.info.server_version >= 180_000:
        start = 564738 if values == "A" else 700111
        admin.execute(f"DELETE FROM kinds.visits; UPDATE kinds.booked SET code = int4range({start}, {start} + 2);"
                      f" INSERT INTO kinds.visits VALUES ('[1,2)', int4range({start}, {start} + 1))".encode())
        admin.execute("VACUUM (FULL, ANALYZE) kinds.booked, kinds.visits")
    admin.execute("REFRESH MATERIALIZED VIEW kinds.copied")
    file.write_text("1,qxkind7-1\n2,qxkind7-2\n" if values == "A" else "1,qother8-8\n2,qother8-7\n")


def remove(admin: Admin) -> None:
    """All of them, and what gov has made of them."""
    admin.execute("RESET ROLE")
    admin.execute("SELECT lo_unlink(code) FROM kinds.lobs")
    admin.execute("DROP SCHEMA kinds CASCADE")
    admin.execute(SQL("DROP ROLE {}").format(Identifier(_READER)))


def policy(before: str, added: str = "") -> str:
    """The policy `before` with the rules `added`, those of kinds.yaml when left out."""
    more = yaml.safe_load(added or (HERE / "kinds.yaml").read_text(encoding="utf-8"))
    whole = yaml.safe_load(before)
    return yaml.safe_dump(whole | {section: whole[section] + rules for section, rules in more.items()})


@contextmanager
def standing(stage: Stage, admin: Admin, as_user: Callable[[str], dict[str, str]], file: Path) -> Iterator[None]:
    """All of them in the shop of `stage`, known to its broker; gone afterwards, the policy as before.

    The policy comes first and goes last: while it says nothing new of what is there, leases of others live on.
    """
    before = stage.policy_file.read_text(encoding="utf-8")
    with Broker.current(as_user("bob")) as bob:
        put(stage, bob, policy(before))
        try:
            create(admin, "shop_owner", "gov_broker", file)
            bob.sync("prod")
            yield
        finally:
            remove(admin)
            file.unlink(missing_ok=True)
            bob.sync("prod")
            put(stage, bob, before)


def put(stage: Stage, bob: Broker, text: str) -> None:
    """Have the broker take up a policy, and look at the tables anew."""
    stage.policy_file.write_text(text, encoding="utf-8")
    wanted = document.load([(str(stage.policy_file), text)]).digest
    deadline = time.monotonic() + PATIENCE
    while bob.status().policy_digest != wanted:
        assert time.monotonic() < deadline, "the broker does not take up the policy"
        time.sleep(0.1)
    bob.sync("prod")

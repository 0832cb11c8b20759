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
_VIRTUAL = "ALTER TABLE kinds.computed ADD COLUMN quiet text GENERATED ALWAYS AS (lower(code)) VIRTUAL;"


def create(admin: Admin, owner: str, broker: str, file: Path) -> None:
    """Make all of them, owned by `owner`; `file` is where one of them keeps its rows."""
    file.write_text("1,qxkind7-1\n2,qxkind7-2\n")
    file.chmod(0o644)
    admin.execute(SQL("GRANT CREATE ON DATABASE {} TO {}").format(Identifier(admin.info.dbname), Identifier(owner)))
    admin.execute(SQL("SET ROLE {}").format(Identifier(owner)))
    admin.execute((HERE / "kinds.sql").read_text(encoding="utf-8").encode())
    admin.execute(_LOBS)
    if admin.info.server_version >= 180_000:
        admin.execute(_VIRTUAL)
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


def remove(admin: Admin) -> None:
    """All of them, and what gov has made of them."""
    admin.execute("RESET ROLE")
    admin.execute("SELECT lo_unlink(code) FROM kinds.lobs")
    admin.execute("DROP SCHEMA kinds CASCADE")
    admin.execute(SQL("DROP ROLE {}").format(Identifier(_READER)))


def policy(before: str) -> str:
    """The policy `before` with what kinds.yaml adds."""
    whole, more = yaml.safe_load(before), yaml.safe_load((HERE / "kinds.yaml").read_text(encoding="utf-8"))
    return yaml.safe_dump(whole | {section: whole[section] + rules for section, rules in more.items()})


@contextmanager
def standing(stage: Stage, admin: Admin, as_user: Callable[[str], dict[str, str]], file: Path) -> Iterator[None]:
    """All of them in the shop of `stage`, known to its broker; gone afterwards, the policy as before."""
    before = stage.policy_file.read_text(encoding="utf-8")
    create(admin, "shop_owner", "gov_broker", file)
    with Broker.current(as_user("bob")) as bob:
        try:
            _put(stage, bob, policy(before))
            yield
        finally:
            remove(admin)
            file.unlink()
            _put(stage, bob, before)


def _put(stage: Stage, bob: Broker, text: str) -> None:
    """Have the broker take up a policy, and look at the tables anew."""
    stage.policy_file.write_text(text, encoding="utf-8")
    wanted = document.load([(str(stage.policy_file), text)]).digest
    deadline = time.monotonic() + PATIENCE
    while bob.status().policy_digest != wanted:
        assert time.monotonic() < deadline, "the broker does not take up the policy"
        time.sleep(0.1)
    bob.sync("prod")

"""node-postgres through the gateway, in a node of its own; skipped where there is neither node nor its `pg`.

`pg` is looked for where GOV_TEST_NODE_MODULES says, then where node looks by itself; else npm puts it into a
directory of this run's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from live.wire import Lease

PROGRAM = r"""
const fs = require('fs');
const { Client, Pool } = require('pg');
const { read, write } = JSON.parse(fs.readFileSync(0));
const found = {};

const options = (lease) => ({
  host: lease.pghost, port: lease.pgport, user: lease.pguser, password: lease.pgpassword,
  database: lease.pgdatabase, ssl: { ca: fs.readFileSync(lease.pgsslrootcert) },
});
const refusal = async (client, text) => {
  try { await client.query(text); return null; } catch (error) {
    return { code: error.code, message: error.message, hint: error.hint, routine: error.routine };
  }
};

(async () => {
  const client = new Client(options(read));
  await client.connect();
  const text = 'select id, email, ssn, dob, balance, notes, created_at from customers where id = $1';
  found.row = (await client.query(text, [1])).rows[0];
  found.fields = (await client.query(text, [1])).fields.map((field) => [field.name, field.dataTypeID]);
  found.named = [];
  for (const id of [1, 2, 1]) {
    const asked = { name: 'email-of', text: 'select email from customers where id = $1', values: [id] };
    found.named.push((await client.query(asked)).rows[0].email);
  }
  found.several = (await client.query('select 1 as a; select email from customers where id = 2')).map((r) => r.rows[0]);
  found.refused = await refusal(client, 'drop role postgres');
  found.syntax = await refusal(client, 'selec 1');
  const rows = { text: 'select $1::int as n, $2::text as t', values: [7, 'x'], rowMode: 'array' };
  found.after = (await client.query(rows)).rows;
  await client.end();

  const pool = new Pool({ ...options(read), max: 3 });
  const asked = Array.from({ length: 30 }, (_, n) => pool.query('select $1::int as n', [n]));
  found.pooled = (await Promise.all(asked)).map((result) => result.rows[0].n);
  await pool.end();

  const writer = new Client(options(write));
  await writer.connect();
  await writer.query('begin');
  const made = await writer.query(
    'insert into orders (customer_id, amount, status) values ($1, $2, $3) returning id, created_at', [1, 2.5, 'new']);
  found.inserted = [made.rowCount, made.rows[0].id > 100000, made.rows[0].created_at instanceof Date];
  const paid = await writer.query('update orders set status = $1 where id = $2', ['paid', made.rows[0].id]);
  found.updated = paid.rowCount;
  await writer.query('rollback');
  await writer.end();
  process.stdout.write(JSON.stringify(found));
})().catch((error) => { console.error(error); process.exit(1); });
"""


def modules(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A directory of modules with `pg` in it, for NODE_PATH."""
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    known = os.environ.get("GOV_TEST_NODE_MODULES", os.environ.get("NODE_PATH", ""))
    asked = ["node", "-e", "require('pg')"]
    if subprocess.run(asked, env=os.environ | {"NODE_PATH": known}, capture_output=True, timeout=60).returncode == 0:
        return known
    if not shutil.which("npm"):
        pytest.skip("node-postgres is not installed, and npm, which would bring it, is not either")
    place = tmp_path_factory.mktemp("node")
    options = ["--prefix", str(place), "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries", "0"]
    try:
        done = subprocess.run(["npm", "install", *options, "pg@8"], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not bring node-postgres in time")
    if done.returncode != 0:
        pytest.skip(f"npm brings no node-postgres: {done.stderr.strip().splitlines()[:1]}")
    return str(place / "node_modules")


@pytest.fixture(scope="module")
def found(
    reader: Lease, writer: Lease, as_user: Callable[[str], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """What the program has found."""
    settings = as_user("alice") | {"NODE_PATH": modules(tmp_path_factory), "TZ": "UTC"}
    done = subprocess.run(
        ["node", "-e", PROGRAM], env=settings, input=json.dumps({"read": reader, "write": writer}),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_values_are_masked_and_keep_their_types(found: Any) -> None:
    """By parameter, by name again and again, and in one message with others."""
    assert found["row"] == {
        "id": 1, "email": "s***@e***.com", "ssn": "[redacted]", "dob": "1970-01-01T00:00:00.000Z",
        "balance": "1083.22", "notes": {"tier": "silver", "newsletter": False},
        "created_at": "2024-08-08T01:26:00.000Z",
    }  # fmt: skip
    assert dict(found["fields"]) == {
        "id": 23, "email": 25, "ssn": 25, "dob": 1082, "balance": 1700, "notes": 3802, "created_at": 1184,
    }  # fmt: skip
    assert found["named"] == ["s***@e***.com", "z***@e***.net", "s***@e***.com"]
    assert found["several"] == [{"a": 1}, {"email": "z***@e***.net"}]


def test_refusals_are_its_own_errors(found: Any) -> None:
    """Code, hint and routine are where they are for PostgreSQL's; the client goes on."""
    assert found["refused"]["code"] == "42501"
    assert found["refused"]["routine"] == "gov:denied"
    assert "roles belong to the broker" in found["refused"]["message"]
    assert found["syntax"]["code"] == "42601"
    assert found["after"] == [[7, "x"]]


def test_a_pool(found: Any) -> None:
    """Three connections share thirty queries."""
    assert found["pooled"] == list(range(30))


def test_writes(found: Any) -> None:
    """INSERT … RETURNING and UPDATE in a transaction."""
    assert found["inserted"] == [1, True, True]
    assert found["updated"] == 1

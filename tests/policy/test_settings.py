"""Which settings a client may change."""

from __future__ import annotations

import psycopg
import pytest

from gov.demo.cluster import Cluster
from gov.policy.settings import ALLOWED, PINNED, REFUSED, refusal

OLDER = {"all", "default_with_oids", "force_parallel_mode", "seed", "ssl_renegotiation_limit"}
"""Not in `pg_settings` of PostgreSQL 18: gone, hidden, or a word of RESET."""

PREAMBLES = [
    ("extra_float_digits", "3"),
    ("application_name", "PostgreSQL JDBC Driver"),
    ("search_path", "public, pg_catalog"),
    ("DateStyle", "ISO"),
    ("TimeZone", "Europe/Berlin"),
    ("IntervalStyle", "iso_8601"),
    ("bytea_output", "hex"),
    ("client_min_messages", "warning"),
    ("client_encoding", "UTF8"),
    ("client_encoding", "'utf-8'"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("transaction_timeout", "0"),
    ("check_function_bodies", "false"),
    ("xmloption", "content"),
    ("row_security", "off"),
    ("synchronize_seqscans", "off"),
    ("jit", "off"),
    ("default_tablespace", "''"),
    ("restrict_nonsystem_relation_kind", "view, foreign-table"),
    ("transaction_isolation", "serializable"),
    ("transaction_read_only", "on"),
    ("default_table_access_method", "heap"),
    ("all", None),
    ("client_encoding", None),
]


@pytest.mark.parametrize(("name", "value"), PREAMBLES)
def test_what_drivers_and_pg_dump_open_with_passes(name: str, value: str | None) -> None:
    """psql, psycopg, asyncpg, JDBC, npgsql and pg_dump set these before anybody types anything."""
    assert refusal(name, value) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("role", "postgres"),
        ("ROLE", "none"),
        ("session_authorization", "postgres"),
        ("session_replication_role", "replica"),
        ("standard_conforming_strings", "off"),
        ("client_encoding", "SJIS"),
        ("client_encoding", "SQL_ASCII"),
        ("backslash_quote", "on"),
        ("local_preload_libraries", "evil"),
        ("some_extension.mode", "on"),
        ("app.tenant", "7"),
        ("log_statement", "none"),
        ("", "x"),
    ],
)
def test_what_would_defeat_analysis_or_accountability_does_not(name: str, value: str) -> None:
    """Who one is, where strings end, what is logged; and anything nobody has reviewed."""
    assert refusal(name, value)


def test_policy_may_vouch_for_more() -> None:
    """But never for what is refused by name or pinned."""
    assert refusal("App.Tenant", "7", {"app.tenant"}) is None
    for name in (*REFUSED, *PINNED):
        assert refusal(name, "off", {name})


def test_the_list_is_the_servers(cluster: Cluster) -> None:
    """Every setting that PostgreSQL 18 lets a user change has an answer of its own, and no other is open."""
    with psycopg.connect(cluster.admin_dsn) as admin:
        rows = admin.execute("SELECT lower(name) FROM pg_settings WHERE context = 'user'").fetchall()
    users = {name for (name,) in rows}

    assert users - ALLOWED - REFUSED.keys() - PINNED.keys() == set()
    assert ALLOWED - users == OLDER

"""The functions and operators of PostgreSQL 14 to 18 that were looked at, and what they do.

A built-in that is IMMUTABLE or STABLE only reads, unless it is listed here. A VOLATILE one is a call,
unless it is listed here. Whatever is not built in is a call.
"""

from __future__ import annotations

from gov.terms import Effect

BUILT_IN = frozenset({"pg_catalog", "information_schema"})
"""Schemas whose functions come with the server."""

VOUCHED = frozenset({
    # what a client asks about itself and its server
    "clock_timestamp", "timeofday", "current_query", "pg_is_in_recovery", "pg_is_wal_replay_paused",
    "pg_jit_available", "pg_blocking_pids", "pg_safe_snapshot_blocking_pids", "pg_notification_queue_usage",
    "pg_isolation_test_session_is_blocked", "txid_status", "pg_xact_status", "pg_lock_status",
    "pg_prepared_xact", "pg_last_committed_xact", "pg_xact_commit_timestamp", "pg_stat_clear_snapshot",
    "pg_last_wal_receive_lsn", "pg_last_wal_replay_lsn", "pg_last_xact_replay_timestamp",
    "pg_current_wal_lsn", "pg_current_wal_insert_lsn", "pg_current_wal_flush_lsn", "pg_get_wait_events",
    # sizes and structure
    "pg_database_size", "pg_indexes_size", "pg_relation_size", "pg_table_size", "pg_tablespace_size",
    "pg_total_relation_size", "pg_partition_ancestors", "pg_partition_tree", "pg_sequence_last_value",
    "pg_get_sequence_data", "pg_collation_actual_version", "pg_database_collation_actual_version",
    "pg_stat_have_stats", "pg_stat_get_backend_io", "pg_stat_get_backend_wal", "pg_stat_get_io",
    "pg_stat_get_recovery_prefetch", "pg_stat_get_xact_blocks_fetched", "pg_stat_get_xact_blocks_hit",
    "pg_stat_get_xact_function_calls", "pg_stat_get_xact_function_self_time",
    "pg_stat_get_xact_function_total_time", "pg_stat_get_xact_numscans", "pg_stat_get_xact_tuples_deleted",
    "pg_stat_get_xact_tuples_fetched", "pg_stat_get_xact_tuples_hot_updated",
    "pg_stat_get_xact_tuples_inserted", "pg_stat_get_xact_tuples_newpage_updated",
    "pg_stat_get_xact_tuples_returned", "pg_stat_get_xact_tuples_updated", "amvalidate", "currtid2",
    # chance
    "random", "random_normal", "setseed", "gen_random_uuid", "uuidv4", "uuidv7", "array_sample",
    "array_shuffle", "bernoulli", "system",
    # giving locks back: pools do it between clients
    "pg_advisory_unlock", "pg_advisory_unlock_shared", "pg_advisory_unlock_all",
    # pg_dump -j: what one transaction sees, for another of the same database to see too
    "pg_export_snapshot",
    # sequences, looked at
    "currval", "lastval",
    # judged by its arguments, see `sql.query`
    "set_config",
})  # fmt: skip
"""Volatile, and harmless."""

_RUNS_TEXT = "runs SQL that it is given as text or by name"
_FILES = "reaches files of the database host"
_LARGE = "reads and writes large objects, which no table's privileges guard"

EFFECTS: dict[str, tuple[Effect, str]] = {
    **dict.fromkeys(
        ("query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml",
         "cursor_to_xmlschema", "table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema",
         "schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema", "database_to_xml",
         "database_to_xmlschema", "database_to_xml_and_xmlschema", "ts_stat", "ts_rewrite"),
        (Effect.UNKNOWN, _RUNS_TEXT),
    ),
    **dict.fromkeys(
        ("pg_read_file", "pg_read_binary_file", "pg_stat_file", "pg_ls_dir", "pg_ls_logdir", "pg_ls_waldir",
         "pg_ls_tmpdir", "pg_ls_archive_statusdir", "pg_ls_logicalmapdir", "pg_ls_logicalsnapdir",
         "pg_ls_replslotdir", "pg_ls_summariesdir", "pg_current_logfile", "pg_hba_file_rules",
         "pg_ident_file_mappings", "pg_show_all_file_settings", "lo_import", "lo_export"),
        (Effect.SERVER_FILE, _FILES),
    ),
    **dict.fromkeys(
        ("lo_close", "lo_creat", "lo_create", "lo_from_bytea", "lo_get", "lo_lseek", "lo_lseek64",
         "lo_open", "lo_put", "lo_tell", "lo_tell64", "lo_truncate", "lo_truncate64", "lo_unlink",
         "loread", "lowrite"),
        (Effect.CALL, _LARGE),
    ),
    **dict.fromkeys(
        ("dblink", "dblink_connect", "dblink_connect_u", "dblink_exec", "dblink_open", "dblink_fetch",
         "dblink_send_query", "dblink_get_result"),
        (Effect.NETWORK, "opens a connection from the database host"),
    ),
    **dict.fromkeys(
        ("nextval", "setval"), (Effect.UPDATE, "moves a sequence, which ROLLBACK does not undo")
    ),
    **dict.fromkeys(("pg_notify",), (Effect.NOTIFY, "sends a notification")),
    **dict.fromkeys(
        ("pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_xact_lock",
         "pg_advisory_xact_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared",
         "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared"),
        (Effect.LOCK, "takes an advisory lock"),
    ),
}  # fmt: skip
"""Built-ins (and dblink) by name: their effect, and why."""

OPERATORS = frozenset({
    "!!", "!~", "!~*", "!~~", "!~~*", "#", "##", "#-", "#>", "#>>", "%", "&", "&&", "&<", "&<|", "&>", "*",
    "*<", "*<=", "*<>", "*=", "*>", "*>=", "+", "-", "->", "->>", "-|-", "/", "<", "<->", "<<", "<<=",
    "<<|", "<=", "<>", "<@", "<^", "=", ">", ">=", ">>", ">>=", ">^", "?", "?#", "?&", "?-", "?-|", "?|",
    "?||", "@", "@-@", "@>", "@?", "@@", "@@@", "^", "^@", "|", "|&>", "|/", "|>>", "||", "||/", "~",
    "~*", "~<=~", "~<~", "~=", "~>=~", "~>~", "~~", "~~*",
})  # fmt: skip
"""Names of the built-in operators, all of them reads. `!=` is `<>` in the tree."""

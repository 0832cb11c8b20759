"""Which session settings a client may change: a reviewed list, with the reason where the answer is no.

Listed as allowed is every setting of context `user` in PostgreSQL 14 to 18 that changes neither who the
session is nor how its statements are understood. What is not listed is refused until policy vouches for it
(`vouch: { settings: [app.tenant] }`): an extension's setting may mean anything.
"""

from __future__ import annotations

from collections.abc import Collection

REFUSED = {
    "role": "who a session is cannot change: every lease has its own role",
    "session_authorization": "who a session is cannot change: every lease has its own role",
    "session_replication_role": "it switches off triggers and foreign keys",
    "transform_null_equals": "it changes what a WHERE clause means",
    "backslash_quote": "it changes where a string ends",
    "local_preload_libraries": "it loads code into the server",
    "dynamic_library_path": "it loads code into the server",
    "session_preload_libraries": "it loads code into the server",
    "createrole_self_grant": "roles belong to the broker",
    "password_encryption": "roles belong to the broker",
    "scram_iterations": "roles belong to the broker",
    "debug_print_parse": "it shows the views behind the tables",
    "debug_print_rewritten": "it shows the views behind the tables",
    "debug_print_plan": "it shows the views behind the tables",
    "debug_logical_replication_streaming": "replication is not for clients",
    "log_parameter_max_length_on_error": "parameters belong in the trail, not in the server's log",
}
"""Settings that no client changes, whatever policy vouches for, and why."""

_ON = frozenset({"on", "true", "yes", "1", "t", "y"})
_UTF8 = frozenset({"utf8", "utf-8", "unicode"})

PINNED = {
    "standard_conforming_strings": (_ON, "it changes where a string ends"),
    "client_encoding": (_UTF8, "statements are understood in UTF8 only"),
}
"""Settings that may only take these values, and why no other."""

ALLOWED = frozenset({
    "all", "application_name", "array_nulls", "backend_flush_after", "bytea_output", "check_function_bodies",
    "client_connection_check_interval", "client_min_messages", "commit_siblings", "constraint_exclusion",
    "cpu_index_tuple_cost", "cpu_operator_cost", "cpu_tuple_cost", "cursor_tuple_fraction", "datestyle",
    "debug_parallel_query", "debug_pretty_print", "default_statistics_target", "default_table_access_method",
    "default_tablespace", "default_text_search_config", "default_toast_compression",
    "default_transaction_deferrable", "default_transaction_isolation", "default_transaction_read_only",
    "default_with_oids", "effective_cache_size", "effective_io_concurrency", "enable_async_append",
    "enable_bitmapscan", "enable_distinct_reordering", "enable_gathermerge", "enable_group_by_reordering",
    "enable_hashagg", "enable_hashjoin", "enable_incremental_sort", "enable_indexonlyscan",
    "enable_indexscan", "enable_material", "enable_memoize", "enable_mergejoin", "enable_nestloop",
    "enable_parallel_append", "enable_parallel_hash", "enable_partition_pruning",
    "enable_partitionwise_aggregate", "enable_partitionwise_join", "enable_presorted_aggregate",
    "enable_self_join_elimination", "enable_seqscan", "enable_sort", "enable_tidscan",
    "escape_string_warning", "exit_on_error", "extra_float_digits", "file_copy_method", "force_parallel_mode",
    "from_collapse_limit", "geqo", "geqo_effort", "geqo_generations", "geqo_pool_size", "geqo_seed",
    "geqo_selection_bias", "geqo_threshold", "gin_fuzzy_search_limit", "gin_pending_list_limit",
    "hash_mem_multiplier", "icu_validation_level", "idle_in_transaction_session_timeout",
    "idle_session_timeout", "intervalstyle", "io_combine_limit", "jit", "jit_above_cost", "jit_expressions",
    "jit_inline_above_cost", "jit_optimize_above_cost", "jit_tuple_deforming", "join_collapse_limit",
    "lc_monetary", "lc_numeric", "lc_time", "lock_timeout", "logical_decoding_work_mem",
    "maintenance_io_concurrency", "maintenance_work_mem", "max_parallel_maintenance_workers",
    "max_parallel_workers", "max_parallel_workers_per_gather", "md5_password_warnings",
    "min_parallel_index_scan_size", "min_parallel_table_scan_size", "parallel_leader_participation",
    "parallel_setup_cost", "parallel_tuple_cost", "plan_cache_mode", "quote_all_identifiers",
    "random_page_cost", "recursive_worktable_factor", "restrict_nonsystem_relation_kind", "row_security",
    "search_path", "seed", "seq_page_cost", "ssl_renegotiation_limit", "statement_timeout",
    "stats_fetch_consistency", "synchronize_seqscans", "synchronous_commit", "tcp_keepalives_count",
    "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_user_timeout", "temp_buffers", "temp_tablespaces",
    "timezone", "timezone_abbreviations", "trace_notify", "trace_sort", "transaction_deferrable",
    "transaction_isolation", "transaction_read_only", "transaction_timeout", "vacuum_buffer_usage_limit",
    "vacuum_cost_delay", "vacuum_cost_limit", "vacuum_cost_page_dirty", "vacuum_cost_page_hit",
    "vacuum_cost_page_miss", "vacuum_failsafe_age", "vacuum_freeze_min_age", "vacuum_freeze_table_age",
    "vacuum_max_eager_freeze_failure_rate", "vacuum_multixact_failsafe_age",
    "vacuum_multixact_freeze_min_age", "vacuum_multixact_freeze_table_age", "vacuum_truncate",
    "wal_sender_timeout", "wal_skip_threshold", "work_mem", "xmlbinary", "xmloption",
})


def refusal(name: str, value: str | None, vouched: Collection[str] = ()) -> str | None:
    """Why a client may not set `name` to `value` (None for RESET or DEFAULT), or None when it may."""
    setting = name.lower()
    if setting in REFUSED:
        return f"the setting {setting} cannot be changed: {REFUSED[setting]}"
    if setting in PINNED:
        values, why = PINNED[setting]
        if value is None or value.strip().strip("'\"").lower() in values:
            return None
        return f"the setting {setting} cannot be changed to {value}: {why}"
    if setting in ALLOWED or setting in vouched:
        return None
    return f"nobody vouches for the setting {setting}"

"""The built-in functions and the extensions that were looked at one by one: what each does, and why.

`sql.functions` says what becomes of all the others. A key is a name, or a name with the types of one
overload. A test holds the list to the catalogs of living servers.
"""

from __future__ import annotations

from collections.abc import Mapping

from gov.terms import Effect

Review = tuple[Effect, str]


def _each(effect: Effect, why: str, names: str) -> dict[str, Review]:
    return dict.fromkeys(names.split(), (effect, why))


READS: Mapping[str, Review] = {
    **_each(Effect.READ, "tells about the session and its server, and changes nothing", """
        clock_timestamp timeofday current_query pg_is_in_recovery pg_is_wal_replay_paused pg_jit_available
        pg_blocking_pids pg_safe_snapshot_blocking_pids pg_notification_queue_usage
        pg_isolation_test_session_is_blocked txid_status pg_xact_status pg_lock_status pg_prepared_xact
        pg_last_committed_xact pg_xact_commit_timestamp pg_last_wal_receive_lsn pg_last_wal_replay_lsn
        pg_last_xact_replay_timestamp pg_current_wal_lsn pg_current_wal_insert_lsn pg_current_wal_flush_lsn
        pg_get_wait_events
    """),
    **_each(Effect.READ, "drops the copy that this session has of the statistics, to see newer ones",
            "pg_stat_clear_snapshot"),
    **_each(Effect.READ, "sizes and structure, of relations that one may name anyhow", """
        pg_database_size pg_indexes_size pg_relation_size pg_table_size pg_tablespace_size
        pg_total_relation_size pg_partition_ancestors pg_partition_tree pg_sequence_last_value
        pg_get_sequence_data pg_collation_actual_version pg_database_collation_actual_version amvalidate currtid2
    """),
    **_each(Effect.READ, "numbers of the statistics collector", """
        pg_stat_have_stats pg_stat_get_backend_io pg_stat_get_backend_wal pg_stat_get_io
        pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit
        pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time
        pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted
        pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_hot_updated
        pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_newpage_updated
        pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated
    """),
    **_each(Effect.READ, "chance: volatile because each call gives another value", """
        random random_normal gen_random_uuid uuidv4 uuidv7 array_sample array_shuffle bernoulli system
    """),
    **_each(Effect.READ, "seeds the session's own generator", "setseed"),
    **_each(Effect.READ, "gives back a lock of the session's own; pools do it between clients",
            "pg_advisory_unlock pg_advisory_unlock_shared pg_advisory_unlock_all"),
    **_each(Effect.READ, "pg_dump -j: what one transaction sees, for another of the same role to see too",
            "pg_export_snapshot"),
    **_each(Effect.READ, "sequences, looked at", "currval lastval"),
    **_each(Effect.READ, "a trigger of PostgreSQL's own that sets a column of the row at hand, or drops an idle update",
            "suppress_redundant_updates_trigger tsvector_update_trigger tsvector_update_trigger_column"),
    **_each(Effect.READ, "judged by its arguments, as SET (sql.settings)", "set_config"),
}  # fmt: skip
"""Volatile, and harmless."""

_INPUT = "runs the input function of a type that it is given by name or OID, and so the CHECKs of a domain"

EFFECTS: Mapping[str, Review] = {
    **_each(Effect.UNKNOWN, "runs SQL that it is given as text or by name", """
        query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema
        table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema
        schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema
        ts_stat ts_rewrite(tsquery,text)
    """),
    **_each(Effect.SERVER_FILE, "reaches files of the database host", """
        pg_read_file pg_read_binary_file pg_stat_file pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir
        pg_ls_archive_statusdir pg_ls_logicalmapdir pg_ls_logicalsnapdir pg_ls_replslotdir
        pg_ls_summariesdir pg_current_logfile pg_hba_file_rules pg_ident_file_mappings
        pg_show_all_file_settings lo_import lo_export
    """),
    **_each(Effect.SERVER_FILE, "reads the control file or the log of changes on the database host", """
        pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system
        pg_available_wal_summaries pg_wal_summary_contents
    """),
    **_each(Effect.CALL, "reads and writes large objects, which no table's privileges guard", """
        lo_close lo_creat lo_create lo_from_bytea lo_get lo_lseek lo_lseek64 lo_open lo_put lo_tell lo_tell64
        lo_truncate lo_truncate64 lo_unlink loread lowrite
    """),
    **_each(Effect.CALL, _INPUT, """
        pg_input_is_valid pg_input_error_info domain_in domain_recv array_in array_recv record_in record_recv
        range_in range_recv multirange_in multirange_recv
    """),
    **_each(Effect.UPDATE, "moves a sequence, which ROLLBACK does not undo", "nextval setval"),
    **_each(Effect.NOTIFY, "sends a notification", "pg_notify"),
    **_each(Effect.LOCK, "takes an advisory lock", """
        pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared
        pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
        pg_try_advisory_xact_lock_shared
    """),
}  # fmt: skip
"""Built-ins with an effect of their own, whatever their volatility."""

EXTENSIONS: Mapping[str, Review] = {
    **_each(Effect.READ, "types, operators and computations over their arguments", """
        btree_gin btree_gist citext cube dict_int dict_xsyn earthdistance fuzzystrmatch hstore intagg
        intarray isn ltree pg_trgm pgcrypto seg unaccent uuid-ossp
    """),
    **_each(Effect.READ, "a trigger that sets a column of the row at hand", "insert_username moddatetime"),
    **_each(Effect.READ, "a method of TABLESAMPLE", "tsm_system_rows tsm_system_time"),
    **_each(Effect.NETWORK, "opens a connection from the database host", "dblink postgres_fdw"),
    **_each(Effect.SERVER_FILE, "reaches files of the database host", "adminpack file_fdw"),
    **_each(Effect.UNKNOWN, "runs SQL that it is given as text or by name", "tablefunc xml2"),
}  # fmt: skip
"""What comes with PostgreSQL besides its core (contrib). It counts where a superuser owns the function: its
members can be added to and replaced by whoever owns an extension. The volatile ones are calls unless listed."""

OF_EXTENSIONS: Mapping[tuple[str, str], Review] = {
    **dict.fromkeys(
        [("uuid-ossp", f"uuid_generate_{each}") for each in ("v1", "v1mc", "v4")]
        + [("pgcrypto", each) for each in ("gen_random_bytes", "gen_random_uuid", "gen_salt", "pgp_sym_encrypt",
                                           "pgp_sym_encrypt_bytea", "pgp_pub_encrypt", "pgp_pub_encrypt_bytea")],
        (Effect.READ, "chance: volatile because each call gives another value"),
    ),
    **{(each, each): (Effect.READ, "sets a column of the row at hand") for each in ("insert_username", "moddatetime")},
    ("pg_trgm", "set_limit"): (Effect.CALL, "changes how `%` decides in the session"),
    ("pgcrypto", "pgp_key_id"): (Effect.READ, "tells which key encrypted something"),
    **{("tablefunc", each): (Effect.READ, "chance") for each in ("normal_rand",)},
    **{("xml2", each): (Effect.READ, "computes over its arguments") for each in (
        "xml_valid", "xml_encode_special_chars", "xpath_string", "xpath_nodeset", "xpath_number", "xpath_bool",
        "xpath_list")},
}  # fmt: skip
"""Members of extensions by (extension, name), where one differs from the rest."""

RELATIONS: Mapping[str, Review] = {
    **_each(Effect.SERVER_FILE, "reaches files of the database host",
            "pg_file_settings pg_hba_file_rules pg_ident_file_mappings"),
}  # fmt: skip
"""Views of pg_catalog that are such a function by another name."""

OPERATORS = frozenset({
    "!!", "!~", "!~*", "!~~", "!~~*", "#", "##", "#-", "#>", "#>>", "%", "&", "&&", "&<", "&<|", "&>", "*",
    "*<", "*<=", "*<>", "*=", "*>", "*>=", "+", "-", "->", "->>", "-|-", "/", "<", "<->", "<<", "<<=",
    "<<|", "<=", "<>", "<@", "<^", "=", ">", ">=", ">>", ">>=", ">^", "?", "?#", "?&", "?-", "?-|", "?|",
    "?||", "@", "@-@", "@>", "@?", "@@", "@@@", "^", "^@", "|", "|&>", "|/", "|>>", "||", "||/", "~",
    "~*", "~<=~", "~<~", "~=", "~>=~", "~>~", "~~", "~~*",
})  # fmt: skip
"""Names of the built-in operators, all of them reads. `!=` is `<>` in the tree."""

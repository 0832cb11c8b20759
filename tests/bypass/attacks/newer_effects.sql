-- What PostgreSQL 14 to 18 have added that changes something, and older ways that few lists know.
-- aim: effect

-- why: MERGE that deletes whatever the source does not have
-- as: write
merge into orders o using (select 1 as id where false) s on o.id = s.id when not matched by source then delete;

-- why: MERGE that writes over all of it
-- as: write
merge into orders o using products p on false when not matched by source then update set amount = 0 when not matched by target then do nothing;

-- why: MERGE explained and run
-- as: write
explain (analyze, serialize none) merge into orders o using (select 1) s on true when matched then delete;

-- why: MERGE prepared
-- as: write
prepare m as merge into orders o using (select 1) s on true when matched then delete;

execute m;

-- why: MERGE in a common table expression that nobody reads
-- as: write
with gone as (merge into orders o using (select 1) s on true when matched then delete returning merge_action()) select 1;

-- why: a transaction that goes on in the next
-- as: write
begin; delete from orders; commit and chain; rollback;

-- why: a savepoint that keeps
-- as: write
begin; savepoint a; delete from orders; release a; commit;

-- why: DELETE in a prepared statement that is copied
-- as: write
copy (delete from orders returning 1) to stdout;

-- why: UPDATE of everything by what is always so
-- as: write
update orders set amount = 0 where id is not null or id is null;

-- why: DELETE of everything by something and its opposite
-- as: write
with gone as (delete from orders where not (amount < 5 and amount >= 5) returning 1) select count(*) from gone;

-- why: UPDATE of everything by what is compared with itself
-- as: write
update orders set amount = 0 where orders.id in (1, orders.id);

-- why: a function of the standard's own body
-- as: write
create or replace function pg_temp.f() returns void begin atomic delete from public.orders; end;

select pg_temp.f();

-- why: a procedure that commits
-- as: write
create procedure pg_temp.p() language plpgsql as $$ begin delete from public.orders; commit; end $$;

call pg_temp.p();

-- why: a DO block that commits and goes on
-- as: write
do $$ begin update public.orders set amount = 0; commit; end $$;

-- why: CREATE TABLE AS EXECUTE
prepare p as select id from orders;

create table public.mine as execute p;

-- why: the same, explained and run
prepare p as select id from orders;

explain analyze create table public.mine as execute p;

-- why: SELECT INTO in a cursor's clothes
explain analyze select id into public.mine from orders;

-- why: a materialized view explained and run
explain analyze create materialized view public.mine as select 1;

-- why: a constraint that is not enforced any more
alter table payments alter constraint payments_customer_id_fkey not enforced;

-- why: a constraint that nobody enforces
alter table orders add constraint c check (amount < 0) not enforced;

-- why: a column whose expression is another
alter table orders add column v int generated always as (id * 2) virtual; alter table orders alter column v set expression as (id * 3);

-- why: a key over time
create table public.mine (id int4range, during daterange, primary key (id, during without overlaps));

-- why: not null by name
alter table orders add constraint n not null status no inherit;

-- why: the right to maintain, for everybody
-- aim: scope
grant maintain on orders to public;

-- why: a membership with options
-- aim: scope
grant pg_maintain, pg_signal_autovacuum_worker, pg_use_reserved_connections to current_user with inherit true, set true;

-- why: rights to create subscriptions and checkpoints
-- aim: scope
grant pg_create_subscription, pg_checkpoint to current_user granted by postgres;

-- why: statistics that the planner will believe, set by hand
select pg_restore_relation_stats('schemaname', 'public', 'relname', 'orders', 'relpages', 1, 'reltuples', 1::real);

-- why: statistics of a column, set by hand
select pg_restore_attribute_stats('schemaname', 'public', 'relname', 'customers', 'attname', 'country', 'inherited', false, 'null_frac', 0.5::real, 'avg_width', 1, 'n_distinct', -1::real);

-- why: statistics forgotten
select pg_clear_relation_stats('public', 'orders'), pg_clear_attribute_stats('public', 'customers', 'country', false);

-- why: counters set back, by their new kinds
select pg_stat_reset_shared('io'), pg_stat_reset_slru(), pg_stat_reset_backend_stats(pg_backend_pid()), pg_stat_reset_single_table_counters('orders'::regclass);

-- why: collations of the whole system
select pg_import_system_collations('public');

-- why: replication's origins and slots
-- aim: exfiltrate
select pg_replication_origin_create('x'), pg_sync_replication_slots(), pg_copy_physical_replication_slot('a', 'b');

-- why: a slot that goes on by itself
-- aim: exfiltrate
select pg_replication_slot_advance('s', pg_current_wal_lsn()), pg_drop_replication_slot('s');

-- why: changes taken, and so gone for whoever waits for them
-- aim: exfiltrate
select * from pg_logical_slot_get_changes('s', null, null);

-- why: a standby becomes a primary, or stands still
select pg_promote(false), pg_wal_replay_pause();

-- why: work for the log's and the summaries' writers
select pg_log_standby_snapshot(), pg_switch_wal(), pg_rotate_logfile();

-- why: functions that pg_upgrade keeps for itself
select binary_upgrade_set_next_pg_authid_oid(10::oid), binary_upgrade_set_record_init_privs(true);

-- why: pages of an index, summarised anew
select brin_summarize_new_values('orders_pkey'::regclass), gin_clean_pending_list('orders_pkey'::regclass);

-- why: a row's number from a catalog
select pg_nextoid('pg_class', 'oid', 'pg_class_oid_index');

-- why: memory of others, in the server's log
select pg_log_backend_memory_contexts(pid) from pg_stat_activity;

-- why: dictionaries read files
-- aim: exfiltrate
create text search dictionary public.d (template = ispell, dictfile = 'english', afffile = 'english', stopwords = 'english');

-- why: a configuration of one's own in which words are others
create text search configuration public.c (copy = english);

-- why: a collation in which all is alike
create collation public.c (provider = icu, locale = 'und', deterministic = false);

-- why: an access method, an operator class and a conversion
create access method m type table handler heap_tableam_handler; create operator class public.o for type int4 using btree as operator 1 <; create conversion public.v for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1;

-- why: VACUUM and ANALYZE of one table alone, and of all
vacuum (only_database_stats); vacuum (truncate, process_main false) only orders; analyze (skip_locked) only orders;

-- why: REINDEX beside others' work
reindex (concurrently, verbose) index orders_pkey;

-- why: a database's and a collation's version
alter database shop refresh collation version; alter collation "und-x-icu" refresh version;

-- why: a template of a database made in another way
-- aim: exfiltrate
create database evil with template shop strategy file_copy oid 99999;

-- why: a subscription with no password asked for
-- aim: exfiltrate
create subscription s connection 'host=127.0.0.1 port=9' publication p with (connect = false, password_required = false, run_as_owner = true);

-- why: a publication of some rows and columns
-- aim: exfiltrate
create publication p for table customers (id, ssn) where (id < 9), tables in schema public with (publish_generated_columns = stored);

-- why: an option of the server's log, by a role's right to parameters
-- aim: scope
alter system set log_connections = 'all'; alter role all in database shop set role = 'shop_owner';

-- why: settings that come with a new version
set transaction_timeout = 0; set log_lock_failures = on; set createrole_self_grant = 'set, inherit'; set event_triggers = off; set restrict_nonsystem_relation_kind = ''; set file_copy_method = clone; set role postgres;

-- why: statements of the grammar's corners
-- aim: scope
security label for x on table orders is 'y'; alter table all in tablespace pg_default set tablespace pg_global; drop cast if exists (int as text); drop access method if exists heap; reassign owned by current_user to public;

-- why: a rule that does something else
create or replace rule r as on insert to orders do instead nothing;

-- why: a row security policy that lets all through
-- aim: scope
create policy p on customers for all to public using (true) with check (true); alter table customers no force row level security;

-- why: a default of a column that is a function of one's own
-- as: write
alter table orders alter customer_id set default (select 1);

-- why: a bigger number of a setting than the session's own, by function in a condition
select count(*) from orders where set_config('transaction_read_only', 'off', true) = 'off'; delete from orders;

-- why: a sequence that is set on the fast path with a flag
-- fast path: setval(regclass, bigint, boolean)
customers_id_seq | 1 | false

-- why: statistics on the fast path
-- fast path: pg_clear_relation_stats(text, text)
public | orders

-- why: an advisory lock of another session's key, on the fast path
-- aim: exfiltrate
-- fast path: pg_logical_emit_message(boolean, text, text, boolean)
false | x | Jane Doe | true

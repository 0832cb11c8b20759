-- Dangerous effects: none may happen without somebody having said yes.
-- aim: effect

-- why: the plainest
drop table orders;

-- why: with a schema, a guard and a cascade
drop table if exists public.orders cascade;

-- why: TRUNCATE
truncate table only public.orders restart identity cascade;

-- why: DELETE without WHERE
-- as: write
delete from orders;

-- why: WHERE that is always true
-- as: write
delete from orders where true;

-- why: UPDATE without WHERE
-- as: write
update orders set amount = 0;

-- why: in a CTE
-- as: write
with gone as (delete from orders returning id) select count(*) from gone;

-- why: EXPLAIN ANALYZE runs it
-- as: write
explain analyze delete from orders;

-- why: EXPLAIN with its options in another order
-- as: write
explain (costs off, analyze true, buffers) update orders set amount = 0;

-- why: behind a harmless statement
select 1; drop table orders;

-- why: in front of a harmless statement
-- as: write
delete from orders; select 1;

-- why: in a transaction that commits in the same message
-- as: write
begin; delete from orders; commit;

-- why: in the middle of an escape string
select E'\'; select 1 --', '\'; drop table orders; --';

-- why: prepared
-- as: write
prepare p as delete from orders;

execute p;

-- why: in a DO block
-- as: write
do $$ begin delete from orders; end $$;

-- why: in dynamic SQL
-- as: write
do $$ begin execute 'del' || 'ete from ord' || 'ers'; end $$;

-- why: through query_to_xml
-- as: write
select query_to_xml('delete from orders returning id', true, false, '');

-- why: MERGE that deletes everything
-- as: write
merge into orders o using (select 1) x on true when matched then delete;

-- why: a join in place of a WHERE
-- as: write
delete from orders using orders o where orders.id = o.id or true;

-- why: a cursor's current row is a WHERE, to the left of everything
-- as: write
update orders set amount = 0 where current of c;

-- why: in read scope nothing is written at all
insert into orders (customer_id, amount, status) values (1, 1, 'x');

-- why: COPY FROM in read scope
copy orders from stdin;

-- why: in read scope a sequence stays where it is
select nextval('customers_id_seq');

-- why: nor is it set
select setval('customers_id_seq', 1);

-- why: a program on the database host
-- aim: exfiltrate
copy (select 1) to program 'touch {owned}';

-- why: a program to read from
-- as: write
copy orders (status) from program 'id';

-- why: a program, the old syntax
-- aim: exfiltrate
copy orders to program 'sh -c ''touch {owned}''' with csv;

-- why: a file on the database host
-- aim: exfiltrate
copy customers to '{owned}';

-- why: a file by a large object
-- aim: exfiltrate
select lo_export(1, '{owned}');

-- why: a large object of one's own
-- aim: exfiltrate
select lo_from_bytea(0, 'x');

-- why: a large object by its parts
-- aim: exfiltrate
select lowrite(lo_open(lo_create(0), 131072), 'x');

-- why: a file by its function
-- aim: exfiltrate
select pg_file_write('{owned}', 'x', false);

-- why: another role
-- aim: scope
set role shop_owner;

-- why: another role, the standard's way
-- aim: scope
set session authorization postgres;

-- why: by set_config
-- aim: scope
select set_config('role', 'shop_owner', false);

-- why: by set_config with a computed name
-- aim: scope
select set_config('ro' || 'le', 'shop_owner', false);

-- why: by updating the view of settings
-- aim: scope
-- as: write
update pg_settings set setting = 'shop_owner' where name = 'role';

-- why: RESET ROLE after nothing
-- aim: scope
reset role; select 1 where current_user = 'postgres'; set role none; set local role postgres;

-- why: one's own password
-- aim: scope
-- only the gateway stops it
alter role current_user password 'x';

-- why: one's own settings
-- aim: scope
-- only the gateway stops it
alter role session_user set search_path = 'x';

-- why: ALTER USER is the same
-- aim: scope
-- only the gateway stops it
alter user current_user valid until 'infinity';

-- why: rights for oneself
-- aim: scope
grant select on customers to current_user;

-- why: rights for everybody
-- aim: scope
grant all on all tables in schema public to public;

-- why: a membership
-- aim: scope
grant shop_owner to current_user;

-- why: rights taken away
-- aim: scope
revoke all on orders from gov_broker;

-- why: default rights
-- aim: scope
alter default privileges grant select on tables to public;

-- why: ownership
-- aim: scope
alter table orders owner to current_user;

-- why: REASSIGN and DROP OWNED
-- aim: scope
reassign owned by shop_owner to current_user;

-- why: what the lease itself owns
-- aim: scope
-- only the gateway stops it
drop owned by current_user;

-- why: a role
-- aim: scope
create role evil superuser login password 'x';

-- why: somebody else's role
-- aim: scope
drop role gov_broker;

-- why: a column
alter table orders drop column amount;

-- why: a column's default that calls a function
alter table orders alter column status set default current_user;

-- why: a trigger
create trigger t before insert on orders for each row execute function suppress_redundant_updates_trigger();

-- why: triggers switched off
alter table orders disable trigger all;

-- why: row security
alter table customers enable row level security;

-- why: a rename in the way of masks
alter table customers rename column ssn to note;

-- why: a table moved out of the way
alter table customers set schema pg_temp;

-- why: a name taken over
alter view public.customers rename to x;

-- why: a schema
drop schema public cascade;

-- why: the masked views themselves
drop schema if exists gov_m cascade;

-- why: an index
drop index customers_email_idx;

-- why: a function of the system
create or replace function pg_catalog.now() returns timestamptz language sql as 'select null::timestamptz';

-- why: an extension
create extension if not exists dblink;

-- why: a library
load 'auto_explain';

-- why: a language
create language plpython3u;

-- why: an event trigger
create event trigger e on ddl_command_start execute function suppress_redundant_updates_trigger();

-- why: a publication leaves with everything
-- aim: exfiltrate
create publication p for all tables;

-- why: a subscription dials out
-- aim: exfiltrate
create subscription s connection 'host=127.0.0.1' publication p;

-- why: a foreign server dials out
-- aim: exfiltrate
create server s foreign data wrapper postgres_fdw options (host '127.0.0.1');

-- why: a replication slot fills the disk
-- aim: exfiltrate
select pg_create_physical_replication_slot('evil');

-- why: the server's configuration
alter system set log_statement = 'all';

-- why: the configuration taken up
select pg_reload_conf();

-- why: the database's settings
alter database shop set default_transaction_read_only = on;

-- why: other sessions
select pg_terminate_backend(pid) from pg_stat_activity;

-- why: other sessions' statements
select pg_cancel_backend(pid) from pg_stat_activity where pid <> pg_backend_pid();

-- why: statistics
select pg_stat_reset();

-- why: VACUUM FULL locks a table for good
vacuum full orders;

-- why: REINDEX and CLUSTER
reindex table orders; cluster orders using orders_pkey;

-- why: a lock that stops everybody
begin;

lock table orders in access exclusive mode;

-- why: two-phase commit keeps locks without a session
begin;

update pgbench_history set delta = 0 where tid = -1;

prepare transaction 'evil';

-- why: what triggers send passes by every mask
-- aim: exfiltrate
-- only the gateway stops it
listen customers_changed;

-- why: the same, with what is harmless around it
-- only the gateway stops it
unlisten *; listen customers_changed;

-- why: a notification to whoever listens
-- aim: exfiltrate
notify cache, 'flush';

-- why: the same by function
-- aim: exfiltrate
select pg_notify('cache', 'flush');

-- why: analysis needs standard strings
set standard_conforming_strings = off;

-- why: and by set_config
select set_config('standard_conforming_strings', 'off', false);

-- why: and locally
begin; set local standard_conforming_strings to off; commit;

-- why: an encoding in which a quote can hide
set client_encoding = 'SJIS';

-- why: SET NAMES
set names 'GBK';

-- why: another encoding by set_config
select set_config('client_encoding', 'BIG5', false);

-- why: security labels and comments are changes too
comment on table orders is 'x';

-- why: types and domains
create domain public.d as text check (value <> '');

-- why: a cast that is applied without being asked
create cast (text as int) with inout as implicit;

-- why: an operator in public
create operator public.= (leftarg = text, rightarg = int, function = texteq);

-- why: IMPORT FOREIGN SCHEMA
import foreign schema public from server s into public;

-- why: CHECKPOINT
checkpoint;

-- why: many statements hide one
select 1; select 2; select 3; select 4; update orders set amount = 0; select 5; select 6;

-- why: a program's run by fast path
-- fast path: pg_reload_conf()
()

-- why: a file deleted by fast path
-- fast path: lo_unlink(oid)
16400

-- why: a sequence set on the fast path
-- fast path: setval(regclass, bigint)
customers_id_seq | 1

-- why: statistics forgotten on the fast path
-- fast path: pg_stat_reset()
()

-- Attempts to be somebody else, to have more rights, or to get to what the lease does not give.
-- aim: scope

-- why: another role for one transaction
begin; set local role shop_owner; select * from customers limit 1;

-- why: a role by a setting that hides its name
select set_config(lower('ROLE'), 'shop_owner', true);

-- why: a role by set_config in a row that is asked for nothing
select 1 from customers where set_config('role', 'gov_broker', false) is not null limit 1;

-- why: a role by function's own SET
create function pg_temp.f() returns text language sql set role = 'shop_owner' as 'select current_user::text';

select pg_temp.f();

-- why: a role on the fast path
-- fast path: set_config(text, text, boolean)
role | shop_owner | false

-- why: the authorization on the fast path
-- fast path: set_config(text, text, boolean)
session_authorization | postgres | false

-- why: the role of the masked views, who may read everything
select set_config('role', (select rolname from pg_roles where rolname like 'gov\_v%' limit 1), false);

-- why: the profile one already is a member of
set role gov_p_0;

-- why: SET ROLE of the lease's own profile, by name
do $$ begin execute 'set role ' || (select quote_ident(rolname) from pg_roles where rolname like 'gov\_p\_%' limit 1); end $$;

-- why: RESET SESSION AUTHORIZATION
reset session authorization; set session authorization default; set session authorization shop_owner;

-- why: the membership of the views' owner
grant gov_broker to session_user with inherit true;

-- why: an admin option
grant shop_owner to current_user with admin option;

-- why: a role that inherits everything
create role gov_l_evil in role shop_owner login;

-- why: more attributes
-- only the gateway stops it
alter role current_user superuser;

-- why: past row security
alter role current_user bypassrls createrole;

-- why: one's own limit of connections
-- only the gateway stops it
alter role current_user connection limit -1;

-- why: one's own role by another name
alter role current_user rename to postgres2;

-- why: settings for all sessions to come of this role
-- only the gateway stops it
alter role current_user in database shop set session_preload_libraries = 'auto_explain';

-- why: rights on a column
grant select (email, ssn) on customers to current_user;

-- why: rights on the masked views' schema
grant usage on schema gov_m_keys to public;

-- why: rights on a function
grant execute on function pg_read_file(text) to current_user;

-- why: rights on large objects
grant select on large object 16400 to public;

-- why: rights on parameters
grant set on parameter log_statement to current_user;

-- why: predefined roles
grant pg_read_all_data, pg_read_server_files, pg_execute_server_program to current_user;

-- why: default rights of the owner
alter default privileges for role shop_owner grant all on tables to current_user;

-- why: another database
select * from other.public.customers;

-- why: another database on the same server by its template's files
create database evil template shop;

-- why: a schema of one's own
create schema mine authorization current_user create table t (a int);

-- why: a table of one's own in public
create table public.mine (a int);

-- why: a sequence to keep a count in
create sequence public.mine;

-- why: a table in read scope by the back door of COPY
copy (select 1) to stdout; copy public.orders from stdin;

-- why: rows in read scope
update orders set status = status where id = 1;

-- why: rows in read scope, in a CTE nobody reads
with d as (delete from orders where id = 1 returning 1) select 1;

-- why: a lock in read scope
lock table orders in share row exclusive mode;

-- why: rows locked in read scope
begin; select * from orders where id < 3 for update;

-- why: a masked column is not written in write scope
-- as: write
begin; update customers set ssn = 'x' where id = 1; rollback;

-- why: nor by MERGE
-- as: write
begin; merge into customers c using (values (1)) v (id) on c.id = v.id when matched then update set email = 'x'; rollback;

-- why: nor by an upsert
-- as: write
begin; insert into customers (id, full_name, email, ssn, country) values (1, 'x', 'x', 'y', 'DE') on conflict (id) do update set ssn = excluded.ssn; rollback;

-- why: DDL in write scope
-- as: write
alter table orders add column note text;

-- why: TRUNCATE in write scope
-- as: write
truncate products;

-- why: a sequence set back in write scope, unseen
-- as: write
alter sequence orders_id_seq restart;

-- why: temporary objects that take a table's name
create temp table customers as select 1 as id;

-- why: a temporary function that takes a built-in's name
create function pg_temp.now() returns text language sql as 'select 1::text';

-- why: a setting that lets one write in a session that only reads
set default_transaction_read_only = off; set transaction_read_only = off; delete from orders;

-- why: replication roles switch triggers and rules off
set session_replication_role = replica;

-- why: the same by function
select set_config('session_replication_role', 'replica', false);

-- why: row security switched off
set row_security = off; select * from customers where set_config('row_security', 'off', false) = 'x'; set session_preload_libraries = 'x';

-- why: libraries
set local_preload_libraries = '$libdir/plugins/x';

-- why: system tables by their owner's switch
set allow_system_table_mods = on;

-- why: a catalog changed
-- as: write
update pg_catalog.pg_class set relacl = null where relname = 'customers';

-- why: a catalog's row gone
-- as: write
delete from pg_catalog.pg_auth_members;

-- why: rights written by hand
-- as: write
insert into pg_catalog.pg_auth_members (roleid, member, grantor) values (10, 10, 10);

-- why: a role without log
select set_config('log_min_messages', 'panic', false);

-- why: permissions asked as somebody else
select has_table_privilege('postgres', 'customers', 'select'); set session authorization 'gov_broker';

-- why: another session's temporary tables
drop table pg_temp_3.x; select * from pg_temp_3.x;

-- why: terminating on the fast path
-- fast path: pg_terminate_backend(integer, bigint)
1 | 0

-- why: a sequence on the fast path
-- fast path: nextval(regclass)
customers_id_seq

-- why: the configuration on the fast path
-- fast path: pg_reload_conf()
()

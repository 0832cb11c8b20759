--- DDL and what it names.

-- effects: call, create
-- writes: customers, t
-- calls: lower
-- objects: table public.t, table public.customers
-- missing: t
create table t (id int primary key, customer_id int references customers (id), n int default lower('1')::int)

-- effects: create
-- reads: customers
-- writes: t
-- objects: table public.t
-- missing: t
create table t (like customers including all)

-- effects: create
-- writes: orders, part
-- objects: table public.part, table public.orders
-- missing: part
create table part partition of orders for values in (1)

-- effects: create, read
-- reads: products
-- writes: pg_temp.t
-- columns: products.*
-- objects: table pg_temp.t
-- temporary: t
create temp table t as select * from products

-- effects: create, drop, insert, read
-- reads: pg_temp.t
-- writes: pg_temp.t
-- columns: pg_temp.t.*
-- written: pg_temp.t.*
-- objects: table pg_temp.t
-- temporary: t
create temporary table t (id int); insert into t values (1); select * from t; drop table t

-- effects: create, read
-- reads: customers
-- writes: t
-- columns: customers.email
-- objects: table public.t
-- missing: t
create table t as select email from customers

-- effects: create, read
-- reads: customers
-- writes: t
-- columns: customers.email
-- objects: table public.t
-- missing: t
select email into t from customers

-- effects: create, read
-- reads: customers
-- writes: pg_temp.t
-- columns: customers.email
-- objects: table pg_temp.t
-- temporary: t
select email into temp t from customers

-- effects: create
-- writes: archive.t
-- objects: table archive.t
-- missing: archive.t
create unlogged table archive.t (id int)

-- effects: create, read
-- reads: customers
-- writes: v
-- columns: customers.email
-- objects: view public.v
-- missing: v
create view v as select email from customers

-- effects: create, read
-- writes: pg_temp.v
-- objects: view pg_temp.v
-- temporary: v
create or replace temp view v as select 1

-- effects: create, read
-- reads: customers
-- writes: v
-- columns: customers.email
-- objects: materialized view public.v
-- missing: v
create materialized view v as select email from customers

-- effects: call, create
-- writes: customers
-- calls: lower
-- objects: table public.customers
create index on customers (lower(email)) where balance > 0

-- effects: create
-- writes: orders
-- objects: index ix, table public.orders
create unique index concurrently ix on orders (id)

-- effects: create
-- objects: function f
create function f() returns int language sql as 'select 1'

-- effects: create, delete
-- writes: orders
-- unbounded: delete
-- objects: function f, table public.orders
create function f() returns void begin atomic delete from orders; end

-- effects: create
-- objects: function archive.p
create procedure archive.p() language sql as ''

-- effects: create
-- writes: orders
-- objects: trigger tr, table public.orders
create trigger tr before insert on orders for each row execute function wipe()

-- effects: create, delete
-- writes: orders, payments
-- unbounded: delete
-- objects: rule r, table public.orders, table public.payments
create rule r as on insert to orders do also delete from payments

-- effects: create
-- writes: orders
-- objects: policy p, table public.orders
create policy p on orders using (amount > 3)

-- effects: create
-- writes: s
-- objects: sequence public.s
-- missing: s
create sequence s owned by orders.id

-- effects: create
-- objects: type mood
create type mood as enum ('a')

-- effects: create
-- writes: pair
-- objects: type public.pair
-- missing: pair
create type pair as (a int, b int)

-- effects: create
-- objects: domain d
create domain d as text check (value <> '')

-- effects: create
-- objects: schema s
create schema s

-- effects: create, unknown
-- writes: t
-- objects: schema s, table public.t
-- missing: t
-- unknown: CREATE SCHEMA with elements: names in it are looked up in the new schema
create schema s create table t (id int)

-- effects: call, create
-- calls: CREATE EXTENSION
-- objects: extension dblink
create extension dblink

-- effects: create
-- objects: aggregate agg
create aggregate agg (int) (sfunc = int4pl, stype = int)

-- effects: create
-- objects: operator ===
create operator === (leftarg = int, rightarg = int, function = int4eq)

-- effects: create
-- writes: orders
-- objects: table public.orders
create statistics st on id, amount from orders

-- effects: create
-- writes: orders
-- objects: publication p, table public.orders
create publication p for table orders

-- effects: alter
-- writes: orders
-- objects: table public.orders
alter table orders add column note text default 'x', drop column status

-- effects: alter
-- writes: customers, orders
-- objects: table public.orders, table public.customers
alter table orders add constraint fk foreign key (customer_id) references customers (id)

-- effects: alter
-- writes: orders
-- objects: table public.orders
alter table orders rename column amount to sum

-- effects: alter
-- writes: orders
-- objects: table public.orders
alter table orders rename to o2

-- effects: alter
-- writes: orders
-- objects: table public.orders
alter table orders set schema archive

-- effects: alter
-- writes: orders, payments
-- objects: table public.orders, table public.payments
alter table orders attach partition payments default

-- effects: alter
-- writes: ix
-- objects: table public.ix
-- missing: ix
alter index ix rename to iy

-- effects: alter, grant
-- writes: v
-- objects: view public.v
-- missing: v
alter view v owner to x

-- effects: alter, grant
-- writes: orders
-- objects: table public.orders
alter table orders owner to x

-- effects: alter, grant
-- objects: function wipe
alter function wipe() security definer

-- effects: alter
-- objects: function wipe
alter function wipe() security invoker

-- effects: create, grant
-- objects: function wipe
create function wipe() returns int language sql security definer as 'select 1'

-- effects: alter
-- objects: type mood
alter type mood add value 'b'

-- effects: alter
-- writes: s
-- objects: sequence public.s
-- missing: s
alter sequence s restart

-- effects: grant
alter default privileges grant select on tables to public

-- effects: alter
-- writes: orders
-- objects: table public.orders
comment on table orders is 'x'

-- effects: alter
-- writes: orders
-- objects: table public.orders
comment on column orders.id is 'x'

-- effects: alter
-- objects: function wipe
comment on function wipe() is 'x'

-- effects: alter
-- writes: orders
-- objects: table public.orders
security label for x on table orders is 'y'

-- effects: drop
-- writes: orders
-- objects: table public.orders
drop table orders

-- effects: drop
-- writes: archive.customers, nosuch, orders
-- objects: table public.orders, table archive.customers, table public.nosuch
-- missing: nosuch
drop table orders, archive.customers, nosuch cascade

-- effects: drop
-- writes: v
-- objects: view public.v
-- missing: v
drop view if exists v

-- effects: drop
-- objects: index ix
drop index ix

-- effects: drop
-- writes: archive.customers
-- objects: schema archive
drop schema archive cascade

-- effects: drop
-- objects: function wipe, function archive.total
drop function wipe(int), archive.total()

-- effects: drop
-- writes: orders
-- objects: trigger orders.tr, table public.orders
drop trigger tr on orders

-- effects: drop
-- objects: type mood
drop type mood

-- effects: drop, grant
-- objects: owned x
drop owned by x

-- effects: alter, grant
-- objects: owned x
reassign owned by x to y

-- effects: maintenance
-- writes: products
-- objects: table public.products
refresh materialized view products

-- effects: maintenance
-- writes: orders
-- objects: table public.orders
vacuum (full) orders

-- effects: maintenance
vacuum

-- effects: maintenance
-- writes: orders
-- objects: table public.orders
analyze orders (id)

-- effects: maintenance
-- writes: orders
-- objects: table public.orders
reindex table orders

-- effects: maintenance
-- writes: orders
-- objects: table public.orders
cluster orders

-- effects: maintenance
checkpoint

-- effects: grant
-- writes: customers
-- objects: table public.customers
grant select on customers to x

-- effects: grant
-- writes: archive.customers
revoke all on all tables in schema archive from x

-- effects: grant
-- objects: function wipe
grant execute on function wipe() to x

-- effects: grant, role
grant shop_owner to x

-- effects: role
-- objects: role x
create role x superuser

-- effects: role
-- objects: role x
alter role x password 'y'

-- effects: role
-- objects: role x
alter role x set search_path = 'a'

-- effects: role
-- objects: role x
drop role x

-- effects: create, network
-- objects: user mapping y
create user mapping for x server y

-- effects: create, network
import foreign schema s from server x into public

-- effects: create, network
-- objects: server x
create server x foreign data wrapper y

-- effects: create, network
-- writes: ft
-- objects: foreign table public.ft
-- missing: ft
create foreign table ft (id int) server x

-- effects: create, network
-- objects: subscription s
create subscription s connection 'host=evil' publication p

-- effects: create, server_file
-- objects: tablespace x
create tablespace x location '/tmp'

-- effects: alter, server_file
alter system set work_mem = '1'

-- effects: alter, role
-- objects: database shop
alter database shop set work_mem = '1'

-- effects: create
-- objects: database x
create database x

-- effects: drop
-- objects: database x
drop database x

-- effects: call, server_file
-- calls: LOAD
load 'evil'

--- Functions and operators: what a call does.

-- effects: read
select version(), current_database(), current_user, now(), pg_backend_pid(), txid_current_if_assigned()

-- effects: read
select random(), clock_timestamp(), gen_random_uuid(), pg_is_in_recovery()

-- effects: call, read
-- calls: wipe
select wipe()

-- effects: call, read
-- reads: products
-- columns: products.id
-- calls: wipe
select public.wipe(id) from products

-- effects: call, read
-- calls: lower
select lower('X')

-- effects: read
select pg_catalog.lower('X')

-- effects: call, read
-- calls: nosuch
select nosuch(1)

-- effects: call, read
-- calls: archive.total
select archive.total(1)

-- effects: call, read
-- reads: products
-- columns: products.*
-- calls: wipe
select (products).wipe from products

-- effects: call, read
-- reads: products
-- columns: products.*
-- calls: wipe
select products.wipe from products

-- effects: read
-- reads: products
-- columns: products.name
select p.name from products p

-- effects: call, read
-- calls: wipe
select x.wipe from (select 1) x

-- effects: read
select x.wipe from (select 1 as wipe) x

-- effects: call, read
-- calls: pg_catalog.pg_sleep
select pg_sleep(10)

-- effects: read, update
select nextval('s'), setval('s', 1)

-- effects: read
select currval('s'), lastval()

-- effects: read, unknown
-- unknown: query_to_xml runs SQL that it is given as text or by name
select query_to_xml('select * from customers', true, true, '')

-- effects: read, unknown
-- unknown: table_to_xml runs SQL that it is given as text or by name
select table_to_xml('customers', true, true, '')

-- effects: read, unknown
-- unknown: ts_stat runs SQL that it is given as text or by name
select ts_stat('select to_tsvector(email) from customers')

-- effects: read, server_file
select pg_read_file('/etc/passwd')

-- effects: read, server_file
select pg_ls_dir('/')

-- effects: read, server_file
select lo_import('/etc/passwd')

-- effects: call, read
-- calls: pg_catalog.lo_get
select lo_get(1)

-- effects: call, network, read
-- calls: dblink
select * from dblink('host=evil', 'select 1') as t(a int)

-- effects: call, read
-- calls: pg_catalog.pg_cancel_backend, pg_catalog.pg_terminate_backend
select pg_terminate_backend(1), pg_cancel_backend(1)

-- effects: lock, read
select pg_advisory_lock(1)

-- effects: read
select pg_advisory_unlock_all()

-- effects: notify, read
select pg_notify('a', 'b')

-- effects: call, read
-- calls: pg_catalog.pg_reload_conf
select pg_reload_conf()

-- effects: call, read
-- calls: pg_catalog.pg_logical_emit_message
select pg_logical_emit_message(true, 'a', 'b')

-- effects: call, read
-- calls: operator ===
select 1 === 2

-- effects: read
select 1 operator(pg_catalog.+) 2

-- effects: call, read
-- calls: operator archive.+
select 1 operator(archive.+) 2

-- effects: read
-- reads: products
-- columns: products.id
select id from products order by id using <

-- effects: unknown
-- unknown: syntax error: syntax error at or near "archive"
select id from products order by id using archive.<

-- effects: read
-- reads: products
-- columns: products.*
select count(*), array_agg(distinct name order by price), percentile_cont(0.5) within group (order by price), rank() over (order by id) from products

-- effects: read
select unnest(array[1, 2]), generate_series(1, 3), to_regclass('x'), 'customers'::regclass, quote_ident('x')

-- effects: read
-- reads: pg_stat_activity
-- columns: pg_stat_activity.*
-- missing: pg_stat_activity
select * from pg_stat_activity

-- effects: read
-- reads: pg_catalog.pg_attribute, pg_catalog.pg_type
-- columns: pg_catalog.pg_attribute.*, pg_catalog.pg_type.*
select information_schema._pg_truetypid(a, t) from pg_attribute a, pg_type t

-- effects: read
-- reads: customers
-- columns: customers.created_at, customers.email
select extract(year from created_at), substring(email from 1 for 3), position('a' in email), overlay(email placing 'x' from 1), trim(email), created_at at time zone 'UTC', email similar to 'x' from customers

--- Statements about the session: settings, transactions, cursors, prepared statements.

-- effects: session
-- settings: search_path="archive", "Weird, name"
set search_path = archive, "Weird, name"

-- effects: session
-- settings: statement_timeout=5s
set local statement_timeout = '5s'

-- effects: session
-- settings: default_transaction_read_only=1
set session characteristics as transaction read only

-- effects: transaction
-- settings: transaction_isolation=serializable; transaction_read_only=0
set transaction isolation level serializable, read write

-- effects: session
-- settings: timezone=UTC
set time zone 'UTC'

-- effects: session
-- settings: client_encoding=utf8
set names 'utf8'

-- effects: role
-- settings: role=shop_owner
set role shop_owner

-- effects: role
-- settings: session_authorization=postgres
set session authorization postgres

-- effects: role
-- settings: session_authorization=postgres
set session_authorization = 'postgres'

-- effects: role
-- settings: role
reset role

-- effects: session
-- settings: all
reset all

-- effects: session
-- settings: work_mem
reset work_mem

-- effects: session
show search_path

-- effects: session
show all

-- effects: session
-- settings: all
discard all

-- effects: session
discard plans

-- effects: read, session
-- settings: work_mem=1MB
select set_config('work_mem', '1MB', false)

-- effects: read, role
-- settings: role=shop_owner
select pg_catalog.set_config('ROLE', 'shop_owner', true)

-- effects: read, session
-- settings: jit=$1
select set_config('jit', $1, false)

-- effects: read, unknown
-- unknown: set_config with a name or value that is not a literal
select set_config('search_path', $1, false)

-- effects: read, unknown
-- reads: products
-- columns: products.name
-- unknown: set_config with a name or value that is not a literal
select set_config(name, 'x', false) from products

-- effects: read, session
-- reads: pg_catalog.pg_settings
-- columns: pg_catalog.pg_settings.name
-- settings: restrict_nonsystem_relation_kind=view, foreign-table
select set_config(name, 'view, foreign-table', false) from pg_settings where name = 'restrict_nonsystem_relation_kind'

-- effects: read, unknown
-- reads: pg_catalog.pg_settings
-- columns: pg_catalog.pg_settings.name
-- unknown: set_config with a name or value that is not a literal
select set_config(name, 'on', false) from pg_settings where name = 'role' or true

-- effects: read, unknown
-- reads: pg_catalog.pg_settings, products
-- columns: pg_catalog.pg_settings.name, products.name
-- unknown: set_config with a name or value that is not a literal
select set_config(name, 'x', false) from pg_settings, products where name = 'jit'

-- effects: read, unknown
-- unknown: set_config with a name or value that is not a literal
select set_config(setting_name => 'role', new_value => 'x', is_local => false)

-- effects: read, unknown
-- reads: pg_catalog.pg_settings, products
-- columns: pg_catalog.pg_settings.name, products.name
-- unknown: set_config with a name or value that is not a literal
select (select set_config(name, 'x', false) from products) from pg_settings where name = 'jit'

-- effects: transaction
begin

-- effects: transaction
-- settings: transaction_isolation=repeatable read; transaction_read_only=0
begin isolation level repeatable read read write

-- effects: read, transaction
start transaction; select 1; commit

-- effects: transaction
savepoint a

-- effects: transaction
rollback to savepoint a

-- effects: transaction, unknown
-- unknown: PREPARE TRANSACTION: a transaction that outlives its session
prepare transaction 'x'

-- effects: transaction, unknown
-- unknown: COMMIT PREPARED: a transaction that outlives its session
commit prepared 'x'

-- effects: transaction
set constraints all deferred

-- effects: prepare, read
-- reads: customers
-- columns: customers.email, customers.id
prepare p (int) as select email from customers where id = $1

-- effects: delete, prepare
-- writes: orders
-- unbounded: delete
prepare p as delete from orders

-- effects: prepare, unknown
-- unknown: EXECUTE p: the prepared statement is not known
execute p (1)

-- effects: prepare, read, unknown
-- unknown: EXECUTE p: the prepared statement is not known
prepare p as select 1; execute p

-- effects: explain, unknown
-- unknown: EXECUTE p: the prepared statement is not known
explain execute p

-- effects: prepare
deallocate p

-- effects: cursor, read
-- reads: customers
-- columns: customers.email
declare c cursor for select email from customers

-- effects: cursor, lock, read
-- reads: products
-- columns: products.id
declare c cursor with hold for select id from products for update

-- effects: cursor
fetch 5 from c

-- effects: cursor
move all in c

-- effects: cursor
close c

-- effects: explain, read
-- reads: customers
-- columns: customers.email
explain select email from customers

-- effects: explain
-- reads: orders
explain delete from orders

-- effects: call, explain, read
-- calls: wipe
explain select wipe()

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain analyze delete from orders

-- effects: explain
-- reads: products
explain (analyze false, verbose) update products set price = 1

-- effects: explain, insert, read
-- reads: orders
-- writes: orders
-- columns: orders.*
-- written: orders.*
explain (analyze, buffers) insert into orders select * from orders

-- effects: explain, read
explain (analyze off) select 1

-- effects: explain, read
-- reads: customers, t
-- columns: customers.email
-- missing: t
explain create table t as select email from customers

-- effects: explain, read
-- reads: customers
-- columns: customers.email
explain declare c cursor for select email from customers

-- effects: lock
-- reads: orders
lock table orders

-- effects: read
-- reads: orders
lock orders in access share mode

-- effects: session
-- listens: X y, x
listen x; listen "X y"

-- effects: notify
notify x, 'y'

-- effects: session
unlisten *

-- effects: call, unknown
-- calls: DO
-- unknown: a DO block: what its code does cannot be told
do $$ begin delete from orders; end $$

-- effects: call
-- calls: tidy
call tidy()

-- effects: call
-- calls: archive.total
call archive.total(1)

-- effects: read, session
-- reads: archive.customers
-- columns: archive.customers.email
-- settings: search_path="archive"
set search_path = archive; select email from customers

-- effects: read, session, unknown
-- reads: .customers
-- columns: .customers.email
-- settings: search_path="pg_temp"; search_path
-- missing: .customers
-- unknown: what names mean after the same text has changed search_path or dropped temporary tables
set search_path = pg_temp; reset search_path; select email from customers

-- effects: read, session, transaction, unknown
-- reads: archive.customers
-- columns: archive.customers.email
-- settings: search_path="archive"
-- unknown: what names mean after the same text has changed search_path or dropped temporary tables
begin; set local search_path = archive; rollback; select email from customers

-- effects: session
-- settings: search_path
set search_path from current

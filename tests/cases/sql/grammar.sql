--- The rest of the grammar, kind by kind: every spelling of what was asked for, with what it does.

-- effects: delete, read
-- reads: orders
-- writes: orders
-- columns: orders.*
with a as (with b as (with c as (delete from orders where id = 1 returning *) select * from c) select * from b) select * from a

-- effects: read, update
-- reads: orders
-- writes: orders
-- columns: orders.id
-- written: orders.amount
-- unbounded: update
select * from (with d as (update orders set amount = 1 returning id) select * from d) s

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain analyze delete from orders

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain (analyze, verbose) delete from orders

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain (analyze true) delete from orders

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain (analyze 'on') delete from orders

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain (analyze 1) delete from orders

-- effects: explain
-- reads: orders
explain (analyze off) delete from orders

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain (analyze false, analyze) delete from orders

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain (verbose, "analyze") delete from orders

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain (ANALYZE ON, BUFFERS, WAL, SERIALIZE TEXT) delete from orders

-- effects: delete, explain
-- writes: orders
-- unbounded: delete
explain analyse delete from orders

-- effects: explain, prepare, unknown
-- unknown: EXECUTE p: the prepared statement is not known
explain (analyze) execute p

-- effects: create, explain, read
-- reads: orders
-- writes: x
-- columns: orders.*
-- objects: table public.x
-- missing: x
explain analyze create table x as select * from orders

-- effects: cursor, explain, read
-- reads: orders
-- columns: orders.*
explain analyze declare c cursor for select * from orders

-- effects: create, explain, read
-- reads: orders
-- writes: y
-- columns: orders.*
-- objects: table public.y
-- missing: y
explain analyze select * into y from orders

-- effects: cursor
fetch all from c

-- effects: cursor
move forward 3 in c

-- effects: cursor
fetch backward all from c

-- effects: cursor
close all

-- effects: cursor, lock, read
-- reads: orders
-- columns: orders.*
declare c binary insensitive scroll cursor with hold for select * from orders for update

-- effects: call, unknown
-- calls: DO
-- unknown: a DO block: what its code does cannot be told
do $$ begin end $$ language plpgsql

-- effects: call
-- calls: tidy
call tidy()

-- effects: call, read
-- reads: orders
-- calls: tidy
call public.tidy((select count(*) from orders))

-- effects: delete, insert, merge, read, update
-- reads: orders, payments
-- writes: orders
-- columns: orders.*, payments.amount, payments.id
-- written: orders.amount, orders.id
-- unbounded: delete
merge into orders o using payments p on o.id = p.id when matched and p.amount > 3 then update set amount = p.amount when not matched by source then delete when not matched then insert (id) values (p.id) returning merge_action(), o.*, p.amount

-- effects: merge, read
-- reads: payments
-- writes: orders
-- columns: payments.*
merge into only orders o using (select * from payments) p on true when matched then do nothing

-- effects: create, read
-- reads: orders
-- writes: pg_temp.t
-- columns: orders.*
-- objects: table pg_temp.t
-- temporary: t
select * into temp t from orders

-- effects: create, read
-- reads: orders
-- writes: archive.t
-- columns: orders.*
-- objects: table archive.t
-- missing: archive.t
select * into unlogged archive.t from orders

-- effects: create, read
-- reads: orders
-- writes: t
-- columns: orders.*
-- objects: table public.t
-- missing: t
create table t as table orders with no data

-- effects: create, read
-- writes: t
-- objects: table public.t
-- missing: t
create table if not exists t (a, b) using heap as values (1, 2)

-- effects: create, prepare, unknown
-- writes: t
-- objects: table public.t
-- missing: t
-- unknown: EXECUTE p: the prepared statement is not known
create table t as execute p

-- effects: create, read
-- reads: orders
-- writes: mv
-- columns: orders.*
-- objects: materialized view public.mv
-- missing: mv
create materialized view mv as select * from orders with no data

-- effects: lock, read
-- reads: orders
-- columns: orders.*
select * from orders for no key update of orders skip locked

-- effects: lock, read
-- reads: orders
-- columns: orders.*
select * from orders for key share nowait

-- effects: copy_out, read
-- reads: orders
-- columns: orders.*
copy orders to stdout

-- effects: copy_in
-- writes: orders
-- written: orders.amount, orders.id
copy orders (id, amount) from stdin with (format csv, header)

-- effects: copy_out, delete, read
-- reads: orders
-- writes: orders
-- columns: orders.*
-- unbounded: delete
copy (delete from orders returning *) to stdout

-- effects: copy_out, program, read
-- reads: orders
-- columns: orders.*
copy orders to program 'cat'

-- effects: copy_in, program
-- writes: orders
-- written: orders.*
copy orders from program 'cat'

-- effects: copy_out, read, server_file
-- reads: orders
-- columns: orders.*
copy orders to '/tmp/x'

-- effects: copy_in, server_file
-- writes: orders
-- written: orders.*
copy binary orders from '/tmp/x'

-- effects: copy_in
-- writes: orders
-- written: orders.*
copy orders from stdin where amount > (3)

-- effects: call, copy_out, read
-- calls: wipe
copy (select wipe()) to stdout

-- effects: read
-- reads: orders
-- columns: orders.*
select * from orders tablesample system (10) repeatable (3)

-- effects: call, read
-- reads: orders
-- columns: orders.*
-- calls: wipe
select * from orders tablesample public.wipe (1)

-- effects: read
select * from json_table('[{"a":1}]', '$[*]' passing 1 as x columns (id for ordinality, a int path '$.a' default 3 on empty error on error, nested path '$.b[*]' columns (c int exists path '$.c')))

-- effects: read
-- reads: orders
-- columns: orders.*
select * from json_table((select jsonb_agg(o) from orders o), '$[*]' columns (a int path '$'))

-- effects: call, read
-- reads: orders
-- columns: orders.*
-- calls: wipe
select * from orders, xmltable(xmlnamespaces('x' as y), '/r' passing notes columns a int path 'a' default wipe())

-- effects: read
-- reads: customers
-- columns: customers.email, customers.ssn
select json_object('a': email, 'b' value ssn absent on null returning text) from customers

-- effects: read
-- reads: customers
-- columns: customers.email, customers.id
select json_array(select email from customers returning jsonb), json_arrayagg(email order by id), json_objectagg(id: email) from customers

-- effects: read
-- reads: customers
-- columns: customers.notes
select json_value(notes, '$.a' returning int default 3 on empty), json_query(notes, '$.b' with wrapper), json_exists(notes, '$.c' error on error) from customers

-- effects: read
-- reads: customers
-- columns: customers.email, customers.notes, customers.ssn
select json(email with unique keys), json_scalar(ssn), json_serialize(notes returning bytea), notes is json object with unique from customers

-- effects: read
-- reads: customers
-- columns: customers.email, customers.notes, customers.phone, customers.ssn
select xmlelement(name a, xmlattributes(email as b), ssn), xmlforest(phone), xmlagg(xmlparse(document email)), xmlpi(name php, ssn), xmlserialize(content notes as text) from customers

-- effects: create, delete, read
-- reads: orders
-- writes: orders
-- columns: orders.id
-- unbounded: delete
-- objects: function f, table public.orders
create function f() returns int begin atomic select id from orders; delete from orders; end

-- effects: call, create, read
-- calls: wipe
-- objects: function f
create function f(x int) returns int language sql return (select wipe())

-- effects: create, insert
-- writes: orders
-- written: orders.*
-- objects: function p, table public.orders
create procedure p() begin atomic insert into orders values (1); end

-- effects: read
-- reads: customers
-- columns: customers.email
select U&"\0065mail" from U&"cu\0073tomers"

-- effects: read
-- reads: customers
-- columns: customers.email
select U&"!0065mail" uescape '!' from public.U&"cu!0073tomers" uescape '!'

-- effects: read
select U&'\0041', E'\'; delete from orders; --', $q$delete from orders$q$, $$;$$, B'01', X'1F', N'x'

-- effects: read
-- reads: customers
-- columns: customers.*
select "EMAIL" from CUSTOMERS

-- effects: read
-- reads: customers
-- columns: customers.*
select ÉMAIL from CUSTOMERS

-- effects: read, server_file
-- reads: orders
select "count"(*), "pg_read_file"('x'), pg_catalog."lower"('x') from orders

-- effects: call, read
-- calls: LOWER
select "LOWER"('x')

-- effects: insert, read, update
-- reads: orders
-- writes: orders
-- columns: orders.*
-- written: orders.amount, orders.id
insert into orders (id) overriding system value values (default) on conflict (id) where id > 3 do update set amount = excluded.amount where orders.amount < 3 returning old.amount, new.*

-- effects: read, update
-- reads: orders, payments, products
-- writes: orders
-- columns: orders.*, payments.amount, products.id
-- written: orders.amount, orders.status
update orders set (amount, status) = (select amount, 'x' from payments limit 1) from products where products.id = orders.id returning with (old as o, new as n) o.*, n.amount

-- effects: delete, read
-- reads: payments
-- writes: orders
delete from only orders using payments where current of c

-- effects: session
-- listens: a
listen a

-- effects: session
unlisten *

-- effects: notify
notify a, 'b'

-- effects: lock
-- reads: orders
lock table orders in exclusive mode nowait

-- effects: lock
-- reads: orders, payments
lock orders, payments

-- effects: alter
-- writes: orders
-- objects: table public.orders
security label for selinux on table orders is 'x'

-- effects: alter
-- writes: orders
-- objects: table public.orders
security label on column orders.amount is 'x'

-- effects: alter, server_file
alter system set work_mem = '1GB'

-- effects: alter, server_file
alter system reset all

-- effects: call, create
-- calls: CREATE EXTENSION
-- objects: extension hstore
create extension if not exists hstore schema public version '1.0' cascade

-- effects: alter, call
-- calls: ALTER EXTENSION
-- objects: extension hstore
alter extension hstore update

-- effects: drop
-- objects: extension hstore
drop extension hstore cascade

-- effects: create
-- objects: event trigger e
create event trigger e on ddl_command_start when tag in ('DROP TABLE') execute function wipe()

-- effects: alter
-- objects: event trigger e
alter event trigger e disable

-- effects: create
-- writes: orders
-- objects: publication p, table public.orders
create publication p for tables in schema public, table orders (id) where (amount > 3)

-- effects: create, network
-- objects: subscription s
create subscription s connection 'host=evil' publication p

-- effects: alter, network
-- objects: subscription s
alter subscription s refresh publication

-- effects: create, network
-- objects: server s
create server s foreign data wrapper postgres_fdw options (host 'evil')

-- effects: create, network
-- objects: user mapping s
create user mapping for public server s options (password 'x')

-- effects: create, network
-- writes: ft
-- objects: foreign table public.ft
-- missing: ft
create foreign table ft (id int) server s

-- effects: create, network
import foreign schema x from server s into public

-- effects: create, server_file
-- objects: tablespace t
create tablespace t location '/tmp'

-- effects: alter
-- objects: tablespace t
alter tablespace t set (seq_page_cost = 1)

-- effects: alter
alter table all in tablespace a set tablespace b

-- effects: create
-- writes: v
-- objects: table public.v
-- missing: v
create table v (a int, b int generated always as (a * 2) virtual, c int generated always as identity)

-- effects: create
-- writes: orders, v
-- objects: table public.v, table public.orders
-- missing: v
create table v (id int, valid tstzrange, primary key (id, valid without overlaps), foreign key (id, period valid) references orders (id, period valid))

-- effects: alter
-- writes: orders
-- objects: table public.orders
alter table orders alter column amount set expression as (id * 2)

-- effects: alter, call
-- writes: orders
-- calls: wipe
-- objects: table public.orders
alter table orders add constraint c check (wipe() > 3) not enforced

-- effects: alter
-- writes: orders
-- objects: table public.orders
alter table orders add constraint n not null amount no inherit


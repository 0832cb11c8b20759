--- What is sent for a client from whom public.customers(email, ssn, phone, dob, credit_card) is masked.

-- effects: read
-- reads: customers
-- columns: customers.*
-- sent: select * from "gov_m_1"."customers" limit 3
select * from customers limit 3

-- effects: lock, read
-- reads: customers
-- columns: customers.country, customers.full_name, customers.id
select id, full_name from customers where country = 'CH' group by id for update

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select email from "gov_m_1"."customers"
select email from customers

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select email from "gov_m_1"."customers"
select email from public.customers

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select email from "gov_m_1"."customers" as c -- real
select email from public /* the */ . "customers" as c -- real

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select email from "gov_m_1"."customers"
select email from U&"c!0075stomers" uescape '!'

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select email from "gov_m_1"."customers"
select email from "shop".public.customers

-- effects: read
-- reads: customers
-- columns: customers.*
-- sent: select "gov_m_1".customers.email, "gov_m_1" . customers.* from "gov_m_1"."customers"
select public.customers.email, "public" . customers.* from customers

-- effects: read
-- reads: customers
-- columns: customers.*
-- sent: select u& "gov_m_1".customers.email from "gov_m_1"."customers"
select u&public.customers.email from customers

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select email from only ("gov_m_1"."customers")
select email from only (customers)

-- effects: read
-- reads: customers
-- columns: customers.*
-- sent: table "gov_m_1"."customers"
table customers

-- effects: read
-- reads: customers, orders
-- columns: customers.*, orders.*
-- sent: select id from "gov_m_1"."customers" natural join orders
select id from customers natural join orders

-- effects: read
-- reads: customers
-- columns: customers.*
-- sent: select c from "gov_m_1"."customers" c
select c from customers c

-- effects: read
-- reads: customers
select count(*) from customers

-- effects: read
-- reads: customers
-- columns: customers.ctid, customers.id
select ctid, id from customers tablesample system (1)

-- effects: read
-- reads: customers
-- columns: customers.id
select a from customers as c(a, b)

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select c from "gov_m_1"."customers" as c(a, b, c)
select c from customers as c(a, b, c)

-- effects: read
-- reads: customers
-- columns: customers.*
-- sent: select nosuch from "gov_m_1"."customers"
select nosuch from customers

-- effects: read
-- reads: customers, orders
-- columns: customers.email, customers.id, orders.customer_id
-- sent: select id from "gov_m_1"."customers" where id in (select customer_id from orders where email = 'x')
select id from customers where id in (select customer_id from orders where email = 'x')

-- effects: read
-- reads: customers
-- columns: customers.email, customers.id
-- sent: select id from "gov_m_1"."customers" order by email
select id from customers order by email

-- effects: read
-- reads: customers, orders
-- columns: customers.id, orders.id
select id from customers c join orders o using (id)

-- effects: read
-- reads: archive.customers
-- columns: archive.customers.email
select archive.customers.email from archive.customers

-- effects: read
with customers as (select 1 as email) select email from customers

-- effects: read
-- reads: customers
-- columns: customers.*
-- sent: with c as (select * from "gov_m_1"."customers") select id from c
with c as (select * from customers) select id from c

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select email from "gov_m_1"."customers", (with customers as (select 1 as email) select email from customers) x
select email from customers, (with customers as (select 1 as email) select email from customers) x

-- effects: read
-- reads: customers, orders
-- columns: customers.*, orders.*
-- sent: select * from "gov_m_1"."customers"; select id from customers; select * from orders
select * from customers; select id from customers; select * from orders

-- effects: copy_out, read
-- reads: customers
-- columns: customers.*
-- sent: copy (SELECT "id", "full_name", "email", "ssn", "phone", "dob", "credit_card", "balance", "country", "notes", "created_at" FROM "gov_m_1"."customers") to stdout
copy customers to stdout

-- effects: copy_out, read
-- reads: customers
-- columns: customers.*
-- sent: copy (SELECT "id", "full_name", "email", "ssn", "phone", "dob", "credit_card", "balance", "country", "notes", "created_at" FROM "gov_m_1"."customers") to stdout with (format csv, header, force_quote *)
copy public.customers to stdout with (format csv, header, force_quote *)

-- effects: copy_out, read
-- reads: customers
-- columns: customers.email, customers.id
-- sent: copy (SELECT "id", "email" FROM "gov_m_1"."customers") to stdout
copy customers (id, email) to stdout

-- effects: copy_out, read
-- reads: customers
-- columns: customers.email, customers.id
-- sent: copy (SELECT "id", "email" FROM "gov_m_1"."customers") to stdout
copy customers ("id", U&"em\0061il" ) to stdout

-- effects: copy_out, read
-- reads: customers
-- columns: customers.full_name, customers.id
copy customers (id, full_name) to stdout

-- effects: copy_in
-- writes: customers
-- written: customers.*
copy customers from stdin

-- effects: copy_out, read
-- reads: customers
-- columns: customers.email
-- sent: copy (select email from "gov_m_1"."customers") to stdout
copy (select email from customers) to stdout

-- effects: insert, read
-- reads: customers
-- writes: products
-- columns: customers.email
-- written: products.name
-- sent: insert into products (name) select email from "gov_m_1"."customers"
insert into products (name) select email from customers

-- effects: insert, read
-- reads: customers
-- writes: customers
-- columns: customers.email
-- written: customers.email, customers.id
insert into customers (id, email) values (1, 'x') returning email

-- effects: read, update
-- reads: customers
-- writes: customers
-- columns: customers.email
-- written: customers.full_name
update customers set full_name = 'x' where email = 'y'

-- effects: read, update
-- reads: customers, products
-- writes: products
-- columns: customers.email, customers.id, products.id
-- written: products.name
-- sent: update products set name = email from "gov_m_1"."customers" where customers.id = products.id
update products set name = email from customers where customers.id = products.id

-- effects: delete, read
-- reads: customers, orders
-- writes: orders
-- columns: customers.email, customers.id, orders.customer_id
-- sent: delete from orders using "gov_m_1"."customers" c where c.id = customer_id and c.email = 'x'
delete from orders using customers c where c.id = customer_id and c.email = 'x'

-- effects: delete, merge, read
-- reads: customers, orders
-- writes: orders
-- columns: customers.email, customers.id, orders.id
-- sent: merge into orders o using "gov_m_1"."customers" c on c.id = o.id when matched and c.email = 'x' then delete
merge into orders o using customers c on c.id = o.id when matched and c.email = 'x' then delete

-- effects: explain, read
-- reads: customers
-- columns: customers.*
-- sent: explain select * from "gov_m_1"."customers"
explain select * from customers

-- effects: explain, read
-- reads: customers
-- columns: customers.*
-- sent: explain analyze select * from "gov_m_1"."customers"
explain analyze select * from customers

-- effects: prepare, read
-- reads: customers
-- columns: customers.*
-- sent: prepare p as select * from "gov_m_1"."customers" where id = $1
prepare p as select * from customers where id = $1

-- effects: cursor, read
-- reads: customers
-- columns: customers.*
-- sent: declare c cursor for select * from "gov_m_1"."customers"
declare c cursor for select * from customers

-- effects: create, read
-- reads: customers
-- writes: t
-- columns: customers.*
-- objects: table public.t
-- missing: t
-- sent: create table t as select * from "gov_m_1"."customers"
create table t as select * from customers

-- effects: create, read
-- reads: customers
-- writes: v
-- columns: customers.*
-- objects: view public.v
-- missing: v
create view v as select * from customers

-- effects: create, read
-- reads: customers
-- writes: v
-- columns: customers.*
-- objects: materialized view public.v
-- missing: v
create materialized view v as select * from customers

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select 'é', "email" from "gov_m_1"."customers" -- é
select 'é', "email" from customers -- é

-- effects: read
-- reads: customers
-- columns: customers.email
-- sent: select E'a\\' || '; delete from customers', email from "gov_m_1"."customers"
select E'a\\' || '; delete from customers', email from customers

-- effects: read
-- reads: customers
-- columns: customers.*
-- sent: select * from "gov_m_1"."customers" c1, "gov_m_1"."customers" c2 where c1.id = c2.id
select * from customers c1, customers c2 where c1.id = c2.id

-- effects: read
-- reads: customers
-- columns: customers.email, customers.id
-- sent: select c1.id from "gov_m_1"."customers" c1, "gov_m_1"."customers" c2 where c2.email = 'x'
select c1.id from customers c1, customers c2 where c2.email = 'x'

-- effects: create, read
-- reads: pg_temp.customers
-- writes: pg_temp.customers
-- columns: pg_temp.customers.email
-- objects: table pg_temp.customers
-- temporary: customers
create temp table customers as select 1 as email; select email from customers

--- What pg_dump asks first: the view's lock is its table's as well.

-- effects: read
-- reads: customers, orders
-- sent: lock table "gov_m_1"."customers", public.orders in access share mode
lock table public.customers, public.orders in access share mode

-- effects: read
-- reads: customers
-- sent: lock table only ("gov_m_1"."customers") in access share mode nowait
lock table only (customers) in access share mode nowait

-- effects: lock
-- reads: customers
lock table customers in share mode

--- The spellings of before PostgreSQL 7.3 pass where nothing is masked.

-- effects: copy_out, read
-- reads: orders
-- columns: orders.*
copy binary orders to stdout

-- effects: copy_out, read
-- reads: orders
-- columns: orders.id
copy orders (id) to stdout using delimiters '|'

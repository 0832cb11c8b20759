-- Honest work in read and write scope.

-- why: nothing
select 1;

-- why: several results
select 1; select 2;

-- why: all of a masked table
select * from customers limit 10;

-- why: clear columns by key
select id, full_name, country from customers where id = 42;

-- why: GROUP BY the key lets other columns through
select c.id, c.full_name, count(o.id) from customers c left join orders o on o.customer_id = c.id group by c.id order by 3 desc limit 10;

-- why: aggregates
select country, count(*), avg(balance), percentile_cont(0.5) within group (order by balance) from customers group by country having count(*) > 10 order by 2 desc;

-- why: windows
select id, sum(amount) over (partition by customer_id order by created_at rows between 3 preceding and current row) from orders limit 10;

-- why: JSON
select notes ->> 'tier', notes #>> '{newsletter}', jsonb_path_query_first(notes, '$.tier') from customers limit 10;

-- why: a recursive query
with recursive t (n) as (values (1) union all select n + 1 from t where n < 100) select sum(n) from t;

-- why: LATERAL
select c.id, o.* from (select id from customers limit 5) c, lateral (select id, amount from orders where customer_id = c.id order by amount desc limit 2) o;

-- why: generate_series and dates
select d::date, date_trunc('week', d), extract(isodow from d) from generate_series('2024-01-01'::timestamptz, '2024-01-10', '1 day') d;

-- why: text functions
select upper(name), length(name), substring(name from 1 for 3), regexp_replace(name, 'a', 'b', 'g'), format('%s-%s', id, name) from products limit 10;

-- why: arrays
select array_agg(id order by id), unnest(array[1, 2]), array_length(array[1, 2, 3], 1) from products group by 2;

-- why: CASE, COALESCE, casts
select case when amount > 100 then 'big' else 'small' end, coalesce(status, '-'), amount::int, amount::text from orders limit 10;

-- why: EXISTS, IN, ANY
select count(*) from orders o where exists (select from payments p where p.customer_id = o.customer_id) and status in ('new', 'paid') and id = any (array[1, 2, 3]);

-- why: set operations
select id from orders union select id from payments except select id from products order by 1 limit 5;

-- why: VALUES
values (1, 'a'), (2, 'b');

-- why: a masked column in a predicate finds masked values
select count(*) from customers where email like 's%';

-- why: EXPLAIN
explain select * from orders where id = 1;

-- why: EXPLAIN ANALYZE of a read
explain (analyze, buffers, format json) select count(*) from orders;

-- why: SHOW
show server_version; show all;

-- why: RESET
reset all;

-- why: settings of a session
set statement_timeout = '30s'; set work_mem = '16MB'; set timezone = 'Europe/Berlin'; set enable_seqscan = on; set jit = off;

-- why: a transaction with savepoints
begin isolation level repeatable read read only;

savepoint a;

select count(*) from orders;

release a;

commit;

-- why: START TRANSACTION and END
start transaction; select 1; end;

-- why: ABORT
begin; abort;

-- why: PREPARE and EXECUTE
prepare q (int) as select id, amount from orders where id = $1;

execute q (5);

deallocate q;

-- why: a cursor
begin;

declare c cursor for select id from orders order by id;

fetch 10 from c;

move forward 100 in c;

fetch next from c;

close c;

commit;

-- why: COPY out of a clear table
copy products to stdout with (format csv, header);

-- why: COPY of a query
copy (select status, count(*) from orders group by 1) to stdout;

-- why: UNLISTEN, as pools send it
unlisten *;

-- why: FOR UPDATE in write scope
-- as: write
begin; select id, amount from orders where id = 1 for update; rollback;

-- why: INSERT with RETURNING
-- as: write
begin; insert into orders (customer_id, amount, status) values (1, 2.5, 'new') returning id; rollback;

-- why: INSERT … ON CONFLICT
-- as: write
begin; insert into products (id, name, price, stock) values (1, 'x', 1, 1) on conflict (id) do update set stock = excluded.stock; rollback;

-- why: UPDATE by key
-- as: write
begin; update orders set status = 'paid' where id = 7 returning id, status; rollback;

-- why: DELETE by key
-- as: write
begin; delete from orders where id in (1, 2, 3); rollback;

-- why: MERGE with a real condition
-- as: write
begin; merge into products p using (values (1, 5)) v (id, n) on p.id = v.id when matched then update set stock = p.stock + v.n; rollback;

-- why: a CTE that writes a few rows
-- as: write
begin; with moved as (update orders set status = 'shipped' where id = 9 returning id) select * from moved; rollback;

-- why: INSERT … SELECT
-- as: write
begin; insert into pgbench_history (tid, bid, aid, delta) select 1, 1, id, 0 from products; rollback;

-- why: a sequence in write scope
-- as: write
begin; select nextval('orders_id_seq') is not null, currval('orders_id_seq') > 0; rollback;

-- why: a new customer, with the masked columns
-- as: write
begin; insert into customers (full_name, email, ssn, country) values ('New', 'new@example.com', '1', 'DE'); rollback;

-- why: TPC-B of pgbench
-- as: write
begin; update pgbench_accounts set abalance = abalance + 1 where aid = 1; select abalance from pgbench_accounts where aid = 1; update pgbench_tellers set tbalance = tbalance + 1 where tid = 1; rollback;

-- Ordinary analytics over the shop.

-- why: cohorts by the month of the first order
with first as (select customer_id, date_trunc('month', min(created_at)) as cohort from orders group by 1) select cohort, date_trunc('month', o.created_at) as month, count(distinct o.customer_id) from first join orders o using (customer_id) group by 1, 2 order by 1, 2;

-- why: retention as a share
with m as (select customer_id, extract(month from created_at)::int as m from orders group by 1, 2) select a.m, count(b.customer_id)::numeric / count(*) from m a left join m b on b.customer_id = a.customer_id and b.m = a.m + 1 group by 1 order by 1;

-- why: recency, frequency, money
select customer_id, max(created_at), count(*), sum(amount), ntile(5) over (order by sum(amount)) from orders group by customer_id order by 4 desc limit 10;

-- why: running totals and shares
select status, amount, sum(amount) over (partition by status order by id), amount / sum(amount) over () from orders where id < 50;

-- why: moving averages by range
select created_at::date, avg(sum(amount)) over (order by created_at::date range between interval '7 days' preceding and current row) from orders group by 1 order by 1 limit 30;

-- why: ROLLUP and GROUPING
select country, grouping(country), count(*), avg(balance) from customers group by rollup (country) order by 2, 1;

-- why: CUBE
select status, extract(year from created_at), count(*) from orders group by cube (1, 2);

-- why: FILTER
select count(*) filter (where status = 'paid'), sum(amount) filter (where amount > 100), avg(amount) from orders;

-- why: a pivot by hand
select customer_id, sum(case status when 'paid' then amount end) as paid, sum(case status when 'new' then amount end) as new from orders group by 1 order by 1 limit 10;

-- why: percentiles
select percentile_cont(array[0.25, 0.5, 0.75]) within group (order by amount), mode() within group (order by status) from orders;

-- why: regression and correlation
select corr(amount, customer_id), regr_slope(amount, customer_id), regr_r2(amount, customer_id), stddev_pop(amount), var_samp(amount) from orders;

-- why: the first of each group
select distinct on (customer_id) customer_id, id, amount from orders order by customer_id, created_at desc limit 10;

-- why: gaps in a calendar
select d::date, count(o.id) from generate_series('2024-01-01'::date, '2024-01-31', '1 day') d left join orders o on o.created_at::date = d::date group by 1 order by 1;

-- why: islands by row numbers
select min(id), max(id), count(*) from (select id, id - row_number() over (order by id) as island from orders where status = 'paid') x group by island order by 3 desc limit 5;

-- why: lead and lag
select customer_id, created_at - lag(created_at) over (partition by customer_id order by created_at) from orders order by 1 limit 10;

-- why: two tables against each other
select customer_id, sum(amount) from orders group by 1 having sum(amount) > 5 except all select customer_id, amount from payments order by 1 limit 5;

-- why: customers without payments
select c.id, c.full_name from customers c where not exists (select 1 from payments p where p.customer_id = c.id) order by 1 limit 10;

-- why: an anti-join by NULL
select c.id from customers c left join payments p on p.customer_id = c.id where p.id is null limit 10;

-- why: a semi-join by IN and ANY
select count(*) from customers where id in (select customer_id from payments) or id = any (select customer_id from orders where amount > 900);

-- why: a masked column grouped, as it is shown
select email, count(*) from customers group by email order by 2 desc limit 5;

-- why: a masked column counted
select count(ssn), count(distinct credit_card), count(*) filter (where phone is null) from customers;

-- why: a masked column joined with itself
select count(*) from (select email from customers limit 10) a join (select email from customers limit 10) b using (email);

-- why: JSON documents counted by key
select k, count(*) from customers, jsonb_object_keys(notes) k group by 1 order by 2 desc;

-- why: JSON paths
select jsonb_path_exists(notes, '$.tier ? (@ == "gold")'), count(*) from customers group by 1;

-- why: JSON to rows
select x.* from (select notes from customers limit 5) c, jsonb_to_record(c.notes) as x (tier text, newsletter boolean);

-- why: JSON out
select json_build_object('status', status, 'n', count(*)) from orders group by status;

-- why: arrays of arrays
select array_agg(array[id, customer_id] order by id), cardinality(array_agg(id)) from orders where id < 10;

-- why: strings put together and taken apart
select string_agg(name, ', ' order by name), split_part(min(name), ' ', 1), string_to_array(max(name), ' ') from products;

-- why: similar names by hand
select a.full_name, b.full_name from customers a join customers b on lower(left(a.full_name, 5)) = lower(left(b.full_name, 5)) and a.id < b.id where a.id < 50 and b.id < 50 limit 10;

-- why: a full text search
select id, ts_rank(to_tsvector('english', name), plainto_tsquery('english', 'chair')) from products where to_tsvector('english', name) @@ plainto_tsquery('english', 'chair') or true order by 2 desc limit 5;

-- why: intervals and ages
select age(max(created_at), min(created_at)), justify_days(interval '40 days'), date_part('epoch', max(created_at) - min(created_at)) from orders;

-- why: time zones
select created_at at time zone 'Europe/Berlin', to_char(created_at, 'IYYY-"W"IW'), date_bin('15 minutes', created_at, '2024-01-01') from orders limit 5;

-- why: ranges
select numrange(0, 100) @> amount, int4range(1, 10) * int4range(5, 20), count(*) from orders group by 1;

-- why: buckets
select width_bucket(amount, array[0, 10, 100, 1000]::numeric[]), count(*), min(amount), max(amount) from orders group by 1 order by 1;

-- why: a sample
select avg(amount) from orders tablesample bernoulli (5) repeatable (7);

-- why: a random few
select id from orders order by random() limit 5;

-- why: numbers
select round(avg(amount), 2), trunc(12.345, 1), mod(7, 3), power(2, 10), ln(10), gcd(12, 18), div(7, 2) from orders;

-- why: NULLs
select nullif(status, ''), coalesce(phone, 'none'), phone is distinct from email, num_nulls(phone, dob) from orders, lateral (select * from customers limit 1) c limit 3;

-- why: a function of the standard over dates
select extract(quarter from created_at), overlay('abc' placing 'x' from 2), position('b' in 'abc'), trim(both ' ' from ' a ') from orders limit 1;

-- why: text out of numbers
select to_char(1234.5, 'FM9G999D00'), lpad(id::text, 8, '0'), id::bit(8), to_hex(id), chr(65 + id % 26), md5(id::text) from products limit 3;

-- why: VALUES joined
select v.n, p.name from (values (1), (2), (3)) v (n) left join products p on p.id = v.n;

-- why: unnest with ordinality
select u.o, u.s, count(o.id) from unnest(array['new', 'paid', 'shipped']) with ordinality u (s, o) left join orders o on o.status = u.s group by 1, 2 order by 1;

-- why: a recursive walk
with recursive walk as (select 1 as n, array[1] as path union all select n * 2, path || n * 2 from walk where n < 200) cycle n set is_cycle using seen select n, path from walk;

-- why: a materialized step
with big as materialized (select * from orders where amount > 500) select count(*), (select max(amount) from big) from big b where b.status = 'paid';

-- why: a report as a COPY
copy (select country, count(*), round(avg(balance), 2) from customers group by 1 order by 1) to stdout with (format csv, header);

-- why: what would it cost
explain (costs off) select * from customers where country = 'DE' order by id limit 5;

explain (format json) select count(*) from orders join customers on customers.id = orders.customer_id;

-- why: sizes
select relname, pg_size_pretty(pg_total_relation_size(oid)), reltuples::bigint from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by pg_total_relation_size(oid) desc;

-- why: what is slow
select relname, seq_scan, idx_scan, n_live_tup, n_dead_tup, last_analyze from pg_stat_user_tables order by seq_scan desc;

-- why: indexes that nobody uses
select s.relname, s.indexrelname, s.idx_scan, pg_relation_size(s.indexrelid) from pg_stat_user_indexes s join pg_index i using (indexrelid) where not i.indisunique;

-- why: what runs
select pid, state, wait_event_type, now() - query_start from pg_stat_activity where datname = current_database();

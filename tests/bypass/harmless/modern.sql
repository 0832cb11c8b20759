-- What everyday work makes of PostgreSQL 14 to 18, and what its tools ask there.

-- why: OLD and NEW of an update by key
-- as: write
begin; update orders set status = 'paid' where id = 7 returning old.status, new.status, new.id; rollback;

-- why: the same under names of one's own
-- as: write
begin; update products set stock = stock - 1 where id = 3 returning with (old as before, new as after) before.stock, after.stock; rollback;

-- why: an upsert that says whether it inserted
-- as: write
begin; insert into products (id, name, price, stock) values (1, 'x', 1, 1) on conflict (id) do update set stock = products.stock + excluded.stock returning (old is null) as inserted, new.stock; rollback;

-- why: MERGE that says what it did
-- as: write
begin; merge into products p using (values (1, 'lamp', 5), (9999, 'new', 1)) v (id, name, n) on p.id = v.id when matched then update set stock = p.stock + v.n when not matched then insert (id, name, price, stock) values (v.id, v.name, 1, v.n) returning merge_action(), p.id, old.stock, new.stock; rollback;

-- why: MERGE into a clear column of a table that has masked ones
-- as: write
begin; merge into customers c using (values (1, 10.0)) v (id, n) on c.id = v.id when matched then update set balance = c.balance + v.n returning merge_action(), c.id, new.balance; rollback;

-- why: keys in the order of their making
select uuidv7(), uuidv7(interval '-1 day'), uuid_extract_timestamp(uuidv7()) > now() - interval '1 minute', uuid_extract_version(gen_random_uuid());

-- why: SQL/JSON over documents
select id, json_value(notes, '$.tier'), json_query(notes, '$' with wrapper), json_exists(notes, '$.newsletter') from customers order by id limit 5;

-- why: a document as a table
select c.id, t.* from customers c, json_table(c.notes, '$' columns (tier text path '$.tier', newsletter boolean path '$.newsletter' default false on empty)) t limit 5;

-- why: documents made by the standard's constructors
select json_object('id': id, 'status': status absent on null), json_array(id, amount), json_serialize(json_object('a': 1)), json_scalar(amount) from orders limit 3;

-- why: documents gathered
select json_arrayagg(status order by id), json_objectagg(id: amount) from orders where id < 5;

-- why: methods of the JSON path language
select jsonb_path_query(notes, '$.tier.string().type()'), jsonb_path_query_array('[1, "2"]', '$[*].integer()'), '{"a": 1}' is json object from customers limit 3;

-- why: a plan without values
explain (generic_plan) select id, amount from orders where customer_id = 1 and status = 'x';

-- why: a plan with what it costs to send
explain (analyze, serialize, memory, buffers, timing off) select id, status from orders where id < 10;

-- why: any value, and rows compared
select customer_id, any_value(status), max(array[id, customer_id]), count(*) from orders where id < 100 group by customer_id order by 1 limit 5;

-- why: arrays sorted, reversed, sampled
select array_sort(array[3, 1, 2]), array_sort(array['b', 'a'], true), array_reverse(array[1, 2, 3]), cardinality(array_sample(array[1, 2, 3], 2)), array_length(array_shuffle(array[1, 2]), 1), trim_array(array[1, 2, 3], 1);

-- why: functions of late versions on texts and numbers
select casefold('Straße'), crc32('x'::bytea), crc32c('x'::bytea), reverse('ab'::bytea), to_bin(5), to_oct(8), gamma(5), lgamma(5), erf(0.5), random(1, 6) between 1 and 6, random_normal() is not null, 1_000_000, 0xff, 0b11, 0o17;

-- why: regular expressions by the standard's names
select regexp_count(name, 'a'), regexp_instr(name, 'l'), regexp_like(name, '^O'), regexp_substr(name, '[a-z]+'), string_to_table(name, ' ') from products limit 3;

-- why: dates in bins and in zones
select date_bin('15 minutes', created_at, '2024-01-01'), date_add(created_at, '1 day', 'Europe/Berlin'), date_subtract(created_at, '1 month'), date_trunc('day', created_at, 'Asia/Tokyo'), extract(julian from created_at) from orders limit 2;

-- why: SEARCH and CYCLE
with recursive t (id, parent) as (select 1, 0 union all select id + 1, id from t where id < 5) search breadth first by id set places cycle id set again using walked select id, parent from t order by places;

-- why: many ranges
select multirange(int4range(1, 5)), range_agg(int4range(id, id + 2)), int4multirange(int4range(1, 3)) @> 2, unnest(int4multirange(int4range(1, 3), int4range(5, 7))) from orders where id < 4;

-- why: a window that leaves itself out
select id, avg(amount) over (order by id groups between 1 preceding and 1 following exclude current row) from orders where id < 9;

-- why: a join with a name, and GROUP BY DISTINCT
select x.customer_id, count(*) from (orders o join payments p using (customer_id) as x) where o.id < 20 group by distinct rollup (x.customer_id), x.customer_id limit 5;

-- why: FETCH FIRST with ties and a subquery without a name
select id, amount from (select * from orders where id < 50) order by amount desc fetch first 3 rows with ties;

-- why: a transaction followed by the next
begin isolation level repeatable read read only; select count(*) from products; commit and chain; select 1; rollback and no chain;

-- why: who may do what, by function
select pg_get_acl('pg_class'::regclass, 'orders'::regclass, 0)::text, has_table_privilege('orders', 'maintain'), has_any_column_privilege('customers', 'select'), pg_has_role(current_user, 'pg_read_all_data', 'usage');

-- why: exporters on version 16 and later
select backend_type, object, context, reads, writes from pg_stat_io where reads > 0;

select num_timed, num_requested, buffers_written from pg_stat_checkpointer;

select wal_records, wal_bytes from pg_stat_wal;

select type, count(*) from pg_wait_events group by 1;

-- why: psql 18, \d of a table: constraints that are not null
SELECT c.conname, a.attname, c.connoinherit, c.conislocal, c.coninhcount <> 0, c.convalidated FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_attribute a ON (a.attrelid = c.conrelid AND a.attnum = c.conkey[1]) WHERE c.contype = 'n' AND c.conrelid = 'public.orders'::pg_catalog.regclass::pg_catalog.oid ORDER BY a.attnum;

-- why: psql 18, \d of a table: keys, whether enforced and over time
SELECT conname, pg_catalog.pg_get_constraintdef(r.oid, true), conenforced, conperiod, connoinherit FROM pg_catalog.pg_constraint r WHERE r.conrelid = 'public.payments'::regclass AND r.contype IN ('c', 'f', 'p') ORDER BY 1;

-- why: psql 18, \d of a table: columns, with how they are computed and stored
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef), a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, a.attcompression AS attcompression, CASE WHEN a.attstattarget=-1 THEN NULL ELSE a.attstattarget END AS attstattarget FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'public.customers'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;

-- why: psql 18, \df+ and \dconfig
SELECT p.proname, p.proleakproof, p.prosqlbody IS NOT NULL, pg_catalog.pg_get_function_sqlbody(p.oid) FROM pg_catalog.pg_proc p WHERE p.proname = 'age' LIMIT 3;

SELECT s.name, pg_catalog.current_setting(s.name) FROM pg_catalog.pg_settings s WHERE s.source <> 'default' AND s.setting IS DISTINCT FROM s.boot_val ORDER BY 1;

SELECT * FROM pg_catalog.pg_settings_get_flags('work_mem');

-- why: pg_dump 18 looks for statistics
SELECT s.tablename, s.attname, s.inherited, s.null_frac, s.avg_width, s.n_distinct FROM pg_catalog.pg_stats s WHERE s.schemaname = 'public' AND s.tablename = 'orders' ORDER BY s.attname, s.inherited;

-- why: pg_dump 18 reads sequences
SELECT seqrelid, format_type(seqtypid, NULL), seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle FROM pg_catalog.pg_sequence ORDER BY seqrelid;

-- why: settings of late versions that libraries set
set transaction_timeout = '30s'; set idle_session_timeout = '1h'; set client_connection_check_interval = '2s'; set jit_above_cost = -1; set plan_cache_mode = 'force_custom_plan';

-- why: COPY with what newer versions read
copy (select id, status from orders where id < 5) to stdout with (format csv, header true, null '', force_quote *);

-- why: a materialized view's and a partition's relatives
select * from pg_partition_tree('public.orders'), pg_partition_ancestors('public.orders');

-- What schedulers, loaders and managers of databases send.

-- why: Airflow's PostgresOperator and its checks
SELECT COUNT(*) FROM public.orders;

SELECT MIN(row_count_check) FROM (SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END AS row_count_check FROM orders) AS sq;

-- why: Airflow's SqlSensor
SELECT EXISTS (SELECT 1 FROM orders WHERE created_at > now() - interval '10 years');

-- why: dbt, columns of a relation
select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale from "shop".INFORMATION_SCHEMA.columns where table_name = 'orders' and table_schema = 'public' order by ordinal_position;

-- why: dbt, a catalog for its docs
select 'shop' as table_database, sch.nspname as table_schema, tbl.relname as table_name, case tbl.relkind when 'v' then 'VIEW' else 'BASE TABLE' end as table_type, tbl_desc.description as table_comment, col.attname as column_name, col.attnum as column_index, pg_catalog.format_type(col.atttypid, col.atttypmod) as column_type, col_desc.description as column_comment, pg_get_userbyid(tbl.relowner) as table_owner from pg_catalog.pg_namespace sch join pg_catalog.pg_class tbl on tbl.relnamespace = sch.oid join pg_catalog.pg_attribute col on col.attrelid = tbl.oid left outer join pg_catalog.pg_description tbl_desc on (tbl_desc.objoid = tbl.oid and tbl_desc.objsubid = 0) left outer join pg_catalog.pg_description col_desc on (col_desc.objoid = tbl.oid and col_desc.objsubid = col.attnum) where upper(sch.nspname) = 'PUBLIC' and not pg_is_other_temp_schema(sch.oid) and tbl.relpersistence in ('p', 'u') and tbl.relkind in ('r', 'v', 'f', 'p') and col.attnum > 0 and not col.attisdropped order by sch.nspname, tbl.relname, col.attnum;

-- why: dbt tests
select count(*) as failures, count(*) != 0 as should_warn, count(*) != 0 as should_error from (select id as unique_field, count(*) as n_records from "shop"."public"."orders" where id is not null group by id having count(*) > 1) dbt_internal_test;

-- why: dbt, a relationship test
with child as (select customer_id as from_field from "shop"."public"."payments" where customer_id is not null), parent as (select id as to_field from "shop"."public"."customers") select from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null;

-- why: Great Expectations
SELECT count(*) FROM orders WHERE status IS NOT NULL AND status NOT IN ('new', 'paid', 'shipped', 'cancelled', 'refunded');

SELECT sum(CASE WHEN (amount IS NULL) THEN 1 ELSE 0 END) AS n, avg(amount), max(length(status)) FROM orders;

-- why: Spark reads a table by parts
SELECT * FROM (select id, amount, status from orders) SPARK_GEN_SUBQ_0 WHERE 1=0;

SELECT "id","amount","status" FROM (select id, amount, status from orders) SPARK_GEN_SUBQ_0 WHERE "id" >= 25000 AND "id" < 50000 LIMIT 100;

-- why: pandas by way of SQLAlchemy
SELECT customers.id, customers.email, customers.balance FROM customers WHERE customers.country = 'ES' ORDER BY customers.id LIMIT 50;

-- why: DuckDB and Polars read by physical pages
BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

SELECT pg_is_in_recovery(), pg_export_snapshot() IS NOT NULL;

COPY (SELECT "id", "amount" FROM "public"."orders" WHERE ctid BETWEEN '(0,0)'::tid AND '(10,0)'::tid) TO STDOUT (FORMAT "binary");

COMMIT;

-- why: Airbyte and Fivetran look for a cursor
SELECT max("created_at") FROM "public"."orders";

SELECT "id", "amount", "created_at" FROM "public"."orders" WHERE "created_at" > '2024-06-01' ORDER BY "created_at" ASC LIMIT 100;

-- why: Airbyte, what may be read
SELECT DISTINCT table_catalog, table_schema, table_name, privilege_type FROM information_schema.table_privileges WHERE grantee = current_user AND privilege_type = 'SELECT' UNION ALL SELECT r.rolname, n.nspname, c.relname, 'SELECT' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner WHERE n.nspname = 'public' AND c.relkind IN ('r', 'm', 'v', 'p') AND pg_catalog.has_table_privilege(current_user, c.oid, 'SELECT');

-- why: Airbyte pages by ctid
SELECT ctid::text, "id", "full_name", "country" FROM "public"."customers" WHERE ctid > '(0,0)'::tid AND ctid <= '(20,0)'::tid LIMIT 50;

-- why: Singer taps estimate rows
SELECT reltuples::bigint FROM pg_class WHERE oid = '"public"."orders"'::regclass;

-- why: sling and Meltano copy out
COPY (SELECT * FROM "public"."customers" LIMIT 100) TO STDOUT WITH CSV HEADER;

-- why: a loader merges
-- as: write
BEGIN; MERGE INTO products AS t USING (SELECT 1 AS id, 'x' AS name, 9.5 AS price, 3 AS stock) AS s ON t.id = s.id WHEN MATCHED AND t.price <> s.price THEN UPDATE SET price = s.price WHEN NOT MATCHED THEN INSERT (id, name, price, stock) VALUES (s.id, s.name, s.price, s.stock); ROLLBACK;

-- why: a queue takes its next
-- as: write
BEGIN; WITH next AS (SELECT id FROM orders WHERE status = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) UPDATE orders o SET status = 'paid' FROM next WHERE o.id = next.id RETURNING o.id; ROLLBACK;

-- why: pg_dump's questions as an ordinary reader
SELECT oid, tableoid, typname, typnamespace, typacl, typowner, typelem, typrelid, typarray, typtype, typisdefined, typname[0] = '_' AND typelem != 0 AND (SELECT typarray FROM pg_type te WHERE oid = pg_type.typelem) = oid AS isarray FROM pg_type LIMIT 100;

SELECT t.tableoid, t.indexrelid, i.relname AS indexname, pg_catalog.pg_get_indexdef(i.oid) AS indexdef, i.relpages, t.indkey, t.indisclustered, c.contype, c.conname FROM pg_catalog.pg_index t JOIN pg_catalog.pg_class i ON (i.oid = t.indexrelid) LEFT JOIN pg_catalog.pg_constraint c ON (t.indrelid = c.conrelid AND t.indexrelid = c.conindid AND c.contype IN ('p', 'u', 'x')) WHERE t.indisvalid ORDER BY t.indexrelid LIMIT 50;

-- why: pg_dump opens a table for reading
BEGIN; LOCK TABLE public.products IN ACCESS SHARE MODE; SELECT pg_catalog.pg_relation_size('public.products'); COPY public.products (id, name, price, stock) TO stdout; ROLLBACK;

-- why: Liquibase and others ask for their lock without taking it
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted;

-- why: DBeaver, a table's columns
SELECT c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description, dep.objid FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid = c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid = ad.adrelid AND a.attnum = ad.adnum) LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid) LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid WHERE NOT a.attisdropped AND c.relkind NOT IN ('i', 'I', 'c') AND c.oid = 'public.orders'::regclass ORDER BY a.attnum;

-- why: DBeaver, constraints and dependencies
SELECT c.oid, c.*, t.relname as tabrelname, rt.relnamespace as refnamespace, d.description, pg_catalog.pg_get_constraintdef(c.oid) as consrc_copy FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid = c.confrelid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_constraint'::regclass WHERE c.conrelid = 'public.payments'::regclass ORDER BY c.oid;

-- why: DBeaver, a first page and its count
SELECT * FROM public.orders LIMIT 200;

SELECT count(*) FROM (SELECT * FROM public.orders) dbvrcnt;

-- why: DataGrip, state of the catalogs
select N.oid::bigint as id, datname as name, D.description, datistemplate as is_template, datallowconn as allow_connections, pg_catalog.pg_get_userbyid(N.datdba) as "owner" from pg_catalog.pg_database N left join pg_catalog.pg_shdescription D on N.oid = D.objoid order by case when datname = pg_catalog.current_database() then -1::bigint else N.oid::bigint end;

select T.relkind as table_kind, T.relname as table_name, T.oid as table_id, T.xmin as table_state_number, pg_catalog.array_to_string(T.reloptions, E'\n') as table_options from pg_catalog.pg_class T where relnamespace = 'public'::regnamespace and relkind in ('r', 'm', 'v', 'f', 'p') order by table_kind, table_id;

-- why: DataGrip, sources of views and rules
select T.relkind as view_kind, T.oid as view_id, pg_catalog.pg_get_viewdef(T.oid, true) as source_text from pg_catalog.pg_class T join pg_catalog.pg_namespace N on T.relnamespace = N.oid where N.nspname = 'public' and T.relkind in ('m', 'v');

-- why: DataGrip, roles and access
select R.oid::bigint as role_id, rolname as role_name, rolsuper is_super, rolinherit is_inherit, rolcreaterole can_createrole, rolcanlogin can_login from pg_catalog.pg_roles R;

select T.oid as object_id, T.relacl::text as acl from pg_catalog.pg_class T where T.relnamespace = 'public'::regnamespace and T.relacl is not null;

-- why: pgAdmin, columns with their types
SELECT att.attname as name, att.atttypid, att.attlen, att.attnum, att.attndims, att.atttypmod, att.attacl::text, att.attnotnull, att.attoptions, att.attstattarget, att.attstorage, att.attidentity, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS defval, pg_catalog.format_type(ty.oid, NULL) AS typname, cl.relname, (SELECT count(1) FROM pg_catalog.pg_type t2 WHERE t2.typname = ty.typname) > 1 AS isdup, pg_catalog.col_description(att.attrelid, att.attnum) FROM pg_catalog.pg_attribute att JOIN pg_catalog.pg_type ty ON ty.oid = atttypid JOIN pg_catalog.pg_class cl ON cl.oid = att.attrelid LEFT OUTER JOIN pg_catalog.pg_attrdef def ON adrelid = att.attrelid AND adnum = att.attnum WHERE att.attrelid = 'public.customers'::regclass AND att.attnum > 0 AND att.attisdropped IS FALSE ORDER BY att.attnum;

-- why: pgAdmin, a grid of rows with their keys
SELECT at.attname, at.attnum, ty.typname FROM pg_catalog.pg_attribute at LEFT JOIN pg_catalog.pg_type ty ON (ty.oid = at.atttypid) WHERE attrelid = 'public.orders'::regclass::oid AND attnum = ANY ((SELECT con.conkey FROM pg_catalog.pg_class rel LEFT OUTER JOIN pg_catalog.pg_constraint con ON con.conrelid = rel.oid AND con.contype = 'p' WHERE rel.relkind IN ('r', 's', 't', 'p') AND rel.oid = 'public.orders'::regclass::oid)::oid[]);

-- why: pgAdmin, EXPLAIN with all it shows
EXPLAIN (FORMAT JSON, ANALYZE, VERBOSE, COSTS, TIMING, BUFFERS, SUMMARY, SETTINGS, WAL) SELECT status, count(*) FROM orders GROUP BY 1;

-- why: psql, \d+ of a view and \sv
SELECT pg_catalog.pg_get_viewdef(c.oid, true), c.relkind, c.reloptions FROM pg_catalog.pg_class c WHERE c.relname = 'pg_stats';

-- why: psql, \du
SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolconnlimit, r.rolvaliduntil, r.rolreplication, r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1;

-- why: psql, \dt+
SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner), CASE c.relpersistence WHEN 'p' THEN 'permanent' WHEN 't' THEN 'temporary' WHEN 'u' THEN 'unlogged' END, am.amname, pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid)), pg_catalog.obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam WHERE c.relkind IN ('r', 'p', '') AND n.nspname !~ '^pg_toast' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2;

-- why: psql, \dconfig and \timing's friends
SELECT s.name, pg_catalog.current_setting(s.name) FROM pg_catalog.pg_settings s WHERE s.source <> 'default' AND s.setting IS DISTINCT FROM s.boot_val ORDER BY 1;

-- why: psql, \dx, \dT, \dC and \do
SELECT e.extname, e.extversion, n.nspname, c.description FROM pg_catalog.pg_extension e LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace LEFT JOIN pg_catalog.pg_description c ON c.objoid = e.oid AND c.classoid = 'pg_catalog.pg_extension'::pg_catalog.regclass ORDER BY 1;

SELECT n.nspname, pg_catalog.format_type(t.oid, NULL) AS "Name", pg_catalog.obj_description(t.oid, 'pg_type') FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE (t.typrelid = 0 OR (SELECT c.relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid)) AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type el WHERE el.oid = t.typelem AND el.typarray = t.oid) AND pg_catalog.pg_type_is_visible(t.oid) AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema';

SELECT pg_catalog.format_type(castsource, NULL), pg_catalog.format_type(casttarget, NULL), castcontext FROM pg_catalog.pg_cast LIMIT 20;

SELECT n.nspname, o.oprname, pg_catalog.format_type(o.oprleft, NULL), pg_catalog.format_type(o.oprright, NULL), pg_catalog.obj_description(o.oprcode, 'pg_proc') FROM pg_catalog.pg_operator o LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE pg_catalog.pg_operator_is_visible(o.oid) LIMIT 20;

-- why: node-postgres has rows as arrays of text
SELECT array_agg(x::text) FROM (SELECT id, status FROM orders LIMIT 3) x;

-- why: Npgsql resets a connection for its pool
CLOSE ALL; UNLISTEN *; RESET ALL; DEALLOCATE ALL;

-- why: pgbouncer and other pools reset theirs
DISCARD PLANS; DISCARD SEQUENCES;

-- why: pools set a few things for all
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; SET statement_timeout TO '5min'; SET idle_in_transaction_session_timeout TO '10min'; SET lock_timeout TO '1min'; SET TIME ZONE 'UTC'; SET datestyle TO 'ISO, DMY'; SET intervalstyle TO 'iso_8601';

-- why: Hasura and PostGraphile read who is asked for in a setting of their own
BEGIN; SELECT current_setting('request.user', true), id FROM orders LIMIT 1; COMMIT;

-- why: PostgREST, a page as one JSON document
WITH pgrst_source AS (SELECT "public"."orders".* FROM "public"."orders" WHERE "public"."orders"."status" = 'paid' LIMIT 10) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t;

-- why: Metabase's sync, a column's values
SELECT "public"."orders"."status" AS "status" FROM "public"."orders" GROUP BY "public"."orders"."status" ORDER BY "public"."orders"."status" ASC LIMIT 5000;

-- why: Superset's virtual data set
SELECT status AS status, sum(amount) AS "SUM(amount)" FROM (SELECT o.*, c.country FROM orders o JOIN customers c ON c.id = o.customer_id) AS virtual_table WHERE country IN ('DE') GROUP BY status ORDER BY "SUM(amount)" DESC LIMIT 10000;

-- why: Grafana's alert over a window
SELECT count(*) FILTER (WHERE status = 'paid')::float / nullif(count(*), 0) AS ratio FROM orders WHERE created_at >= to_timestamp(1700000000) AND created_at < to_timestamp(1800000000);

-- What tools ask of the catalogs.

-- why: psql, \d
SELECT n.nspname as "Schema", c.relname as "Name", CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' WHEN 'I' THEN 'partitioned index' END as "Type", pg_catalog.pg_get_userbyid(c.relowner) as "Owner" FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam WHERE c.relkind IN ('r','p','v','m','S','f','') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2;

-- why: psql, \d TABLE, first question
SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(customers)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3;

-- why: psql, \d TABLE, indexes
SELECT c2.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.pg_get_constraintdef(con.oid, true), contype, condeferrable, condeferred, i.indisreplident, c2.reltablespace FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x')) WHERE c.oid = 'public.customers'::regclass AND c.oid = i.indrelid AND i.indexrelid = c2.oid ORDER BY i.indisprimary DESC, c2.relname;

-- why: psql, \df
SELECT n.nspname as "Schema", p.proname as "Name", pg_catalog.pg_get_function_result(p.oid) as "Result data type", pg_catalog.pg_get_function_arguments(p.oid) as "Argument data types" FROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE pg_catalog.pg_function_is_visible(p.oid) AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' ORDER BY 1, 2, 4;

-- why: psql, \dp
SELECT n.nspname as "Schema", c.relname as "Name", pg_catalog.array_to_string(c.relacl, E'\n') AS "Access privileges", pg_catalog.array_to_string(ARRAY(SELECT attname || E':\n  ' || pg_catalog.array_to_string(attacl, E'\n  ') FROM pg_catalog.pg_attribute a WHERE attrelid = c.oid AND NOT attisdropped AND attacl IS NOT NULL), E'\n') AS "Column privileges" FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','v','m','S','f','p') AND n.nspname !~ '^pg_' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2;

-- why: psql, \l
SELECT d.datname as "Name", pg_catalog.pg_get_userbyid(d.datdba) as "Owner", pg_catalog.pg_encoding_to_char(d.encoding) as "Encoding", d.datcollate as "Collate" FROM pg_catalog.pg_database d ORDER BY 1;

-- why: psql, tab completion
SELECT c.relname, NULL::pg_catalog.text FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'S', 'v', 'm', 'f', 'p') AND (c.relname) LIKE 'cus%' AND pg_catalog.pg_table_is_visible(c.oid) UNION ALL SELECT NULL::pg_catalog.text, n.nspname FROM pg_catalog.pg_namespace n WHERE n.nspname LIKE 'cus%' AND n.nspname NOT LIKE E'pg\\_%' LIMIT 1000;

-- why: psql, tab completion after WHERE
SELECT attname FROM pg_catalog.pg_attribute a, pg_catalog.pg_class c WHERE c.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped AND (attname) LIKE '%' AND (c.relname) = 'customers' AND pg_catalog.pg_table_is_visible(c.oid) LIMIT 1000;

-- why: pgcli, search path
SELECT * FROM unnest(current_schemas(true));

-- why: pgcli, foreign keys
SELECT s_p.nspname AS parentschema, t_p.relname AS parenttable, unnest((select array_agg(attname ORDER BY i) from (select unnest(confkey) as attnum, generate_subscripts(confkey, 1) as i) x JOIN pg_catalog.pg_attribute c USING (attnum) WHERE c.attrelid = fk.confrelid)) AS parentcolumn FROM pg_catalog.pg_constraint fk JOIN pg_catalog.pg_class t_p ON t_p.oid = fk.confrelid JOIN pg_catalog.pg_namespace s_p ON s_p.oid = t_p.relnamespace WHERE fk.contype = 'f';

-- why: pgAdmin at start
SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='UTF8';

-- why: pgAdmin, who am I
SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser, CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END as can_create_role FROM pg_catalog.pg_roles as roles WHERE rolname = current_user;

-- why: pgAdmin's dashboard
SELECT pid, datname, usename, application_name, client_addr, backend_start, state, wait_event_type, pg_blocking_pids(pid) FROM pg_catalog.pg_stat_activity WHERE datname = current_database() ORDER BY pid;

-- why: DBeaver at start
SET application_name = 'DBeaver 24.0 - Main';

SELECT current_schema(), session_user;

SHOW search_path;

SELECT n.oid, n.nspname, n.nspowner, d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.objsubid = 0 AND d.classoid = 'pg_namespace'::regclass ORDER BY nspname;

-- why: DBeaver, a table's size
SELECT pg_catalog.pg_table_size('public.orders'::regclass), pg_catalog.pg_total_relation_size(oid), pg_catalog.pg_relation_size(oid) FROM pg_class WHERE relname = 'orders';

-- why: DataGrip at start
select current_database() as a, current_schemas(false) as b;

select case when pg_catalog.pg_is_in_recovery() then null else (pg_catalog.txid_current() % (2^32)::bigint)::varchar::bigint end as tx;

-- why: Metabase, which tables may be read
SELECT t.table_schema, t.table_name, pg_catalog.has_table_privilege(current_user, '"' || t.table_schema || '"."' || t.table_name || '"', 'SELECT') AS may FROM information_schema.tables t WHERE t.table_schema NOT IN ('information_schema', 'pg_catalog');

-- why: Tableau, a cursor per query
BEGIN;

declare "SQL_CUR0x1" cursor with hold for SELECT "orders"."status" AS "status", SUM("orders"."amount") AS "sum" FROM "public"."orders" "orders" GROUP BY 1;

fetch 2048 in "SQL_CUR0x1";

close "SQL_CUR0x1";

COMMIT;

-- why: Grafana, its macro for time
SELECT floor(extract(epoch from "created_at") / 3600) * 3600 AS "time", count(*) AS "value" FROM orders WHERE "created_at" BETWEEN '2024-06-01T00:00:00Z' AND '2024-07-01T00:00:00Z' GROUP BY 1 ORDER BY 1;

-- why: pg_dump at start
SET DATESTYLE = ISO;

SET INTERVALSTYLE = POSTGRES;

SET extra_float_digits TO 3;

SET synchronize_seqscans TO off;

SET statement_timeout = 0;

SET lock_timeout = 0;

SET idle_in_transaction_session_timeout = 0;

BEGIN;

SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

SELECT set_config('search_path', '', false);

COMMIT;

-- why: dbt, which relations
select table_catalog as "database", table_name as "name", table_schema as "schema" from information_schema.tables where table_schema ilike 'public' union all select 'shop', matviewname, schemaname from pg_matviews where schemaname ilike 'public';

-- why: Airflow and others ping
SELECT 1;

-- why: pandas, whether a table is there
SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class WHERE pg_catalog.pg_class.relname = 'frame';

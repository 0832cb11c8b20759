-- What dashboards and notebooks send that come by other ways than JDBC.

-- why: psqlODBC at start, as Tableau, Power BI and Excel use it
SET DateStyle = 'ISO'; SET extra_float_digits = 2; SHOW transaction_isolation;

select oid, typbasetype from pg_type where typname = 'lo';

select current_schema();

-- why: psqlODBC, SQLTables
select relname, nspname, relkind from pg_catalog.pg_class c, pg_catalog.pg_namespace n where relkind in ('r', 'v', 'm', 'f', 'p') and nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pg_temp_1') and n.oid = relnamespace order by nspname, relname;

-- why: psqlODBC, SQLColumns
select n.nspname, c.relname, a.attname, a.atttypid, t.typname, a.attnum, a.attlen, a.atttypmod, a.attnotnull, c.relhasrules, c.relkind, c.oid, pg_get_expr(d.adbin, d.adrelid), case t.typtype when 'd' then t.typbasetype else 0 end, t.typtypmod, 0, attidentity, c.relhassubclass from (((pg_catalog.pg_class c inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace and c.relname = E'customers' and n.nspname = E'public') inner join pg_catalog.pg_attribute a on (not a.attisdropped) and a.attnum > 0 and a.attrelid = c.oid) inner join pg_catalog.pg_type t on t.oid = a.atttypid) left outer join pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum order by n.nspname, c.relname, attnum;

-- why: psqlODBC, SQLStatistics and SQLPrimaryKeys
select c.relname, i.indkey, i.indisunique, i.indisclustered, a.amname, c.relhasrules, n.nspname, c.oid, d.relhassubclass, i.indoption from pg_catalog.pg_index i, pg_catalog.pg_class c, pg_catalog.pg_class d, pg_catalog.pg_am a, pg_catalog.pg_namespace n where d.relname = E'customers' and n.nspname = E'public' and n.oid = d.relnamespace and d.oid = i.indrelid and i.indexrelid = c.oid and c.relam = a.oid order by i.indisprimary desc, i.indisunique, n.nspname, c.relname;

select ta.attname, ia.attnum, ic.relname, n.nspname, tc.relname from pg_catalog.pg_attribute ta, pg_catalog.pg_attribute ia, pg_catalog.pg_class tc, pg_catalog.pg_index i, pg_catalog.pg_namespace n, pg_catalog.pg_class ic where tc.relname = E'customers' and n.nspname = E'public' and tc.oid = i.indrelid and n.oid = tc.relnamespace and i.indisprimary = 't' and ia.attrelid = i.indexrelid and ta.attrelid = i.indrelid and ta.attnum = i.indkey[ia.attnum-1] and (not ta.attisdropped) and (not ia.attisdropped) and ic.oid = i.indexrelid order by ia.attnum;

-- why: psqlODBC wraps statements in savepoints
BEGIN;

SAVEPOINT _EXEC_SVP_0x55d0;

SELECT "status", count(*) FROM "public"."orders" GROUP BY 1;

RELEASE _EXEC_SVP_0x55d0;

COMMIT;

-- why: Tableau asks whether it may make temporary tables, by the number of rows a query has
SELECT SUM(1) AS "cnt:orders:ok", TRUNC(CAST(AVG("orders"."amount") AS NUMERIC), 2) FROM "public"."orders" "orders" HAVING (COUNT(1) > 0);

SELECT "t0"."country" AS "country" FROM (SELECT "customers"."country" AS "country", COUNT(1) AS "n" FROM "public"."customers" "customers" GROUP BY 1) "t0" ORDER BY 1 ASC NULLS FIRST;

-- why: Power BI folds its steps into subqueries
select "_"."id", "_"."status" from (select "rows"."id" as "id", "rows"."status" as "status" from "public"."orders" "rows" where "rows"."status" = 'paid') "_" limit 1000;

select TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE from INFORMATION_SCHEMA.tables where TABLE_SCHEMA not in ('information_schema', 'pg_catalog') order by TABLE_SCHEMA, TABLE_NAME;

select i.CONSTRAINT_SCHEMA || '_' || i.CONSTRAINT_NAME as INDEX_NAME, ii.COLUMN_NAME, ii.ORDINAL_POSITION, case when i.CONSTRAINT_TYPE = 'PRIMARY KEY' then 'Y' else 'N' end as PRIMARY_KEY from INFORMATION_SCHEMA.table_constraints i inner join INFORMATION_SCHEMA.key_column_usage ii on i.CONSTRAINT_SCHEMA = ii.CONSTRAINT_SCHEMA and i.CONSTRAINT_NAME = ii.CONSTRAINT_NAME where i.TABLE_SCHEMA = 'public' and i.CONSTRAINT_TYPE in ('PRIMARY KEY', 'UNIQUE');

-- why: Npgsql, composite and enum types
SELECT pg_type.oid, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid=enumtypid ORDER BY oid, enumsortorder;

SELECT typ.oid, att.attname, att.atttypid FROM pg_type AS typ JOIN pg_namespace AS ns ON (ns.oid = typ.typnamespace) JOIN pg_class AS cls ON (cls.oid = typ.typrelid) JOIN pg_attribute AS att ON (att.attrelid = typ.typrelid) WHERE (typ.typtype = 'c' AND cls.relkind='c') AND attnum > 0 AND NOT attisdropped ORDER BY typ.oid, att.attnum;

-- why: Grafana's query builder: its version, whether Timescale is there, tables and columns
SELECT current_setting('server_version_num')::int/100 as version;

SELECT extversion FROM pg_extension WHERE extname = 'timescaledb';

SELECT CASE WHEN quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END FROM generate_series(array_lower(string_to_array(current_setting('search_path'),','),1), array_upper(string_to_array(current_setting('search_path'),','),1)) as i, string_to_array(current_setting('search_path'),',') s) THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table" FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache');

SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns WHERE quote_ident(table_name) = 'orders';

-- why: Grafana, a series by status
SELECT "created_at" AS "time", status AS metric, avg(amount) AS "value" FROM orders WHERE "created_at" >= '2024-06-01T00:00:00Z' AND "created_at" <= '2024-07-01T00:00:00Z' GROUP BY 1, 2 ORDER BY 1, 2;

SELECT (extract(epoch from "created_at")/300)::bigint*300 AS "time", count(*) FROM orders WHERE extract(epoch from "created_at") BETWEEN 1717200000 AND 1719792000 GROUP BY 1 ORDER BY 1;

-- why: Superset, schemas, views and a preview
SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY nspname;

SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('v', 'm');

SELECT id AS id, full_name AS full_name, email AS email FROM public.customers LIMIT 101;

EXPLAIN SELECT status, count(*) FROM public.orders GROUP BY 1;

-- why: Redash, its schema browser
SELECT s.nspname as table_schema, c.relname as table_name, a.attname as column_name, null as data_type FROM pg_class c JOIN pg_namespace s ON c.relnamespace = s.oid AND s.nspname NOT IN ('pg_catalog', 'information_schema') JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.relkind IN ('m', 'f', 'p') UNION SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema');

-- why: Looker, cost of a query and kinds of columns
EXPLAIN (FORMAT JSON) SELECT count(*) FROM public.orders WHERE status = 'paid';

SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'public.orders'::regclass AND a.attnum > 0 AND NOT a.attisdropped;

-- why: pgAdmin, the tree of a database
SELECT db.oid as did, db.datname as name, db.dattablespace AS spcoid, ts.spcname, db.datallowconn, pg_encoding_to_char(encoding) AS encoding, has_database_privilege(db.oid, 'CREATE') as cancreate, datlastsysoid.x, db.datconnlimit, pg_catalog.shobj_description(db.oid, 'pg_database') AS description FROM pg_catalog.pg_database db LEFT OUTER JOIN pg_catalog.pg_tablespace ts ON db.dattablespace = ts.oid CROSS JOIN (SELECT 0 AS x) datlastsysoid WHERE db.datallowconn ORDER BY datname;

SELECT rel.oid, rel.relname AS name, (SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid = rel.oid AND tgisinternal = FALSE) AS triggercount, (SELECT count(1) FROM pg_catalog.pg_inherits WHERE inhrelid = rel.oid LIMIT 1) as is_inherits, des.description FROM pg_catalog.pg_class rel LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid = rel.oid AND des.objsubid = 0 AND des.classoid = 'pg_class'::regclass) WHERE rel.relkind IN ('r', 's', 't', 'p') AND rel.relnamespace = 'public'::regnamespace AND NOT rel.relispartition ORDER BY rel.relname;

-- why: pgAdmin, its dashboard
SELECT 'session_stats' AS chart_name, row_to_json(t) AS chart_data FROM (SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = current_database()) AS "Total", (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND datname = current_database()) AS "Active") t UNION ALL SELECT 'tps_stats' AS chart_name, row_to_json(t) FROM (SELECT (SELECT sum(xact_commit) + sum(xact_rollback) FROM pg_catalog.pg_stat_database WHERE datname = current_database()) AS "Transactions") t;

SELECT locktype, db.datname, relation::regclass, page, tuple, virtualxid, transactionid, classid::regclass, objid, virtualtransaction, pl.pid, mode, granted FROM pg_catalog.pg_locks pl LEFT JOIN pg_catalog.pg_stat_activity sa ON pl.pid = sa.pid LEFT JOIN pg_catalog.pg_database db ON pl.database = db.oid ORDER BY pl.pid, locktype LIMIT 50;

-- why: pgAdmin, a table's statistics and its dependents
SELECT seq_scan, idx_scan, n_tup_ins, n_live_tup, pg_stat_get_last_vacuum_time(relid), pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(relid)) FROM pg_catalog.pg_stat_all_tables WHERE schemaname = 'public' AND relname = 'orders';

SELECT DISTINCT dep.deptype, dep.classid, cl.relkind, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) adbin, CASE WHEN cl.relkind IS NOT NULL THEN CASE WHEN cl.relkind = 'r' THEN 'Table' WHEN cl.relkind = 'S' THEN 'Sequence' ELSE 'Other' END ELSE '' END AS type FROM pg_catalog.pg_depend dep LEFT JOIN pg_catalog.pg_class cl ON dep.objid=cl.oid LEFT JOIN pg_catalog.pg_attrdef ad ON ad.oid=dep.objid WHERE dep.refobjid = 'public.orders'::regclass AND cl.relname NOT LIKE 'pg_toast%' LIMIT 20;

-- why: pganalyze and postgres_exporter as an ordinary role
SELECT datname, numbackends, xact_commit, blks_hit, deadlocks, stats_reset FROM pg_catalog.pg_stat_database;

SELECT name, setting, COALESCE(unit, ''), short_desc, vartype FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real') AND name != 'sync_commit_cancel_wait';

SELECT slot_name, database, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) FROM pg_replication_slots;

-- why: dbt opens a run
select nspname as schema_name from pg_namespace where nspname not like 'pg_%';

select case when extract(year from current_timestamp) > 2000 then 'yes' end;

with relation as (select pg_rewrite.ev_class as class, pg_rewrite.oid as id from pg_rewrite), dependency as (select pg_depend.refobjid as id, pg_depend.objid as rw from pg_depend where classid = 'pg_rewrite'::regclass) select * from dependency join relation on relation.id = dependency.rw limit 5;

-- why: Prisma and Drizzle introspect
SELECT namespace.nspname as schema_name, table_class.relname as table_name, conname, contype, condeferrable, pg_get_constraintdef(constr.oid) FROM pg_constraint constr JOIN pg_class table_class ON table_class.oid = constr.conrelid JOIN pg_namespace namespace ON namespace.oid = table_class.relnamespace WHERE namespace.nspname = ANY ('{public}') AND contype NOT IN ('p', 'u', 'f') ORDER BY 1, 2, 3;

SELECT typname, typtype, typcategory, (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid) FROM pg_type t WHERE typtype = 'e';

-- why: Rails at start
SET client_min_messages TO 'warning'; SET standard_conforming_strings = on; SET intervalstyle = iso_8601; SET SESSION timezone TO 'UTC';

SELECT t.oid, t.typname FROM pg_type as t WHERE t.typname IN ('int2', 'int4', 'int8', 'oid', 'float4', 'float8', 'numeric', 'bool', 'timestamp', 'timestamptz');

SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) AS comment, attidentity AS identity, attgenerated as attgenerated FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum LEFT JOIN pg_type t ON a.atttypid = t.oid LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation WHERE a.attrelid = '"customers"'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;

-- why: Ecto and TypeORM at start
SELECT t.oid, t.typname, t.typsend, t.typreceive, t.typoutput, t.typinput, coalesce(d.typelem, t.typelem), coalesce(r.rngsubtype, 0), ARRAY (SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) FROM pg_type AS t LEFT JOIN pg_type AS d ON t.typbasetype = d.oid LEFT JOIN pg_range AS r ON r.rngtypid = t.oid OR r.rngmultitypid = t.oid OR (t.typbasetype <> 0 AND r.rngtypid = t.typbasetype) WHERE (t.typrelid = 0) AND (t.typelem = 0 OR NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type s WHERE s.typrelid != 0 AND s.oid = t.typelem));

SELECT * FROM current_schema();

SELECT "columns".*, pg_catalog.col_description(('"' || table_catalog || '"."' || table_schema || '"."' || table_name || '"')::regclass::oid, ordinal_position) AS description FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'orders';

-- why: a notebook's first look
SELECT * FROM customers LIMIT 5;

SELECT count(*), min(created_at), max(created_at), avg(balance), stddev(balance), corr(id, balance) FROM customers;

SELECT width_bucket(balance, 0, 10000, 10) AS bucket, count(*) FROM customers GROUP BY 1 ORDER BY 1;

SELECT * FROM orders TABLESAMPLE SYSTEM (1) REPEATABLE (1) LIMIT 100;

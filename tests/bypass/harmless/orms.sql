-- What object mappers send: at start, to learn the tables, and day by day.

-- why: Django, list of tables
SELECT c.relname, CASE WHEN c.relispartition THEN 'p' WHEN c.relkind IN ('m', 'v') THEN 'v' ELSE 't' END, obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND pg_catalog.pg_table_is_visible(c.oid);

-- why: Django, columns of a table
SELECT a.attname AS column_name, NOT (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull)) AS is_nullable, pg_get_expr(ad.adbin, ad.adrelid) AS column_default, CASE WHEN collname = 'default' THEN NULL ELSE collname END AS collation, a.attidentity != '' AS is_autofield, col_description(a.attrelid, a.attnum) AS column_comment FROM pg_attribute a LEFT JOIN pg_attrdef ad ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum LEFT JOIN pg_collation co ON a.attcollation = co.oid JOIN pg_type t ON a.atttypid = t.oid JOIN pg_class c ON a.attrelid = c.oid JOIN pg_namespace n ON c.relnamespace = n.oid WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND c.relname = 'customers' AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND pg_catalog.pg_table_is_visible(c.oid);

-- why: Django, constraints of a table
SELECT c.conname, array(SELECT attname FROM unnest(c.conkey) WITH ORDINALITY cols(colid, arridx) JOIN pg_attribute AS ca ON cols.colid = ca.attnum WHERE ca.attrelid = c.conrelid ORDER BY cols.arridx), c.contype, (SELECT fkc.relname || '.' || fka.attname FROM pg_attribute AS fka JOIN pg_class AS fkc ON fka.attrelid = fkc.oid WHERE fka.attrelid = c.confrelid AND fka.attnum = c.confkey[1]), cl.reloptions FROM pg_constraint AS c JOIN pg_class AS cl ON c.conrelid = cl.oid WHERE cl.relname = 'payments' AND pg_catalog.pg_table_is_visible(cl.oid);

-- why: Django, sequences of a table
SELECT s.relname AS sequence_name, a.attname AS colname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass JOIN pg_attribute a ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum JOIN pg_class tbl ON tbl.oid = d.refobjid AND tbl.relname = 'orders' AND pg_catalog.pg_table_is_visible(tbl.oid) WHERE s.relkind = 'S';

-- why: Django's get(), with its limit of 21
SELECT "customers"."id", "customers"."full_name", "customers"."country" FROM "customers" WHERE "customers"."id" = 7 LIMIT 21;

-- why: Django's exists() and count()
SELECT 1 AS "a" FROM "orders" WHERE "orders"."status" = 'paid' LIMIT 1;

SELECT COUNT(*) AS "__count" FROM "orders" WHERE ("orders"."amount" > 10 AND NOT ("orders"."status" IN ('new')));

-- why: Django's select_related
SELECT "payments"."id", "payments"."amount", "customers"."id", "customers"."full_name", "customers"."email", "customers"."ssn" FROM "payments" INNER JOIN "customers" ON ("payments"."customer_id" = "customers"."id") WHERE "customers"."country" = 'DE' ORDER BY "payments"."id" ASC LIMIT 20;

-- why: Django's annotate with a subquery
SELECT "customers"."id", (SELECT SUM(U0."amount") AS "total" FROM "orders" U0 WHERE U0."customer_id" = ("customers"."id") GROUP BY U0."customer_id") AS "spent" FROM "customers" ORDER BY 2 DESC NULLS LAST LIMIT 10;

-- why: Django's icontains and iregex
SELECT "customers"."id" FROM "customers" WHERE UPPER("customers"."full_name"::text) LIKE UPPER('%an%') AND "customers"."full_name"::text ~* '^a' LIMIT 10;

-- why: Django's dates()
SELECT DISTINCT DATE_TRUNC('month', "orders"."created_at" AT TIME ZONE 'UTC')::date AS "datefield" FROM "orders" WHERE "orders"."created_at" IS NOT NULL ORDER BY 1 ASC;

-- why: Django's save() of what it has read in part
-- as: write
BEGIN; UPDATE "orders" SET "status" = 'paid', "amount" = 12.5 WHERE "orders"."id" = 3; ROLLBACK;

-- why: Django's bulk_create
-- as: write
BEGIN; INSERT INTO "orders" ("customer_id", "amount", "status", "created_at") VALUES (1, 10.0, 'new', '2024-06-01 10:00:00+00:00'::timestamptz), (2, 11.0, 'new', '2024-06-01 10:00:00+00:00'::timestamptz) ON CONFLICT DO NOTHING RETURNING "orders"."id"; ROLLBACK;

-- why: Django's select_for_update
-- as: write
BEGIN; SELECT "orders"."id", "orders"."amount" FROM "orders" WHERE "orders"."id" = 5 LIMIT 21 FOR UPDATE OF "orders" SKIP LOCKED; ROLLBACK;

-- why: Django's server-side cursor
BEGIN;

DECLARE "_django_curs_140_sync_1" NO SCROLL CURSOR WITHOUT HOLD FOR SELECT "orders"."id" FROM "orders" ORDER BY 1;

FETCH FORWARD 2000 FROM "_django_curs_140_sync_1";

CLOSE "_django_curs_140_sync_1";

COMMIT;

-- why: SQLAlchemy at start
select pg_catalog.version();

select current_schema();

show standard_conforming_strings;

show transaction isolation level;

-- why: SQLAlchemy, has_table
SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname = 'orders' AND pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog';

-- why: SQLAlchemy, columns of several tables
SELECT pg_catalog.pg_attribute.attname AS name, pg_catalog.format_type(pg_catalog.pg_attribute.atttypid, pg_catalog.pg_attribute.atttypmod) AS format_type, (SELECT pg_catalog.pg_get_expr(pg_catalog.pg_attrdef.adbin, pg_catalog.pg_attrdef.adrelid) AS pg_get_expr_1 FROM pg_catalog.pg_attrdef WHERE pg_catalog.pg_attrdef.adrelid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attrdef.adnum = pg_catalog.pg_attribute.attnum AND pg_catalog.pg_attribute.atthasdef) AS "default", pg_catalog.pg_attribute.attnotnull AS not_null, pg_catalog.pg_class.relname AS table_name, pg_catalog.pg_description.description AS comment, pg_catalog.pg_attribute.attgenerated AS generated, (SELECT json_build_object('always', pg_catalog.pg_attribute.attidentity = 'a', 'start', pg_catalog.pg_sequence.seqstart, 'increment', pg_catalog.pg_sequence.seqincrement) AS json_build_object_1 FROM pg_catalog.pg_sequence WHERE pg_catalog.pg_attribute.attidentity != '' AND pg_catalog.pg_sequence.seqrelid = CAST(CAST(pg_catalog.pg_get_serial_sequence(CAST(CAST(pg_catalog.pg_attribute.attrelid AS REGCLASS) AS TEXT), pg_catalog.pg_attribute.attname) AS REGCLASS) AS OID)) AS identity_options FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_attribute ON pg_catalog.pg_class.oid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attribute.attnum > 0 AND NOT pg_catalog.pg_attribute.attisdropped LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_description.objsubid = pg_catalog.pg_attribute.attnum JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_class.relname IN ('orders', 'customers') ORDER BY pg_catalog.pg_class.relname, pg_catalog.pg_attribute.attnum;

-- why: SQLAlchemy, primary keys
SELECT attr.conrelid, array_agg(CAST(attr.attname AS TEXT) ORDER BY attr.ord) AS cols, attr.conname, min(attr.description) AS description FROM (SELECT con.conrelid AS conrelid, con.conname AS conname, con.description AS description, con.ord AS ord, pg_catalog.pg_attribute.attname AS attname FROM pg_catalog.pg_attribute JOIN (SELECT pg_catalog.pg_constraint.conrelid AS conrelid, pg_catalog.pg_constraint.conname AS conname, unnest(pg_catalog.pg_constraint.conkey) AS attnum, generate_subscripts(pg_catalog.pg_constraint.conkey, 1) AS ord, pg_catalog.pg_description.description AS description FROM pg_catalog.pg_constraint LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_constraint.oid WHERE pg_catalog.pg_constraint.contype = 'p') AS con ON pg_catalog.pg_attribute.attnum = con.attnum AND pg_catalog.pg_attribute.attrelid = con.conrelid) AS attr GROUP BY attr.conrelid, attr.conname ORDER BY attr.conrelid, attr.conname;

-- why: SQLAlchemy, a join with labels
SELECT customers.id AS customers_id, customers.full_name AS customers_full_name, orders_1.id AS orders_1_id, orders_1.amount AS orders_1_amount FROM customers LEFT OUTER JOIN orders AS orders_1 ON customers.id = orders_1.customer_id WHERE customers.id IN (1, 2, 3);

-- why: SQLAlchemy, insertmanyvalues
-- as: write
BEGIN; INSERT INTO orders (customer_id, amount, status) SELECT p0::INTEGER, p1::NUMERIC, p2::VARCHAR FROM (VALUES (1, 2.0, 'new', 0), (2, 3.0, 'new', 1)) AS imp_sen(p0, p1, p2, sen_counter) ORDER BY sen_counter RETURNING orders.id, orders.id AS id__1; ROLLBACK;

-- why: Hibernate, a page and its count
select c1_0.id, c1_0.balance, c1_0.country, c1_0.email, c1_0.full_name from customers c1_0 where c1_0.country = 'FR' order by c1_0.full_name offset 10 rows fetch first 10 rows only;

select count(c1_0.id) from customers c1_0 where c1_0.country = 'FR';

-- why: Hibernate, exists and fetch join
select distinct o1_0.id, o1_0.amount, c1_0.id, c1_0.full_name from orders o1_0 join customers c1_0 on c1_0.id = o1_0.customer_id where exists (select 1 from payments p1_0 where p1_0.customer_id = c1_0.id) fetch first 5 rows only;

-- why: Hibernate takes numbers from a sequence by fifties
-- as: write
select nextval('orders_id_seq') is not null from generate_series(1, 50);

-- why: Hibernate, validation of the schema
select tables.table_catalog as table_cat, tables.table_schema, tables.table_name, tables.table_type from information_schema.tables tables where tables.table_schema = 'public' and lower(tables.table_name) = lower('ORDERS');

-- why: Rails, tables and data sources
SELECT c.relname FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY (current_schemas(false)) AND c.relkind IN ('r', 'v', 'm', 'p', 'f');

-- why: Rails, a primary key
SELECT a.attname FROM (SELECT indrelid, indkey, generate_subscripts(indkey, 1) idx FROM pg_index WHERE indrelid = '"orders"'::regclass AND indisprimary) i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[i.idx] ORDER BY i.idx;

-- why: Rails, indexes
SELECT distinct i.relname, d.indisunique, d.indkey, pg_get_indexdef(d.indexrelid), t.oid, pg_catalog.obj_description(i.oid, 'pg_class') AS comment, d.indisvalid, ARRAY(SELECT pg_get_indexdef(d.indexrelid, k + 1, true) FROM generate_subscripts(d.indkey, 1) AS k ORDER BY k) AS columns FROM pg_class t INNER JOIN pg_index d ON t.oid = d.indrelid INNER JOIN pg_class i ON d.indexrelid = i.oid LEFT JOIN pg_namespace n ON n.oid = t.relnamespace WHERE i.relkind IN ('i', 'I') AND d.indisprimary = 'f' AND t.relname = 'payments' AND n.nspname = ANY (current_schemas(false)) ORDER BY i.relname;

-- why: Rails, foreign keys
SELECT t2.oid::regclass::text AS to_table, a1.attname AS column, a2.attname AS primary_key, c.conname AS name, c.confupdtype AS on_update, c.confdeltype AS on_delete, c.convalidated AS valid, c.condeferrable AS deferrable, c.condeferred AS deferred FROM pg_constraint c JOIN pg_class t1 ON c.conrelid = t1.oid JOIN pg_class t2 ON c.confrelid = t2.oid JOIN pg_attribute a1 ON a1.attnum = c.conkey[1] AND a1.attrelid = t1.oid JOIN pg_attribute a2 ON a2.attnum = c.confkey[1] AND a2.attrelid = t2.oid JOIN pg_namespace t3 ON c.connamespace = t3.oid WHERE c.contype = 'f' AND t1.relname = 'payments' AND t3.nspname = ANY (current_schemas(false)) ORDER BY c.conname;

-- why: Rails, find_by and pluck
SELECT "orders".* FROM "orders" WHERE "orders"."customer_id" = 1 AND "orders"."status" = 'paid' LIMIT 1;

SELECT "customers"."country" FROM "customers" WHERE "customers"."balance" BETWEEN 0 AND 100 LIMIT 5;

-- why: Rails, in batches
SELECT "orders"."id" FROM "orders" WHERE "orders"."id" > 1000 ORDER BY "orders"."id" ASC LIMIT 1000;

-- why: Rails, its lock around migrations is an advisory one
-- as: write
SELECT pg_try_advisory_lock(3141592653);

SELECT pg_advisory_unlock(3141592653);

-- why: Rails, a transaction in a transaction
-- as: write
BEGIN; SAVEPOINT active_record_1; UPDATE "products" SET "stock" = COALESCE("products"."stock", 0) + 1 WHERE "products"."id" = 1; RELEASE SAVEPOINT active_record_1; ROLLBACK;

-- why: Rails pings
-- a comment is all there is;

-- why: Sequelize at start
SET client_min_messages TO warning; SHOW SERVER_VERSION;

SELECT typname, typtype, oid, typarray FROM pg_type WHERE (typtype = 'b' AND typarray != 0) OR typtype = 'e';

-- why: Sequelize, describe a table
SELECT pk.constraint_type as "Constraint", c.column_name as "Field", c.column_default as "Default", c.is_nullable as "Null", (CASE WHEN c.udt_name = 'hstore' THEN c.udt_name ELSE c.data_type END) || (CASE WHEN c.character_maximum_length IS NOT NULL THEN '(' || c.character_maximum_length || ')' ELSE '' END) as "Type", (SELECT array_agg(e.enumlabel) FROM pg_catalog.pg_type t JOIN pg_catalog.pg_enum e ON t.oid = e.enumtypid WHERE t.typname = c.udt_name) AS "special", (SELECT pgd.description FROM pg_catalog.pg_statio_all_tables AS st INNER JOIN pg_catalog.pg_description pgd on (pgd.objoid = st.relid) WHERE c.ordinal_position = pgd.objsubid AND c.table_name = st.relname) AS "Comment" FROM information_schema.columns c LEFT JOIN (SELECT tc.table_schema, tc.table_name, cu.column_name, tc.constraint_type FROM information_schema.TABLE_CONSTRAINTS tc JOIN information_schema.KEY_COLUMN_USAGE cu ON tc.table_schema = cu.table_schema and tc.table_name = cu.table_name and tc.constraint_name = cu.constraint_name and tc.constraint_type = 'PRIMARY KEY') pk ON pk.table_schema = c.table_schema AND pk.table_name = c.table_name AND pk.column_name = c.column_name WHERE c.table_name = 'orders' AND c.table_schema = 'public';

-- why: Sequelize, findAndCountAll with an include
SELECT count("Customer"."id") AS "count" FROM "customers" AS "Customer" LEFT OUTER JOIN "payments" AS "Payments" ON "Customer"."id" = "Payments"."customer_id" WHERE "Customer"."country" = 'IT';

SELECT "Customer"."id", "Customer"."full_name", "Payments"."id" AS "Payments.id" FROM "customers" AS "Customer" LEFT OUTER JOIN "payments" AS "Payments" ON "Customer"."id" = "Payments"."customer_id" WHERE "Customer"."country" = 'IT' LIMIT 10 OFFSET 0;

-- why: Prisma, a query with its relation as JSON
SELECT "t1"."id", "t1"."full_name", "Orders"."__prisma_data__" AS "Orders" FROM "public"."customers" AS "t1" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t3"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('id', "t2"."id", 'amount', "t2"."amount") AS "__prisma_data__" FROM (SELECT "t0".* FROM "public"."orders" AS "t0" WHERE "t1"."id" = "t0"."customer_id") AS "t2") AS "t3") AS "t4") AS "Orders" ON TRUE LIMIT 5;

-- why: Prisma, namespaces and columns
SELECT namespace.nspname as namespace_name FROM pg_namespace as namespace WHERE namespace.nspname = ANY ('{public}') ORDER BY namespace.nspname;

SELECT oid.namespace, info.table_name, info.column_name, format_type(att.atttypid, att.atttypmod) as formatted_type, info.numeric_precision, info.data_type, info.udt_schema as type_schema_name, info.udt_name as full_data_type, pg_get_expr(attdef.adbin, attdef.adrelid) AS column_default, info.is_nullable, info.is_identity, info.character_maximum_length FROM information_schema.columns info JOIN pg_attribute att ON att.attname = info.column_name JOIN (SELECT pg_class.oid, relname, pg_namespace.nspname as namespace FROM pg_class JOIN pg_namespace on pg_namespace.oid = pg_class.relnamespace AND pg_namespace.nspname = ANY ('{public}') WHERE reltype > 0) as oid on oid.oid = att.attrelid AND relname = info.table_name AND namespace = info.table_schema LEFT OUTER JOIN pg_attrdef attdef ON attdef.adrelid = att.attrelid AND attdef.adnum = att.attnum AND table_schema = namespace ORDER BY namespace, table_name, ordinal_position;

-- why: Prisma, upsert
-- as: write
BEGIN; INSERT INTO "public"."products" ("id", "name", "price", "stock") VALUES (1, 'x', 1, 1) ON CONFLICT ("id") DO UPDATE SET "stock" = 1 WHERE ("public"."products"."id" = 1 AND 1 = 1) RETURNING "public"."products"."id", "public"."products"."name"; ROLLBACK;

-- why: TypeORM, a find with its joins
SELECT "Order"."id" AS "Order_id", "Order"."amount" AS "Order_amount", "Order__customer"."full_name" AS "Order__customer_full_name" FROM "orders" "Order" LEFT JOIN "customers" "Order__customer" ON "Order__customer"."id" = "Order"."customer_id" WHERE (("Order"."status" = 'new')) ORDER BY "Order"."id" DESC LIMIT 10;

-- why: Ecto, an insert and what comes back
-- as: write
BEGIN; INSERT INTO "orders" ("amount", "customer_id", "status") VALUES (9.5, 4, 'new') RETURNING "id"; ROLLBACK;

-- why: GORM, columns
SELECT c.column_name, c.is_nullable = 'YES', c.udt_name, c.character_maximum_length, c.numeric_precision, c.numeric_precision_radix, c.numeric_scale, c.datetime_precision, 8 * typlen, c.column_default, pd.description, c.identity_increment FROM information_schema.columns AS c JOIN pg_type AS pgt ON c.udt_name = pgt.typname LEFT JOIN pg_catalog.pg_description as pd ON pd.objsubid = c.ordinal_position AND pd.objoid = (SELECT oid FROM pg_catalog.pg_class WHERE relname = c.table_name AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = c.table_schema)) where table_catalog = 'shop' AND table_schema = CURRENT_SCHEMA() AND table_name = 'products';

-- why: GORM, First
SELECT * FROM "products" WHERE stock > 0 ORDER BY "products"."id" LIMIT 1;

-- why: Laravel, tables and whether one is there
select c.relname as name, n.nspname as schema, pg_total_relation_size(c.oid) as size, obj_description(c.oid, 'pg_class') as comment from pg_class c, pg_namespace n where c.relkind in ('r', 'p') and n.oid = c.relnamespace and n.nspname not in ('pg_catalog', 'information_schema') order by c.relname;

select exists (select 1 from pg_class c, pg_namespace n where n.nspname = current_schema() and c.relname = 'migrations' and c.relkind in ('r', 'p') and n.oid = c.relnamespace);

-- why: Knex, a query with bindings written in
select "status", count(*) as "n" from "orders" where "created_at" > '2024-01-01' group by "status" having count(*) > 1 order by "n" desc limit 3;

-- why: Drizzle, a relation as arrays
select "customers"."id", "customers"."full_name", "customers_orders"."data" as "orders" from "customers" "customers" left join lateral (select coalesce(json_agg(json_build_array("customers_orders"."id", "customers_orders"."amount")), '[]'::json) as "data" from "orders" "customers_orders" where "customers_orders"."customer_id" = "customers"."id") "customers_orders" on true limit 3;

-- why: Entity Framework, a page with its parameters inside
SELECT t."id", t."full_name", o."id", o."amount" FROM (SELECT c."id", c."full_name" FROM customers AS c ORDER BY c."id" LIMIT 10 OFFSET 20) AS t LEFT JOIN orders AS o ON t."id" = o."customer_id" ORDER BY t."id";

-- why: Entity Framework, whether its history is there
SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relname = '__EFMigrationsHistory');

-- why: jOOQ, a nested collection
select customers.id, (select coalesce(jsonb_agg(jsonb_build_array(v0, v1)), jsonb_build_array()) from (select orders.id as v0, orders.amount as v1 from orders where orders.customer_id = customers.id) t) from customers order by 1 limit 3;

-- why: SQLx and sqlc describe what they prepare
SELECT oid, typname FROM pg_catalog.pg_type WHERE oid IN (23, 25, 1700);

SELECT (row_number() OVER ())::int, id FROM products ORDER BY id LIMIT 3;

-- why: Flyway and Liquibase look for their tables
SELECT COUNT(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename = 'flyway_schema_history';

SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'databasechangelog');

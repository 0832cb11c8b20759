-- Functions that run queries, read catalogs, or let one see what others see.
-- aim: read

-- why: runs its argument
select query_to_xml('select * from customers limit 5', true, false, '');

-- why: a whole table
select table_to_xml('customers', true, false, '');

-- why: a whole table with its schema
select table_to_xml_and_xmlschema('public.customers'::regclass, true, true, '');

-- why: a whole schema
select schema_to_xml('public', true, false, '');

-- why: the whole database
select database_to_xml(true, false, '');

-- why: a cursor
begin;

declare c cursor for select 1;

select cursor_to_xml('c', 5, true, false, '');

-- why: with its pg_catalog name
select pg_catalog.query_to_xml($$select ssn from public.customers limit 5$$, true, true, '');

-- why: the name in Unicode escapes
select U&"query\005fto_xml"('select email from customers limit 5', true, false, '');

-- why: statistics of words, from a query
select * from ts_stat('select to_tsvector(''simple'', email) from customers');

-- why: query rewriting, from a query
select ts_rewrite('a & b', 'select to_tsquery(''simple'', ssn), to_tsquery(''b'') from customers limit 1');

-- why: connectby, crosstab and dblink are not installed; asking must not tell more
select * from dblink('dbname=shop', 'select ssn from customers') as t (s text);

-- why: a DO block that raises what it reads
do $$ declare r record; begin for r in select * from customers limit 5 loop raise notice '%', r; end loop; end $$;

-- why: a DO block that fails with what it reads
do $$ begin perform 1 / (select 0 from customers limit 1); raise exception '%', (select ssn from customers limit 1); end $$;

-- why: a DO block with dynamic SQL
do $$ declare t text; begin execute 'select ' || 'email from cust' || 'omers limit 1' into t; raise notice '%', t; end $$;

-- why: a DO block in SQL's clothes
do language plpgsql 'begin raise warning ''%'', (select credit_card from public.customers limit 1); end';

-- why: a function of one's own
create function pg_temp.leak() returns setof customers language sql as 'select * from customers';

select * from pg_temp.leak();

-- why: a function of one's own as its owner
create function public.leak() returns text language sql security definer as 'select string_agg(ssn, '','') from customers';

select public.leak();

-- why: an operator that calls a function that shouts
create function pg_temp.shout(text) returns bool language plpgsql cost 0.0000001 as $$ begin raise notice '%', $1; return true; end $$;

select 1 from customers where pg_temp.shout(ssn);

-- why: a view of one's own
create temp view v as select * from customers;

select * from v limit 5;

-- why: a view in public
create view public.v as select * from customers;

select * from public.v limit 5;

-- why: a materialized view
create materialized view public.mv as select * from customers;

select * from public.mv limit 5;

-- why: a table made of a query
create temp table t as select * from customers;

select * from t limit 5;

-- why: SELECT INTO
select * into temp t from customers;

select * from t limit 5;

-- why: a rule
create rule "_RETURN" as on select to pgbench_history do instead select * from customers;

-- why: a procedure
call pg_temp.nothing((select email from customers limit 1));

-- why: what files the server has
select pg_read_file('PG_VERSION'), pg_ls_dir('.');

-- why: the table's own file
select encode(pg_read_binary_file(pg_relation_filepath('customers')), 'escape');

-- why: a file in a large object
select lo_import('{file}');

-- why: reading a file into a table
-- as: write
copy pgbench_history (filler) from '{file}';

-- why: extensions that read pages
select * from get_raw_page('customers', 0);

-- why: heap contents by pageinspect
create extension pageinspect;

-- why: rows per page by tuple
select t_attrs from heap_page_item_attrs(get_raw_page('public.customers', 0), 'customers'::regclass);

-- why: functions that take a query by other names
select * from pg_logical_slot_peek_changes('s', null, null);

-- why: what others run right now
select query from pg_stat_activity where query like '%ssn%';

-- why: with a lock wait and a plan
select pg_get_viewdef(oid) from pg_class where relname = 'customers' and relkind = 'v';

-- why: a query on the fast path
-- fast path: query_to_xml(text, boolean, boolean, text)
select email, ssn from customers limit 5 | true | false | x

-- why: a table on the fast path
-- fast path: table_to_xml(regclass, boolean, boolean, text)
customers | true | false | x

-- why: a file on the fast path
-- fast path: pg_read_file(text)
{file}

-- why: a setting on the fast path
-- fast path: current_setting(text)
data_directory

-- why: statistics of words on the fast path
-- fast path: ts_stat(text)
select to_tsvector('simple', email) from customers

-- why: a whole database on the fast path
-- fast path: database_to_xml(boolean, boolean, text)
true | false | x

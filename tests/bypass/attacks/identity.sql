-- Names that look like something else, and code that runs by itself: the objects are those of traps.sql.
-- aim: effect

-- why: a function under its own name
select trap.shout();

-- why: a built-in's name in a schema earlier in the path
set search_path = trap, pg_catalog;

select lower('X');

-- why: the same without saying pg_catalog behind it
set search_path = trap, public;

select trap.lower('X');

-- why: an overload that fits better than the built-in one
set search_path = trap, public;

select upper(id) from orders limit 1;

-- why: the same through a subquery
set search_path = trap, public;

select upper(x) from (select id as x from orders limit 1) s;

-- why: the same through a WITH query
set search_path = trap, public;

with q as (select 1 as x) select upper(x) from q;

-- why: the same in ORDER BY
set search_path = trap, public;

select id from orders where id < 3 order by upper(id);

-- why: an overload with a default behind a name without arguments
set search_path = trap, public;

select now(1);

-- why: an overload with more arguments than the built-in has
set search_path = trap, public;

select count(1, 2);

-- why: an exact type where the built-in would need a cast
set search_path = trap, public;

select length('x'::varchar);

-- why: VARIADIC
set search_path = trap, public;

select trap.concat(1, 2, 3);

-- why: VARIADIC as an array
set search_path = trap, public;

select concat(variadic array[1, 2]);

-- why: a name that the grammar has for itself, quoted
set search_path = trap, public;

select "coalesce"('a', 'b');

-- why: quoted, with a capital
set search_path = trap, public;

select "Lower"('x');

-- why: the same in Unicode escapes
set search_path = trap, public;

select U&"\004cower"('x');

-- why: the schema in Unicode escapes
select U&"tr\0061p".shout();

-- why: a function with a name beyond ASCII
set search_path = trap, public;

select ßß();

-- why: an overload of the function that is judged by its arguments
set search_path = trap, public;

select set_config('x', 'y', 1);

-- why: an aggregate by an overload
set search_path = trap, public;

select trap.max(name) from products where id = 1;

-- why: an aggregate whose step shouts
set search_path = trap, public;

select trap.sum(id) filter (where id = 1) from orders where id < 3;

-- why: an aggregate as a window function
select trap.sum(id) over () from orders where id < 3;

-- why: a function in FROM
select * from trap.said(1);

-- why: ROWS FROM
select * from rows from (trap.said(1), generate_series(1, 2)) as r(a, b);

-- why: LATERAL
select s from orders o, lateral trap.said(o.id) s where o.id = 1;

-- why: an attribute that is a function
select (t.t).text_of from trap.things t;

-- why: the same of a column
set search_path = trap, public;

select (t).text_of from trap.things;

-- why: LIMIT
select 1 limit trap.said(1);

-- why: VALUES
values (trap.said(1));

-- why: a sublink of CASE
select case when trap.fits(1) then 1 end;

-- why: an operator by its schema
select 1 operator(trap.+) 2;

-- why: an operator earlier in the path
set search_path = trap, pg_catalog;

select id + 1 from orders where id = 1;

-- why: an operator with a literal on one side, which the built-in cannot take
set search_path = trap, public;

select 1 + 'x'::text;

-- why: a prefix operator
set search_path = trap, public;

select @ 'x'::text;

-- why: an operator of a type
set search_path = trap, public;

select 1 from trap.things where t = t;

-- why: BETWEEN
set search_path = trap, public;

select 1 from trap.things where t between t and t;

-- why: IN
set search_path = trap, public;

select 1 from trap.things where t in ('(1)'::trap.thing);

-- why: IN a subquery
set search_path = trap, public;

select 1 from trap.things where t in (select t from trap.things);

-- why: CASE
set search_path = trap, public;

select case t when t then 1 end from trap.things;

-- why: NULLIF
set search_path = trap, public;

select nullif(t, t) from trap.things;

-- why: USING
set search_path = trap, public;

select 1 from trap.things a join trap.things b using (t);

-- why: NATURAL
set search_path = trap, public;

select 1 from trap.things a natural join trap.things b;

-- why: IS DISTINCT FROM
set search_path = trap, public;

select t is distinct from t from trap.things;

-- why: ANY
set search_path = trap, public;

select t = any (array[t]) from trap.things;

-- why: a cast
select t::text from trap.things;

-- why: a cast of the parser's own, to concatenate
select t || 'x' from trap.things;

-- why: a cast that only assignment would make
select cast(t as integer) from trap.things;

-- why: what to_json looks for
select to_json(t) from trap.things;

-- why: the same inside a row
select row_to_json(x) from trap.things x;

-- why: the same in an aggregate
select json_agg(x) from trap.things x;

-- why: a SQL/JSON constructor
select json_array(t) from trap.things;

-- why: a domain's CHECK
select 'x'::trap.word;

-- why: a domain over a domain
select cast('x' as trap.inner_word);

-- why: an array of a domain
select '{x}'::trap.word[];

-- why: a domain inside a row
select '(1,x)'::trap.pair;

-- why: a domain inside a row out of JSON
select * from json_populate_record(null::trap.pair, '{"w": "x"}');

-- why: a domain in a list of columns
select * from jsonb_to_record('{"w": "x"}') as r(w trap.word);

-- why: a domain in JSON_VALUE
select json_value('{"w": "x"}', '$.w' returning trap.word);

-- why: a domain in JSON_TABLE
select * from json_table('["x"]', '$[*]' columns (w trap.word path '$'));

-- why: a domain in XMLTABLE, or none at all where XML is not built in
select * from xmltable('/a' passing '<a>x</a>' columns w trap.word path '.');

-- why: a domain by its name as text
select pg_input_is_valid('x', 'trap.word');

-- why: a domain by its OID
select domain_in('x', 'trap.word'::regtype, -1);

-- why: a domain as a parameter of PREPARE
prepare w(trap.word) as select $1;

execute w('x');

-- why: a function cast of a domain
set search_path = trap, public;

select word('x');

-- why: row security
select * from trap.secured;

-- why: EXPLAIN ANALYZE
explain analyze select trap.said(1);

-- why: EXPLAIN, which folds constants
explain select trap.said(1);

-- why: a cursor
begin;

declare c cursor for select trap.said(1);

fetch c;

-- why: PREPARE and EXECUTE
prepare p as select trap.said(1);

execute p;

-- why: COPY of a query
copy (select trap.said(1)) to stdout;

-- why: TABLESAMPLE with a seed
select * from orders tablesample system (1) repeatable (trap.said(1));

-- why: a trigger on INSERT
-- as: write
insert into trap.watched values (7, 'x');

-- why: a trigger on UPDATE
-- as: write
update trap.watched set name = 'y' where id = 1;

-- why: a trigger on DELETE
-- as: write
delete from trap.watched where id = 1;

-- why: a trigger in a WITH query
-- as: write
with d as (delete from trap.watched where id = 1 returning id) select * from d;

-- why: a trigger through MERGE
-- as: write
merge into trap.watched w using (select 1 as id) s on w.id = s.id when matched then delete;

-- why: a trigger for the whole statement, without a row
-- as: write
delete from trap.whole where id = 0;

-- why: a trigger through COPY
-- as: write
copy trap.watched from stdin;

-- why: a trigger through EXPLAIN ANALYZE
-- as: write
explain analyze insert into trap.watched values (7, 'x');

-- why: a trigger through PREPARE
-- as: write
prepare p as insert into trap.watched values (7, 'x');

execute p;

-- why: a default
-- as: write
insert into trap.defaults(id) values (1);

-- why: a generated column
-- as: write
insert into trap.stored(id) values (1);

-- why: a CHECK
-- as: write
insert into trap.checked values (1);

-- why: an index on an expression
-- as: write
insert into trap.indexed values (1);

-- why: a partial index
-- as: write
insert into trap.partial values (1);

-- why: a domain of a column
-- as: write
insert into trap.words values (1, 'x');

-- why: a cascade, and a trigger where it ends
-- as: write
delete from trap.parent where id = 1;

-- why: a cascade of an update
-- as: write
update trap.parent set id = 2 where id = 1;

-- why: a partition's own trigger
-- as: write
insert into trap.split values (1);

-- why: a rule
-- as: write
insert into trap.ruled values (1);

--- Overloads: what is not said is `effects: read` and nothing else.

select pg_catalog.lower('X'), lower('X'), lower(name) from plain

-- effects: call, read
-- calls: lower
select public.lower('X')

-- effects: call, read
-- calls: app.lower
-- path: app, pg_catalog
select lower('X')

-- path: app, public
select lower('X')

-- effects: call, read
-- calls: f
select f(1)

-- effects: call, read
-- calls: app.f
-- path: app, public
select f(1)

-- effects: call, read
-- calls: app.f
-- path: "Straße", app, public
select f(1)

-- effects: call, read
-- calls: lonely
select lonely()

-- effects: call, read
-- calls: upper
select upper(id) from plain

select upper(name), upper('x'::text) from plain

--- varchar becomes text by itself and integer does not
select upper(tag) from plain

-- effects: call, read
-- calls: upper
select upper(x) from (select 1 as x) s

-- effects: call, read
-- calls: length
select length('a', 'b')

--- one operand of unknown type: PostgreSQL may weigh, so both count
-- effects: call, read
-- calls: length
select length('a')

select length(name) from plain

-- effects: call, read
-- calls: concat_all
select concat_all('a', 'b', 'c'), concat_all(variadic array['a'])

-- effects: call, read
-- calls: abs
select abs(name) from plain

select abs(id), abs(n) from plain

-- effects: call, read
-- calls: abs
select abs(s.x) from (select 1) s(x)

select round(1.5, 2), round(id::numeric, 1) from plain

--- PostgreSQL prefers double precision among numbers
-- effects: call, read
-- calls: round
select round(n, 1) from plain

-- effects: call, read
-- calls: round
select round(n::float8, 1) from plain

select now()

-- effects: call, read
-- calls: now
select now(1)

--- the literal could be either's
-- effects: call, read, update
-- calls: nextval
select nextval('s')

-- effects: read, update
select nextval('s'::regclass)

-- effects: call, read
-- calls: nextval
select public.nextval('s')

-- effects: call, read
-- calls: Straße.Größe
select "Straße"."Größe"()

-- effects: call, read
-- calls: Straße.Größe
select U&"Stra\00DFe".U&"Gr\00F6\00DFe"()

-- effects: call, read
-- calls: straße.größe
select straße.größe()

-- effects: call, read
-- calls: Straße.Größe
-- path: "Straße"
select U&"Gr!00F6!00DFe" uescape '!' ()

--- Aggregates.

-- effects: call, read
-- calls: total
select total(id) from plain

select sum(id), sum(n) from plain

-- effects: call, read
-- calls: sum
select sum(name) from plain

-- effects: call, read
-- calls: sum
select sum(name) filter (where id > 1) over (order by id) from plain

-- effects: call, read
-- calls: total
select array_agg(x) from (select total(id) over w as x from plain window w as (partition by name)) s

--- Operators.

select id = 1, name = 'x', id between 1 and 2, id in (1, 2), case id when 1 then 2 end from plain

select n = 1, at = now(), name = any (array['a']), not (id = 2), id is distinct from 3 from plain

-- effects: call, read
-- calls: same, shade
select c = c from colored

-- effects: call, read
-- calls: same, shade
select row(1, 2)::color = row(1, 2)::color

-- effects: call, read
-- calls: before, shade
select 1 from colored where c between '(1,2)' and c

-- effects: call, read
-- calls: same, shade
select case c when '(1,2)' then 1 end from colored

-- effects: call, read
-- calls: same, shade
select 1 from colored a join colored b using (c)

-- effects: call, read
-- calls: same, shade
select 1 from colored where c in (select c from colored)

-- effects: call, read
-- calls: same, shade
select nullif(c, c) from colored

-- effects: call, read
-- calls: same, shade
select 1 where (select c from colored) is distinct from null

--- an operator that is built in, by its function, in another schema
select 1 operator(pg_catalog.+) 2

select 1 ### 2

-- effects: call, read
-- calls: joined
select name || id from plain

select name || 'x', name || tag from plain

-- effects: call, read
-- calls: negative
select @ name from plain

select @ id from plain

-- effects: call, read
-- calls: operator public.+
select 1 operator(public.+) 2

-- effects: call, read
-- calls: operator app.=
select id operator(app.=) 1 from plain

--- Types: casts and domains.

-- effects: call, read
-- calls: is_code
select 'x'::code

-- effects: call, read
-- calls: is_code
select cast('x' as public.code)

-- effects: call, read
-- calls: is_code
select code 'x'

-- effects: call, read
-- calls: is_code
select code('x')

-- effects: call, read
-- calls: is_code
select 'x'::inner_code

-- effects: call, read
-- calls: is_code
select '{x}'::inner_code[]

-- effects: call, read
-- calls: is_code
select null::boxed

-- effects: call, read
-- calls: is_code
select * from json_populate_record(null::boxed, '{"c": "x"}')

-- effects: call, read
-- calls: is_code
select * from json_to_record('{"c": "x"}') as r(c code)

-- effects: call, read
-- calls: is_code
select json_value('{"c": "x"}', '$.c' returning code)

-- effects: call, read
-- calls: is_code
select * from json_table('[1]', '$[*]' columns (c code path '$'))

-- effects: call, read
-- calls: is_code
select * from xmltable('/a' passing '<a/>' columns c code path '.')

-- effects: call, prepare, read
-- calls: is_code
prepare p(code) as select $1

-- effects: call, read
-- calls: pg_catalog.pg_input_is_valid
select pg_input_is_valid('x', 'code')

-- effects: call, read
-- calls: pg_catalog.domain_in
select domain_in('x', 'code'::regtype, -1)

-- effects: read
select c from coded

-- effects: call, read
-- calls: joined, shade
select c || 'x' from colored

-- effects: call, read
-- calls: as_json
select to_json(s) from sized

-- effects: call, read
-- calls: as_json
select json_agg(t) from sized t

-- effects: call, read
-- calls: heavy
select (null::weight)::integer

select 'x'::"Kürzel"

select 'x'::color_that_is_not_there

--- What runs by itself with a table that is written.

-- effects: insert
insert into plain(name) values ('x')

-- effects: call, insert
-- calls: touch
insert into watched values (1, 'x')

-- effects: call, read, update
-- calls: touch
update watched set name = 'x' where id = 1

-- effects: call, delete, read
-- calls: owned
delete from watched where id = 1

-- effects: call, truncate
-- calls: emptied
truncate watched

-- effects: call, copy_in
-- calls: touch
copy watched from stdin

-- effects: call, insert, merge, read
-- calls: touch
merge into watched w using plain p on w.id = p.id when not matched then insert values (p.id, p.name)

-- effects: call, delete, merge, read
-- calls: owned
merge into watched w using plain p on w.id = p.id when matched then delete

-- effects: call, insert, read
-- calls: touch
with w as (insert into watched values (1, 'x') returning id) select * from w

-- effects: explain, read
explain insert into watched select 1, 'x'

-- effects: call, explain, insert
-- calls: touch
explain (analyze) insert into watched values (1, 'x')

-- effects: call, insert, prepare
-- calls: touch
prepare p as insert into watched values (1, 'x')

-- effects: read
select * from watched

-- effects: lock, read
select * from watched for update

-- effects: insert
insert into quiet values (1)

-- effects: call, read, update
-- calls: f
update picky set name = 'x' where id = 1

--- a foreign key takes rows of another table along, and its triggers fire
-- effects: call, delete, read
-- calls: owned
delete from plain where id = 1

-- effects: call, insert
-- calls: rule also of public.ruled
insert into ruled values (1)

-- effects: delete, read
delete from ruled where id = 1

-- effects: call, insert
-- calls: f
insert into defaulted(x) values (1)

-- effects: call, insert
-- calls: f
insert into generated(id) values (1)

-- effects: call, insert
-- calls: f
insert into checked values (1)

-- effects: call, read, update
-- calls: f
update indexed set id = 2 where id = 1

-- effects: call, insert
-- calls: f
insert into partly values (1)

-- effects: call, insert
-- calls: is_code
insert into coded values (1, 'x')

-- effects: call, copy_in
-- calls: is_code
copy boxes from stdin

-- effects: call, insert
-- calls: is_code
insert into lists values (1, '{}')

-- effects: call, insert
-- calls: touch
insert into through values (1, 'x')

-- effects: call, insert
-- calls: touch
insert into split values (1, 'x')

-- effects: call, insert
-- calls: touch
insert into instead values (1)

-- effects: call, insert, update
-- calls: touch
insert into watched values (1, 'x') on conflict (id) do update set name = 'y'

--- What runs by itself with what is read.

-- effects: call, read
-- calls: f
select * from calling

-- effects: call, read
-- calls: f
select id from above

-- effects: call, copy_out, read
-- calls: f
copy (select id from calling) to stdout

-- effects: call, read
-- calls: pg_catalog.pg_sleep
select * from sleeping

select * from harmless

select * from kept

-- effects: call, maintenance
-- calls: f
refresh materialized view kept

-- effects: call, read
-- calls: f
select * from secured

select "Fuß" from "Groß"

select U&"Fu\00DF" from U&"Gro\00DF"

-- effects: drop
-- called: public.on_ddl(): volatile, SECURITY DEFINER, event trigger seen
drop table plain

-- effects: call, delete, read
-- calls: owned
-- called: public.owned(): volatile, SECURITY DEFINER, trigger gone of public.watched
delete from watched where id = 1

-- effects: call, read
-- calls: f
-- called: public.f(integer): immutable
select public.f(1)

--- Found by thinking about what PostgreSQL weighs.

--- a default makes the two equally good, and then the path decides
-- effects: call, read
-- calls: length
-- path: public, pg_catalog
select length(name) from plain

-- effects: call, read
-- calls: replace
-- path: public, pg_catalog
select replace(name, name, name) from plain

select replace(name, name, name) from plain

--- the modifier of a type can stand behind it
-- effects: call, read
-- calls: upper
select upper(i) from timed

--- a row of a table is a base to fill, and its domains check
-- effects: call, read
-- calls: is_code
select jsonb_populate_record(t, '{"c": "x"}') from coded t

-- effects: call, read
-- calls: is_code
select jsonb_populate_recordset(b, '[{"c": "x"}]') from boxes

--- what stands in a row or array of such a domain can be checked by what is built of it
-- effects: call, read
-- calls: is_code
select b from boxes

--- WITH CHECK OPTION asks the view's own condition
-- effects: call, insert
-- calls: positive
insert into allowed values (1)

--- a function that policy may vouch for, and the cast of what it returns
-- effects: call, read
-- calls: joined, made, shade
select made() || 'x'

-- effects: call, read
-- calls: is_code, takes
select takes('x')

--- an index of ranges asks how far apart they are
-- effects: call, insert
-- calls: apart
insert into spans values (1, '[1,2]')

select s from spans

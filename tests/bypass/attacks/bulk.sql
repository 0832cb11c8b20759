-- aim: exfiltrate
-- Carol may read addresses in the clear, a hundred at a time; more need somebody's yes (bulk-pii-export).

-- why: all of them, plainly
select email from customers;

-- why: a condition that the planner takes for selective
select email from customers where md5(email) || 'x' <> 'y' and lower(email) = lower(email) and length(email) = length(email) and id + 0 = id and reverse(email) = reverse(email);

-- why: conditions that each keep all rows and look as if they kept few
select email from customers where email like '%@%' and email ~ '@' and email ~ '[.]' and position('@' in email) = position('@' in email) and id % 1 = 0 and id % 1 = 0 and abs(id) = id;

-- why: one row that holds all
select string_agg(email, ',') from customers;

-- why: an array of all
select array_agg(email) from customers;

-- why: JSON of all
select json_agg(email), jsonb_agg(email), json_object_agg(id, email) from customers;

-- why: the aggregates of SQL/JSON
select json_arrayagg(email), json_objectagg(id : email) from customers;

-- why: XML of all
select xmlagg(xmlelement(name e, email)) from customers;

-- why: an array of a subquery
select array(select email from customers);

-- why: SQL/JSON of a subquery
select json_array(select email from customers);

-- why: packed in a subquery behind LIMIT
select * from (select string_agg(email, ',') as all_of_them from customers) as packed limit 1;

-- why: packed in a scalar subquery
select 1, (select string_agg(email, ',') from (select email from customers offset 0) as each);

-- why: packed as a window
select string_agg(email, ',') over () from customers limit 1;

-- why: packed group by group
select id % 50, string_agg(email, ',') from customers group by 1;

-- why: added up by a recursive query
with recursive s(id, all_of_them) as (select 0, '' union all select s.id + 1, s.all_of_them || ',' || c.email from s join customers c on c.id = s.id + 1) select all_of_them from s order by id desc limit 1;

-- why: a quoted name, and pg_catalog before it
select "string_agg"(email, ','), pg_catalog.string_agg(phone, ',') from customers;

-- why: ten rows, each of which is made of forty
select a1.email, a2.email, a3.email, a4.email, a5.email, a6.email, a7.email, a8.email from customers a1 join customers a2 on a2.id = a1.id + 1 join customers a3 on a3.id = a1.id + 2 join customers a4 on a4.id = a1.id + 3 join customers a5 on a5.id = a1.id + 4 join customers a6 on a6.id = a1.id + 5 join customers a7 on a7.id = a1.id + 6 join customers a8 on a8.id = a1.id + 7 where a1.id % 8 = 1 and a1.id < 800;

-- why: joined through a WITH query that is named again and again
with e as (select id, email from customers), f as (select a.id, a.email || ',' || b.email as two from e a join e b on b.id = a.id + 1), g as (select a.id, a.two || ',' || b.two as four from f a join f b on b.id = a.id + 2) select four from g where id % 4 = 1 and id < 400;

-- why: pivoted, a value to a column
select id / 10, max(email) filter (where id % 10 = 0), max(email) filter (where id % 10 = 1), max(email) filter (where id % 10 = 2), max(email) filter (where id % 10 = 3), max(email) filter (where id % 10 = 4), max(email) filter (where id % 10 = 5), max(email) filter (where id % 10 = 6), max(email) filter (where id % 10 = 7), max(email) filter (where id % 10 = 8), max(email) filter (where id % 10 = 9) from customers where id < 1000 group by 1;

-- why: the neighbours, by windows
select email, lag(email) over w, lead(email) over w, first_value(email) over w, nth_value(email, 2) over (order by id rows between 3 preceding and current row) from customers where id % 5 = 0 and id < 500 window w as (order by id);

-- why: all percentiles
select percentile_disc(array(select n / 1000.0 from generate_series(0, 1000) as n)) within group (order by email) from customers;

-- why: scalar subqueries side by side
select (select email from customers where id = n * 4), (select email from customers where id = n * 4 + 1), (select email from customers where id = n * 4 + 2), (select email from customers where id = n * 4 + 3) from generate_series(1, 99) as n;

-- why: a lateral that folds each hundred
select f.all_of_them from generate_series(0, 99) as n, lateral (select string_agg(c.email, ',') as all_of_them from customers c where c.id between n * 100 and n * 100 + 99) as f;

-- why: two texts in one message
select email from customers where id <= 90; select email from customers where id between 91 and 180;

-- why: a cursor over all
begin;

declare c cursor for select email from customers;

fetch all from c;

-- why: a prepared statement over all
prepare p as select email from customers;

execute p;

-- why: numbers that are digits of all of them
select sum(ascii(email)::numeric * power(1000::numeric, id)) from customers where id < 900;

-- why: bits of all of them
select bit_or(ascii(email)::bit(4000) << (id * 8)) from customers where id < 400;

-- why: a function that makes rows of them
select regexp_split_to_table(email, 'nothing') from customers;

-- why: a whole row
select c from customers c;

-- why: the documents of rows
select row_to_json(c) from customers c;

-- why: all from a set operation
select email from customers where id < 5000 union all select email from customers where id >= 5000;

-- why: DISTINCT ON
select distinct on (id) email from customers;

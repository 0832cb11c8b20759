-- Attempts to read a masked value by the ordinary means of SQL.
-- aim: read

-- why: the plainest
select * from customers order by id limit 5;

-- why: each column by name
select id, email, ssn, phone, dob, credit_card from public.customers order by id limit 5;

-- why: TABLE is SELECT by another name
table customers;

-- why: ONLY
select * from only customers limit 5;

-- why: the inheritance star
select * from customers * limit 5;

-- why: a whole row as a value
select customers from customers limit 5;

-- why: a whole row cast to text
select customers::text from customers limit 5;

-- why: a whole row through an alias
select c from public.customers as c limit 5;

-- why: the alias called as a function
select text(c) from customers c limit 5;

-- why: functional notation for a column
select email(customers), ssn(customers) from customers limit 5;

-- why: a row constructor
select row(c.*) from customers c limit 5;

-- why: a row expanded from an alias
select (c).* from customers c limit 5;

-- why: a column of a row in parentheses
select (c).email from (select customers as c from customers) x limit 5;

-- why: JSON of a whole row
select row_to_json(c) from customers c limit 5;

-- why: JSONB of a whole row
select to_jsonb(c) ->> 'ssn' from customers c limit 5;

-- why: an aggregate of whole rows
select json_agg(c) from (select * from customers limit 5) c;

-- why: an object of pairs
select jsonb_object_agg(id, email) from customers where id < 6;

-- why: SQL/JSON constructors
select json_object('e': email, 's': ssn), json_array(phone, credit_card) from customers limit 5;

-- why: a JSON aggregate of the standard
select json_arrayagg(ssn), json_objectagg(id: email) from customers where id < 6;

-- why: JSON_TABLE over a row
select t.* from customers c, json_table(to_jsonb(c), '$' columns (ssn text path '$.ssn')) t limit 5;

-- why: XML of columns
select xmlforest(email, ssn), xmlelement(name x, xmlattributes(credit_card as c)) from customers limit 5;

-- why: an array of a subquery
select array(select email from customers order by id limit 5);

-- why: aggregates
select string_agg(ssn, ','), array_agg(email), min(credit_card), max(phone), min(dob) from customers;

-- why: ordered-set aggregates pick a value
select mode() within group (order by ssn), percentile_disc(0.5) within group (order by credit_card) from customers;

-- why: any value
select any_value(email), any_value(ssn) from customers;

-- why: window functions
select first_value(email) over w, lag(ssn) over w, nth_value(credit_card, 2) over w from customers window w as (order by id) limit 5;

-- why: concatenation
select id || ':' || email || ':' || ssn || ':' || credit_card from customers limit 5;

-- why: concatenation by function
select concat_ws(',', email, ssn, phone, dob, credit_card) from customers limit 5;

-- why: format with the row
select format('%s', c) from customers c limit 5;

-- why: parts of a value
select substr(email, 1, 30), left(ssn, 11), split_part(email, '@', 1), reverse(reverse(credit_card)) from customers limit 5;

-- why: casts through other types
select email::bytea, ssn::varchar(40), credit_card::name, dob::text, dob::timestamptz from customers limit 5;

-- why: hexadecimal
select encode(convert_to(email, 'UTF8'), 'hex'), encode(ssn::bytea, 'hex') from customers limit 5;

-- why: quoting functions
select quote_literal(email), quote_ident(ssn), quote_nullable(credit_card) from customers limit 5;

-- why: regular expressions give pieces back
select regexp_matches(email, '.*'), regexp_replace(ssn, '^', 'x'), regexp_split_to_array(credit_card, '') from customers limit 5;

-- why: full text search keeps lexemes
select to_tsvector('simple', email), ts_headline(ssn, to_tsquery('x')) from customers limit 5;

-- why: COALESCE, CASE, NULLIF, GREATEST
select coalesce(email, ''), case when true then ssn end, nullif(credit_card, ''), greatest(phone, '') from customers limit 5;

-- why: a subquery in FROM
select * from (select * from (select email as a, ssn as b from customers) x) y limit 5;

-- why: a common table expression
with c as (select * from customers) select email, ssn from c limit 5;

-- why: a common table expression with the table's own name
with customers as (select * from customers) select email, ssn from customers limit 5;

-- why: the same, qualified past the expression
with customers as (select 1) select email, ssn from public.customers limit 5;

-- why: a materialized expression
with c as materialized (select * from customers) select * from c limit 5;

-- why: a recursive one
with recursive r as (select id, email, ssn from customers where id = 1 union all
  select c.id, c.email, c.ssn from customers c join r on c.id = r.id + 1 where c.id < 6) select * from r;

-- why: set operations take names from the left and values from the right
select '' as email, '' as ssn union all select email, ssn from customers limit 6;

-- why: INTERSECT and EXCEPT
select email from customers except select '' limit 5;

-- why: renamed columns
select * from customers as c (a, b, d, e, f, g, h, i, j, k, l) limit 5;

-- why: renamed so that the secret stands under a clear name
select full_name, country from customers as c (id, a, full_name, country, b, d, e, f, g, h, i) limit 5;

-- why: NATURAL JOIN with itself
select * from customers natural join customers c limit 5;

-- why: USING merges columns
select email, ssn from customers join (select id from customers) x using (id) limit 5;

-- why: an alias for a join
select j.* from (customers c join orders o on o.customer_id = c.id) as j limit 5;

-- why: LATERAL
select x.* from orders o, lateral (select email, ssn from customers c where c.id = o.customer_id) x limit 5;

-- why: a scalar subquery
select (select ssn from customers where id = o.customer_id) from orders o limit 5;

-- why: a correlated subquery that names the outer row
select (select c.credit_card) from customers c limit 5;

-- why: VALUES
values ((select email from customers where id = 1), (select ssn from customers where id = 1));

-- why: DISTINCT ON
select distinct on (ssn) ssn, email from customers limit 5;

-- why: GROUP BY
select email, ssn, count(*) from customers group by email, ssn limit 5;

-- why: GROUPING SETS
select email, ssn from customers group by grouping sets ((email), (ssn)) limit 5;

-- why: TABLESAMPLE reaches the base table
select * from customers tablesample bernoulli (100) repeatable (1) limit 5;

-- why: FOR UPDATE
select email, ssn from customers where id < 6 for update;

-- why: FOR KEY SHARE OF an alias
select c.email from customers c where id < 6 for key share of c;

-- why: system columns beside a secret
select ctid, xmin, tableoid::regclass, email, ssn from customers limit 5;

-- why: by physical place
select email, ssn from customers where ctid = '(0,1)';

-- why: a function in FROM over a row
select * from customers c, jsonb_each_text(to_jsonb(c)) limit 50;

-- why: a record expanded by population
select (jsonb_populate_record(null::customers, to_jsonb(c))).ssn from customers c limit 5;

-- why: unnest of an array of rows
select (unnest(array_agg(c))).* from customers c where id < 6;

-- why: ROWS FROM
select * from rows from (unnest((select array_agg(email) from customers where id < 6)), generate_series(1, 5)) x;

-- why: generate_subscripts over an aggregate
select (array_agg(ssn))[s] from customers, generate_series(1, 5) s group by s;

-- why: ORDER BY a secret and LIMIT, to sort it out
select id, email from customers order by credit_card limit 5;

-- why: FETCH WITH TIES
select email, ssn from customers order by dob fetch first 3 rows with ties;

-- why: string functions with collation
select email collate "C", ssn collate "C" from customers limit 5;

-- why: a date taken apart and put together
select to_char(dob, 'YYYY-MM-DD'), make_date(extract(year from dob)::int, 3, 5), dob + 0, date_trunc('day', dob) from customers limit 5;

-- why: ranges of dates
select daterange(dob, dob, '[]'), range_agg(daterange(dob, dob, '[]')) from customers where id < 6 group by 1;

-- why: MERGE's sister in FROM: a join with the referring table
select p.*, c.* from payments p join customers c on c.id = p.customer_id limit 5;

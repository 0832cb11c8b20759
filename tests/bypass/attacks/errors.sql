-- Errors, notices and details that quote what they fail on.
-- aim: read

-- why: a cast that quotes its input
select email::int from customers limit 1;

-- why: another type
select ssn::uuid, credit_card::json, phone::inet from customers limit 1;

-- why: a date out of range
select (dob || ' x')::date from customers limit 1;

-- why: JSON input
select credit_card::jsonb from customers limit 1;

-- why: XML input
select xmlparse(document email) from customers limit 1;

-- why: a number format
select to_number(ssn, '999'), to_date(email, 'YYYY') from customers limit 1;

-- why: an enum-like cast through regclass
select ssn::regclass from customers limit 1;

-- why: a function that names what it does not find
select to_regclass(ssn), email::regtype from customers limit 1;

-- why: a bad pattern
select 'x' ~ ('(' || ssn) from customers limit 1;

-- why: a bad JSON path
select '{}'::jsonb @? ssn::jsonpath from customers limit 1;

-- why: a bad text search query
select to_tsquery(email || ' ! &') from customers limit 1;

-- why: a setting's name
select current_setting(email) from customers limit 1;

-- why: a setting's value
select set_config('application_name', email, false) from customers limit 1;

select current_setting('application_name');

-- why: a setting of one's own
select set_config('a.b', ssn, false) from customers limit 1;

show a.b;

-- why: a time zone
select now() at time zone ssn from customers limit 1;

-- why: a failing LIKE escape
select 'x' like 'y' escape email from customers limit 1;

-- why: an encoding
select convert_to('x', email) from customers limit 1;

-- why: a unique violation names the value, and it is the writer's own
-- as: write
insert into customers (full_name, email, ssn, country) select 'x', email, 'y', 'DE' from customers where id = 1;

-- why: ON CONFLICT sees the row that was there
-- as: write
insert into customers (id, full_name, email, ssn, country) values (1, 'x', 'x', 'y', 'DE') on conflict (id) do update set full_name = customers.ssn returning full_name, email;

-- why: a not-null violation shows the failing row
-- as: write
update customers set country = null where id = 1;

-- why: a not-null violation in an INSERT that copies
-- as: write
insert into customers (full_name, email, ssn, country, credit_card) select full_name, email || 'x', ssn, null, credit_card from customers where id = 1;

-- why: a foreign key violation
-- as: write
delete from customers where id = (select min(customer_id) from payments);

-- why: RETURNING of an update
-- as: write
update customers set balance = balance where id < 6 returning *;

-- why: RETURNING OLD and NEW
-- as: write
update customers set balance = balance where id < 6 returning old.ssn, new.email, old.*;

-- why: RETURNING of a delete that rolls back
-- as: write
begin;

delete from customers where id = 9999 returning email, ssn;

rollback;

-- why: moving a secret to a clear column
-- as: write
update customers set full_name = ssn where id = 1;

-- why: moving it to another table
-- as: write
update products set name = (select ssn from customers where id = 1) where id = 1;

-- why: UPDATE … FROM itself
-- as: write
update customers a set notes = to_jsonb(b) from customers b where a.id = b.id and a.id = 1;

-- why: INSERT … SELECT into a clear table
-- as: write
insert into pgbench_history (filler) select left(ssn, 22) from customers limit 5;

-- why: MERGE
-- as: write
merge into products p using customers c on p.id = c.id and c.id = 1 when matched then update set name = c.ssn returning c.ssn, c.email;

-- why: a CTE that writes and one that reads
-- as: write
with moved as (update customers set balance = balance where id < 6 returning email, ssn) select * from moved;

-- why: a predicate that fails for one value and not for another
select 1 / (case when ssn like 'q%' then 0 else 1 end) from customers limit 1;

-- why: an overflow that quotes
select ('1' || repeat('0', 400))::float8, (ssn || '1')::numeric from customers limit 1;

-- why: a domain or type that does not exist
select ssn::pg_temp.nothing from customers limit 1;

-- why: an integer array
select ('{' || email || '}')::int[] from customers limit 1;

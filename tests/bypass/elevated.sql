-- Statements that run as the owner of a table once they are allowed, and fail on what stands in a masked column: in
-- PostgreSQL's own words the error would tell it. All of them fail, so nothing is changed.
-- aim: read

-- why: a cast that quotes its input
alter table customers alter column ssn type int using ssn::int;

-- why: another type
alter table customers alter column email type uuid using email::uuid;

-- why: JSON says the token and the line
alter table customers alter column ssn type json using ssn::json;

-- why: XML says the line
alter table customers alter column email type xml using ('<' || email)::xml;

-- why: a date
alter table customers alter column credit_card type date using to_date(credit_card, 'YYYY-MM-DD');

-- why: a number of a shape
alter table customers alter column phone type numeric using to_number(phone, 'XX');

-- why: an array
alter table customers alter column email type int[] using ('{' || email || '}')::int[];

-- why: a network address
alter table customers alter column phone type inet using phone::inet;

-- why: a domain's or an enumeration's input
alter table customers alter column ssn type regclass using ssn::regclass;

-- why: a generated column is computed for every row
alter table customers add column x int generated always as (ssn::int) stored;

-- why: a check that fails by an error of its own
alter table customers add constraint c check (ssn::int > 0);

-- why: a check that fails
alter table customers add constraint c check (ssn = 'none');

-- why: a unique constraint names the key that is there twice
alter table customers add constraint u unique (dob);

-- why: so does a unique index
create unique index u on customers (dob);

-- why: one of an expression
create unique index u on customers ((left(ssn, 6)));

-- why: one that is made beside the work
create unique index concurrently u on customers ((right(credit_card, 4)));

-- why: an index computes its expression
create index u on customers ((credit_card::int));

-- why: an index's condition
create index u on customers (id) where ssn::int > 0;

-- why: an exclusion constraint names both
alter table customers add constraint e exclude using btree (dob with =);

-- why: an index row that is too long says how long, not what
create index u on customers ((repeat(ssn, 100000)));

-- why: a foreign key names the value that is not there
alter table customers add constraint f foreign key (ssn) references public.nowhere (code);

-- why: a copy of a query's rows
create table public.copied as select ssn::int from customers;

-- why: a materialized view
create materialized view public.copied as select email::int from customers;

-- why: a partition's bound that no row meets
create table public.part partition of public.nowhere for values in ('qx');

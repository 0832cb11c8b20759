-- aim: read
-- Statements that run as the owner of the tables, some after a yes: what goes wrong there must quote no value.

-- why: a cast that quotes what it cannot read
alter table customers alter column email type int using email::int;

-- why: to a date
alter table customers alter column ssn type date using ssn::date;

-- why: to a number, and too large for it
alter table customers alter column credit_card type numeric(3) using regexp_replace(credit_card, '[^0-9]', '', 'g')::numeric;

-- why: to JSON, whose errors quote a line of it
alter table customers alter column email type jsonb using email::jsonb;

-- why: to a relation's name
alter table customers alter column ssn type regclass using ssn::regclass;

-- why: to an enumeration
alter table customers alter column ssn type pg_catalog.regtype using ssn::regtype;

-- why: to a shorter text
alter table customers alter column email type varchar(3) using email::varchar(300);

-- why: to an array
alter table customers alter column email type int[] using ('{' || email || '}')::int[];

-- why: to a network address
alter table customers alter column phone type inet using phone::inet;

-- why: to a range
alter table customers alter column ssn type int4range using ssn::int4range;

-- why: to a bit string, by a pattern that fails
alter table customers alter column email type boolean using ('x' ~ ('(' || email));

-- why: a unique index over what is the same in all rows
create unique index one_of_them on customers (substr(email, 2, 7));

-- why: the same beside everybody's work
create unique index concurrently one_of_them on customers (substr(email, 2, 7));

-- why: a unique constraint over a column that repeats
alter table customers add constraint one_of_them unique (dob);

-- why: an exclusion
alter table customers add constraint one_of_them exclude using btree (substr(ssn, 1, 6) with =);

-- why: an index on a cast
create index one_of_them on customers ((ssn::int));

-- why: an index whose condition is a cast
create index one_of_them on customers (id) where email::int > 0;

-- why: statistics of a cast
create statistics one_of_them on (ssn::int), id from customers;

analyze customers;

-- why: a check that fails
alter table customers add constraint one_of_them check (email is null);

-- why: a check whose expression fails
alter table customers add constraint one_of_them check (ssn::int > 0);

-- why: a check that is validated later
alter table customers add constraint one_of_them check (email not like 'z%') not valid;

alter table customers validate constraint one_of_them;

-- why: a foreign key to what is not there
alter table customers add constraint one_of_them foreign key (id) references products (id);

-- why: a computed column
alter table customers add column one_of_them int generated always as (ssn::int) stored;

-- why: a column that must not be null
alter table customers alter column notes set not null;

-- why: a default that fails
alter table customers add column one_of_them int default 'qxssn7'::int;

-- why: a partition's bound
create table one_of_them partition of customers for values in ('qx');

-- why: rows counted out loud
vacuum (verbose) customers;

analyze verbose customers;

-- why: an order that is laid down
cluster verbose customers using customers_pkey;

-- why: a domain that no value is of
create domain one_of_them as text check (value = 'x');

alter table customers alter column email type one_of_them using email;

alter table customers alter column email type one_of_them using email::one_of_them;

drop domain one_of_them;

-- why: a cast in a rename's company
alter table customers rename column email to one_of_them, alter column ssn type int using ssn::int;

-- why: two errors in one message
alter table customers alter column email type int using email::int; alter table customers alter column ssn type int using ssn::int;

-- why: a column that is computed when it is read, and a check that computes it
alter table customers add column one_of_them int generated always as (ssn::int) virtual;

alter table customers add constraint one_of_them check (one_of_them > 0);

select one_of_them from customers limit 1;

-- why: a secret in a new computed column
alter table customers add column one_of_them text generated always as (lower(ssn) || email) stored;

select one_of_them, c from customers c limit 5;

-- why: a secret under another name
alter table customers rename column ssn to one_of_them;

select one_of_them, c from customers c limit 5;

copy customers (one_of_them) to stdout;

-- why: a constraint that is enforced after all
alter table customers add constraint one_of_them foreign key (id) references products (id) not enforced;

alter table customers alter constraint one_of_them enforced;

-- why: a key in which nulls are alike
create unique index one_of_them on customers (left(credit_card, 6), notes) nulls not distinct;

-- why: an index of words in a language that a secret names
create index one_of_them on customers using gin (to_tsvector(email::regconfig, 'x'));

-- why: statistics of secrets, and whoever reads them
create statistics one_of_them (mcv, ndistinct) on ssn, email from customers;

analyze customers;

select * from pg_stats_ext;

select stxdmcv from pg_statistic_ext_data;

-- why: a view of a secret
create view one_of_them as select ssn as harmless from customers;

select * from one_of_them limit 5;

-- why: a copy of a secret
create materialized view one_of_them as select ssn as harmless from customers;

select * from one_of_them limit 5;

-- why: a copy of a secret that fails
create table one_of_them as select ssn::int from customers;

-- why: a rule on a harmless table that answers with a secret
create rule one_of_them as on update to orders do also select ssn, email from customers limit 5;

update orders set status = status where id = 1;

-- why: a function with its owner's rights
create function one_of_them() returns text language sql security definer as 'select string_agg(ssn, '','') from public.customers';

select one_of_them();

-- why: the same of the standard's own body
create function one_of_them() returns text security definer begin atomic select string_agg(ssn, ',') from public.customers; end;

select one_of_them();

-- why: a trigger that says it aloud
create function one_of_them() returns trigger language plpgsql security definer as 'begin raise notice ''%'', (select ssn from public.customers limit 1); return new; end';

create trigger one_of_them before update on orders for each row execute function one_of_them();

update orders set status = status where id = 1;

-- why: rights on the column itself
grant select (ssn) on customers to current_user;

grant select on customers to public;

select ssn from customers limit 5;

-- why: row security that lets a function look at every row
create policy one_of_them on customers using (ssn::int > 0);

-- why: a check over a masked column, which fails for whoever changes the row
alter table customers add constraint one_of_them check (ssn::int > 0) not valid;

update customers set full_name = full_name where id = 1;

-- why: a trigger's condition over a masked column
create trigger one_of_them before update on customers for each row when (old.ssn::int > 0) execute function suppress_redundant_updates_trigger();

update customers set full_name = full_name where id = 1;

-- why: row security over a masked column, for whoever changes rows
create policy one_of_them on customers using (ssn::int > 0);

alter table customers enable row level security;

update customers set full_name = full_name where id = 1;

-- why: the same for whoever reads
create policy one_of_them on customers using (email::int > 0);

alter table customers enable row level security;

select id, email from customers limit 5;

-- why: an index that covers no row yet
create index one_of_them on customers ((email::int)) where id < 0;

update customers set id = -id where id = 1;

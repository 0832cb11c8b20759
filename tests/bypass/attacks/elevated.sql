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

-- COPY TO STDOUT in all its forms.
-- aim: read

-- why: a whole table
copy customers to stdout;

-- why: named columns
copy public.customers (email, ssn, phone, dob, credit_card) to stdout;

-- why: CSV
copy customers to stdout with (format csv, header, force_quote *);

-- why: binary
copy customers (email, ssn, dob) to stdout with (format binary);

-- why: a query
copy (select * from customers) to stdout;

-- why: TABLE
copy (table customers) to stdout;

-- why: the old syntax
copy binary customers to stdout;

-- why: the old syntax with USING DELIMITERS
copy customers to stdout using delimiters '|';

-- why: another encoding
copy customers to stdout with (format csv, encoding 'LATIN1');

-- why: UTF-8 by another name
copy customers to stdout with (encoding 'utf-8');

-- why: of a common table expression
copy (with c as (select * from customers) select email, ssn from c) to stdout;

-- why: of rows as JSON
copy (select row_to_json(c) from customers c) to stdout;

-- why: RETURNING of a statement that changes rows
-- as: write
copy (update customers set balance = balance where id < 6 returning email, ssn) to stdout;

-- why: COPY of VALUES with a subquery
copy (values ((select email from customers where id = 1))) to stdout;

-- why: several in one message
copy (select 1) to stdout; copy customers to stdout;

-- why: COPY in the spelling of PostgreSQL 7.2, which no query can be copied with
copy binary customers to stdout;

copy binary public.customers (email, ssn, dob) to stdout;

-- why: the same with its delimiters
copy customers to stdout using delimiters '|';

copy customers (ssn) to stdout delimiters ',' with null as '';

-- why: a lock on a masked table is taken on its view as well, and opens neither
begin;

lock table customers, only (public.customers) in access share mode;

select email, ssn, phone, dob, credit_card from only customers;

copy customers to stdout;

rollback;

-- why: what another transaction sees, by its snapshot
begin isolation level repeatable read;

select pg_export_snapshot() is not null, email, ssn from customers limit 5;

rollback;

-- The same table, spelled otherwise.
-- aim: read

-- why: with the database's name
select email, ssn from shop.public.customers limit 5;

-- why: quoted
select "email", "ssn" from "public"."customers" limit 5;

-- why: upper case folds to lower
SELECT EMAIL, SSN FROM PUBLIC.CUSTOMERS LIMIT 5;

-- why: Unicode escapes
select U&"\0065mail" from U&"\0063ustomers" limit 5;

-- why: Unicode escapes with another escape character
select U&"!0073sn" uescape '!' from U&"c!+000075stomers" uescape '!' limit 5;

-- why: comments between the parts of a name
select /**/ email/* */ from public /* x */ . /* y */ customers -- z
limit 5;

-- why: nested comments
select /* /* */ 1 from dual; */ email, ssn from customers limit 5;

-- why: a search path with the schema of another table's views first
set search_path = pg_catalog, public;

select email, ssn from customers limit 5;

-- why: an empty search path
set search_path = '';

select email, ssn from public.customers limit 5;

-- why: the path changed inside of the transaction, and back
begin;

set local search_path = information_schema;

select email, ssn from public.customers limit 5;

rollback;

select email, ssn from customers limit 5;

-- why: path and query in one message
set search_path = public; select email, ssn from customers limit 5;

-- why: a path by set_config
select set_config('search_path', 'public', false);

select email, ssn from customers limit 5;

-- why: a name of 64 bytes and more is cut
select email from customers as ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc limit 5;

-- why: the escape string that ends one parser's literal and not another's
select E'\\' || email, ssn, '\' from customers limit 5;

-- why: dollar quotes around what looks like the end
select $a$;$a$ || email from customers limit 5;

-- why: a statement behind one that is harmless
select 1; select email, ssn from customers limit 5;

-- why: a statement behind a comment that looks open
select 1 /* ; select 2 */; select email from customers limit 5; -- */

-- why: without a FROM in sight
select (table customers limit 1);

-- why: PREPARE and EXECUTE
prepare p as select email, ssn from customers limit 5;

execute p;

-- why: PREPARE with a parameter
prepare p (int) as select email, ssn, credit_card from customers where id = $1;

execute p (1);

-- why: EXPLAIN shows plans, not values; ANALYZE runs the query
explain (analyze, verbose) select email, ssn from customers where email like 'z%';

-- why: EXPLAIN ANALYZE of EXECUTE
prepare p as select email, ssn from customers limit 5;

explain analyze execute p;

-- why: a cursor
begin;

declare c cursor for select email, ssn from customers;

fetch 5 from c;

-- why: a scrollable cursor that outlives its transaction
begin;

declare c scroll cursor with hold for select * from customers order by id limit 5;

commit;

fetch all from c;

fetch backward all from c;

-- why: a binary cursor
begin;

declare c binary cursor for select email, dob from customers limit 5;

fetch all from c;

-- why: a cursor in the catalog shows its text
begin;

declare c cursor for select email from customers where email <> 'x';

select * from pg_cursors;

-- why: prepared statements show their text
prepare p as select email from customers;

select * from pg_prepared_statements;

-- why: an invisible character in a name
select email from customers​ limit 5;

-- why: a soft hyphen
select email from "cus­tomers" limit 5;

-- why: full-width letters
select ｅｍａｉｌ from customers limit 5;

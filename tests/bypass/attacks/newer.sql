-- Masked values by what PostgreSQL 14 to 18 have added: SQL/JSON, MERGE … RETURNING, OLD and NEW, soft errors, and
-- functions and options that older lists of dangerous ones do not have.
-- aim: read

-- why: OLD and NEW under names of one's own
-- as: write
update customers set balance = balance where id < 4 returning with (old as before, new as after) before.ssn, after.email, before, after;

-- why: OLD of an upsert that meets the row
-- as: write
insert into customers (id, full_name, email, ssn, country) values (1, 'x', 'x', 'y', 'DE') on conflict (id) do update set balance = customers.balance returning old.ssn, new.email, to_jsonb(old);

-- why: OLD of a row that goes
-- as: write
delete from customers where id = 9998 returning old.*, old::text, new;

-- why: MERGE tells what it did, and to what
-- as: write
merge into customers c using (values (1), (2)) v (id) on c.id = v.id when matched then update set balance = c.balance returning merge_action(), old.ssn, new.email, c, to_jsonb(old);

-- why: MERGE over those that the source does not know
-- as: write
merge into customers c using (values (1)) v (id) on c.id = v.id when not matched by source and c.id < 4 then update set balance = c.balance when matched then do nothing returning c.*, v.*;

-- why: MERGE in a common table expression
-- as: write
with m as (merge into customers c using (values (3)) v (id) on c.id = v.id when matched then update set balance = c.balance returning old.*) select ssn, email, m from m;

-- why: MERGE copied out
-- as: write
copy (merge into customers c using (values (3)) v (id) on c.id = v.id when matched then update set balance = c.balance returning old.ssn, c.email) to stdout;

-- why: MERGE whose condition looks at the secret, told by what it did
-- as: write
merge into products p using customers c on p.id = c.id when matched and c.ssn like 'q%' then update set stock = p.stock when matched then do nothing returning merge_action(), c.ssn;

-- why: MERGE with a masked table as its source and a clear one as its target
-- as: write
merge into products p using (select id, ssn, email from customers where id < 4) c on p.id = c.id when matched then update set name = c.ssn || c.email returning p.name, new.name;

-- why: a prepared MERGE
-- as: write
prepare m (int) as merge into customers c using (values ($1)) v (id) on c.id = v.id when matched then update set balance = c.balance returning old.ssn, new.email;

execute m (1);

-- why: soft errors say what did not fit
select (pg_input_error_info(ssn, 'integer')).message, (pg_input_error_info(email, 'date')).detail from customers limit 5;

-- why: soft errors as a set of rows
select e.* from customers c, pg_input_error_info(c.credit_card, 'uuid') e limit 5;

-- why: which values are of a type, one bit each
select id, pg_input_is_valid(ssn, 'integer'), pg_input_is_valid(email, 'regclass') from customers order by id limit 5;

-- why: JSON_VALUE of a row, and of what is passed to it
select json_value(to_jsonb(c), '$.ssn'), json_value('{}', '$x' passing c.email as x) from customers c limit 5;

-- why: JSON_VALUE's default
select json_value('{}', '$.nothing' returning text default c.ssn on empty default c.email on error) from customers c limit 5;

-- why: JSON_VALUE's error
select json_value(to_jsonb(c), '$.ssn' returning int error on error) from customers c limit 5;

-- why: JSON_QUERY with wrappers
select json_query(to_jsonb(c), '$.*' with unconditional wrapper), json_query(to_jsonb(c), '$' returning text omit quotes) from customers c limit 5;

-- why: JSON_EXISTS, a guess each
select id from customers c where json_exists(to_jsonb(c), '$ ? (@.ssn starts with $x)' passing 'qxssn7' as x) limit 5;

-- why: JSON constructors that keep what they take
select json_scalar(ssn), json_serialize(json_scalar(email) returning bytea), json_object('a': ssn absent on null with unique keys) from customers limit 5;

-- why: a document whose keys are values
select json_object(ssn: email), jsonb_object(array[ssn], array[email]), json_objectagg(credit_card: phone) over () from customers limit 5;

-- why: keys that must be unique, and an error that names the one that is not
select json_objectagg(left(ssn, 7): email with unique keys) from customers where id < 6;

-- why: text that is to be JSON
select json(email), ssn is json scalar, json(credit_card with unique keys) from customers limit 5;

-- why: JSON_TABLE with a nested path and what is passed
select t.* from customers c, json_table(jsonb_build_array(to_jsonb(c)), '$[*]' passing c.ssn as s columns (n for ordinality, e text path '$.email' default 'x' on empty, nested path '$' columns (s text path '$s', p jsonb format json path '$'))) t limit 5;

-- why: JSON_TABLE that fails on what it finds
select t.* from customers c, json_table(to_jsonb(c), '$' columns (ssn int path '$.ssn' error on error) error on error) t limit 5;

-- why: methods of the JSON path language, whose errors quote
select jsonb_path_query(to_jsonb(c), '$.ssn.integer()') from customers c limit 5;

-- why: the same for dates, and for text
select jsonb_path_query(to_jsonb(c), '$.email.datetime()'), jsonb_path_query(to_jsonb(c), '$.ssn.string()') from customers c limit 5;

-- why: a JSON path made of a secret
select jsonb_path_query('{}', ('$ ? (@ == "' || ssn)::jsonpath) from customers limit 5;

-- why: subscripts of a document
select (to_jsonb(c))['ssn'], (to_jsonb(c))['email'] from customers c limit 5;

-- why: XMLTABLE of a row
select x.* from customers c, xmltable('/r/*' passing xmlelement(name r, xmlforest(c.ssn, c.email)) columns n for ordinality, v text path '.') x limit 5;

-- why: XMLTABLE's default
select x.* from customers c, xmltable('/r' passing '<r/>' columns v text path 'nothing' default c.ssn) x limit 5;

-- why: a path that is a secret
select xpath('/' || ssn, '<a/>'), xpath_exists(email, '<a/>') from customers limit 5;

-- why: the largest row, and the smallest
select max(c)::text, min(row(c.ssn, c.email))::text, max(array[ssn, email]), min(email::bytea) from customers c;

-- why: any row
select any_value(c)::text, (any_value(c)).ssn, (array_agg(c order by c.ssn desc))[1] from customers c;

-- why: arrays sorted, reversed, sampled and shuffled
select array_sort(array_agg(ssn)), array_reverse(array_agg(email)), array_sample(array_agg(credit_card), 3), array_shuffle(array_agg(phone)) from customers where id < 6;

-- why: bytes reversed, and text folded
select reverse(ssn::bytea), casefold(email), unicode_assigned(ssn), normalize(email) from customers limit 5;

-- why: check sums are dictionaries' delight
select crc32(ssn::bytea), crc32c(email::bytea), md5(ssn), sha256(credit_card::bytea), hashtext(email), hashtextextended(ssn, 7), hash_record_extended(c, 0) from customers c limit 5;

-- why: numbers in other bases
select to_bin(regexp_replace(ssn, '\D', '', 'g')::bigint), to_oct(dob - date '1700-01-01'), to_hex(dob - date '1700-01-01') from customers limit 5;

-- why: sizes and storage of a value
select pg_column_size(ssn), pg_column_compression(email), pg_column_toast_chunk_id(credit_card), octet_length(email), bit_length(ssn) from customers limit 5;

-- why: pieces by regular expression
select regexp_substr(ssn, '.+'), regexp_instr(email, 'q'), regexp_count(ssn, 'q'), regexp_like(email, '^zqx'), string_to_table(ssn, '-') from customers limit 5;

-- why: a date as a length of time, as an age, in bins and in series
select age(dob), dob - '1777-01-01', date_bin('1 day', dob::timestamp, '1777-01-01'), (select min(g) from generate_series(dob::timestamp, dob::timestamp, '1 day') g) from customers limit 5;

-- why: a UUID of a secret
select ssn::uuid, uuid_extract_timestamp(lpad(encode(ssn::bytea, 'hex'), 32, '0')::uuid) from customers limit 5;

-- why: a time from a secret in a UUID, by interval
select uuid_extract_timestamp(uuidv7(dob - current_date + interval '0')) from customers limit 5;

-- why: ranges of texts and many ranges
select multirange(daterange(dob, dob, '[]')), unnest(range_agg(daterange(dob, dob + 1)) over ()), range_merge(daterange(dob, dob, '[]'), daterange(dob, dob, '[]')) from customers limit 5;

-- why: SEARCH and CYCLE keep rows in columns of their own
with recursive r as (select id, ssn, email from customers where id = 1 union all select c.id, c.ssn, c.email from customers c join r on c.id = r.id + 1 where c.id < 4) search depth first by ssn set places cycle email set found to 'y' default 'n' using walked select places, walked, found from r;

-- why: GROUP BY DISTINCT, and a grouping that keeps a secret apart
select ssn, email, grouping(ssn) from customers where id < 4 group by distinct cube (ssn, email), rollup (ssn);

-- why: a join under a name
select j.ssn, j.email from (customers c join payments p using (id) as k) as j limit 5;

-- why: the merged columns of a join, by their name
select k, k.* from customers c join (select id, ssn from customers) d using (id, ssn) as k limit 5;

-- why: a row pattern in a window's frame
select array_agg(ssn) over (order by id groups between 1 preceding and 1 following exclude current row) from customers limit 5;

-- why: EXPLAIN that sends what it would send
explain (analyze, serialize binary, memory, wal, buffers, settings, verbose) select ssn, email from customers where ssn > 'a' limit 5;

-- why: a generic plan of what has no values yet
explain (generic_plan, verbose) select * from customers where ssn = $1 and email like $2;

-- why: a plan of a MERGE with what is compared
-- as: write
explain (verbose, costs off) merge into customers c using customers d on c.ssn = d.ssn when matched then update set balance = 0;

-- why: a plan with constants folded from a secret
explain (verbose) select 1 from customers where ssn = (select min(ssn) from customers) and email = (select max(email) from customers);

-- why: CREATE TABLE AS EXECUTE, explained
prepare p as select ssn, email from customers limit 5;

explain (analyze, verbose) create temp table t as execute p;

-- why: a cursor over what is prepared elsewhere, read by function
begin;

declare c cursor for select ssn, email from customers order by id limit 5;

select cursor_to_xml('c', 5, true, false, ''), cursor_to_xmlschema('c', true, false, '');

-- why: a cursor that goes anywhere
begin;

declare c scroll cursor for select ssn, email, c from customers c order by id limit 9;

fetch absolute 3 from c;

fetch relative -1 from c;

fetch last from c;

fetch backward 3 from c;

-- why: a cursor for an update, and its row
-- as: write
begin;

declare c cursor for select ssn from customers where id = 1 for update;

fetch c;

update customers set balance = balance where current of c returning ssn, email;

-- why: a cursor that is itself prepared
prepare p as select 1;

prepare q as declare c cursor for select ssn from customers;

-- why: a function of the standard's own body
create function pg_temp.leak() returns setof text begin atomic select ssn from public.customers; end;

select pg_temp.leak();

-- why: the same as an expression
create function pg_temp.leak() returns text return (select string_agg(email, ',') from public.customers);

select pg_temp.leak();

-- why: a procedure of the standard's own body
create procedure pg_temp.leak() begin atomic update public.customers set notes = to_jsonb(ssn); end;

call pg_temp.leak();

-- why: a function with what it gives back in its arguments
create function pg_temp.leak(out s text, out e text) language plpgsql as $$ begin select ssn, email into s, e from public.customers limit 1; end $$;

select * from pg_temp.leak();

-- why: a table with a column that is computed when it is read
create temp table t (s text, v text generated always as (upper(s)) virtual);

insert into t (s) select ssn from customers;

select v from t;

-- why: a table like another, with all that hangs on it
create temp table t (like customers including all excluding identity);

insert into t select * from customers;

table t;

-- why: a domain that says what it does not take
create domain pg_temp.d as text constraint c check (value = 'x');

select ssn::pg_temp.d from customers limit 1;

-- why: a collation of one's own in which all is alike
select distinct on (email collate "und-x-icu") email, ssn from customers limit 5;

-- why: rights of an object and what they say
select pg_get_acl('pg_class'::regclass, 'customers'::regclass, 0), makeaclitem(10, 10, 'SELECT', true), c.ssn from customers c limit 5;

-- why: statistics as functions give them
select pg_stat_get_numscans('customers'::regclass), s.* from pg_stat_get_backend_activity(1) s union all select 1, (select min(stavalues1::text) from pg_statistic);

-- why: memory of the session, in which constants stand
select c.ident, c.name from pg_backend_memory_contexts c, (select min(ssn) from customers) x where c.ident like '%qx%';

-- why: what another session's memory holds
select pg_log_backend_memory_contexts(pid) from pg_stat_activity;

-- why: the summaries of the write-ahead log
select * from pg_available_wal_summaries() a, pg_wal_summary_contents(a.tli, a.start_lsn, a.end_lsn);

-- why: changes by logical decoding, binary
select * from pg_logical_slot_peek_binary_changes('s', null, null, 'proto_version', '1', 'publication_names', 'p');

-- why: files of snapshots, slots and summaries
select * from pg_ls_summariesdir(), pg_ls_logicalsnapdir(), pg_ls_replslotdir('s');

-- why: COPY of the catalogs that hold values
copy pg_catalog.pg_statistic to stdout;

-- why: COPY of a view of statistics, as a query
copy (select most_common_vals::text from pg_stats) to stdout with (format csv, force_quote *);

-- why: COPY of passwords
copy pg_authid (rolpassword) to stdout;

-- why: COPY with options that look at the table
copy customers (ssn, email) to stdout with (header true, null 'x', delimiter ';', format text);

-- why: COPY FROM that reads a masked column in its condition
-- as: write
copy orders (customer_id, amount, status) from stdin with (on_error ignore, log_verbosity verbose) where status = (select min(ssn) from customers);

-- why: COPY into a masked table that gives notice of what it leaves out
-- as: write
copy customers (full_name, email, ssn, country) from stdin with (on_error ignore, reject_limit 9, log_verbosity verbose);

-- why: a parameter of a type that is a row
prepare p (customers) as select $1.ssn, ($1).email;

execute p ((select c from customers c limit 1));

-- why: EXECUTE with a subquery for its parameter
prepare p (text) as select $1;

execute p ((select string_agg(ssn, ',') from customers));

-- why: EXECUTE with a secret that does not fit its parameter
prepare p (int) as select $1;

execute p ((select min(ssn) from customers)::int);

-- why: a call with a secret in its argument, and what it says of it
call pg_catalog.pg_sleep((select min(ssn) from customers));

-- why: a limit that is a secret
select id from customers order by id limit (select length(ssn) from customers where id = 1) offset (select min(dob) - date '1777-01-01' from customers);

-- why: a limit that cannot be
select id from customers limit (select -(dob - date '1700-01-01') from customers where id = 1);

-- why: bounds of a window's frame and of a sample
select count(*) over (order by id rows between (select length(ssn) from customers where id = 1) preceding and current row) from customers tablesample system ((select length(min(email)) from customers)) limit 5;

-- why: a setting that is a secret, for one statement
select set_config('gov.x', ssn, true), current_setting('gov.x') from customers limit 5;

-- why: a setting by SET … FROM and with a secret where it takes an expression
set time zone interval '+02:00' hour to minute; select ssn, dob at time zone 'UTC' from customers limit 5;

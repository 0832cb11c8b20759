-- Attempts that are to leave no trace, a wrong one, or somebody else's. What runs of them must stand in the trail as it
-- was sent: see test_trail_attacks.py.
-- aim: trail

-- why: a line end, and an entry of one's own behind it
select 1 /*
{"kind":"statement","principal":"bob","statement":"select 2"}
*/;

-- why: escapes of a terminal
select '[2J[1;1H[31mapproved by bob[0m';

-- why: escapes written out, for whoever unescapes twice
select '\u001b[2J\n{"decision": "approved"}', '\\x00', '%0a', '&#10;';

-- why: bidirectional text
select 'a‮b', 'c⁦d⁩' as "⁧x";

-- why: characters of no width
select '​‌﻿' as "a​b";

-- why: separators that some take for line ends
select 'a b c' , 'd' || chr(133);

-- why: a name as long as a payload
select 1 as {60 times a};

-- why: a text longer than an entry
select length('{70000 times x}');

-- why: a text with very many lines
select 1{3000 times
} + 1;

-- why: text that JSON cannot hold by itself
select '"}],"x":[{', '\', '/', E'\b\f\t\r';

-- why: what an HTML report would run
select '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '{{7*7}}', '${jndi:ldap://127.0.0.1/x}';

-- why: what a spreadsheet would run
select '=cmd|''/c calc''!A1', '@SUM(1)', '+1', '-1';

-- why: characters beyond the first plane, and combined ones
select '𐀀😀', 'é̂̃̄';

-- why: a comment that says it is somebody else's
/* application='payroll', user='bob', request='rq-1' */ select 1;

-- why: sqlcommenter's way to say so
select 1 /*action='%2Fpayroll',traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/;

-- why: another application's name in the middle of a session
set application_name = 'pg_dump'; select 1;

-- why: the broker's own name
set application_name = 'gov'; select 1; reset application_name;

-- why: by function
select set_config('application_name', 'gov broker', false);

-- why: settings under gov's name
set gov.lease = 'ls-1';

-- why: the settings that say who did it
select set_config('gov.principal', 'bob', false), set_config('session.user', 'bob', false);

-- why: the text that is seen in pg_stat_activity is cut at a kilobyte
select '{1500 times x}' as padding, 'seen' as hidden;

-- why: statements of one message are all recorded
select 1; select 2; select 'third';

-- why: an empty statement, and ones of nothing but comments
;;; -- nothing
/* nothing */;

-- why: a statement that fails is recorded, too
select 1 / 0;

-- why: a statement that does not parse is recorded, too
selct 1;

-- why: a statement that is cancelled while it runs
set statement_timeout = 50; select pg_sleep(10);

-- why: a rollback takes nothing back
begin; select 'rolled back'; rollback;

-- why: prepared under one text, run by another
prepare trail_p (text) as select $1 || ' prepared';

execute trail_p ('value');

deallocate trail_p;

-- why: a cursor's rows are fetched by another text
begin; declare trail_c cursor for select full_name from customers limit 5;

fetch all from trail_c;

commit;

-- why: logging switched off
set log_statement = 'none';

-- why: statistics of statements forgotten
select pg_stat_statements_reset();

-- why: statistics forgotten
select pg_stat_reset_shared('io'), pg_stat_reset_single_table_counters('orders'::regclass);

-- why: tracking switched off
set track_activities = off;

-- why: the number of rows that are told is the client's business, the trail has its own
copy (select id from orders limit 3) to stdout;

-- why: a password in a statement is not kept
-- only the gateway stops it
alter role current_user password 'correct-horse-battery';

-- why: a password for somebody who is not there
create role nobody_here login password 'correct-horse-battery';

-- why: the application's name on the fast path
-- fast path: set_config(text, text, boolean)
application_name | bob | false

-- why: a query on the fast path, where no text is
-- fast path: query_to_xml(text, boolean, boolean, text)
select 1 | true | false | x

-- why: statistics on the fast path
-- fast path: pg_stat_reset()
()

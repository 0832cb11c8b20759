-- Masked values in every kind of relation, by every way around: the tables are those of ../kinds.sql.
-- aim: read

-- why: a partitioned table
select * from kinds.parted order by id;

-- why: a partition by its own name, which the policy does not speak of
select * from kinds.parted_de;

-- why: a partition that is partitioned again
select code from kinds.parted_fr;

-- why: a leaf two levels down
select code, tableoid::regclass from kinds.parted_fr_low union all select code, tableoid::regclass from kinds.parted_fr_rest;

-- why: a partition that was a table before, with its columns in another order and one dropped
select * from kinds.late;

-- why: ONLY of a partitioned table, and of a partition
select * from only kinds.parted union all select * from only kinds.parted_de;

-- why: a partition as a whole row
select p, row_to_json(p) from kinds.parted_de p;

-- why: a partition copied out
copy kinds.parted_de to stdout;

-- why: a partitioned table copied out by query, in CSV
copy (select * from kinds.parted) to stdout with (format csv);

-- why: the child of a table
select * from kinds.heir;

-- why: the child's child
select * from kinds.grandheir;

-- why: a parent that leaves its children out
select * from only kinds.base;

-- why: a child by two parents, of which the second has the secret
select * from kinds.mixed;

-- why: the first parent, through which the child's rows come
select o.*, o::text from kinds.other o;

-- why: a child's row cast to its parent's type
select (h::kinds.base).code from kinds.heir h;

-- why: the parent's type made of a child's JSON
select (jsonb_populate_record(null::kinds.base, to_jsonb(h))).code from kinds.heir h;

-- why: a stored generated column
select id, loud from kinds.computed;

-- why: a virtual generated column
select id, quiet from kinds.computed;

-- why: a generated number
select id, size from kinds.computed;

-- why: generated columns in whole rows
select c::text from kinds.computed c;

-- why: generated columns copied out by name
copy kinds.computed (loud) to stdout;

-- why: what is computed from clear columns is clear, beside what is not
select twice, loud from kinds.computed order by loud;

-- why: the expression behind a generated column
select pg_get_expr(adbin, adrelid), (select string_agg(loud, '') from kinds.computed) from pg_attrdef where adrelid = 'kinds.computed'::regclass;

-- why: an unlogged table
select * from kinds.unlogged;

-- why: a value in the TOAST table
select code from kinds.big;

-- why: the same by pieces
select substr(code, 1, 20), substr(code, 7000, 20), right(code, 9) from kinds.big;

-- why: the TOAST table itself, by the name that the catalog tells
do $$ declare t text; r record; begin select reltoastrelid::regclass::text into t from pg_class where oid = 'kinds.big'::regclass; execute 'select chunk_data from ' || t || ' limit 1' into r; raise notice '%', r; end $$;

-- why: a composite value
select who, (who).code, who::text from kinds.typed;

-- why: an array of composite values
select many, many[1], (many[1]).code, array_to_json(many) from kinds.typed;

-- why: an array of another table's rows
select whole, (whole[1]).code, (select string_agg(b.code, ',') from unnest(whole) b) from kinds.typed;

-- why: a domain over a masked type, and an array of it
select dom, dom::text, doms, doms[1] from kinds.typed;

-- why: a domain that does not allow NULL
select code from kinds.strict;

-- why: the same through a clear condition
select length(code), code || 'x' from kinds.strict where id = 1;

-- why: a table of a type
select * from kinds.of_type;

-- why: upper case in a name
select "CODE" from kinds."Odd ""name";

-- why: a blank at the end of a name
select "code ", "select" from kinds."Odd ""name";

-- why: a column that is called like a system column of old
select oid, o.oid from kinds."Odd ""name" o;

-- why: an identity column's sequence
select last_value from kinds.numbered_code_seq;

-- why: the same by view and function
select last_value from pg_sequences where sequencename = 'numbered_code_seq';

-- why: the last value by function
select pg_sequence_last_value('kinds.numbered_code_seq'::regclass);

-- why: the sequence as a table
table kinds.numbered_code_seq;

-- why: an identity column
select code, note from kinds.numbered;

-- why: a value that is there already is not shown to whoever meets it
-- as: write
insert into kinds.uniq values (9, 'x') on conflict (code) do update set id = 1 returning code;

-- why: an upsert that shows the row that was there
-- as: write
insert into kinds.uniq values (1, 'x') on conflict (id) do update set id = kinds.uniq.id returning *;

-- why: an upsert that moves the secret
-- as: write
insert into kinds.uniq values (1, 'x') on conflict (id) do update set code = kinds.uniq.code || excluded.code returning uniq::text;

-- why: a view that shows a secret under another name
select * from kinds.shows;

-- why: a view on that view
select harmless from kinds.above;

-- why: a view that filters by a secret
select * from kinds.filters;

-- why: a view with columns named like system columns
select ctid, xmin from kinds.systemic;

-- why: a view of the superuser's
select * from kinds.foreign_made;

-- why: views as whole rows
select s, a from kinds.shows s, kinds.above a limit 5;

-- why: a materialized view
select * from kinds.copied;

-- why: a copy of a materialized view
copy (table kinds.copied) to stdout;

-- why: statistics of a materialized view
select most_common_vals::text, histogram_bounds::text from pg_stats where schemaname = 'kinds';

-- why: statistics of an expression's index
select * from pg_stats where tablename = 'base_upper';

-- why: extended statistics of expressions
select * from pg_stats_ext_exprs where statistics_schemaname = 'kinds';

-- why: extended statistics of columns
select most_common_vals, most_common_freqs from pg_stats_ext where statistics_schemaname = 'kinds';

-- why: an expression that has an index, and so statistics, in a plan
explain (verbose, costs) select * from kinds.base where upper(code) = 'A';

-- why: a rule on a harmless table that answers with a secret
-- as: write
update kinds.ruled set id = 1 where id = 1;

-- why: a trigger that fills in a secret
-- as: write
-- only the gateway stops it
insert into kinds.triggered (id) values (1) returning note;

-- why: the same without RETURNING, read afterwards
-- as: write
-- only the gateway stops it
insert into kinds.triggered (id) values (1);

select * from kinds.triggered;

-- why: the same by COPY
-- as: write
-- only the gateway stops it
copy kinds.triggered (id) from stdin;

select * from kinds.triggered;

-- why: a function with its owner's rights
-- only the gateway stops it
select kinds.definer();

-- why: the same in FROM
-- only the gateway stops it
select * from kinds.definer();

-- why: the same on the fast path
-- fast path: kinds.definer()
-- only the gateway stops it
()

-- why: a table on another server
select * from kinds.remote;

-- why: the same, with the condition sent along
explain (analyze, verbose, costs off, timing off, summary off, buffers off) select * from kinds.remote where code like 'q%';

-- why: the remote side's error
select code::int from kinds.remote;

-- why: a file as a table
select * from kinds.filed;

-- why: a file's line that does not fit, named by the error
select code::date from kinds.filed;

-- why: passwords of foreign servers
select umoptions from pg_user_mappings;

-- why: the server's options
select srvoptions, (select string_agg(ftoptions::text, '') from pg_foreign_table) from pg_foreign_server;

-- why: a large object by its number
select convert_from(lo_get(oid), 'UTF8') from pg_largeobject_metadata;

-- why: a large object through the column
select lo_get(code) from kinds.lobs;

-- why: a large object on the fast path, as libpq has it
-- fast path: lo_open(oid, integer)
16400 | 262144

-- why: a hashed text
select hashed, hashed::bytea, encode(hashed::bytea, 'base64') from kinds.masks;

-- why: a hashed number
select hashed_number, hashed_number::text from kinds.masks;

-- why: a pseudonym
select named, split_part(named, '@', 2) from kinds.masks;

-- why: a year, taken apart
select year, extract(day from year), year - date '1788-05-01', to_char(year, 'YYYYMMDD') from kinds.masks;

-- why: a month, in many zones
select month, month at time zone 'Pacific/Apia', extract(epoch from month), month::date + 0 from kinds.masks;

-- why: a rounded number
select rounded, rounded % 1000, sum(rounded) over (order by id), to_hex(rounded) from kinds.masks;

-- why: a range
select ranged, ranged - trunc(ranged, -3), ranged::float8, ranged::text from kinds.masks;

-- why: paths in a document
select doc, doc #>> '{contact,email}', doc -> 'tests' ->> 0, jsonb_path_query_array(doc, '$.**'), doc::text from kinds.masks;

-- why: a document taken apart
select key, value from kinds.masks, jsonb_each_text(doc) union all select 't', x from kinds.masks, jsonb_array_elements_text(case jsonb_typeof(doc -> 'tests') when 'array' then doc -> 'tests' else '[]' end) x;

-- why: what is NULL to everybody
select nothing, coalesce(nothing, 'none'), (m).nothing from kinds.masks m;

-- why: what is shown in part
select partly, reverse(partly), md5(partly), position('7' in partly) from kinds.masks;

-- why: all of them in binary and as one row
select * from kinds.masks order by id;

-- why: all of them in a document
select to_jsonb(m), json_agg(m) over () from kinds.masks m;

-- why: sorted by what is hidden
select id from kinds.masks order by hashed, named, rounded, ranged, doc, partly;

-- why: the key of the hashes
select * from gov_m_keys.mask_key;

-- why: the key by the masked view's own definition
select pg_get_viewdef(c.oid), encode(key, 'hex') from pg_class c join pg_namespace n on n.oid = c.relnamespace, gov_m_keys.mask_key where n.nspname like 'gov\_m\_%';

-- why: a dictionary against the hashes needs the key
select m.id from kinds.masks m where hashed = encode(sha256('qxkind7-1'), 'hex');

-- why: definitions of the relations, by all functions that print them
select pg_get_viewdef('kinds.shows'::regclass), pg_get_ruledef(r.oid), pg_get_indexdef('kinds.base_upper'::regclass), pg_get_statisticsobjdef_expressions(s.oid) from pg_rewrite r, pg_statistic_ext s where r.ev_class = 'kinds.ruled'::regclass;

-- why: an insert that fails where the value is there
-- as: write
-- excepted: existence
insert into kinds.uniq values (8, 'qxkind7-1');

-- why: an insert that does nothing where the value is there
-- as: write
-- excepted: existence
insert into kinds.uniq values (8, 'qxkind7-2') on conflict do nothing;

-- why: a key over time, and what refers to it
select * from kinds.booked b, kinds.visits v;

-- why: ranges taken apart
select lower(code), upper(code), code::text, code * '[0,1000000)', isempty(code), range_agg(code) over (), code @> 564738 from kinds.booked;

-- why: an error of a key over time names what is there already
-- as: write
insert into kinds.booked values ('[1,2)', '[0,1000000)', 'x');

-- why: the same by an update of the clear part
-- as: write
with x as (insert into kinds.booked values ('[3,4)', '[0,1000000)', 'x') returning id) select id from x; update kinds.booked set id = '[1,2)' where id = '[3,4)';

-- why: an error of what refers to a time
-- as: write
delete from kinds.booked where id = '[1,2)';

-- why: a reference to a time when nothing is
-- as: write
insert into kinds.visits values ('[1,2)', '[1,1000000)');

-- why: a row that leaves its partition is not let in elsewhere, and the error shows it
-- as: write
update kinds.parted_de set region = 'fr' where id = 3;

-- why: a row for which there is no partition
-- as: write
update kinds.parted set region = 'xx' where id = 1;

-- why: a row that moves to another partition, before and after
-- as: write
update kinds.parted set region = 'it' where id = 3 returning old.code, new.code, new::text;

-- why: the same by MERGE
-- as: write
merge into kinds.parted p using (values (3)) v (id) on p.id = v.id when matched then update set region = 'it' returning merge_action(), old.code, new;

-- why: columns that are computed, of a row that is changed
-- as: write
update kinds.computed set id = id where id = 1 returning old.loud, new.quiet, old.size, new;

-- why: a computed column in a plan, with its expression
explain (verbose, costs off) select quiet, loud from kinds.computed where quiet like 'q%' and loud > 'Q';

-- why: a guess at a computed column
select id from kinds.computed where quiet = 'qxkind7-1' or loud = 'QXKIND7-2' or size = 16;

-- why: a materialized view copied by its name
copy kinds.copied to stdout;

-- why: an identity column's sequence, by the newest function
select * from pg_get_sequence_data('kinds.numbered_code_seq');

-- why: what the next number of it is
-- as: write
select nextval('kinds.numbered_code_seq'), currval('kinds.numbered_code_seq'), lastval();

-- why: a number drawn by the row itself
-- as: write
insert into kinds.numbered (note) values ('x') returning code, new.code, numbered;

-- why: a domain over a masked type says what it refuses
select code::kinds.secret, (code || 'x')::kinds.needed, ('x' || code)::kinds.secret from kinds.base;

-- why: types of rows by cast and by function, soft errors with them
select pg_input_error_info(row(id, code)::text, 'kinds.person'), row('n', code)::kinds.person from kinds.base;

-- why: what SQL/JSON makes of nested values
select json_query(to_jsonb(t), '$.many[*].code' with wrapper), json_value(to_jsonb(t), '$.who.code'), json_serialize(json_array(t.doms returning jsonb)) from kinds.typed t;

-- why: a foreign table's rows by sample, by lock and as a copy
copy (select r, r::text from kinds.remote r) to stdout with (format csv, force_quote *);

-- why: definitions that newer versions print
select pg_get_statisticsobjdef_columns(oid), pg_get_statisticsobjdef(oid), (select string_agg(harmless, ',') from kinds.copied) from pg_statistic_ext;

-- why: the body of a function of the standard, and its source
select pg_get_function_sqlbody('kinds.definer'::regproc), pg_get_functiondef('kinds.fills'::regproc), prosrc from pg_proc where proname = 'definer';

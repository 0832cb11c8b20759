-- Values in the catalogs: statistics, defaults, and what the masked views say of themselves.
-- aim: read

-- why: most common values and histogram bounds
select * from pg_stats where tablename = 'customers';

-- why: the histogram alone
select attname, most_common_vals::text, histogram_bounds::text from pg_catalog.pg_stats where attname in ('email', 'ssn', 'credit_card', 'dob', 'phone');

-- why: the table below the view
select * from pg_statistic;

-- why: its values by number
select starelid::regclass, staattnum, stavalues1, stavalues2 from pg_statistic where starelid = 'customers'::regclass;

-- why: extended statistics
select * from pg_stats_ext;

-- why: extended statistics of expressions
select * from pg_stats_ext_exprs;

-- why: extended statistics below
select stxdmcv from pg_statistic_ext_data;

-- why: planner estimates from statistics, a value at a time
explain select * from customers where ssn >= 'q';

-- why: index contents are statistics too
select * from pg_stats where tablename like 'customers%idx';

-- why: by the name of the masked view's schema
select n.nspname, c.relname, pg_get_viewdef(c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname like 'gov\_m\_%';

-- why: passwords
select * from pg_authid;

-- why: passwords, less so
select * from pg_shadow;

-- why: settings of others
select * from pg_user_mappings;

-- why: subscriptions hold connection strings
select * from pg_subscription;

-- why: large objects of others
select * from pg_largeobject;

-- why: toasted values live in a table of their own
select * from pg_toast.pg_toast_2619;

-- why: the toast table of customers, by its name
select reltoastrelid::regclass from pg_class where relname = 'customers';

-- why: the server's configuration files
select * from pg_hba_file_rules;

-- why: settings with secrets in them
select name, setting from pg_file_settings;

-- why: statements of others
select * from pg_stat_statements;

-- why: the visible statistics functions
select pg_stat_get_activity(null);

-- why: the planner's estimate of groups, which comes from statistics
-- excepted: estimates
explain select email, count(*) from customers group by email;

-- why: the same for DISTINCT and UNION
-- excepted: estimates
explain select distinct ssn, credit_card from customers union select phone, email from customers;

-- why: the estimate for NULL, for a range and for a join
explain select 1 from customers a join customers b on a.credit_card = b.credit_card where a.phone is null and b.dob > '1700-01-01' and a.email like 'z%';

-- why: the estimate of groups of a column that has few values, or many
-- excepted: estimates
explain select credit_card, count(*) from customers group by credit_card;

-- why: the same for a sort that is cut, and for a hash
-- excepted: estimates
explain (costs) select distinct on (credit_card) credit_card, email from customers order by credit_card, email limit 5;

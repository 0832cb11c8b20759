-- Attempts to keep the broker, or the people beside one, from working: too long, too deep, too many, never done. After
-- each of them others are answered as before.
-- aim: wedge

-- why: it never ends
select pg_sleep(100000);

-- why: it never ends, and does nothing but compute
select count(*) from generate_series(1, 1000000000000) a, generate_series(1, 1000) b;

-- why: a recursion without an end
with recursive r (n) as (select 1 union all select n + 1 from r) select count(*) from r;

-- why: rows without an end
select n, repeat('x', 1000) from generate_series(1, 1000000000) n;

-- why: one row as large as a row can be
select repeat('x', 20000000);

-- why: more memory than there is
select repeat('x', 1073741800) || repeat('y', 1073741800);

-- why: an array of as much
select array_fill(0, array[1000000000]);

-- why: a chain of operators
select {20000 times 1 + }1;

-- why: parentheses
select {5000 times (}1{5000 times )};

-- why: subqueries in subqueries
select {400 times (select }1{400 times )};

-- why: a condition of thousands of parts
select 1 where {10000 times true and }true;

-- why: CASE in CASE
select {400 times case when true then }1{400 times  end};

-- why: arrays in arrays
select {1000 times array[}1{1000 times ]};

-- why: a list of values
select 1 where 1 in (1{30000 times , 1});

-- why: very many columns
select 1{1800 times , 1};

-- why: very many statements
{5000 times select 1;}

-- why: very many names
select {400 times a.}b;

-- why: very many joins
select count(*) from orders a{120 times  natural join (select 1 as z) x} limit 1;

-- why: very many unions
select 1{2000 times  union all select 1};

-- why: very many savepoints
begin; {2000 times savepoint s;} rollback;

-- why: very many prepared statements
{500 times prepare p as select 1; deallocate p;}

-- why: a comment in a comment in a comment
{20000 times /*}{20000 times */}select 1;

-- why: an open quote
select '{100000 times x};

-- why: an open comment
select 1 /*{100000 times x};

-- why: a dollar quote in a dollar quote
do $a$ begin {2000 times null;} end $a$;

-- why: JSON as deep as it may be
select '{5000 times [}{5000 times ]}'::jsonb;

-- why: XML entities that multiply
select xmlparse(document '<!DOCTYPE x [<!ENTITY a "{100 times a}"><!ENTITY b "{100 times &a;}"><!ENTITY c "{100 times &b;}">]><x>&c;</x>');

-- why: an expression that backtracks
select repeat('a', 30) ~ '^(a+)+$b';

-- why: a pattern of LIKE that does
select repeat('a', 5000) like '{60 times %a}b';

-- why: a number of many digits
select 10::numeric ^ 100000;

-- why: a factorial
select factorial(30000);

-- why: a format of a huge width
select format('%1100000000s', 'x');

-- why: notices without an end
do $$ begin loop raise notice 'x'; end loop; end $$;

-- why: a lock that is waited for
select pg_advisory_lock(7), pg_advisory_lock(8);

-- why: a lock nobody gives back
lock table customers in access exclusive mode;

-- why: a COPY that never begins
-- as: write
copy orders from stdin;

-- why: a cursor over everything, held
begin; declare wedge_c cursor with hold for select a.id from orders a, orders b where a.id < 200 and b.id < 200; commit; fetch 1 from wedge_c;

-- why: sleep by another name
select pg_sleep_for('10 hours'), pg_sleep_until('infinity');

-- why: sleep in every row
select 1 from orders where pg_sleep(1) is null;

-- why: sleep on the fast path
-- fast path: pg_sleep(double precision)
100000

-- why: a lock on the fast path
-- fast path: pg_advisory_lock(bigint)
7

-- why: a function that is not there, on the fast path
-- fast path: nothing()
()

-- why: a backend ended on the fast path
-- fast path: pg_terminate_backend(integer, bigint)
1 | 1000000

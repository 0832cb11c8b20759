-- What somebody who may create objects could leave lying about: code that shouts with its owner's rights,
-- under names that look like something else. Whoever gets one of these to run hears `qxssn7`.
CREATE SCHEMA trap AUTHORIZATION shop_owner;
SET ROLE shop_owner;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.shout() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS
  $$ BEGIN RAISE NOTICE 'qxssn7 from a trap'; END $$;
CREATE FUNCTION trap.said(anyelement) RETURNS anyelement LANGUAGE plpgsql SECURITY DEFINER IMMUTABLE AS
  $$ BEGIN RAISE NOTICE 'qxssn7 from a trap'; RETURN $1; END $$;
CREATE FUNCTION trap.fits(text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER IMMUTABLE AS
  $$ BEGIN RAISE NOTICE 'qxssn7 from a trap'; RETURN true; END $$;
CREATE FUNCTION trap.fits(integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER IMMUTABLE AS
  $$ BEGIN RAISE NOTICE 'qxssn7 from a trap'; RETURN true; END $$;
CREATE FUNCTION trap.raised() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
  $$ BEGIN RAISE NOTICE 'qxssn7 from a trap'; RETURN coalesce(new, old); END $$;

-- names of built-ins
CREATE FUNCTION trap.lower(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT trap.said($1)';
CREATE FUNCTION trap.upper(integer) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT trap.said(''x''::text)';
CREATE FUNCTION trap.now(integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT trap.said(1)';
CREATE FUNCTION trap.count(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT trap.said(1)';
CREATE FUNCTION trap.length(character varying) RETURNS integer LANGUAGE sql AS 'SELECT trap.said(1)';
CREATE FUNCTION trap.concat(VARIADIC integer[]) RETURNS text LANGUAGE sql AS 'SELECT trap.said(''x''::text)';
CREATE FUNCTION trap.coalesce(text, text) RETURNS text LANGUAGE sql AS 'SELECT trap.said($1)';
CREATE FUNCTION trap."Lower"(text) RETURNS text LANGUAGE sql AS 'SELECT trap.said($1)';
CREATE FUNCTION trap."set_config"(text, text, integer) RETURNS text LANGUAGE sql AS 'SELECT trap.said($1)';
CREATE FUNCTION trap.ßß() RETURNS integer LANGUAGE sql AS 'SELECT trap.said(1)';
CREATE AGGREGATE trap.max(text) (SFUNC = textcat, STYPE = text, FINALFUNC = trap.lower);
CREATE FUNCTION trap.stepped(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT trap.said(1)';
CREATE AGGREGATE trap.sum(integer) (SFUNC = trap.stepped, STYPE = integer, INITCOND = '0');

-- types, casts, operators
CREATE DOMAIN trap.word AS text CHECK (trap.fits(VALUE));
CREATE DOMAIN trap.inner_word AS trap.word;
CREATE DOMAIN trap.defaulted AS integer DEFAULT trap.said(1);
CREATE TYPE trap.pair AS (a integer, w trap.word);
CREATE TYPE trap.thing AS (a integer);
CREATE FUNCTION trap.eq(trap.thing, trap.thing) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT trap.fits(1)';
CREATE FUNCTION trap.text_of(trap.thing) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT trap.said(''x''::text)';
CREATE FUNCTION trap.json_of(trap.thing) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT trap.said(''1''::json)';
CREATE FUNCTION trap.int_of(trap.thing) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT trap.said(1)';
CREATE CAST (trap.thing AS text) WITH FUNCTION trap.text_of(trap.thing) AS IMPLICIT;
CREATE CAST (trap.thing AS json) WITH FUNCTION trap.json_of(trap.thing);
CREATE CAST (trap.thing AS integer) WITH FUNCTION trap.int_of(trap.thing);
CREATE OPERATOR trap.= (LEFTARG = trap.thing, RIGHTARG = trap.thing, FUNCTION = trap.eq);
CREATE OPERATOR trap.>= (LEFTARG = trap.thing, RIGHTARG = trap.thing, FUNCTION = trap.eq);
CREATE OPERATOR trap.<= (LEFTARG = trap.thing, RIGHTARG = trap.thing, FUNCTION = trap.eq);
CREATE FUNCTION trap.plus(integer, text) RETURNS text LANGUAGE sql AS 'SELECT trap.said($2)';
CREATE OPERATOR trap.+ (LEFTARG = integer, RIGHTARG = text, FUNCTION = trap.plus);
CREATE FUNCTION trap.ints(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT trap.said(1)';
CREATE OPERATOR trap.+ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = trap.ints);
CREATE OPERATOR trap.@ (RIGHTARG = text, FUNCTION = trap.lower);

-- tables on which code hangs
CREATE TABLE trap.things(id integer, t trap.thing);
INSERT INTO trap.things VALUES (1, '(1)'), (2, '(2)');
CREATE TABLE trap.words(id integer, w trap.word);
CREATE TABLE trap.watched(id integer PRIMARY KEY, name text);
INSERT INTO trap.watched VALUES (1, 'x');
CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON trap.watched FOR EACH ROW EXECUTE FUNCTION trap.raised();
CREATE TABLE trap.whole(id integer);
CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON trap.whole EXECUTE FUNCTION trap.raised();
CREATE TABLE trap.defaults(id integer, x integer DEFAULT trap.said(1));
CREATE TABLE trap.stored(id integer, x integer GENERATED ALWAYS AS (trap.said(id)) STORED);
CREATE TABLE trap.checked(id integer CHECK (trap.fits(id)));
CREATE TABLE trap.indexed(id integer);
CREATE INDEX ON trap.indexed (trap.said(id));
CREATE TABLE trap.partial(id integer);
CREATE INDEX ON trap.partial (id) WHERE trap.fits(id);
CREATE TABLE trap.secured(id integer);
INSERT INTO trap.secured VALUES (1);
ALTER TABLE trap.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON trap.secured USING (trap.fits(id));
CREATE TABLE trap.parent(id integer PRIMARY KEY);
INSERT INTO trap.parent VALUES (1);
CREATE TABLE trap.child(id integer REFERENCES trap.parent ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO trap.child VALUES (1);
CREATE TRIGGER t AFTER UPDATE OR DELETE ON trap.child FOR EACH ROW EXECUTE FUNCTION trap.raised();
CREATE TABLE trap.split(id integer) PARTITION BY RANGE (id);
CREATE TABLE trap.split_one PARTITION OF trap.split DEFAULT;
CREATE TRIGGER t BEFORE INSERT ON trap.split_one FOR EACH ROW EXECUTE FUNCTION trap.raised();
CREATE TABLE trap.ruled(id integer);
CREATE RULE r AS ON INSERT TO trap.ruled DO ALSO SELECT trap.shout();
RESET ROLE;

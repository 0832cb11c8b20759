-- A database in which much is not what its name says, and much runs by itself.
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION owned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN new; END';
CREATE FUNCTION emptied() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN null; END';

-- overloads of built-ins
CREATE FUNCTION lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION upper(integer) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE FUNCTION length(text, text DEFAULT '') RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION concat_all(VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION abs(anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION round(double precision, integer) RETURNS numeric LANGUAGE sql AS 'SELECT 1.0';
CREATE FUNCTION now(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION nextval(text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA app;
CREATE FUNCTION app.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.f(integer) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT $1';
CREATE FUNCTION app.lonely() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA "Straße";
CREATE FUNCTION "Straße"."Größe"() RETURNS integer LANGUAGE sql AS 'SELECT 1';

-- a type with operators, a cast, and a domain that checks
CREATE TYPE color AS (r integer, g integer);
CREATE FUNCTION same(color, color) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION before(color, color) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR = (LEFTARG = color, RIGHTARG = color, FUNCTION = same);
CREATE OPERATOR >= (LEFTARG = color, RIGHTARG = color, FUNCTION = before);
CREATE OPERATOR ### (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4pl);
CREATE FUNCTION joined(text, integer) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE OPERATOR || (LEFTARG = text, RIGHTARG = integer, FUNCTION = joined);
CREATE FUNCTION negative(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE OPERATOR @ (RIGHTARG = text, FUNCTION = negative);
CREATE FUNCTION shade(color) RETURNS text LANGUAGE sql AS 'SELECT ''x''';
CREATE CAST (color AS text) WITH FUNCTION shade(color) AS IMPLICIT;
CREATE TYPE size AS (w integer);
CREATE FUNCTION as_json(size) RETURNS json LANGUAGE sql AS 'SELECT ''1''::json';
CREATE CAST (size AS json) WITH FUNCTION as_json(size);
CREATE TYPE weight AS (w integer);
CREATE FUNCTION heavy(weight) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE CAST (weight AS integer) WITH FUNCTION heavy(weight);
CREATE FUNCTION is_code(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE DOMAIN code AS text CHECK (is_code(value));
CREATE DOMAIN inner_code AS code;
CREATE DOMAIN "Kürzel" AS text CHECK (value ~ '^x' AND length(value) < 10);
CREATE TYPE boxed AS (a integer, c code);

-- aggregates
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer);
CREATE AGGREGATE sum(text) (SFUNC = textcat, STYPE = text);

-- what runs by itself
CREATE TABLE plain(id serial PRIMARY KEY, name text, tag varchar(9), n bigint, at timestamptz DEFAULT now());
CREATE TABLE watched(id integer PRIMARY KEY, name text);
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER gone AFTER DELETE ON watched FOR EACH ROW EXECUTE FUNCTION owned();
CREATE TRIGGER all_gone AFTER TRUNCATE ON watched EXECUTE FUNCTION emptied();
CREATE TABLE quiet(id integer);
CREATE TRIGGER off BEFORE INSERT ON quiet FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE quiet DISABLE TRIGGER off;
CREATE TABLE picky(id integer, name text);
CREATE TRIGGER sometimes BEFORE UPDATE ON picky FOR EACH ROW WHEN (f(new.id) > 1)
  EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE child(id integer PRIMARY KEY, parent integer REFERENCES plain ON DELETE CASCADE);
CREATE TRIGGER c AFTER DELETE ON child FOR EACH ROW EXECUTE FUNCTION owned();
CREATE TABLE ruled(id integer);
CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO quiet VALUES (new.id);
CREATE TABLE defaulted(id integer DEFAULT f(1), x integer);
CREATE TABLE generated(id integer, twice integer GENERATED ALWAYS AS (f(id)) STORED);
CREATE TABLE checked(id integer CHECK (f(id) > 0));
CREATE TABLE indexed(id integer);
CREATE INDEX by_f ON indexed (f(id));
CREATE TABLE partly(id integer);
CREATE INDEX part ON partly (id) WHERE f(id) > 0;
CREATE TABLE coded(id integer, c code);
CREATE TABLE colored(id integer, c color);
CREATE TABLE sized(id integer, s size);
CREATE TABLE boxes(id integer, b boxed);
CREATE TABLE lists(id integer, c inner_code[]);
CREATE TABLE weights(id integer, w weight);
CREATE VIEW calling AS SELECT id, f(id) AS f FROM plain;
CREATE VIEW sleeping AS SELECT id FROM plain WHERE pg_sleep(0) IS NOT NULL;
CREATE VIEW harmless AS SELECT id, pg_catalog.lower(name) AS name FROM plain WHERE id = 1;
CREATE VIEW above AS SELECT * FROM calling;
CREATE VIEW through AS SELECT id, name FROM watched;
CREATE MATERIALIZED VIEW kept AS SELECT f(id) AS f FROM plain;
CREATE TABLE secured(id integer);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON secured USING (f(id) > 0);
CREATE TABLE split(id integer, name text) PARTITION BY RANGE (id);
CREATE TABLE split_one PARTITION OF split DEFAULT;
CREATE TRIGGER one BEFORE INSERT ON split_one FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW instead AS SELECT 1 AS id;
CREATE TRIGGER i INSTEAD OF INSERT ON instead FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN END';
CREATE EVENT TRIGGER seen ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION on_ddl();
CREATE TABLE "Groß"("Fuß" integer);
CREATE FUNCTION upper(interval) RETURNS text LANGUAGE sql AS 'SELECT ''x''';
CREATE TABLE timed(i interval day to second(3), d numeric(10, 2));
CREATE FUNCTION positive(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE VIEW allowed AS SELECT id FROM plain WHERE positive(id) WITH CHECK OPTION;
CREATE FUNCTION replace(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION made() RETURNS color LANGUAGE sql AS 'SELECT row(1, 2)::color';
CREATE FUNCTION takes(code) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION apart(integer, integer) RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8';
CREATE TYPE span AS RANGE (SUBTYPE = integer, SUBTYPE_DIFF = apart);
CREATE TABLE spans(id integer, s span);

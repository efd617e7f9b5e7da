-- Reads that look like the traps and only read. Made as those, in schemas l_NAME.

-- item: view
CREATE TABLE t (n int, name text, made timestamptz);
INSERT INTO t VALUES (1, 'x', now());
CREATE VIEW a AS SELECT n, upper(name) AS name, made::date AS d FROM t WHERE n > 0;
CREATE VIEW b AS SELECT a.n, count(*) AS c, array_agg(a.name ORDER BY a.d) AS names FROM a GROUP BY a.n;
CREATE VIEW c AS WITH q AS (SELECT * FROM b) SELECT q.*, row_number() OVER (ORDER BY q.n) AS r FROM q LEFT JOIN t USING (n);
CREATE MATERIALIZED VIEW m AS SELECT canary.poke() AS n;
-- run: SELECT * FROM c
-- run: SELECT c.n, c.names FROM c JOIN t ON t.n = c.n
-- run: SELECT * FROM m
-- run: TABLE a
-- run: EXPLAIN SELECT * FROM b

-- item: functions
CREATE TABLE t (n int, name text);
INSERT INTO t VALUES (1, 'x');
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n) FROM l_functions.t';
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION all_of() RETURNS SETOF t LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY SELECT * FROM l_functions.t; END $$;
CREATE FUNCTION busy(a int, b text DEFAULT 'x') RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE r record; found_one boolean := false; many text[] := '{}'; n int; whole l_functions.t%ROWTYPE; named l_functions.t; kept l_functions.t.name%TYPE; c CURSOR FOR SELECT name FROM l_functions.t;
BEGIN
SELECT count(*) INTO n FROM l_functions.t x WHERE x.n = a;
FOR r IN SELECT * FROM l_functions.t LOOP many := many || r.name; many[1] := upper(r.name); END LOOP;
IF n > 0 AND NOT found_one THEN RAISE DEBUG 'found %', n; ELSIF n = 0 THEN RETURN NULL; END IF;
FOR i IN 1..3 LOOP CONTINUE WHEN i = 2; EXIT WHEN i > 2; END LOOP;
CASE n WHEN 1 THEN n := 2; ELSE n := 3; END CASE;
OPEN c; FETCH c INTO b; CLOSE c;
n := n / 1; kept := b; whole.n := n; SELECT * INTO whole FROM l_functions.t LIMIT 1; named.name := whole.name;
BEGIN n := n / 1; EXCEPTION WHEN division_by_zero THEN n := 0; END;
RETURN b || l_functions.twice(n)::text;
END $$;
CREATE FUNCTION countdown(n int) RETURNS int LANGUAGE plpgsql STABLE AS
$$ BEGIN IF n > 0 THEN RETURN l_functions.countdown(n - 1); END IF; RETURN 0; END $$;
-- run: SELECT total(), twice(3)
-- run: SELECT * FROM all_of()
-- run: SELECT busy(1)
-- run: SELECT l_functions.busy(1, 'y')
-- run: SELECT countdown(3)
-- run: SELECT twice(n) FROM t ORDER BY twice(n)
-- run: SELECT f.n FROM all_of() f

-- item: atomic since 14
CREATE TABLE t (n int);
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM t; END;
CREATE FUNCTION g(a int) RETURNS int LANGUAGE sql IMMUTABLE RETURN a + 1;
-- run: SELECT f(), g(1)

-- item: operators
CREATE TYPE money_of AS (amount numeric, currency text);
CREATE TABLE t (v money_of);
INSERT INTO t VALUES (ROW(1, 'SEK'));
CREATE FUNCTION plus(money_of, money_of) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT ($1).amount + ($2).amount';
CREATE OPERATOR + (LEFTARG = money_of, RIGHTARG = money_of, FUNCTION = plus, COMMUTATOR = +);
CREATE FUNCTION shown(money_of) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT ($1).amount::text || ($1).currency $$;
CREATE CAST (money_of AS text) WITH FUNCTION shown(money_of);
-- run: SELECT v + v FROM t
-- run: SELECT v::text, (v).amount FROM t
-- run: SELECT t.v FROM t WHERE (t.v).currency = 'SEK'
-- run: SELECT DISTINCT v FROM t ORDER BY v

-- item: types
CREATE DOMAIN personnummer AS text CHECK (VALUE ~ '^[0-9]{12}$');
CREATE TYPE state AS ENUM ('open', 'closed');
CREATE TYPE span AS RANGE (subtype = timestamptz);
CREATE TABLE t (p personnummer, s state, r span, a personnummer[], n int);
INSERT INTO t VALUES ('191212121212', 'open', NULL, NULL, 1);
-- run: SELECT * FROM t
-- run: SELECT '191212121212'::personnummer
-- run: SELECT s, count(*) FROM t GROUP BY s ORDER BY s
-- run: SELECT * FROM t WHERE s = 'open'::state
-- run: SELECT span(now(), NULL)
-- run: SELECT json_populate_record(NULL::t, '{}')
-- run: SELECT 'open'::state::text

-- item: policy
CREATE TABLE t (n int, unit text);
INSERT INTO t VALUES (1, 'a');
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON t FOR SELECT USING (unit = current_setting('app.unit', true) OR unit = 'a');
CREATE POLICY write ON t FOR INSERT WITH CHECK (canary.poke() > 0);
-- run: SELECT * FROM t

-- item: partitions
CREATE TABLE p (n int, at date) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX i ON p (n);
CREATE TABLE parent (n int DEFAULT canary.poke());
CREATE TABLE child () INHERITS (parent);
-- run: SELECT * FROM p WHERE at > '2024-11-12'
-- run: SELECT * FROM parent

-- item: written_by_triggers
CREATE TABLE t (n int DEFAULT nextval('canary.counter'), CHECK (n > 0));
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM canary.poke(); RETURN NEW; END $$;
CREATE TRIGGER written BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION audit();
CREATE SEQUENCE s;
-- run: SELECT * FROM t
-- run: SELECT last_value FROM s

-- item: columns
CREATE TABLE t (n int, poked text);
INSERT INTO t VALUES (1, 'x');
CREATE FUNCTION poked(t) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 1; END $$;
-- run: SELECT t.poked FROM t
-- run: SELECT x.poked, x.n FROM t x
-- run: SELECT l_columns.t.poked FROM l_columns.t

-- item: overloads
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION f(int, int, int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
-- run: SELECT f(1)
-- run: SELECT lower('X'), lower(3)

-- item: elsewhere
CREATE FUNCTION now() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
-- run: SELECT now()
-- run: SELECT upper('x'), count(*) FROM pg_class c WHERE c.relname = 'x'

-- item: extensions
CREATE EXTENSION IF NOT EXISTS citext SCHEMA canary;
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA canary;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA canary;
CREATE TABLE t (v canary.citext, h canary.hstore, s text);
INSERT INTO t VALUES ('x', 'a=>1', 'y');
CREATE INDEX i ON t USING gin (s canary.gin_trgm_ops);
-- run: SELECT * FROM t WHERE v OPERATOR(canary.=) 'X'
-- run: SELECT DISTINCT v FROM t ORDER BY v
-- run: SELECT h OPERATOR(canary.->) 'a' FROM t
-- run: SELECT canary.similarity(s, 'z') FROM t WHERE s LIKE '%y%'

-- item: definer
CREATE SCHEMA l_definer_other;
CREATE FUNCTION l_definer_other.inner_one() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION inner_one() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = l_definer_other AS $$ BEGIN RETURN inner_one(); END $$;
GRANT USAGE ON SCHEMA l_definer_other TO reader;
-- run: SELECT f()

-- item: system
-- run: SELECT c.oid, c.relname FROM pg_catalog.pg_class c WHERE c.relkind = 'r'
-- run: SELECT * FROM information_schema.tables
-- run: SELECT 1 IN (1, 2), 3 BETWEEN 1 AND 4, CASE 1 WHEN 1 THEN 'x' END
-- run: SHOW server_version
-- run: BEGIN

-- item: cursors
CREATE TABLE person (person_id int, name_last text);
INSERT INTO person VALUES (7, 'Sju'), (8, 'Åtta');
CREATE FUNCTION opened(refcursor) RETURNS refcursor LANGUAGE plpgsql STABLE AS $$ BEGIN
    OPEN $1 FOR SELECT * FROM l_cursors.person; RETURN $1; END $$;
CREATE FUNCTION swapped(refcursor) RETURNS refcursor LANGUAGE plpgsql STABLE AS $$ BEGIN
    CLOSE $1; RETURN l_cursors.opened($1); END $$;
CREATE FUNCTION looped() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN
    FOR n IN 1..2 LOOP RETURN (SELECT max(person_id) FROM l_cursors.person); END LOOP; RETURN 0; END $$;
CREATE VIEW through AS SELECT l_cursors.swapped('c');
-- run: SELECT opened('d')
-- run: SELECT looped()

-- item: json_syntax since 17
CREATE FUNCTION "json_value"(jsonb, text) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
CREATE FUNCTION "json_array"(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
-- run: SELECT JSON_VALUE(jsonb '{"a": 1}', '$.a'), JSON_EXISTS(jsonb '{}', '$.a'), JSON_QUERY(jsonb '{}', '$')
-- run: SELECT JSON_ARRAY(1), JSON_SCALAR(1), JSON_SERIALIZE('{}'), JSON('{}')

-- item: json_calls before 16
CREATE FUNCTION json_value(json, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 ->> $2';
-- run: SELECT json_value('{"a": 1}', 'a'), json_object('{a}', '{1}'), json('{}'::text)

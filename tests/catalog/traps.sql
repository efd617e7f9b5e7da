-- Reads that write when nobody guards them. Each item is made in a schema of its own, t_NAME, which is first on the
-- search path of its statements; `canary.poke` writes, and whatever reaches it is a trap. Functions that reach it are
-- declared immutable or stable: PostgreSQL believes them, and so would whoever looks at volatility alone.

-- item: function
-- run: SELECT canary.poke()
-- run: SELECT 1 LIMIT canary.poke()
-- run: SELECT 1 ORDER BY canary.poke()
-- run: VALUES (canary.poke())
-- run: SELECT * FROM canary.poke()
-- run: SELECT sum(1) OVER (ORDER BY canary.poke())
-- run: SELECT 1 WHERE EXISTS (SELECT 1 WHERE canary.poke() > 0)
-- run: SELECT "canary"."poke"()
-- run: SELECT canary.U&"p\006fke"() AS y FROM (SELECT 1) x
-- run: WITH x AS (SELECT canary.poke(1)) SELECT * FROM x
-- run: EXPLAIN ANALYZE SELECT canary.poke()
-- run: SELECT COALESCE(NULL, canary.poke())
-- run: SELECT ARRAY[canary.poke()]

-- item: view
CREATE VIEW v AS SELECT canary.poke() AS n;
-- run: SELECT * FROM v
-- run: TABLE v
-- run: SELECT 1 FROM v a JOIN v b ON a.n = b.n
-- run: EXPLAIN ANALYZE SELECT * FROM v
-- run: COPY (SELECT * FROM v) TO STDOUT
-- run: SELECT (SELECT n FROM v)
-- run: WITH x AS (SELECT * FROM v) SELECT * FROM x

-- item: view_of_views
CREATE VIEW a AS SELECT 1 AS n WHERE canary.poke() > 0;
CREATE VIEW b AS SELECT n FROM a;
CREATE VIEW c AS SELECT * FROM b;
CREATE VIEW d AS WITH q AS (SELECT (SELECT max(n) FROM c) AS n) SELECT * FROM q;
-- run: SELECT * FROM d

-- item: view_of_builtins
CREATE VIEW next AS SELECT nextval('canary.counter') AS n;
-- run: SELECT * FROM next

-- item: view_of_large_object
CREATE VIEW v AS SELECT lo_create(0) AS n;
-- run: SELECT * FROM v

-- item: stable_plpgsql
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN canary.poke(); END $$;
-- run: SELECT f()
-- run: SELECT t_stable_plpgsql.f()
-- run: SELECT * FROM f()

-- item: three_deep
CREATE FUNCTION a() RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION b() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN IF true THEN RETURN (SELECT t_three_deep.a()); END IF; RETURN 0; END $$;
CREATE FUNCTION c() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT t_three_deep.b()';
-- run: SELECT c()

-- item: recursive
CREATE FUNCTION a(n int) RETURNS int LANGUAGE plpgsql STABLE AS
$$ BEGIN IF n > 0 THEN RETURN t_recursive.b(n - 1); END IF; RETURN 0; END $$;
CREATE FUNCTION b(n int) RETURNS int LANGUAGE plpgsql STABLE AS
$$ BEGIN IF n > 0 THEN RETURN t_recursive.a(n - 1); END IF; RETURN canary.poke(); END $$;
-- run: SELECT a(3)
-- run: SELECT b(2)

-- item: atomic since 14
CREATE FUNCTION f() RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC SELECT 1; SELECT canary.poke(); END;
CREATE FUNCTION g() RETURNS int LANGUAGE sql STABLE RETURN canary.poke() + 1;
-- run: SELECT f()
-- run: SELECT g()

-- item: atomic_builtin since 14
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT nextval('canary.counter'); END;
-- run: SELECT f()

-- item: dynamic
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n int; BEGIN EXECUTE 'SELECT canary.po' || 'ke()' INTO n; RETURN n; END $$;
-- run: SELECT f()

-- item: dynamic_loop
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE r record; BEGIN FOR r IN EXECUTE 'SELECT canary.poke()' LOOP NULL; END LOOP; RETURN 1; END $$;
-- run: SELECT f()

-- item: dynamic_return
CREATE FUNCTION f() RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT canary.poke()'; END $$;
-- run: SELECT f()

-- item: plpgsql_corners
CREATE FUNCTION in_subscript() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE a int[] := '{1,2}'; BEGIN a[canary.poke()] := 3; RETURN 1; END $$;
CREATE FUNCTION in_raise() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE DEBUG 'x %', canary.poke(); RETURN 1; END $$;
CREATE FUNCTION in_condition() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN IF canary.poke() > 5 THEN RETURN 0; END IF; RETURN 1; END $$;
CREATE FUNCTION in_default() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n int := canary.poke(); BEGIN RETURN n; END $$;
CREATE FUNCTION in_loop() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN FOR i IN 1..canary.poke() LOOP NULL; END LOOP; RETURN 1; END $$;
CREATE FUNCTION in_cursor() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE c CURSOR FOR SELECT canary.poke(); n int; BEGIN OPEN c; FETCH c INTO n; RETURN n; END $$;
CREATE FUNCTION in_handler() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN 1 / 0; EXCEPTION WHEN division_by_zero THEN RETURN canary.poke(); END $$;
CREATE FUNCTION in_case() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN CASE canary.poke() WHEN 5 THEN RETURN 0; ELSE RETURN 1; END CASE; END $$;
CREATE FUNCTION in_perform() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM * FROM (SELECT canary.poke()) x; RETURN 1; END $$;
CREATE FUNCTION in_query() RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY SELECT canary.poke(); END $$;
-- run: SELECT in_subscript()
-- run: SELECT in_raise()
-- run: SELECT in_condition()
-- run: SELECT in_default()
-- run: SELECT in_loop()
-- run: SELECT in_cursor()
-- run: SELECT in_handler()
-- run: SELECT in_case()
-- run: SELECT in_perform()
-- run: SELECT in_query()

-- item: plpgsql_domain
CREATE FUNCTION checked(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN true; END $$;
CREATE DOMAIN d AS int CHECK (t_plpgsql_domain.checked(VALUE));
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n t_plpgsql_domain.d; BEGIN n := 3; RETURN n; END $$;
-- run: SELECT f()

-- item: operator
CREATE FUNCTION op(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 1; END $$;
CREATE OPERATOR <-> (LEFTARG = int, RIGHTARG = int, FUNCTION = op);
-- run: SELECT 1 <-> 2
-- run: SELECT 1 OPERATOR(t_operator.<->) 2
-- run: SELECT 1 <-> 2 IS NULL

-- item: operator_of_builtin
CREATE OPERATOR <-> (LEFTARG = int, RIGHTARG = int, FUNCTION = pg_try_advisory_xact_lock);
-- run: SELECT 1 <-> 2

-- item: equals
CREATE TYPE c AS (n int);
CREATE FUNCTION eq(c, c) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN true; END $$;
CREATE OPERATOR = (LEFTARG = c, RIGHTARG = c, FUNCTION = eq);
CREATE TABLE t (v c);
INSERT INTO t VALUES (ROW(1));
CREATE OPERATOR >= (LEFTARG = c, RIGHTARG = c, FUNCTION = eq);
CREATE OPERATOR <= (LEFTARG = c, RIGHTARG = c, FUNCTION = eq);
-- run: SELECT v = v FROM t
-- run: SELECT CASE v WHEN v THEN 1 END FROM t
-- run: SELECT v IN (v) FROM t
-- run: SELECT NULLIF(v, v) FROM t
-- run: SELECT v IS DISTINCT FROM v FROM t
-- run: SELECT v BETWEEN v AND v FROM t
-- run: SELECT 1 FROM t a JOIN t b USING (v)
-- run: SELECT 1 FROM t a NATURAL JOIN t b
-- run: SELECT v IN (SELECT v FROM t) FROM t
-- run: SELECT v = ANY (ARRAY[v]) FROM t

-- item: cast
CREATE TYPE c AS (n int);
CREATE TABLE t (v c);
INSERT INTO t VALUES (ROW(1));
CREATE FUNCTION to_text(c) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 'x'; END $$;
CREATE FUNCTION to_int(c) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 3; END $$;
CREATE CAST (c AS text) WITH FUNCTION to_text(c);
CREATE CAST (c AS int) WITH FUNCTION to_int(c) AS IMPLICIT;
-- run: SELECT v::text FROM t
-- run: SELECT CAST(v AS text) FROM t
-- run: SELECT v + 1 FROM t
-- run: SELECT ROW(1)::c + 2
-- run: SELECT abs(v) FROM t

-- item: json_cast
CREATE TYPE c AS ENUM ('a');
CREATE TABLE t (v c);
INSERT INTO t VALUES ('a');
CREATE FUNCTION j(c) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN '1'::json; END $$;
CREATE CAST (c AS json) WITH FUNCTION j(c);
-- run: SELECT to_json(v) FROM t
-- run: SELECT row_to_json(t) FROM t

-- item: domain
CREATE FUNCTION checked(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN true; END $$;
CREATE DOMAIN d AS int CHECK (checked(VALUE));
CREATE DOMAIN dd AS d;
CREATE TYPE c AS (n d);
CREATE TABLE t (v d);
INSERT INTO t VALUES (NULL);
CREATE FUNCTION takes(d) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION gives() RETURNS d LANGUAGE sql IMMUTABLE AS 'SELECT 1';
-- run: SELECT 1::d
-- run: SELECT CAST('1' AS d)
-- run: SELECT 1::dd
-- run: SELECT d '1'
-- run: SELECT '{1}'::d[]
-- run: SELECT ROW(1)::c
-- run: SELECT takes(1)
-- run: SELECT gives()
-- run: SELECT json_populate_record(NULL::c, '{"n": 1}')
-- run: SELECT json_populate_record(t, '{"v": 1}') FROM t
-- run: SELECT * FROM json_to_record('{"n": 1}') AS x(n d)
-- run: SELECT json_populate_record(NULL::t, '{"v": 1}')
-- run: SELECT d(1)

-- item: domain_of_builtin
CREATE DOMAIN d AS bigint CHECK (nextval('canary.counter') > 0);
-- run: SELECT 1::d

-- item: attribute
CREATE TABLE t (n int);
INSERT INTO t VALUES (1);
CREATE FUNCTION touched(t) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 1; END $$;
CREATE FUNCTION any_touched(anyelement) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 1; END $$;
-- run: SELECT t.touched FROM t
-- run: SELECT (t).touched FROM t
-- run: SELECT x.touched FROM t x
-- run: SELECT touched(t) FROM t
-- run: SELECT x.touched FROM t x
-- run: SELECT t_attribute.t.touched FROM t_attribute.t
-- run: SELECT (SELECT t.touched) FROM t

-- item: policy
CREATE TABLE t (n int);
INSERT INTO t VALUES (1);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON t FOR SELECT USING (canary.poke() > 0);
CREATE VIEW v AS SELECT * FROM t;
ALTER VIEW v OWNER TO reader;
-- run: SELECT * FROM t
-- run: SELECT * FROM v
-- run: SELECT count(*) FROM t

-- item: shadowed
CREATE TABLE t (n varchar);
INSERT INTO t VALUES ('A');
CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 'x'; END $$;
-- run: SELECT lower(n) FROM t
-- run: SELECT LOWER(t.n) FROM t

-- item: aggregate
CREATE FUNCTION step(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 1; END $$;
CREATE AGGREGATE total(int) (SFUNC = step, STYPE = int, INITCOND = '0');
-- run: SELECT total(1)
-- run: SELECT total(n) OVER () FROM (VALUES (1)) x(n)
-- run: SELECT total(1) FILTER (WHERE true)

-- item: aggregate_end
CREATE FUNCTION fin(bigint) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 1; END $$;
CREATE AGGREGATE total(int) (SFUNC = int4_sum, STYPE = bigint, FINALFUNC = fin);
-- run: SELECT total(1)

-- item: default
CREATE FUNCTION f(a int DEFAULT canary.poke()) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
-- run: SELECT f()

-- item: named
CREATE FUNCTION f(a int, b int DEFAULT 2, VARIADIC c int[] DEFAULT '{}') RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
CREATE FUNCTION g(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
-- run: SELECT g(a => 1)
-- run: SELECT g(b => 1, a => 2)
-- run: SELECT f(1)
-- run: SELECT f(1, 2, 3, 4)
-- run: SELECT f(1, 2, VARIADIC ARRAY[1])

-- item: operator_class
CREATE TYPE c AS ENUM ('a', 'b');
CREATE DOMAIN unused AS int;
CREATE TYPE r AS (n int);
CREATE TABLE t (v r);
INSERT INTO t VALUES (ROW(1)), (ROW(2));
CREATE FUNCTION lt(r, r) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN true; END $$;
CREATE FUNCTION cmp(r, r) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 0; END $$;
CREATE OPERATOR <<< (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR <<= (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR === (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR >>> (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR >>= (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR CLASS mine DEFAULT FOR TYPE r USING btree AS OPERATOR 1 <<<, OPERATOR 2 <<=, OPERATOR 3 ===, OPERATOR 4 >>=, OPERATOR 5 >>>, FUNCTION 1 cmp(r, r);
-- run: SELECT v FROM t ORDER BY v
-- run: SELECT DISTINCT v FROM t
-- run: SELECT v FROM t UNION SELECT v FROM t
-- run: SELECT v FROM t GROUP BY v

-- item: operator_family
CREATE TYPE r AS (n int);
CREATE TABLE t (v r);
INSERT INTO t VALUES (ROW(1)), (ROW(2));
CREATE FUNCTION lt(r, r) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE FUNCTION cmp(r, r) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 0; END $$;
CREATE OPERATOR <<< (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR <<= (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR === (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR >>> (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR >>= (LEFTARG = r, RIGHTARG = r, FUNCTION = lt);
CREATE OPERATOR CLASS other FOR TYPE r USING btree AS OPERATOR 1 <<<, OPERATOR 2 <<=, OPERATOR 3 ===, OPERATOR 4 >>=, OPERATOR 5 >>>, FUNCTION 1 cmp(r, r);
-- run: SELECT v FROM t ORDER BY v USING <<<

-- item: index
CREATE TABLE t (n int);
CREATE FUNCTION f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 1; END $$;
CREATE INDEX i ON t ((n + f(1)));
-- run: SELECT * FROM t WHERE n + 1 = 2

-- item: check
CREATE TABLE t (n int);
CREATE FUNCTION f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 1; END $$;
CREATE TABLE child (CHECK (n > f(1))) INHERITS (t);
-- run: SELECT * FROM t WHERE n > 5

-- item: foreign_table
CREATE EXTENSION IF NOT EXISTS file_fdw SCHEMA canary;
CREATE SERVER IF NOT EXISTS files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE t (n int) SERVER files OPTIONS (program 'touch canary-file; echo 1');
CREATE TABLE p (n int) PARTITION BY LIST (n);
CREATE FOREIGN TABLE p1 PARTITION OF p FOR VALUES IN (1) SERVER files OPTIONS (program 'touch canary-file; echo 1');
CREATE TABLE parent (n int);
CREATE FOREIGN TABLE child () INHERITS (parent) SERVER files OPTIONS (program 'touch canary-file; echo 1');
CREATE VIEW v AS SELECT * FROM parent;
-- run: SELECT * FROM t
-- run: SELECT * FROM p
-- run: SELECT * FROM parent
-- run: SELECT * FROM v

-- item: internal
CREATE FUNCTION harmless(regclass) RETURNS bigint LANGUAGE internal STABLE AS 'nextval_oid';
-- run: SELECT harmless('canary.counter')

-- item: definer
CREATE SCHEMA t_definer_other;
CREATE FUNCTION t_definer_other.inner_one() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
CREATE FUNCTION inner_one() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = t_definer_other AS $$ BEGIN RETURN inner_one(); END $$;
GRANT USAGE ON SCHEMA t_definer_other TO reader;
-- run: SELECT f()

-- item: crosstab
CREATE EXTENSION IF NOT EXISTS tablefunc SCHEMA canary;
-- run: SELECT * FROM canary.crosstab('SELECT 1, 2, canary.poke()') AS c(a int, b int)

-- item: quoted
CREATE FUNCTION "Poke it"() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
CREATE VIEW "A View" AS SELECT "Poke it"() AS n;
-- run: SELECT "Poke it"()
-- run: SELECT * FROM "A View"

-- item: plpgsql_record_default
CREATE TYPE c AS (n int);
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE r record := ROW(canary.poke()); BEGIN RETURN 1; END $$;
CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE r t_plpgsql_record_default.c := ROW(canary.poke()); BEGIN RETURN 1; END $$;
CREATE FUNCTION h() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE r CONSTANT c NOT NULL = ROW(canary.poke()); BEGIN RETURN 1; END $$;
-- run: SELECT f()
-- run: SELECT g()
-- run: SELECT h()

-- item: plpgsql_dropped
CREATE FUNCTION in_fetch() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE c SCROLL CURSOR FOR SELECT 1; n int; BEGIN OPEN c; FETCH RELATIVE canary.poke() FROM c INTO n; RETURN 1; END $$;
CREATE FUNCTION in_move() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE c SCROLL CURSOR FOR SELECT 1; BEGIN OPEN c; MOVE FORWARD canary.poke() FROM c; RETURN 1; END $$;
CREATE FUNCTION in_argument() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE c CURSOR (a int) FOR SELECT a; n int; BEGIN OPEN c(canary.poke()); FETCH c INTO n; RETURN n; END $$;
CREATE FUNCTION in_named_argument() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE c CURSOR (a int) FOR SELECT a; n int; BEGIN OPEN c(a := canary.poke()); FETCH c INTO n; RETURN n; END $$;
CREATE FUNCTION in_for_argument() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE c CURSOR (a int) FOR SELECT a; BEGIN FOR r IN c(canary.poke()) LOOP NULL; END LOOP; RETURN 1; END $$;
CREATE FUNCTION in_assert() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN ASSERT canary.poke() > 0, 'x'; RETURN 1; END $$;
CREATE FUNCTION in_exit() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN LOOP EXIT WHEN canary.poke() > 0; END LOOP; RETURN 1; END $$;
CREATE FUNCTION in_while() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN WHILE canary.poke() > 5 LOOP NULL; END LOOP; RETURN 1; END $$;
CREATE FUNCTION in_step() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN FOR i IN REVERSE 3..1 BY canary.poke() LOOP NULL; END LOOP; RETURN 1; END $$;
CREATE FUNCTION in_foreach() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n int; BEGIN FOREACH n IN ARRAY ARRAY[canary.poke()] LOOP NULL; END LOOP; RETURN 1; END $$;
CREATE FUNCTION in_elsif() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN IF false THEN NULL; ELSIF canary.poke() > 0 THEN NULL; END IF; RETURN 1; END $$;
CREATE FUNCTION in_raise_option() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE DEBUG USING MESSAGE = canary.poke()::text; RETURN 1; END $$;
CREATE FUNCTION in_next() RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN NEXT canary.poke(); END $$;
CREATE FUNCTION in_open_dynamic() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE c refcursor; n int; BEGIN OPEN c FOR EXECUTE 'SELECT canary.poke()'; FETCH c INTO n; RETURN 1; END $$;
CREATE FUNCTION in_open() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE c refcursor; n int; BEGIN OPEN c FOR SELECT canary.poke(); FETCH c INTO n; RETURN 1; END $$;
CREATE FUNCTION in_using() RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT $1' USING canary.poke(); END $$;
CREATE FUNCTION in_nested() RETURNS int LANGUAGE plpgsql STABLE AS $$ <<a>> BEGIN <<b>> DECLARE n int = canary.poke(); BEGIN <<c>> BEGIN NULL; END c; END b; RETURN 1; END a $$;
CREATE FUNCTION in_into() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n int; BEGIN SELECT INTO STRICT n canary.poke(); RETURN 1; END $$;
CREATE FUNCTION in_modulo() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n int := 1; type int := 2; BEGIN n := canary.poke() % type; RETURN n; END $$;
CREATE FUNCTION in_alias(int) RETURNS int LANGUAGE plpgsql STABLE AS $$ #variable_conflict use_variable
DECLARE n ALIAS FOR $1; BEGIN n = canary.poke(); RETURN n; END $$;
-- run: SELECT in_fetch()
-- run: SELECT in_move()
-- run: SELECT in_argument()
-- run: SELECT in_named_argument()
-- run: SELECT in_for_argument()
-- run: SELECT in_assert()
-- run: SELECT in_exit()
-- run: SELECT in_while()
-- run: SELECT in_step()
-- run: SELECT in_foreach()
-- run: SELECT in_elsif()
-- run: SELECT in_raise_option()
-- run: SELECT in_next()
-- run: SELECT in_open_dynamic()
-- run: SELECT in_open()
-- run: SELECT in_using()
-- run: SELECT in_nested()
-- run: SELECT in_into()
-- run: SELECT in_modulo()
-- run: SELECT in_alias(1)

-- item: plpgsql_mark
CREATE TYPE c AS (n int);
CREATE FUNCTION c() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE SCHEMA IF NOT EXISTS public;
CREATE FUNCTION public."readonly-guard 0"() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT canary.poke()';
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE r t_plpgsql_mark.c; BEGIN RETURN public."readonly-guard 0"(); END $$;
-- run: SELECT f()

-- item: plpgsql_names
CREATE FUNCTION checked(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN true; END $$;
CREATE DOMAIN d AS int CHECK (t_plpgsql_names.checked(VALUE));
CREATE DOMAIN a_name_that_is_longer_than_the_sixty_three_bytes_of_an_identifier AS int CHECK (t_plpgsql_names.checked(VALUE));
CREATE TABLE t (v d);
CREATE FUNCTION escaped() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n t_plpgsql_names.U&"\0064"; BEGIN n := 3; RETURN n; END $$;
CREATE FUNCTION escaped_otherwise() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n U&"!0064" UESCAPE '!'; BEGIN n := 3; RETURN n; END $$;
CREATE FUNCTION long() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n a_name_that_is_longer_than_the_sixty_three_bytes_of_an_identifier; BEGIN n := 3; RETURN n; END $$;
CREATE FUNCTION of_column() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n t.v%TYPE; BEGIN n := 3; RETURN n; END $$;
CREATE FUNCTION of_row() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n t_plpgsql_names.t%ROWTYPE; BEGIN n.v := 3; RETURN 1; END $$;
CREATE FUNCTION outs(OUT a d, OUT b int) LANGUAGE plpgsql STABLE AS $$ BEGIN a := 3; b := 1; END $$;
CREATE FUNCTION sql_outs(OUT a d, OUT b int) LANGUAGE sql STABLE AS 'SELECT 1, 2';
CREATE FUNCTION gives() RETURNS TABLE (a d, b int) LANGUAGE sql STABLE AS 'SELECT 1, 2';
-- run: SELECT escaped()
-- run: SELECT escaped_otherwise()
-- run: SELECT long()
-- run: SELECT of_column()
-- run: SELECT of_row()
-- run: SELECT outs()
-- run: SELECT sql_outs()
-- run: SELECT * FROM gives()

-- item: row_type
CREATE TABLE t (n int);
INSERT INTO t VALUES (1);
CREATE FUNCTION to_int(t) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 3; END $$;
CREATE FUNCTION to_text(t) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 'x'; END $$;
CREATE CAST (t AS int) WITH FUNCTION to_int(t) AS IMPLICIT;
CREATE CAST (t AS text) WITH FUNCTION to_text(t);
-- run: SELECT abs(t) FROM t
-- run: SELECT t + 1 FROM t
-- run: SELECT t::text FROM t

-- item: array_type
CREATE TYPE c AS (n int);
CREATE TABLE t (v c);
INSERT INTO t VALUES (ROW(1));
CREATE FUNCTION to_int(c[]) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 3; END $$;
CREATE CAST (c[] AS int) WITH FUNCTION to_int(c[]) AS IMPLICIT;
CREATE FUNCTION to_int(t[]) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 3; END $$;
CREATE CAST (t[] AS int) WITH FUNCTION to_int(t[]) AS IMPLICIT;
-- run: SELECT abs(array_agg(v)) FROM t
-- run: SELECT abs(ARRAY[v]) FROM t
-- run: SELECT abs(array_agg(t)) FROM t

-- item: multirange_type since 14
CREATE TYPE r AS RANGE (subtype = int);
CREATE TABLE t (v r);
INSERT INTO t VALUES ('[1,2]');
CREATE FUNCTION to_int(r_multirange) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 3; END $$;
CREATE CAST (r_multirange AS int) WITH FUNCTION to_int(r_multirange) AS IMPLICIT;
-- run: SELECT abs(range_agg(v)) FROM t

-- item: system_column
CREATE VIEW v AS SELECT 1 AS n;
CREATE FUNCTION ctid(v) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN 1; END $$;
-- run: SELECT v.ctid FROM v
-- run: SELECT x.ctid FROM v x

-- item: field_cast
CREATE FUNCTION checked(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN true; END $$;
CREATE DOMAIN d AS int CHECK (checked(VALUE));
CREATE TABLE t (n int);
INSERT INTO t VALUES (1);
-- run: SELECT (t.n).d FROM t
-- run: SELECT ('5').d

-- item: attribute_cast
CREATE FUNCTION checked(point) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN true; END $$;
CREATE TABLE t (a int, b int);
INSERT INTO t VALUES (1, 2);
CREATE CAST (t AS point) WITH INOUT;
CREATE DOMAIN d AS point CHECK (checked(VALUE));
-- run: SELECT t.d FROM t
-- run: SELECT x.d FROM t x

-- item: unusable_schema
CREATE SCHEMA t_unusable_schema_first;
CREATE VIEW t_unusable_schema_first.v AS SELECT 1 AS n;
CREATE VIEW v AS SELECT canary.poke() AS n;
-- path: t_unusable_schema_first, t_unusable_schema
-- run: SELECT * FROM v

-- item: newer_name before 16
CREATE VIEW pg_aios AS SELECT canary.poke() AS n;
CREATE FUNCTION checked(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN true; END $$;
CREATE DOMAIN pg_stat_io AS int CHECK (checked(VALUE));
-- run: SELECT * FROM pg_aios
-- run: SELECT 1::pg_stat_io

-- item: moving_aggregate
CREATE FUNCTION step(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION inv(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS $$ BEGIN PERFORM canary.poke(); RETURN $1 - $2; END $$;
CREATE FUNCTION mstep(int, int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 + $2';
CREATE AGGREGATE total(int) (SFUNC = step, STYPE = int, INITCOND = '0', MSFUNC = mstep, MINVFUNC = inv, MSTYPE = int, MINITCOND = '0');
-- run: SELECT total(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM generate_series(1,5) n

-- item: partition_key
CREATE FUNCTION cmp(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.poke(); RETURN $1 - $2; END $$;
CREATE OPERATOR CLASS mine FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 cmp(int, int);
CREATE TABLE p (n int) PARTITION BY RANGE (n mine);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (5);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (5) TO (9);
CREATE VIEW v AS SELECT * FROM p;
-- run: SELECT * FROM p WHERE n = 3
-- run: SELECT * FROM v WHERE n = 3

-- item: plpgsql_declarations since 14
CREATE TYPE c AS (n int, m int);
CREATE FUNCTION comment() RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE /* ; */ n int -- := 1;
 := canary.poke(); BEGIN RETURN n; END $$;
CREATE FUNCTION nested() RETURNS int LANGUAGE plpgsql STABLE AS $f$ BEGIN IF true THEN DECLARE r record := ROW(canary.poke()); BEGIN NULL; END; END IF; RETURN 1; END $f$;
CREATE FUNCTION looped() RETURNS int LANGUAGE plpgsql STABLE AS $f$ BEGIN FOR i IN 1..1 LOOP <<x>> DECLARE DECLARE r record DEFAULT ROW(canary.poke()); BEGIN NULL; END; END LOOP; RETURN 1; END $f$;
CREATE FUNCTION handler() RETURNS int LANGUAGE plpgsql STABLE AS $f$ BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN DECLARE r t_plpgsql_declarations.c := (canary.poke(), 2); BEGIN RETURN 1; END; END $f$;
CREATE FUNCTION optioned() RETURNS int LANGUAGE plpgsql STABLE AS $f$ #print_strict_params on
 DECLARE r record = ROW(canary.poke()); BEGIN RETURN 1; END $f$;
CREATE FUNCTION cased() RETURNS int LANGUAGE plpgsql STABLE AS $f$ BEGIN CASE 1 WHEN 1 THEN DECLARE r record := ROW(canary.poke()); BEGIN RETURN 1; END; END CASE; RETURN 1; END $f$;
CREATE FUNCTION arr() RETURNS int LANGUAGE plpgsql STABLE AS $f$ DECLARE r t_plpgsql_declarations.c[] := ARRAY[ROW(canary.poke(), 1)]::t_plpgsql_declarations.c[]; BEGIN RETURN 1; END $f$;
CREATE FUNCTION coll() RETURNS int LANGUAGE plpgsql STABLE AS $f$ DECLARE r text COLLATE "C" NOT NULL := canary.poke()::text; BEGIN RETURN 1; END $f$;
CREATE FUNCTION target() RETURNS int LANGUAGE plpgsql STABLE AS $f$ DECLARE r t_plpgsql_declarations.c[] := '{}'; BEGIN r[canary.poke()].n := 5; RETURN 1; END $f$;
CREATE FUNCTION query_record() RETURNS int LANGUAGE plpgsql STABLE AS $f$ DECLARE r record := ROW(n) FROM (SELECT canary.poke() AS n) x; BEGIN RETURN 1; END $f$;
CREATE FUNCTION returned() RETURNS c LANGUAGE plpgsql STABLE AS $f$ BEGIN RETURN (canary.poke(), 1); END $f$;
CREATE FUNCTION diag() RETURNS int LANGUAGE plpgsql STABLE AS $f$ DECLARE a int[] := '{1}'; n int; BEGIN PERFORM canary.poke(); GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $f$;
-- run: SELECT comment()
-- run: SELECT nested()
-- run: SELECT looped()
-- run: SELECT handler()
-- run: SELECT optioned()
-- run: SELECT cased()
-- run: SELECT arr()
-- run: SELECT coll()
-- run: SELECT target()
-- run: SELECT query_record()
-- run: SELECT returned()
-- run: SELECT diag()

-- item: json_syntax before 16
CREATE FUNCTION json_value(json, text) RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION json_query(json, text) RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION json_exists(json, text) RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION json_scalar(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION json_serialize(json) RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION json(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION json_array(VARIADIC int[]) RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION json_object(int, int DEFAULT 0) RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION json_object() RETURNS int LANGUAGE sql STABLE AS 'SELECT canary.poke()';
CREATE FUNCTION step(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT canary.poke()';
CREATE AGGREGATE json_arrayagg(int) (SFUNC = step, STYPE = int, INITCOND = '0');
-- run: SELECT json_value('{}', '$.a')
-- run: SELECT 1 FROM json_query('{}', '$.a')
-- run: SELECT 1 WHERE json_exists('{}', '$.a') > 0
-- run: SELECT json_scalar(1)
-- run: SELECT json_serialize('{}')
-- run: SELECT json(1)
-- run: SELECT json_array(1, 2, 3)
-- run: SELECT json_array((SELECT 1))
-- run: SELECT json_object(n, n) FROM (SELECT 1 AS n) x
-- run: SELECT json_object()
-- run: SELECT json_arrayagg(n) FROM (VALUES (1), (2)) x(n)
-- run: SELECT json_arrayagg(n ORDER BY n) FILTER (WHERE true) FROM (VALUES (1), (2)) x(n)
-- run: SELECT sum(json_value('{}', '$.a')) OVER ()

-- expect: read select
SELECT 1
-- expect: read select
SELECT
-- expect: read select
VALUES (1, 'a'), (2, 'b')
-- expect: read select
TABLE person
-- expect: read select
TABLE public.person ORDER BY person_id LIMIT 3
-- expect: read select
SELECT name_last FROM person UNION ALL (SELECT name_first FROM person EXCEPT SELECT 'x') ORDER BY 1
-- expect: read select
WITH recent AS MATERIALIZED (SELECT * FROM encounter WHERE reg_dt_tm > now() - interval '3 days') SELECT count(*) FROM recent
-- expect: read select
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT sum(n) FROM t
-- expect: read select
SELECT /* outer /* nested */ still */ 1 -- trailing
-- expect: read select
SELECT E'it\'s', $tag$ ; DELETE FROM person $tag$, U&'\0061', U&'d!0061t!+000061' UESCAPE '!', B'101', X'1F'
-- expect: read select
SELECT 'multi'
  'line'
-- expect: read select
SELECT person_id::text, CAST(birth_dt_tm AS date), '{1,2}'::int[], 'infinity'::timestamptz(3), int4 '7', interval '1' day FROM person
-- expect: read select
SELECT p.name_last, e.* FROM person p JOIN encounter e USING (person_id) LEFT JOIN LATERAL (SELECT 1) x ON true WHERE p.person_id = $1
-- expect: read select
SELECT count(*) FILTER (WHERE active_ind), rank() OVER w, percentile_cont(0.5) WITHIN GROUP (ORDER BY updt_cnt) FROM person WINDOW w AS (PARTITION BY sex_cd ORDER BY person_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
-- expect: read select
SELECT sex_cd, GROUPING(sex_cd), count(*) FROM person GROUP BY ROLLUP (sex_cd), CUBE (active_ind), GROUPING SETS ((sex_cd), ()) HAVING count(*) > 1
-- expect: read select
SELECT * FROM generate_series(1, 3) WITH ORDINALITY AS g(a, b), unnest(ARRAY[1, 2]) u, ROWS FROM (generate_series(1, 2), unnest(ARRAY['a'])) AS r
-- expect: read select
SELECT * FROM person TABLESAMPLE bernoulli (10) REPEATABLE (1)
-- expect: read select
SELECT a -> 'b' ->> 'c', a #> '{x}', a @> '{}', a ? 'k', x <-> y, @ -5, |/ 4, !!'a'::tsquery FROM (SELECT '{}'::jsonb AS a, point '(0,0)' AS x, point '(1,1)' AS y) s
-- expect: read select
SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.~) '^(person)$' COLLATE pg_catalog.default
-- expect: read select
SELECT EXTRACT(year FROM now()), OVERLAY('abc' PLACING 'x' FROM 1), POSITION('a' IN 'abc'), TRIM(BOTH ' ' FROM ' a '), SUBSTRING('abc' FROM 2 FOR 1), now() AT TIME ZONE 'UTC'
-- expect: read select
SELECT "date"(now()), "Weird ""Name""", "åäö", select_ FROM (SELECT 1 AS "Weird ""Name""", 2 AS "åäö", 3 AS select_) s
-- expect: read select
SELECT set_config('search_path', '', false)
-- expect: read select
SELECT current_setting('server_version'), pg_is_in_recovery(), pg_total_relation_size('person'), clock_timestamp(), random(), gen_random_uuid()
-- expect: read select
SELECT currval('person_seq'), lastval()
-- expect: read select
SELECT CASE WHEN a THEN 1 WHEN NOT a THEN 2 ELSE 3 END, COALESCE(NULL, 1), NULLIF(1, 2), GREATEST(1, 2), (1, 2) = ANY (SELECT 1, 2), EXISTS (SELECT) FROM (SELECT true AS a) s
-- expect: read select
SELECT DISTINCT ON (person_id) person_id FROM encounter ORDER BY person_id, reg_dt_tm DESC NULLS LAST OFFSET 1 ROW FETCH NEXT 2 ROWS WITH TIES
-- expect: read explain
EXPLAIN SELECT * FROM person
-- expect: read explain
EXPLAIN (ANALYZE, BUFFERS OFF, FORMAT JSON) SELECT * FROM person
-- expect: read explain
EXPLAIN ANALYZE VERBOSE VALUES (1)
-- expect: read show
SHOW server_version
-- expect: read show
SHOW ALL
-- expect: read copy_to
COPY person TO STDOUT
-- expect: read copy_to
COPY public.person (person_id, name_last) TO STDOUT WITH (FORMAT csv, HEADER)
-- expect: read copy_to
COPY (SELECT * FROM person WHERE person_id = 1) TO STDOUT (FORMAT binary)
-- expect: read begin
BEGIN
-- expect: read begin
BEGIN READ ONLY
-- expect: read start
START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE
-- expect: read commit
COMMIT
-- expect: read commit
END
-- expect: read rollback
ROLLBACK
-- expect: read rollback
ABORT
-- expect: read savepoint
SAVEPOINT a
-- expect: read release
RELEASE SAVEPOINT a
-- expect: read rollback_to
ROLLBACK TO SAVEPOINT a
-- expect: read declare_cursor
DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM person
-- expect: read fetch
FETCH FORWARD 100 FROM c
-- expect: read fetch
MOVE 5 IN c
-- expect: read close
CLOSE ALL
-- expect: read prepare
PREPARE byid (int8) AS SELECT * FROM person WHERE person_id = $1
-- expect: read execute
EXECUTE byid (1)
-- expect: read deallocate
DEALLOCATE ALL
-- expect: read set
SET readonly_guard.purpose = 'TREAT'
-- expect: read set
SET SESSION readonly_guard.case_reference TO 'A-1'
-- expect: read set
SET statement_timeout = '5s'
-- expect: read set
SET TIME ZONE 'Europe/Stockholm'
-- expect: read set
SET NAMES 'UTF8'
-- expect: read set
SET search_path TO "$user", public
-- expect: read set
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
-- expect: read set
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY
-- expect: read set
SET standard_conforming_strings = on
-- expect: read set
SET SESSION AUTHORIZATION DEFAULT
-- expect: read reset
RESET ALL
-- expect: read reset
RESET readonly_guard.purpose
-- expect: read discard
DISCARD ALL
-- expect: read lock
LOCK TABLE person, encounter IN ACCESS SHARE MODE
-- expect: read listen
LISTEN news
-- expect: read unlisten
UNLISTEN *
-- expect: read select close unlisten reset
SELECT pg_advisory_unlock_all();
CLOSE ALL;
UNLISTEN *;
RESET ALL;
-- expect: read set select
SET extra_float_digits = 3; SELECT 1;
-- expect: read
;
-- expect: read
-- only a comment
-- expect: read select
SELECT E'a'
  '\'; DELETE FROM t; --'
-- expect: read select
SELECT '
-- heading
it''--s'
-- expect: read select
SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'
-- expect: read select
SELECT (i.keys).n, (i.keys).x FROM (SELECT information_schema._pg_expandarray(i.indkey) AS keys FROM pg_catalog.pg_index i) i
-- expect: read select
SELECT set_config('search_path', ' "$user" , PUBLIC ', false) WHERE false
-- expect: read explain_execute
EXPLAIN ANALYZE EXECUTE byid (1)
-- expect: read reset
RESET default_transaction_read_only
-- expect: read select
SELECT pg_input_is_valid('1', 'integer[]'), * FROM pg_input_error_info('1', 'numeric(10,2)')
-- expect: read select
SELECT set_config('jit', $1, false)
-- expect: read select
SELECT current_setting('jit') AS cur, set_config('jit', current_setting('jit'), false) AS new
-- expect: read set
SET search_path = ''
-- expect: read select
SELECT pg_catalog.pg_export_snapshot()
-- expect: read select
SELECT JSON_ARRAY(RETURNING jsonb), JSON_ARRAY(1, NULL, JSON_ARRAY(2 RETURNING text) ABSENT ON NULL RETURNING jsonb)
-- expect: read select
SELECT x.* FROM XMLTABLE('/a' PASSING ('<a/>'::xml) COLUMNS id int PATH '@id', name text PATH 'b') x
-- expect: read select
SELECT nspname AS schema, relname AS table, 1 AS select, 2 AS user, true AS not, 'x' AS with FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
-- expect: read prepare
PREPARE everyone AS TABLE person
-- expect: read prepare
PREPARE one AS WITH p AS NOT MATERIALIZED (TABLE person) SELECT count(*) AS all FROM p
-- expect: read select
WITH grants AS (SELECT relname AS table, pg_catalog.has_table_privilege(current_user, oid, 'select') AS select FROM pg_class) SELECT g.* FROM grants g WHERE g.select OR g.table IS NULL
-- expect: read select
SELECT s[i], CASE WHEN trim(s[i]) = '"$user"' THEN user END FROM generate_series(1, array_length(string_to_array(current_setting('search_path'), ','), 1)) AS i, string_to_array(current_setting('search_path'), ',') AS s
-- expect: read select
SELECT (payload #>> ARRAY[$1, $2]::text[])::text AS answer FROM form LIMIT 1048575

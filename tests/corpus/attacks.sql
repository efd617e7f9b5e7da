-- expect: RG-W05
SELECT 'a' /*/* */ || ' */ ; DELETE FROM t --'
-- expect: RG-W05
SELECT 1 /*/*/ */ */ ; DELETE FROM t --*/
-- expect: RG-W05
SELECT '\'; DELETE FROM t; --'
-- expect: RG-W05
SELECT 1 #--1
2; DELETE FROM t
-- expect: RG-W05
SELECT 1 |/*1*/ 2; DELETE FROM t -- */
-- expect: RG-W05
SELECT $å$ $å$; DELETE FROM t; SELECT $å$ $å$
-- expect: RG-W05
SELECT $1,'$' ; DELETE FROM t; SELECT '$1'
-- expect: RG-F02
SELECT nextval('person_seq')
-- expect: RG-F02
SELECT pg_catalog.setval('person_seq', 1)
-- expect: RG-F02
SELECT U&"pg_sl\0065ep"(1)
-- expect: RG-F02
SELECT "pg_sleep"(10)
-- expect: RG-F02
SELECT PG_SLEEP(10)
-- expect: RG-F02
SELECT * FROM pg_read_file('/etc/passwd')
-- expect: RG-F02
SELECT 1 FROM person ORDER BY (SELECT pg_advisory_lock(1))
-- expect: RG-F02
SELECT 1 LIMIT (SELECT setval('s', 1))
-- expect: RG-F02
SELECT count(*) FILTER (WHERE nextval('s') > 0) OVER (ORDER BY nextval('s')) FROM person
-- expect: RG-F02
SELECT query_to_xml('DELETE FROM person RETURNING 1', true, true, '')
-- expect: RG-F02
SELECT * FROM ts_stat('DELETE FROM person RETURNING to_tsvector(''a'')')
-- expect: RG-F02
SELECT lo_unlink(1), lo_from_bytea(0, ''), lo_export(1, '/tmp/x')
-- expect: RG-F02
SELECT pg_terminate_backend(1), pg_reload_conf(), pg_notify('a', 'b')
-- expect: RG-F02
SELECT txid_current()
-- expect: RG-F02
SELECT s.nextval FROM person s
-- expect: RG-F02
SELECT (s).nextval FROM person s
-- expect: RG-F01
SELECT dblink_exec('', 'DELETE FROM person')
-- expect: RG-F01
SELECT public.count(1)
-- expect: RG-F01
SELECT json_value(a, '$.b') FROM person WHERE person_id = 7
-- expect: RG-F01
SELECT json_arrayagg(name_last ORDER BY name_last) FROM person
-- expect: RG-F01
SELECT 1 FROM json(1) x
-- expect: RG-F01
SELECT domain_in('x', 1, 1)
-- expect: RG-F03
SELECT 'x'::evil_domain
-- expect: RG-F03
SELECT CAST(1 AS public.int4)
-- expect: RG-F03
SELECT 1 OPERATOR(public.+) 1
-- expect: RG-F03
SELECT 1 === 1
-- expect: RG-F03
SELECT 1 WHERE 1 OPERATOR(evil.=) ANY (SELECT 1)
-- expect: RG-F03
SELECT * FROM person ORDER BY 1 USING OPERATOR(evil.<)
-- expect: RG-F01
SELECT * FROM person TABLESAMPLE evil_method (1)
-- expect: RG-T06
SET default_transaction_read_only = off
-- expect: RG-T06
SET transaction_read_only TO 'off'
-- expect: RG-T06
BEGIN READ WRITE
-- expect: RG-T06
SET TRANSACTION READ WRITE
-- expect: RG-T06
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE
-- expect: RG-T06
SELECT set_config('transaction_read_only', 'off', false)
-- expect: RG-T06
SELECT set_config('transaction_' || 'read_only', 'off', false)
-- expect: RG-T06
SELECT set_config(name, setting, false) FROM pg_settings
-- expect: RG-T06
SET standard_conforming_strings = off
-- expect: RG-T06
SET session_replication_role = replica
-- expect: RG-T06
SET ROLE postgres
-- expect: RG-T06
SET SESSION AUTHORIZATION postgres
-- expect: RG-T06
SET search_path = evil, public
-- expect: RG-T06
SET search_path = public, pg_catalog
-- expect: RG-T06
SET search_path = pg_temp
-- expect: RG-T06
SET readonly_guard.purpos = 'TREAT'
-- expect: RG-T06
SET LOCAL readonly_guard.purpose = 'TREAT'
-- expect: RG-T06
SET app.tenant = 'x'
-- expect: RG-T06
SET x FROM CURRENT
-- expect: RG-T07
SET client_encoding = 'SJIS'
-- expect: RG-T07
SET NAMES 'GBK'
-- expect: RG-T07
SELECT set_config('client_encoding', 'BIG5', false)
-- expect: RG-T02
SELECT FROM WHERE
-- expect: RG-T02
SELECT 'unterminated
-- expect: RG-T02
SELECT 1 /* unterminated
-- expect: RG-T02
SELECT 0x1F
-- expect: RG-T02
SELECT 1_000
-- expect: RG-T02
SELECT 'a' -- comment
  'b'
-- expect: RG-F03
SELECT 1 ! 2
-- expect: RG-T06
SET ROLE NONE
-- expect: RG-T06
SET ROLE "NONE"
-- expect: RG-T06
SET search_path = ' public'
-- expect: RG-T06
SET search_path = '"public"'
-- expect: RG-T06
SELECT set_config('search_path', 'public, evil', false)
-- expect: RG-T06
SELECT set_config('search_path', 'public,', false)
-- expect: RG-T06
RESET transaction_read_only
-- expect: RG-T06
SET transaction_read_only TO DEFAULT
-- expect: RG-T06
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'default_transaction_read_only'
-- expect: RG-T06
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name <> 'work_mem'
-- expect: RG-T06
SELECT set_config(name, 'on', false) FROM public.pg_settings WHERE name = 'work_mem'
-- expect: RG-F01
SELECT (1).anyf
-- expect: RG-F01
SELECT (ROW(1, 2)).rec
-- expect: RG-F01
SELECT (x).del FROM person x
-- expect: RG-F02
SELECT fmgr_c_validator(1)
-- expect: RG-F02
SELECT satisfies_hash_partition('t'::regclass, 1, 0, 1)
-- expect: RG-F02
SELECT pg_input_is_valid('x', 'mydomain')
-- expect: RG-F02
SELECT pg_input_error_info('x', 'int) ; --')
-- expect: RG-F02
SELECT pg_input_is_valid('x', t) FROM (VALUES ('int')) v(t)
-- expect: RG-F02
SELECT lo_get(1)
-- expect: RG-T03
COPY person TO ''
-- expect: RG-T06
SELECT set_config('search_path', $1, false)
-- expect: RG-T06
SELECT set_config('readonly_guard.purpose', $1, false)
-- expect: RG-T06
SELECT set_config('transaction_read_only', current_setting('jit'), false)
-- expect: RG-F02 RG-T06
SELECT set_config('jit', nextval('s')::text, false), set_config('jit', setval('s', 1), false)

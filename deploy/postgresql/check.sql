-- The ways around the guard that the database itself can tell of. Run it as a superuser in the guarded database:
--   psql -X -v guard=10.20.0.10 -v readers=readers -f check.sql
-- Each row is one: what it is, and what to do. No row: nothing was found here; the network is still to be looked at.

\pset footer off
SET search_path = pg_catalog;   -- names are then told with their schemas, and none is anybody's own
WITH
-- roles that may log in, and all roles whose rights they have
logins AS (
    SELECT r.oid, r.rolname, r.rolsuper, r.rolreplication, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb
      FROM pg_roles r
     WHERE r.rolcanlogin AND r.oid >= 16384      -- FirstNormalObjectId: the bootstrap superuser is the administrators'
),
findings(nr, what, fix) AS (
    SELECT 1, format('pg_hba.conf line %s lets %s in from %s without passing the guard', line_number,
                     array_to_string(user_name, ', '), coalesce(address || coalesce('/' || netmask, ''), 'a unix socket')),
           'name the guard''s address only (deploy/postgresql/pg_hba.conf)'
      FROM pg_hba_file_rules
     WHERE auth_method <> 'reject' AND error IS NULL
       AND NOT (type <> 'local' AND address = :'guard'
                AND (netmask IS NULL OR netmask IN ('255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')))
       AND NOT (type = 'local' AND user_name = ARRAY['postgres'])
    UNION ALL
    SELECT 2, format('pg_hba.conf line %s cannot be read: %s', line_number, error), 'mend the line and reload the server'
      FROM pg_hba_file_rules WHERE error IS NOT NULL
    UNION ALL
    SELECT 3, format('pg_hba.conf line %s asks for no password or certificate (%s)', line_number, auth_method),
           'use scram-sha-256 or cert'
      FROM pg_hba_file_rules WHERE auth_method = 'trust'
    UNION ALL
    SELECT 4, format('role %s is %s', rolname,
                     concat_ws(', ', CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolreplication THEN 'for replication' END,
                                     CASE WHEN rolbypassrls THEN 'free of row security' END,
                                     CASE WHEN rolcreaterole THEN 'allowed to make roles' END,
                                     CASE WHEN rolcreatedb THEN 'allowed to make databases' END)),
           format('ALTER ROLE %I NOSUPERUSER NOREPLICATION NOBYPASSRLS NOCREATEROLE NOCREATEDB, or let it log in nowhere', rolname)
      FROM logins WHERE rolsuper OR rolreplication OR rolbypassrls OR rolcreaterole OR rolcreatedb
    UNION ALL
    SELECT 5, format('role %s has the rights of %s', l.rolname, p.rolname), format('REVOKE %I FROM %I', p.rolname, l.rolname)
      FROM logins l
      JOIN pg_roles p ON p.oid < 16384 AND NOT p.rolsuper AND pg_has_role(l.oid, p.oid, 'member')
     WHERE NOT l.rolsuper
       AND p.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_write_all_data',
                         'pg_signal_backend', 'pg_create_subscription', 'pg_maintain', 'pg_checkpoint')
    UNION ALL
    SELECT 6, format('role %s may write in %s (%s)', l.rolname, c.oid::regclass, p.privilege),
           format('REVOKE %s ON %s FROM %I, and from the roles and PUBLIC that it has it by', p.privilege, c.oid::regclass, l.rolname)
      FROM logins l
     CROSS JOIN pg_class c
     CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p(privilege)
     WHERE c.relkind IN ('r', 'p', 'v', 'f') AND c.oid >= 16384 AND NOT l.rolsuper
       AND has_table_privilege(l.oid, c.oid, p.privilege)
    UNION ALL
    SELECT 7, format('role %s may make objects in schema %s', l.rolname, n.nspname),
           format('REVOKE CREATE ON SCHEMA %I FROM %I, and from PUBLIC', n.nspname, l.rolname)
      FROM logins l CROSS JOIN pg_namespace n
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT l.rolsuper
       AND has_schema_privilege(l.oid, n.oid, 'CREATE')
    UNION ALL
    SELECT 8, format('role %s may run %s, which runs with the rights of %s', l.rolname, f.oid::regprocedure, f.proowner::regrole),
           format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, %I', f.oid::regprocedure, l.rolname)
      FROM logins l CROSS JOIN pg_proc f
     WHERE f.prosecdef AND f.oid >= 16384 AND NOT l.rolsuper AND has_function_privilege(l.oid, f.oid, 'EXECUTE')
    UNION ALL
    SELECT 9, format('extension %s is installed, which reaches other databases or files', extname), format('DROP EXTENSION %I, or revoke its functions from PUBLIC', extname)
      FROM pg_extension WHERE extname IN ('dblink', 'postgres_fdw', 'file_fdw', 'adminpack', 'plpython3u', 'plperlu')
    UNION ALL
    SELECT 10, format('role %s reads, but is not a member of %s', rolname, :'readers'),
           format('GRANT %I TO %I, or ALTER ROLE %I NOLOGIN', :'readers', rolname, rolname)
      FROM logins
     WHERE NOT rolsuper AND EXISTS (SELECT FROM pg_roles WHERE rolname = :'readers')
       AND NOT pg_has_role(oid, (SELECT r.oid FROM pg_roles r WHERE r.rolname = :'readers'), 'member')
)
SELECT what, fix FROM findings ORDER BY nr, what;

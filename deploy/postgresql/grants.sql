-- What people who read through the guard may do in the database: connect and select. Run it in the guarded database as its
-- owner or a superuser, after a look at it; it takes rights away.
--   psql -v ON_ERROR_STOP=1 -v readers=readers -v schema=millennium -f grants.sql
-- Then, for each reader: CREATE ROLE alind LOGIN IN ROLE readers; and a password or a certificate.

BEGIN;

-- nothing by way of PUBLIC, which everybody belongs to
SELECT format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA :"schema" FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA :"schema" FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA :"schema" FROM PUBLIC;
REVOKE EXECUTE ON ALL PROCEDURES IN SCHEMA :"schema" FROM PUBLIC;

SELECT format('CREATE ROLE %I NOLOGIN', :'readers')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'readers') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'readers') \gexec
REVOKE ALL ON ALL TABLES IN SCHEMA :"schema" FROM :"readers";
GRANT USAGE ON SCHEMA :"schema" TO :"readers";
GRANT SELECT ON ALL TABLES IN SCHEMA :"schema" TO :"readers";
-- the second belt holds without the guard, too; a user could take it off, which the guard denies
ALTER ROLE :"readers" SET default_transaction_read_only = on;

COMMIT;

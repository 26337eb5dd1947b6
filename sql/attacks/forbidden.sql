-- What no role of the product may do at all: one that is carried out, or that gives a row, is a gain.

-- become_schema_owner --
SET LOCAL ROLE prodgen_schema;

-- become_schema_owner_by_function --
SELECT set_config('role', 'prodgen_schema', true);

-- become_schema_owner_in_a_filter --
SELECT 1 FROM prodgen.tenants WHERE set_config('role', 'prodgen_schema', true) <> '';

-- become_administrator --
SELECT set_config('role', rolname, true) FROM pg_roles WHERE rolsuper;

-- become_another_session --
SELECT set_config('session_authorization', rolname, true) FROM pg_roles WHERE rolsuper;

-- bypass_security --
DO $$ BEGIN EXECUTE format('ALTER ROLE %%I BYPASSRLS', current_user); END $$;

-- make_a_role --
CREATE ROLE opened SUPERUSER;

-- make_a_schema --
CREATE SCHEMA opened;

-- make_a_table_beside_ours --
CREATE TABLE corpus.opened (x integer);

-- make_a_table_in_public --
CREATE TABLE public.opened (x integer);

-- replace_the_tenant --
CREATE OR REPLACE FUNCTION prodgen.current_tenant() RETURNS integer LANGUAGE sql AS 'SELECT 1';

-- replace_the_tenant_by_an_operator --
CREATE OPERATOR prodgen.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);

-- turn_triggers_off --
SELECT set_config('session_replication_role', 'replica', true);

-- write_catalogue --
UPDATE pg_catalog.pg_class SET relrowsecurity = false WHERE relname = 'documents';

-- read_statistics --
SELECT stavalues1 FROM pg_catalog.pg_statistic LIMIT 1;

-- read_passwords --
SELECT rolpassword FROM pg_catalog.pg_authid LIMIT 1;

-- read_a_file --
SELECT pg_read_file('PG_VERSION');

-- list_a_folder --
SELECT pg_ls_dir('.');

-- import_a_file --
SELECT lo_import('PG_VERSION');

-- copy_to_a_program --
COPY (SELECT 1) TO PROGRAM 'true';

-- copy_to_a_file --
COPY (SELECT 1) TO '/tmp/opened';

-- read_the_log --
SELECT pg_current_logfile();

-- load_a_library --
LOAD 'auto_explain';

-- add_a_language --
CREATE EXTENSION dblink;

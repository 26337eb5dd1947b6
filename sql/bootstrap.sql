-- Run before every deploy by the login that owns the database, outside the numbered migrations, because it names roles,
-- which belong to the whole server. Safe to run again.
--
-- Roles (none of them logs in unless the embedded server lets it; a team's logins are made members):
--   prodgen_schema    owns every table and function; used by migrations only
--   prodgen_pipeline  the corpus side: reads and writes the rows of the tenant it names, owns nothing
--   prodgen_serving   the query side: sees served, redacted rows that the reader may see, owns nothing
CREATE EXTENSION IF NOT EXISTS vector;

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['prodgen_schema', 'prodgen_pipeline', 'prodgen_serving'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
            END IF;
        EXCEPTION WHEN duplicate_object THEN
            NULL;  -- another database of the same server is being set up at the same moment
        END;
        IF NOT pg_has_role(current_user, role_name, 'SET') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER WITH SET TRUE', role_name);
        END IF;
    END LOOP;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO prodgen_schema', current_database());
END
$$;

-- What was applied, with the checksum of the file as it was then: history is never edited.
CREATE SCHEMA IF NOT EXISTS prodgen AUTHORIZATION prodgen_schema;
CREATE TABLE IF NOT EXISTS prodgen.schema_migrations (
    name        text PRIMARY KEY,
    checksum    text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
GRANT USAGE ON SCHEMA prodgen TO prodgen_pipeline, prodgen_serving;
GRANT SELECT ON prodgen.schema_migrations TO prodgen_pipeline, prodgen_serving;

-- Dagster's own storage lives beside ours; its tables are made by Dagster.
CREATE SCHEMA IF NOT EXISTS dagster;
GRANT USAGE, CREATE ON SCHEMA dagster TO prodgen_pipeline;

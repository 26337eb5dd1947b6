-- lock --
-- One deploy at a time; let go at the end of the transaction.
SELECT pg_advisory_xact_lock(7130001);

-- applied --
SELECT name, checksum FROM prodgen.schema_migrations;

-- exists --
SELECT to_regclass('prodgen.schema_migrations') IS NOT NULL AS there;

-- record --
INSERT INTO prodgen.schema_migrations (name, checksum) VALUES (%(name)s, %(checksum)s)
ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now();

-- as_schema_owner --
SET LOCAL ROLE prodgen_schema;

-- stay_schema_owner --
-- For a whole connection.
SET ROLE prodgen_schema;

-- as_login --
RESET ROLE;

-- vector_version --
-- The version that is installed, else the one that could be.
SELECT COALESCE((SELECT extversion FROM pg_extension WHERE extname = 'vector'),
                (SELECT default_version FROM pg_available_extensions WHERE name = 'vector')) AS version;

-- database_exists --
SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'prodgen') AS there;

-- create_database --
CREATE DATABASE prodgen;

-- let_pipeline_log_in --
-- Only on the embedded server, whose socket is in a folder that no other user can open.
ALTER ROLE prodgen_pipeline LOGIN;

-- let_serving_log_in --
ALTER ROLE prodgen_serving LOGIN;

-- What no role of the product may do to any table: one that is carried out is a gain.

-- truncated --
TRUNCATE {table} CASCADE;

-- security_disabled --
ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;

-- security_not_forced --
ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;

-- owned --
ALTER TABLE {table} OWNER TO CURRENT_USER;

-- granted --
-- Who may not grant is warned, and nothing happens.
DO $do$ BEGIN
    GRANT SELECT ON {table} TO PUBLIC;
    IF NOT EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) AS a WHERE c.oid = {name}::regclass AND a.grantee = 0) THEN
        RAISE insufficient_privilege;
    END IF;
END $do$;

-- policy_added --
CREATE POLICY opened ON {table} USING (true);

-- rule_added --
CREATE RULE opened AS ON INSERT TO {table} DO ALSO NOTIFY opened;

-- trigger_added --
CREATE TRIGGER opened BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();

-- indexed --
CREATE INDEX ON {table} ((1));

-- statistics_added --
CREATE STATISTICS ON tenant_id, ctid FROM {table};

-- inherited --
CREATE TEMP TABLE heir () INHERITS ({table});

-- referenced --
CREATE TABLE dagster.referring (tenant_id integer REFERENCES {table});

-- dropped --
DROP TABLE {table} CASCADE;

-- What the attacker makes for itself first, in its own temporary schema.

-- spy --
CREATE FUNCTION pg_temp.spy(found boolean) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    IF found THEN
        RAISE EXCEPTION 'seen' USING ERRCODE = 'P0001';
    END IF;
    RETURN found;
END
$$;

-- tried --
CREATE FUNCTION pg_temp.tried(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE statement INTO n;
    RETURN n;
END
$$;

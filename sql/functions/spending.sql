-- Rate limits and budgets. All of it runs as the schema's owner, within the transaction's tenant, and is called in transactions
-- that see what others have committed (READ COMMITTED): a row is locked first, then read.

-- The limits that a user is under; '*' is his own unless he has one by his name.
CREATE OR REPLACE FUNCTION prodgen.limits_of(of_user text)
    RETURNS TABLE (user_name text, unit text, per_minute double precision, burst double precision)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN l.user_name = '*' THEN $1 ELSE l.user_name END, l.unit, l.per_minute, l.burst
    FROM prodgen.limits l
    WHERE l.tenant_id = prodgen.current_tenant()
      AND (l.user_name = '' OR $1 <> '' AND (l.user_name = $1 OR l.user_name = '*' AND NOT EXISTS (
          SELECT FROM prodgen.limits o WHERE o.tenant_id = l.tenant_id AND o.user_name = $1 AND o.unit = l.unit AND $1 <> '*')));
END;
REVOKE ALL ON FUNCTION prodgen.limits_of FROM PUBLIC;

-- Takes from all buckets that a user is under, or from none. How many seconds until there is enough, in the fullest need of it, and
-- in which bucket; 0 where it was taken. More than a bucket can hold is taken from a full one.
CREATE OR REPLACE FUNCTION prodgen.take(of_user text, requests double precision, tokens double precision, needed_tokens double precision,
        OUT waits double precision, OUT limited_by text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant integer := prodgen.current_tenant();
    moment timestamptz;
BEGIN
    INSERT INTO prodgen.rate_buckets (tenant_id, user_name, unit, level, filled_at)
    SELECT tenant, l.user_name, l.unit, l.burst, clock_timestamp() FROM prodgen.limits_of(of_user) l ORDER BY 2, 3
    ON CONFLICT DO NOTHING;
    PERFORM FROM prodgen.rate_buckets b WHERE b.tenant_id = tenant AND b.user_name IN ('', of_user)
    ORDER BY b.user_name, b.unit FOR UPDATE;
    -- After the wait for the lock: another one's clock would be ahead of ours.
    moment := clock_timestamp();
    WITH filled AS (
        SELECT b.user_name, b.unit, l.per_minute,
            LEAST(l.burst, b.level + GREATEST(0, extract(epoch FROM moment - b.filled_at)) * l.per_minute / 60) AS level,
            CASE b.unit WHEN 'requests' THEN requests ELSE tokens END AS taken,
            LEAST(l.burst, CASE b.unit WHEN 'requests' THEN requests ELSE needed_tokens END) AS needed
        FROM prodgen.rate_buckets b JOIN prodgen.limits_of(of_user) l USING (user_name, unit)
        WHERE b.tenant_id = tenant),
    judged AS (
        SELECT f.*, GREATEST(0, (f.needed - f.level) * 60 / f.per_minute) AS short FROM filled f),
    poured AS (
        UPDATE prodgen.rate_buckets b SET filled_at = moment,
            level = j.level - CASE WHEN (SELECT max(o.short) FROM judged o) > 0 THEN 0 ELSE j.taken END
        FROM judged j WHERE b.tenant_id = tenant AND b.user_name = j.user_name AND b.unit = j.unit)
    SELECT j.short, j.unit || CASE WHEN j.user_name = '' THEN ' of all users' ELSE '' END INTO waits, limited_by
    FROM judged j ORDER BY j.short DESC LIMIT 1;
    waits := COALESCE(waits, 0);
END
$$;
REVOKE ALL ON FUNCTION prodgen.take FROM PUBLIC;

-- At the door: takes one request, and says how much of the tightest budget is spent. Not `configured`: there is nothing to ask for.
-- For null, nothing is taken: batches have no limits.
CREATE OR REPLACE FUNCTION prodgen.admit(of_user text)
    RETURNS TABLE (configured boolean, waits double precision, limited_by text, spent_share double precision, hard_stop boolean,
        ends_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    tenant integer := prodgen.current_tenant();
    taken record;
BEGIN
    IF NOT EXISTS (SELECT FROM prodgen.limits WHERE tenant_id = tenant)
       AND NOT EXISTS (SELECT FROM prodgen.budgets WHERE tenant_id = tenant AND account = 'querying') THEN
        RETURN QUERY SELECT false, 0::double precision, NULL::text, 0::double precision, false, NULL::timestamptz;
        RETURN;
    END IF;
    SELECT * INTO taken FROM prodgen.take(of_user, 1, 0, 1) WHERE of_user IS NOT NULL;
    RETURN QUERY
    SELECT true, COALESCE(taken.waits, 0), taken.limited_by, COALESCE(b.share, 0), COALESCE(b.hard_stop, false), b.ends_at
    FROM (SELECT) AS one LEFT JOIN LATERAL (
        SELECT (CASE WHEN g.usd = 0 THEN 1 ELSE COALESCE(p.spent, 0) / g.usd END)::double precision AS share, g.hard_stop,
            prodgen.period_end(g.period, clock_timestamp()) AS ends_at
        FROM prodgen.budgets g LEFT JOIN prodgen.budget_periods p ON p.tenant_id = g.tenant_id AND p.account = g.account
            AND p.period = g.period AND p.starts_on = prodgen.period_start(g.period, clock_timestamp())
        WHERE g.tenant_id = tenant AND g.account = 'querying'
        -- Of several that are spent, the one that refuses longest.
        ORDER BY LEAST(1, (CASE WHEN g.usd = 0 THEN 1 ELSE COALESCE(p.spent, 0) / g.usd END)) DESC, g.hard_stop DESC, 3 DESC
        LIMIT 1) AS b ON true;
END
$$;
REVOKE ALL ON FUNCTION prodgen.admit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.admit TO prodgen_pipeline, prodgen_serving;

-- Budgets go by the calendar in UTC.
CREATE OR REPLACE FUNCTION prodgen.period_start(period text, moment timestamptz) RETURNS date
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    RETURN date_trunc($1, $2 AT TIME ZONE 'UTC')::date;
REVOKE ALL ON FUNCTION prodgen.period_start FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.period_start TO prodgen_pipeline;

CREATE OR REPLACE FUNCTION prodgen.period_end(period text, moment timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    RETURN (date_trunc($1, $2 AT TIME ZONE 'UTC') + ('1 ' || $1)::interval) AT TIME ZONE 'UTC';
REVOKE ALL ON FUNCTION prodgen.period_end FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.period_end TO prodgen_pipeline;

-- Whether a process still holds the lock of its number.
CREATE OR REPLACE FUNCTION prodgen.is_alive(worker integer) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_try_advisory_lock(7130005, worker) THEN
        PERFORM pg_advisory_unlock(7130005, worker);
        RETURN false;
    END IF;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION prodgen.is_alive FROM PUBLIC;

-- Gives tokens back to the buckets of a user, or charges them where the number is negative.
CREATE OR REPLACE FUNCTION prodgen.give_back(of_user text, tokens double precision) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM prodgen.rate_buckets b WHERE b.tenant_id = prodgen.current_tenant() AND b.user_name IN ('', of_user)
    ORDER BY b.user_name, b.unit FOR UPDATE;
    UPDATE prodgen.rate_buckets b SET level = LEAST(l.burst, b.level + tokens)
    FROM prodgen.limits_of(of_user) l
    WHERE b.tenant_id = prodgen.current_tenant() AND b.user_name = l.user_name AND b.unit = 'tokens' AND l.unit = 'tokens';
END
$$;
REVOKE ALL ON FUNCTION prodgen.give_back FROM PUBLIC;

-- Ends reservations: what was set aside is free again. Returns when the first of them was made.
CREATE OR REPLACE FUNCTION prodgen.release_reservations(of_account text, ids bigint[], OUT usd numeric, OUT tokens bigint, OUT made_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH gone AS (
        DELETE FROM prodgen.reservations r
        WHERE r.tenant_id = prodgen.current_tenant() AND r.account = of_account AND r.reservation_id = ANY (ids)
        RETURNING r.usd, r.tokens, r.made_at),
    freed AS (
        UPDATE prodgen.budget_periods p SET reserved = p.reserved - f.usd
        FROM (SELECT b.period, prodgen.period_start(b.period, g.made_at) AS starts_on, sum(g.usd) AS usd
              FROM gone g CROSS JOIN (VALUES ('day'), ('month')) AS b (period) GROUP BY 1, 2) AS f
        WHERE p.tenant_id = prodgen.current_tenant() AND p.account = of_account AND p.period = f.period AND p.starts_on = f.starts_on)
    SELECT COALESCE(sum(g.usd), 0), COALESCE(sum(g.tokens), 0), min(g.made_at) INTO usd, tokens, made_at FROM gone g;
END
$$;
REVOKE ALL ON FUNCTION prodgen.release_reservations FROM PUBLIC;

-- Returns what nobody will settle: past its deadline, or of a process that has been gone for two seconds. A process that lives and
-- lost its lock with its connection takes it again within one.
CREATE OR REPLACE FUNCTION prodgen.sweep_reservations(of_account text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant integer := prodgen.current_tenant();
    moment timestamptz := clock_timestamp();
    gone record;
BEGIN
    WITH workers AS MATERIALIZED (
        SELECT w.worker, prodgen.is_alive(w.worker) AS alive
        FROM (SELECT DISTINCT r.worker FROM prodgen.reservations r
              WHERE r.tenant_id = tenant AND r.account = of_account AND r.worker IS NOT NULL) AS w)
    UPDATE prodgen.reservations r SET missed_at = CASE WHEN w.alive THEN NULL ELSE moment END
    FROM workers w
    WHERE r.tenant_id = tenant AND r.account = of_account AND r.worker = w.worker AND w.alive = (r.missed_at IS NOT NULL);
    FOR gone IN
        SELECT r.user_name, array_agg(r.reservation_id) AS ids, sum(r.tokens) AS tokens FROM prodgen.reservations r
        WHERE r.tenant_id = tenant AND r.account = of_account
          AND (r.expires_at < moment OR r.missed_at < moment - interval '2 seconds')
        GROUP BY r.user_name ORDER BY r.user_name
    LOOP
        PERFORM prodgen.release_reservations(of_account, gone.ids);
        PERFORM prodgen.give_back(gone.user_name, gone.tokens);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION prodgen.sweep_reservations FROM PUBLIC;

-- Opens the accounts of the periods that have begun, with what was used in them before there was a budget.
CREATE OR REPLACE FUNCTION prodgen.open_periods(of_account text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant integer := prodgen.current_tenant();
    moment timestamptz := clock_timestamp();
    opened record;
BEGIN
    FOR opened IN
        SELECT g.period, prodgen.period_start(g.period, moment) AS starts_on FROM prodgen.budgets g
        WHERE g.tenant_id = tenant AND g.account = of_account AND NOT EXISTS (
            SELECT FROM prodgen.budget_periods p WHERE p.tenant_id = tenant AND p.account = of_account AND p.period = g.period
              AND p.starts_on = prodgen.period_start(g.period, moment))
    LOOP
        INSERT INTO prodgen.budget_periods (tenant_id, account, period, starts_on, spent, reserved)
        SELECT tenant, of_account, opened.period, opened.starts_on,
            (SELECT COALESCE(sum(u.usd), 0) FROM prodgen.usage u WHERE u.tenant_id = tenant AND u.account = of_account
               AND u.at >= opened.starts_on::timestamp AT TIME ZONE 'UTC'),
            (SELECT COALESCE(sum(r.usd), 0) FROM prodgen.reservations r WHERE r.tenant_id = tenant AND r.account = of_account
               AND r.made_at >= opened.starts_on::timestamp AT TIME ZONE 'UTC');
        UPDATE prodgen.alerts SET resolved_at = now() WHERE tenant_id = tenant AND kind = 'budget'
          AND object = of_account || ' ' || opened.period AND resolved_at IS NULL;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION prodgen.open_periods FROM PUBLIC;

-- Opens, words anew or closes the alerts of an account's budgets, at 80, 90 and 100 percent.
CREATE OR REPLACE FUNCTION prodgen.judge_budgets(of_account text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant integer := prodgen.current_tenant();
    found_budget record;
    reached integer;
BEGIN
    FOR found_budget IN
        SELECT p.period, p.starts_on, p.spent, p.step, g.usd FROM prodgen.budgets g
        JOIN prodgen.budget_periods p ON p.tenant_id = g.tenant_id AND p.account = g.account AND p.period = g.period
            AND p.starts_on = prodgen.period_start(g.period, clock_timestamp())
        WHERE g.tenant_id = tenant AND g.account = of_account
    LOOP
        reached := CASE WHEN found_budget.spent >= found_budget.usd THEN 100 WHEN found_budget.spent >= found_budget.usd * 0.9 THEN 90
                        WHEN found_budget.spent >= found_budget.usd * 0.8 THEN 80 ELSE 0 END;
        CONTINUE WHEN reached = found_budget.step;
        UPDATE prodgen.budget_periods p SET step = reached WHERE p.tenant_id = tenant AND p.account = of_account
          AND p.period = found_budget.period AND p.starts_on = found_budget.starts_on;
        UPDATE prodgen.alerts SET resolved_at = now() WHERE tenant_id = tenant AND kind = 'budget'
          AND object = of_account || ' ' || found_budget.period AND resolved_at IS NULL;
        CONTINUE WHEN reached = 0;
        INSERT INTO prodgen.alerts (tenant_id, kind, object, severity, message)
        VALUES (tenant, 'budget', of_account || ' ' || found_budget.period, CASE reached WHEN 100 THEN 'critical' ELSE 'warning' END,
            format('%s of the %s budget of %s USD a %s are spent (%s USD): `prodgen budget set` raises it',
                reached || ' %', of_account, trim_scale(found_budget.usd), found_budget.period, trim_scale(found_budget.spent)));
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION prodgen.judge_budgets FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.judge_budgets, prodgen.open_periods TO prodgen_pipeline;

-- Sets aside what a call may cost, in every budget of the account and every bucket of tokens, or nowhere. `refused_by` is null where it
-- was; otherwise 'budget' or the limit, and how long it lasts.
CREATE OR REPLACE FUNCTION prodgen.reserve(of_account text, of_user text, usd numeric, tokens bigint, lease_seconds double precision,
        worker integer, OUT reservation_id bigint, OUT refused_by text, OUT waits double precision)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant integer := prodgen.current_tenant();
    moment timestamptz;
    taken record;
BEGIN
    -- Whoever moves money of an account holds these rows.
    PERFORM FROM prodgen.budgets g WHERE g.tenant_id = tenant AND g.account = of_account ORDER BY g.period FOR UPDATE;
    PERFORM prodgen.sweep_reservations(of_account);
    PERFORM prodgen.open_periods(of_account);
    moment := clock_timestamp();
    SELECT 'budget', extract(epoch FROM prodgen.period_end(g.period, moment) - moment) INTO refused_by, waits
    FROM prodgen.budgets g JOIN prodgen.budget_periods p ON p.tenant_id = g.tenant_id AND p.account = g.account
        AND p.period = g.period AND p.starts_on = prodgen.period_start(g.period, moment)
    WHERE g.tenant_id = tenant AND g.account = of_account AND p.spent + p.reserved + reserve.usd > g.usd
    ORDER BY 2 DESC LIMIT 1;
    IF refused_by IS NOT NULL THEN
        RETURN;
    END IF;
    IF of_account = 'querying' THEN
        SELECT * INTO taken FROM prodgen.take(of_user, 0, tokens, tokens);
        IF taken.waits > 0 THEN
            refused_by := taken.limited_by;
            waits := taken.waits;
            RETURN;
        END IF;
    END IF;
    INSERT INTO prodgen.reservations AS r (tenant_id, account, user_name, usd, tokens, made_at, expires_at, worker)
    VALUES (tenant, of_account, of_user, reserve.usd, reserve.tokens, moment, moment + make_interval(secs => lease_seconds),
        reserve.worker)
    RETURNING r.reservation_id INTO reserve.reservation_id;
    UPDATE prodgen.budget_periods p SET reserved = p.reserved + reserve.usd
    FROM prodgen.budgets g
    WHERE g.tenant_id = tenant AND g.account = of_account AND p.tenant_id = tenant AND p.account = of_account
      AND p.period = g.period AND p.starts_on = prodgen.period_start(g.period, moment);
    waits := 0;
END
$$;
REVOKE ALL ON FUNCTION prodgen.reserve FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.reserve TO prodgen_pipeline, prodgen_serving;

-- Keeps what was really used, in place of what was set aside for it. The last model is the one that answered.
CREATE OR REPLACE FUNCTION prodgen.settle(of_account text, of_user text, ids bigint[], tiers text[], models text[], input_tokens bigint[],
        output_tokens bigint[], usd numeric[], requests integer, prices text, cache_hit boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant integer := prodgen.current_tenant();
    used numeric := (SELECT COALESCE(sum(u), 0) FROM unnest(settle.usd) AS u);
    used_tokens bigint := (SELECT COALESCE(sum(n), 0) FROM unnest(settle.input_tokens || settle.output_tokens) AS n);
    freed record;
BEGIN
    PERFORM FROM prodgen.budgets g WHERE g.tenant_id = tenant AND g.account = of_account ORDER BY g.period FOR UPDATE;
    PERFORM prodgen.open_periods(of_account);
    SELECT * INTO freed FROM prodgen.release_reservations(of_account, ids);
    -- Money counts in the period in which it was set aside.
    UPDATE prodgen.budget_periods p SET spent = p.spent + used
    WHERE used > 0 AND p.tenant_id = tenant AND p.account = of_account
      AND p.starts_on = prodgen.period_start(p.period, COALESCE(freed.made_at, clock_timestamp()));
    INSERT INTO prodgen.usage (tenant_id, at, account, user_name, tier, model, requests, input_tokens, output_tokens, usd, prices,
        cache_hit, reserved_usd, settled_usd)
    SELECT tenant, COALESCE(freed.made_at, clock_timestamp()), of_account, of_user, c.tier, c.model,
        CASE WHEN c.place = cardinality(tiers) THEN settle.requests ELSE 0 END, c.n_input, c.n_output, c.cost, settle.prices,
        settle.cache_hit, CASE WHEN c.place = cardinality(tiers) AND freed.made_at IS NOT NULL THEN freed.usd END,
        CASE WHEN c.place = cardinality(tiers) AND freed.made_at IS NOT NULL THEN used END
    FROM unnest(tiers, models, settle.input_tokens, settle.output_tokens, settle.usd)
        WITH ORDINALITY AS c (tier, model, n_input, n_output, cost, place);
    IF of_account = 'querying' AND freed.tokens <> used_tokens THEN
        PERFORM prodgen.give_back(of_user, freed.tokens - used_tokens);
    END IF;
    PERFORM prodgen.judge_budgets(of_account);
END
$$;
REVOKE ALL ON FUNCTION prodgen.settle FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.settle TO prodgen_pipeline, prodgen_serving;

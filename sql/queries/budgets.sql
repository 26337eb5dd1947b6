-- set --
INSERT INTO prodgen.budgets (tenant_id, account, period, usd, hard_stop)
VALUES (%(tenant_id)s, %(account)s, %(period)s, %(usd)s, %(hard_stop)s)
ON CONFLICT (tenant_id, account, period) DO UPDATE SET usd = excluded.usd, hard_stop = excluded.hard_stop;

-- judged --
-- After a change: what was spent before, and the alerts that now hold.
SELECT prodgen.open_periods(%(account)s), prodgen.judge_budgets(%(account)s);

-- remove --
DELETE FROM prodgen.budgets WHERE tenant_id = %(tenant_id)s AND account = %(account)s AND period = %(period)s;

-- list --
SELECT g.account, g.period, g.usd, g.hard_stop, COALESCE(p.spent, 0) AS spent_usd, COALESCE(p.reserved, 0) AS reserved_usd,
    prodgen.period_end(g.period, now()) AS ends_at
FROM prodgen.budgets g LEFT JOIN prodgen.budget_periods p ON p.tenant_id = g.tenant_id AND p.account = g.account
    AND p.period = g.period AND p.starts_on = prodgen.period_start(g.period, now())
WHERE g.tenant_id = %(tenant_id)s ORDER BY g.account, g.period;

-- reserve --
SELECT reservation_id, refused_by, waits
FROM prodgen.reserve(%(account)s, %(user_name)s, %(usd)s, %(tokens)s, %(lease_seconds)s, %(worker)s);

-- settle --
SELECT prodgen.settle(%(account)s, %(user_name)s, %(reservation_ids)s::bigint[], %(tiers)s::text[], %(models)s::text[],
    %(input_tokens)s::bigint[], %(output_tokens)s::bigint[], %(usd)s::numeric[], %(requests)s, %(prices)s, %(cache_hit)s);

-- usage --
SELECT prodgen.period_start(%(period)s, u.at) AS starts_on, u.account, u.user_name, u.tier, u.model, sum(u.requests) AS requests,
    count(*) FILTER (WHERE u.cache_hit) AS cache_hits, sum(u.input_tokens)::bigint AS input_tokens,
    sum(u.output_tokens)::bigint AS output_tokens, sum(u.usd) AS usd, COALESCE(sum(u.reserved_usd), 0) AS reserved_usd,
    COALESCE(sum(u.settled_usd), 0) AS settled_usd, array_agg(DISTINCT u.prices) FILTER (WHERE u.usd > 0) AS prices
FROM prodgen.usage u
WHERE u.tenant_id = %(tenant_id)s AND u.at >= now() - make_interval(days => %(days)s)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5;

-- differences --
-- How much more is set aside than is used, over the same time.
SELECT count(*) AS answers, COALESCE(sum(u.reserved_usd), 0) AS reserved_usd, COALESCE(sum(u.settled_usd), 0) AS settled_usd,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY u.reserved_usd - u.settled_usd) AS p50_usd,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY u.reserved_usd - u.settled_usd) AS p95_usd
FROM prodgen.usage u
WHERE u.tenant_id = %(tenant_id)s AND u.reserved_usd IS NOT NULL AND u.at >= now() - make_interval(days => %(days)s);

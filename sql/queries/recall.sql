-- keep_sample --
-- By the query side, after the answer.
SELECT prodgen.keep_search_sample(%(release_id)s, %(generation_id)s, %(principals)s::text[], %(question)s, %(filters)s,
    %(k)s, %(plan)s, %(at_most)s) AS sample_id;

-- samples --
-- The newest searches to repeat.
SELECT sample_id, at, release_id, generation_id, principals, question, filters, k, plan FROM prodgen.search_samples
WHERE tenant_id = %(tenant_id)s ORDER BY sample_id DESC LIMIT %(limit)s;

-- state --
-- Whether there are searches that came after the last audit, and when that was.
SELECT a.at AS audited_at,
    EXISTS (SELECT FROM prodgen.search_samples s
            WHERE s.tenant_id = %(tenant_id)s AND s.at > COALESCE(a.at, '-infinity')) AS waits
FROM (SELECT max(at) AS at FROM prodgen.recall_audits WHERE tenant_id = %(tenant_id)s) AS a;

-- keep_audit --
INSERT INTO prodgen.recall_audits (tenant_id, generation_id, k, n_searches, n_expected, n_found, n_short, recall)
VALUES (%(tenant_id)s, %(generation_id)s, %(k)s, %(n_searches)s, %(n_expected)s, %(n_found)s, %(n_short)s, %(recall)s);

-- last --
SELECT at, generation_id, k, n_searches, n_expected, n_found, n_short, recall FROM prodgen.recall_audits
WHERE tenant_id = %(tenant_id)s ORDER BY audit_id DESC LIMIT 1;

-- purge_samples --
DELETE FROM prodgen.search_samples
WHERE tenant_id = %(tenant_id)s AND at < now() - make_interval(days => %(days)s);

-- purge_audits --
DELETE FROM prodgen.recall_audits
WHERE tenant_id = %(tenant_id)s AND at < now() - make_interval(days => %(days)s);

-- figures --
-- Of all tenants together; names none.
SELECT n_tenants, minimum, mean, audited_at FROM prodgen.recall_figures(%(at_least)s);

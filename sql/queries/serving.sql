-- redaction_config --
-- How the generation that serves was redacted: questions are redacted the same way.
SELECT configuration -> 'redaction' FROM corpus.generations
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s;

-- answers --
-- Whether anybody is there.
SELECT 1;

-- answer --
-- One answer that was given.
SELECT answer_id, at, actor, release_id, generation_id, question, answer, refused, reason, tier, model, usd, timings_ms,
    evidence
FROM prodgen.answers WHERE tenant_id = %(tenant_id)s AND answer_id = %(answer_id)s;

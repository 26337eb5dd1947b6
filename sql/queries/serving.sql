-- redaction_config --
-- How the generation that serves was redacted: questions are redacted the same way.
SELECT configuration -> 'redaction' FROM corpus.generations
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s;

-- answers --
-- Whether anybody is there.
SELECT 1;

-- keep_case --
-- Golden cases come from files: the one read last is right.
INSERT INTO prodgen.evaluation_cases (tenant_id, case_id, question, uris, answer, refuse, slice)
VALUES (%(tenant_id)s, %(case_id)s, %(question)s, %(uris)s, %(answer)s, %(refuse)s, %(slice)s)
ON CONFLICT (tenant_id, case_id) DO UPDATE
SET question = excluded.question, uris = excluded.uris, answer = excluded.answer, refuse = excluded.refuse,
    slice = excluded.slice;

-- cases --
SELECT case_id, question, uris, answer, refuse, slice FROM prodgen.evaluation_cases
WHERE tenant_id = %(tenant_id)s ORDER BY case_id;

-- remove_cases --
DELETE FROM prodgen.evaluation_cases WHERE tenant_id = %(tenant_id)s;

-- keep_report --
INSERT INTO prodgen.evaluation_reports (tenant_id, release_id, generation_id, run_id, scores)
VALUES (%(tenant_id)s, %(release_id)s, %(generation_id)s, %(run_id)s, %(scores)s)
RETURNING report_id;

-- reports --
-- The newest first.
SELECT report_id, release_id, generation_id, run_id, created_at, scores FROM prodgen.evaluation_reports
WHERE tenant_id = %(tenant_id)s ORDER BY report_id DESC LIMIT %(limit)s;

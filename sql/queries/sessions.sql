-- turns --
-- The last turns of a session, oldest first; of what each cited, whether the reader may still read the document, and whether the
-- chunk is still served. Row-level security of documents and of the index decides both.
SELECT t.turn_id, t.at, t.answer_id, t.turn_type, t.question, t.search_query, t.query_from, t.answer, t.refused,
    COALESCE(c.cited, '[]') AS cited
FROM (
    SELECT * FROM prodgen.session_turns
    WHERE tenant_id = %(tenant_id)s AND owner = %(owner)s AND session_id = %(session_id)s
    ORDER BY turn_id DESC LIMIT %(at_most)s) AS t
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('chunk_id', c.chunk_id::text, 'document_id', c.document_id::text, 'version', c.version,
        'access_id', COALESCE(c.access_id, 0),
        'readable', EXISTS (SELECT FROM corpus.documents d WHERE d.tenant_id = c.tenant_id AND d.document_id = c.document_id
                            AND d.served_version IS NOT NULL AND d.deleted_at IS NULL),
        'served', EXISTS (SELECT FROM corpus.index_entries e WHERE e.tenant_id = c.tenant_id AND e.chunk_id = c.chunk_id)
        ) ORDER BY c.place) AS cited
    FROM prodgen.session_citations c
    WHERE c.tenant_id = t.tenant_id AND c.owner = t.owner AND c.session_id = t.session_id AND c.turn_id = t.turn_id) AS c ON true
ORDER BY t.turn_id;

-- add_turn --
WITH made AS (
    INSERT INTO prodgen.session_turns (tenant_id, owner, session_id, answer_id, turn_type, question, search_query, query_from,
        answer, refused)
    VALUES (%(tenant_id)s, %(owner)s, %(session_id)s, %(answer_id)s, %(turn_type)s, %(question)s, %(search_query)s,
        %(query_from)s, %(answer)s, %(refused)s)
    RETURNING turn_id)
SELECT turn_id FROM made;

-- add_citations --
-- With the set of readers that each document is open to now.
INSERT INTO prodgen.session_citations (tenant_id, owner, session_id, turn_id, place, chunk_id, document_id, version, access_id)
SELECT %(tenant_id)s, %(owner)s, %(session_id)s, %(turn_id)s, c.place, c.chunk_id, c.document_id, c.version, d.access_id
FROM unnest(%(chunk_ids)s::bigint[], %(document_ids)s::bigint[], %(versions)s::integer[])
    WITH ORDINALITY AS c (chunk_id, document_id, version, place)
LEFT JOIN corpus.documents d ON d.tenant_id = %(tenant_id)s AND d.document_id = c.document_id;

-- remove --
-- A session of the transaction's own reader.
SELECT prodgen.forget_session(%(owner)s, %(session_id)s);

-- expiring --
-- Turns that `expire` would delete.
SELECT COALESCE(sum(n), 0) FROM (SELECT count(*) AS n FROM prodgen.session_turns WHERE tenant_id = %(tenant_id)s
    GROUP BY owner, session_id HAVING max(at) < now() - make_interval(days => %(days)s)) AS old;

-- expire --
-- Sessions in which nothing was said for so many days, whole.
DELETE FROM prodgen.session_turns t USING (
    SELECT owner, session_id FROM prodgen.session_turns WHERE tenant_id = %(tenant_id)s
    GROUP BY owner, session_id HAVING max(at) < now() - make_interval(days => %(days)s)) AS old
WHERE t.tenant_id = %(tenant_id)s AND t.owner = old.owner AND t.session_id = old.session_id;

-- answer --
-- For feedback: the query side sees its reader's own.
SELECT question, answer FROM prodgen.answers WHERE tenant_id = %(tenant_id)s AND answer_id = %(answer_id)s;

-- keep_feedback --
INSERT INTO prodgen.answer_feedback (tenant_id, answer_id, actor, verdict, comment)
VALUES (%(tenant_id)s, %(answer_id)s, %(actor)s, %(verdict)s, %(comment)s)
ON CONFLICT (tenant_id, answer_id) DO UPDATE
SET at = now(), verdict = excluded.verdict, comment = excluded.comment;

-- propose_case --
-- Once an answer and cause.
INSERT INTO prodgen.proposed_cases (tenant_id, answer_id, origin, actor, question, answer, said)
VALUES (%(tenant_id)s, %(answer_id)s, %(origin)s, %(actor)s, %(question)s, %(answer)s, %(said)s) ON CONFLICT DO NOTHING;

-- proposed --
SELECT answer_id, origin, at, actor, question, answer, said FROM prodgen.proposed_cases
WHERE tenant_id = %(tenant_id)s AND reviewed_at IS NULL ORDER BY at, answer_id;

-- reviewed --
UPDATE prodgen.proposed_cases SET reviewed_at = now()
WHERE tenant_id = %(tenant_id)s AND answer_id = %(answer_id)s AND origin = %(origin)s AND reviewed_at IS NULL;

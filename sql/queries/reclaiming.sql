-- unfinished --
-- Generations that live no more and whose rows are not all gone yet.
SELECT generation_id, state, pins, configuration FROM corpus.generations
WHERE tenant_id = %(tenant_id)s AND state = 'reclaimed' AND reclaimed_at IS NULL ORDER BY generation_id;

-- soaked --
-- Those that have stood by for long enough.
SELECT generation_id, state, pins, configuration FROM corpus.generations
WHERE tenant_id = %(tenant_id)s AND state = 'standby' AND left_at <= now() - make_interval(secs => %(soak_seconds)s)
ORDER BY generation_id;

-- has_vector_index --
-- Also one whose build was interrupted.
SELECT to_regclass('corpus.' || %(name)s) IS NOT NULL AS there;

-- next_documents --
SELECT document_id FROM corpus.documents WHERE tenant_id = %(tenant_id)s AND document_id > %(after)s
ORDER BY document_id LIMIT %(n)s;

-- delete_entries --
DELETE FROM corpus.index_entries WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s
    AND document_id BETWEEN %(first)s AND %(last)s;

-- delete_terms --
DELETE FROM corpus.index_terms WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s AND block = %(block)s;

-- blocks --
-- Term lists need not have a row of their block: an emptied one keeps its number.
SELECT DISTINCT block FROM corpus.index_terms WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s;

-- delete_blocks --
DELETE FROM corpus.index_blocks WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s;

-- delete_sizes --
DELETE FROM corpus.index_sizes WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s;

-- delete_parsed --
DELETE FROM corpus.parsed_documents WHERE tenant_id = %(tenant_id)s AND document_id BETWEEN %(first)s AND %(last)s
    AND lineage = ANY (%(lineages)s);

-- delete_cleaned --
DELETE FROM corpus.cleaned_documents WHERE tenant_id = %(tenant_id)s AND document_id BETWEEN %(first)s AND %(last)s
    AND lineage = ANY (%(lineages)s);

-- delete_deduped --
DELETE FROM corpus.deduped_documents WHERE tenant_id = %(tenant_id)s AND document_id BETWEEN %(first)s AND %(last)s
    AND lineage = ANY (%(lineages)s);

-- delete_redacted --
DELETE FROM corpus.redacted_documents WHERE tenant_id = %(tenant_id)s AND document_id BETWEEN %(first)s AND %(last)s
    AND lineage = ANY (%(lineages)s);

-- delete_chunks --
DELETE FROM corpus.document_chunks WHERE tenant_id = %(tenant_id)s AND document_id BETWEEN %(first)s AND %(last)s
    AND lineage = ANY (%(lineages)s);

-- delete_ledger --
DELETE FROM corpus.ledger WHERE tenant_id = %(tenant_id)s AND document_id BETWEEN %(first)s AND %(last)s
    AND lineage = ANY (%(lineages)s);

-- delete_vectors --
-- Of models that no living generation uses.
DELETE FROM corpus.chunk_embeddings v USING (
    SELECT model, text_hash FROM corpus.chunk_embeddings
    WHERE tenant_id = %(tenant_id)s AND model <> ALL (%(models)s) LIMIT %(n)s) AS gone
WHERE v.tenant_id = %(tenant_id)s AND v.model = gone.model AND v.text_hash = gone.text_hash;

-- finish --
UPDATE corpus.generations SET reclaimed_at = now()
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s AND state = 'reclaimed';

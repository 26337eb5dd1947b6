-- raw_input --
-- What parsing reads: where the bytes of the due version lie.
SELECT document_id, version, uri, object_key, size FROM corpus.raw_documents
WHERE tenant_id = %(tenant_id)s
  AND (document_id, version) IN (SELECT * FROM unnest(%(document_ids)s::bigint[], %(versions)s::integer[]));

-- parsed_input --
-- Each stage reads what the ledger says the stage before it was last made from: after a cut-off that is an older version.
SELECT p.document_id, p.title, p.elements::text AS elements
FROM corpus.ledger l JOIN corpus.parsed_documents p USING (tenant_id, lineage, document_id, version)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'parsed_documents' AND l.lineage = %(lineage)s
  AND l.document_id = ANY (%(document_ids)s);

-- cleaned_input --
SELECT p.document_id, p.title, p.elements::text AS elements
FROM corpus.ledger l JOIN corpus.cleaned_documents p USING (tenant_id, lineage, document_id, version)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'cleaned_documents' AND l.lineage = %(lineage)s
  AND l.document_id = ANY (%(document_ids)s);

-- redacted_input --
SELECT p.document_id, p.title, p.elements::text AS elements
FROM corpus.ledger l JOIN corpus.redacted_documents p USING (tenant_id, lineage, document_id, version)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'redacted_documents' AND l.lineage = %(lineage)s
  AND l.document_id = ANY (%(document_ids)s);

-- chunk_input --
SELECT k.document_id, k.chunk_id, k.ordinal, k.text, k.heading_path, k.n_tokens, k.access_id, k.embedding_text, k.text_hash
FROM corpus.ledger l JOIN corpus.document_chunks k USING (tenant_id, lineage, document_id, version)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'document_chunks' AND l.lineage = %(lineage)s
  AND l.document_id = ANY (%(document_ids)s)
ORDER BY k.document_id, k.ordinal;

-- write_parsed --
INSERT INTO corpus.parsed_documents (tenant_id, document_id, lineage, version, media_type, title, n_pages, n_chars, metadata,
    elements)
VALUES (%(tenant_id)s, %(document_id)s, %(lineage)s, %(version)s, %(media_type)s, %(title)s, %(n_pages)s, %(n_chars)s,
        %(metadata)s, %(elements)s)
ON CONFLICT (tenant_id, document_id, lineage, version) DO UPDATE
SET media_type = excluded.media_type, title = excluded.title, n_pages = excluded.n_pages, n_chars = excluded.n_chars,
    metadata = excluded.metadata, elements = excluded.elements;

-- refresh_metadata --
-- A new version whose elements are those that this stage made before: the wave ends here, so what is served and its copies
-- get the new version's metadata now.
UPDATE corpus.documents d SET metadata = %(metadata)s
FROM corpus.ledger l
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'parsed_documents' AND l.lineage = %(lineage)s
  AND l.document_id = %(document_id)s AND l.output_hash = %(output_hash)s
  AND d.tenant_id = l.tenant_id AND d.served_version IS NOT NULL AND d.metadata <> %(metadata)s
  AND (d.document_id = l.document_id AND d.duplicate_of IS NULL OR d.duplicate_of = l.document_id);

-- write_cleaned --
INSERT INTO corpus.cleaned_documents (tenant_id, document_id, lineage, version, title, n_chars, rule_counts, elements)
VALUES (%(tenant_id)s, %(document_id)s, %(lineage)s, %(version)s, %(title)s, %(n_chars)s, %(rule_counts)s, %(elements)s)
ON CONFLICT (tenant_id, document_id, lineage, version) DO UPDATE
SET title = excluded.title, n_chars = excluded.n_chars, rule_counts = excluded.rule_counts, elements = excluded.elements;

-- write_redacted --
INSERT INTO corpus.redacted_documents (tenant_id, document_id, lineage, version, title, n_chars, entities, elements)
VALUES (%(tenant_id)s, %(document_id)s, %(lineage)s, %(version)s, %(title)s, %(n_chars)s, %(entities)s, %(elements)s)
ON CONFLICT (tenant_id, document_id, lineage, version) DO UPDATE
SET title = excluded.title, n_chars = excluded.n_chars, entities = excluded.entities, elements = excluded.elements;

-- clear_chunks --
-- A killed run may have left chunks of this version; they are made again.
DELETE FROM corpus.document_chunks
WHERE tenant_id = %(tenant_id)s AND lineage = %(lineage)s
  AND (document_id, version) IN (SELECT * FROM unnest(%(document_ids)s::bigint[], %(versions)s::integer[]));

-- write_chunk --
INSERT INTO corpus.document_chunks (tenant_id, document_id, lineage, version, ordinal, start_char, end_char, n_tokens, pages,
    heading_path, parent_first, parent_last, text, embedding_text, text_hash, access_id)
VALUES (%(tenant_id)s, %(document_id)s, %(lineage)s, %(version)s, %(ordinal)s, %(start_char)s, %(end_char)s, %(n_tokens)s,
    %(pages)s, %(heading_path)s, %(parent_first)s, %(parent_last)s, %(text)s, %(embedding_text)s, %(text_hash)s,
    (SELECT d.access_id FROM corpus.documents d WHERE d.tenant_id = %(tenant_id)s AND d.document_id = %(document_id)s));

-- readers --
-- Who may read each document, as one sorted list.
SELECT d.document_id, a.principals FROM corpus.documents d JOIN corpus.access_sets a USING (tenant_id, access_id)
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = ANY (%(document_ids)s);

-- source_names --
-- Which source each document comes from: chunk sizes may differ by source.
SELECT d.document_id, s.name FROM corpus.documents d JOIN corpus.sources s USING (tenant_id, source_id)
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = ANY (%(document_ids)s);

-- token_for --
-- The token of a value, made on first sight. A collision of the short token within the tenant fails on its unique key
-- and the caller tries a longer one.
INSERT INTO corpus.pseudonyms (tenant_id, label, value_key, token)
SELECT %(tenant_id)s, x.label, x.value_key, x.token
FROM unnest(%(labels)s::text[], %(value_keys)s::bytea[], %(tokens)s::text[]) AS x (label, value_key, token)
ON CONFLICT DO NOTHING;

-- tokens --
SELECT label, value_key, token FROM corpus.pseudonyms
WHERE tenant_id = %(tenant_id)s
  AND (label, value_key) IN (SELECT * FROM unnest(%(labels)s::text[], %(value_keys)s::bytea[]));

-- aliases --
-- Whose these forms are, and what else is theirs.
SELECT a.alias_key, a.token, a.kind FROM corpus.aliases a
WHERE a.tenant_id = %(tenant_id)s AND a.token IN (
    SELECT b.token FROM corpus.aliases b
    WHERE b.tenant_id = %(tenant_id)s AND b.alias_key = ANY (%(alias_keys)s::bytea[]) AND b.kind <> 'part');

-- add_aliases --
-- A form that a document turns out to have becomes a name.
INSERT INTO corpus.aliases (tenant_id, alias_key, token, kind)
SELECT %(tenant_id)s, x.alias_key, x.token, x.kind
FROM unnest(%(alias_keys)s::bytea[], %(tokens)s::text[], %(kinds)s::text[]) AS x (alias_key, token, kind)
ON CONFLICT (tenant_id, alias_key, token) DO UPDATE SET kind = excluded.kind
WHERE excluded.kind = 'name' AND aliases.kind <> 'name';

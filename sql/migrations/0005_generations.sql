-- Generations that stand beside each other, rights as sets, term lists in blocks, and the record of how well searches find.

-- Rows of all tenants are rewritten here, so the owner must see them; forced again at the end.
ALTER TABLE prodgen.tenants NO FORCE ROW LEVEL SECURITY;
ALTER TABLE corpus.documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE corpus.document_readers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE corpus.raw_documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE corpus.document_chunks NO FORCE ROW LEVEL SECURITY;
ALTER TABLE corpus.index_entries NO FORCE ROW LEVEL SECURITY;
ALTER TABLE corpus.index_terms NO FORCE ROW LEVEL SECURITY;
ALTER TABLE corpus.generations NO FORCE ROW LEVEL SECURITY;

-- Who may read, as a set that many documents share: a policy then compares one number a row with the few sets that hold the
-- reader, where a row per document and principal made every statement read as many rows as the reader has documents.
CREATE TABLE corpus.access_sets (
    tenant_id       integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    access_id       integer GENERATED ALWAYS AS IDENTITY,
    -- Sorted; '*', 'user:NAME' or 'group:NAME'. Empty: nobody.
    principals      text[] NOT NULL,
    principals_hash bytea NOT NULL,  -- SHA-256 of the principals joined by U+0001
    PRIMARY KEY (tenant_id, access_id),
    UNIQUE (tenant_id, principals_hash)
);
CREATE TABLE corpus.access_principals (
    tenant_id  integer NOT NULL,
    principal  text NOT NULL,
    access_id  integer NOT NULL,
    PRIMARY KEY (tenant_id, principal, access_id),
    FOREIGN KEY (tenant_id, access_id) REFERENCES corpus.access_sets ON DELETE CASCADE
);
CREATE INDEX access_principals_set ON corpus.access_principals (tenant_id, access_id);

INSERT INTO corpus.access_sets (tenant_id, principals, principals_hash)
SELECT DISTINCT tenant_id, principals, sha256(convert_to(array_to_string(principals, E'\x01'), 'UTF8')) FROM (
    SELECT d.tenant_id, COALESCE(array_agg(r.principal ORDER BY r.principal) FILTER (WHERE r.principal IS NOT NULL), '{}')
        AS principals
    FROM corpus.documents d LEFT JOIN corpus.document_readers r USING (tenant_id, document_id)
    GROUP BY d.tenant_id, d.document_id
) AS of_documents;
INSERT INTO corpus.access_principals (tenant_id, principal, access_id)
SELECT tenant_id, unnest(principals), access_id FROM corpus.access_sets;

-- The set stands beside every row that searches read, so that rights are decided within the scan.
ALTER TABLE corpus.documents ADD COLUMN access_id integer;
UPDATE corpus.documents d SET access_id = s.access_id
FROM corpus.access_sets s
WHERE s.tenant_id = d.tenant_id AND s.principals = COALESCE(
    (SELECT array_agg(r.principal ORDER BY r.principal) FROM corpus.document_readers r
     WHERE r.tenant_id = d.tenant_id AND r.document_id = d.document_id), '{}');
ALTER TABLE corpus.documents ALTER COLUMN access_id SET NOT NULL,
    ADD FOREIGN KEY (tenant_id, access_id) REFERENCES corpus.access_sets;

ALTER TABLE corpus.document_chunks ADD COLUMN access_id integer,
    -- Ordinals of the first and last chunk of what surrounds it: widening reads these.
    ADD COLUMN parent_first integer, ADD COLUMN parent_last integer;
UPDATE corpus.document_chunks k SET access_id = d.access_id, parent_first = k.ordinal, parent_last = k.ordinal
FROM corpus.documents d WHERE d.tenant_id = k.tenant_id AND d.document_id = k.document_id;
ALTER TABLE corpus.document_chunks ALTER COLUMN access_id SET NOT NULL,
    ALTER COLUMN parent_first SET NOT NULL, ALTER COLUMN parent_last SET NOT NULL,
    ADD CHECK (ordinal BETWEEN parent_first AND parent_last);

-- What searches may be narrowed to, of the served version; metadata holds nothing personal.
ALTER TABLE corpus.documents ADD COLUMN media_type text, ADD COLUMN document_time timestamptz,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';
ALTER TABLE corpus.parsed_documents ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';
UPDATE corpus.documents d SET document_time = r.source_time FROM corpus.raw_documents r
WHERE r.tenant_id = d.tenant_id AND r.document_id = d.document_id AND r.version = d.served_version;

-- Vectors are kept under a name that says where they come from and how they were computed.
ALTER TABLE corpus.chunk_embeddings NO FORCE ROW LEVEL SECURITY;
UPDATE corpus.chunk_embeddings SET model = 'local/all-MiniLM-L6-v2@gt-0.1.0/384/float'
WHERE model = 'all-MiniLM-L6-v2@gt-0.1.0';
ALTER TABLE corpus.chunk_embeddings FORCE ROW LEVEL SECURITY;

-- Entries: which block of term lists holds the chunk's terms.
ALTER TABLE corpus.index_entries ADD COLUMN access_id integer, ADD COLUMN block integer;
UPDATE corpus.index_entries e SET access_id = d.access_id, block = b.block
FROM corpus.documents d, (
    SELECT tenant_id, generation_id, document_id,
        ((sum(count(*)) OVER (PARTITION BY tenant_id, generation_id ORDER BY document_id) - count(*)) / 512)::integer AS block
    FROM corpus.index_entries GROUP BY tenant_id, generation_id, document_id
) AS b
WHERE d.tenant_id = e.tenant_id AND d.document_id = e.document_id
  AND b.tenant_id = e.tenant_id AND b.generation_id = e.generation_id AND b.document_id = e.document_id;
ALTER TABLE corpus.index_entries ALTER COLUMN access_id SET NOT NULL, ALTER COLUMN block SET NOT NULL;
-- An exact scan reads what the reader may see, not the whole tenant.
CREATE INDEX index_entries_access ON corpus.index_entries (tenant_id, generation_id, access_id);

-- Postings by term, block and set of readers, packed: 12 bytes each, big-endian, chunk_id (8), frequency (2), terms in that
-- chunk (2, capped at 32767). A search adds up a hundred thousand of them, which as arrays takes ten times as long. A block
-- is a few hundred chunks that were indexed about the same time; a list per document made a frequent term as many rows as
-- the tenant has documents.
CREATE TABLE corpus.index_terms_in_blocks (
    tenant_id      integer NOT NULL,
    generation_id  integer NOT NULL,
    term           text NOT NULL COLLATE "C",
    block          integer NOT NULL,
    access_id      integer NOT NULL,
    postings       bytea NOT NULL CHECK (octet_length(postings) % 12 = 0 AND octet_length(postings) > 0),
    PRIMARY KEY (tenant_id, generation_id, term, block, access_id)
);
-- Packed numbers hardly compress, and every search would unpack them again.
ALTER TABLE corpus.index_terms_in_blocks ALTER COLUMN postings SET STORAGE EXTERNAL;
INSERT INTO corpus.index_terms_in_blocks
SELECT t.tenant_id, t.generation_id, t.term, e.block, e.access_id,
    string_agg(int8send(p.chunk_id) || int2send(p.frequency) || int2send(p.length), '' ORDER BY p.chunk_id)
FROM corpus.index_terms t
CROSS JOIN LATERAL unnest(t.chunk_ids, t.frequencies, t.lengths) AS p (chunk_id, frequency, length)
JOIN corpus.index_entries e ON e.tenant_id = t.tenant_id AND e.generation_id = t.generation_id
    AND e.document_id = t.document_id AND e.chunk_id = p.chunk_id
GROUP BY t.tenant_id, t.generation_id, t.term, e.block, e.access_id;
DROP TABLE corpus.index_terms;
ALTER TABLE corpus.index_terms_in_blocks RENAME TO index_terms;
ALTER INDEX corpus.index_terms_in_blocks_pkey RENAME TO index_terms_pkey;
CREATE INDEX index_terms_block ON corpus.index_terms (tenant_id, generation_id, block);

CREATE TABLE corpus.index_blocks (
    tenant_id      integer NOT NULL,
    generation_id  integer NOT NULL,
    block          integer NOT NULL,
    n_chunks       integer NOT NULL,
    PRIMARY KEY (tenant_id, generation_id, block),
    FOREIGN KEY (tenant_id, generation_id) REFERENCES corpus.generations ON DELETE CASCADE
);
INSERT INTO corpus.index_blocks
SELECT tenant_id, generation_id, block, count(*) FROM corpus.index_entries GROUP BY tenant_id, generation_id, block;

-- What each set of readers can find, kept in step by the transaction that switches a document: how large a scan would be,
-- and what BM25 takes for the size of the corpus. Nobody's scores tell about what only others may read.
CREATE TABLE corpus.index_sizes (
    tenant_id      integer NOT NULL,
    generation_id  integer NOT NULL,
    access_id      integer NOT NULL,
    n_chunks       bigint NOT NULL,
    n_terms        bigint NOT NULL,
    PRIMARY KEY (tenant_id, generation_id, access_id),
    FOREIGN KEY (tenant_id, generation_id) REFERENCES corpus.generations ON DELETE CASCADE
);
INSERT INTO corpus.index_sizes
SELECT tenant_id, generation_id, access_id, count(*), sum(n_terms) FROM corpus.index_entries
GROUP BY tenant_id, generation_id, access_id;

-- building: filled by a backfill beside the serving one. standby: served before, kept up to date until its soak time is over,
-- so that going back is one statement. reclaimed: its rows are gone, the record stays.
ALTER TABLE corpus.generations DROP CONSTRAINT generations_state_check;
ALTER TABLE corpus.generations ADD CHECK (state IN ('building', 'serving', 'standby', 'reclaimed')),
    DROP COLUMN n_chunks, DROP COLUMN n_terms,
    ADD COLUMN opened_by text NOT NULL DEFAULT '',
    -- Every document that the backfill was opened for is in it.
    ADD COLUMN built_at timestamptz,
    ADD COLUMN served_at timestamptz, ADD COLUMN left_at timestamptz, ADD COLUMN reclaimed_at timestamptz,
    -- When its approximate vector index was complete; null: searched exactly.
    ADD COLUMN vector_index_at timestamptz,
    -- What the last checks before a cut-over said.
    ADD COLUMN checks jsonb;
CREATE UNIQUE INDEX generations_building ON corpus.generations (tenant_id) WHERE state = 'building';

ALTER TABLE corpus.runs DROP CONSTRAINT runs_kind_check;
ALTER TABLE corpus.runs ADD CHECK (kind IN ('sync', 'dagster', 'backfill'));

-- A sample of live searches, to be repeated exactly in the background; the question as it was redacted.
CREATE TABLE prodgen.search_samples (
    tenant_id      integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    sample_id      bigint GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL DEFAULT now(),
    release_id     text NOT NULL,
    generation_id  integer NOT NULL,
    principals     text[] NOT NULL,
    question       text NOT NULL,
    filters        jsonb NOT NULL DEFAULT '{}',
    k              integer NOT NULL,
    -- How the vectors were searched: 'exact', 'approximate' or 'exact after approximate'.
    plan           text NOT NULL,
    PRIMARY KEY (tenant_id, sample_id)
);
CREATE TABLE prodgen.recall_audits (
    tenant_id      integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    audit_id       bigint GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL DEFAULT now(),
    generation_id  integer NOT NULL,
    k              integer NOT NULL,
    n_searches     integer NOT NULL,
    -- Hits of the exact searches, those of them that the served ones found as well, and searches with fewer hits than exist.
    n_expected     integer NOT NULL,
    n_found        integer NOT NULL,
    n_short        integer NOT NULL,
    recall         double precision NOT NULL,
    PRIMARY KEY (tenant_id, audit_id)
);

-- Row-level security again, for what is new and for what changed.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['corpus.access_sets', 'corpus.access_principals', 'corpus.index_terms', 'corpus.index_blocks',
                             'corpus.index_sizes', 'prodgen.search_samples', 'prodgen.recall_audits'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO prodgen_pipeline, prodgen_schema '
                       'USING (tenant_id = prodgen.current_tenant()) WITH CHECK (tenant_id = prodgen.current_tenant())', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO prodgen_pipeline', t);
    END LOOP;
    -- The sub-query does not depend on the row: it runs once a statement, and the few sets it finds are probed by hash.
    FOREACH t IN ARRAY ARRAY['documents', 'document_chunks', 'index_entries', 'index_terms', 'index_sizes'] LOOP
        EXECUTE format('DROP POLICY IF EXISTS reader ON corpus.%I', t);
        EXECUTE format('CREATE POLICY reader ON corpus.%I FOR SELECT TO prodgen_serving USING ('
                       'tenant_id = prodgen.current_tenant() AND access_id IN ('
                       'SELECT a.access_id FROM corpus.access_principals a WHERE a.tenant_id = prodgen.current_tenant() '
                       'AND a.principal = ANY (prodgen.current_principals())))', t);
        EXECUTE format('GRANT SELECT ON corpus.%I TO prodgen_serving', t);
    END LOOP;
END
$$;
CREATE POLICY reader ON corpus.access_principals FOR SELECT TO prodgen_serving
    USING (tenant_id = prodgen.current_tenant() AND principal = ANY (prodgen.current_principals()));
GRANT SELECT ON corpus.access_principals TO prodgen_serving;
-- For prodgen.recall_figures, which tells the query side recall over all tenants and names none. There is no text in these rows.
CREATE POLICY figures ON prodgen.recall_audits FOR SELECT TO prodgen_schema USING (true);
DROP TABLE corpus.document_readers;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['prodgen.tenants', 'corpus.documents', 'corpus.raw_documents', 'corpus.document_chunks', 'corpus.index_entries',
                             'corpus.index_terms', 'corpus.generations', 'corpus.access_sets', 'corpus.access_principals',
                             'corpus.index_blocks', 'corpus.index_sizes', 'prodgen.search_samples', 'prodgen.recall_audits']
    LOOP
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
    END LOOP;
END
$$;

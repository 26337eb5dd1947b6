-- living --
SELECT generation_id, state, pins, configuration FROM corpus.generations
WHERE tenant_id = %(tenant_id)s AND state <> 'retired' ORDER BY generation_id;

-- list --
SELECT generation_id, state, pins, n_chunks, opened_at FROM corpus.generations
WHERE tenant_id = %(tenant_id)s ORDER BY generation_id;

-- open_first --
-- A tenant's first generation serves from the start: there is nothing that it could stand beside.
INSERT INTO corpus.generations (tenant_id, generation_id, state, pins, configuration)
SELECT %(tenant_id)s, 1, 'serving', %(pins)s, %(configuration)s
WHERE NOT EXISTS (SELECT FROM corpus.generations WHERE tenant_id = %(tenant_id)s)
RETURNING generation_id;

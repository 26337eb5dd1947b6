-- Which rows are not the attacker's: a condition of one table's own columns. {foreign} in the attacks.

-- other_tenants --
tenant_id IS DISTINCT FROM %(attacker)s::integer

-- named_tenant --
tenant_id = %(victim)s::integer

-- hidden_sets --
access_id = ANY (%(hidden_sets)s::integer[])

-- hidden_documents --
document_id = ANY (%(hidden_documents)s::bigint[])

-- hidden_chunks --
chunk_id = ANY (%(hidden_chunks)s::bigint[])

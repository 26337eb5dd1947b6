-- Ways to read rows that are not the attacker's. Each gives one number, the rows gained; an error that such a row raises is a
-- gain as well. pg_temp.spy raises one for whatever reaches it and claims to be cheaper than any policy.

-- counted --
SELECT count(*) FROM {table} AS t WHERE {foreign};

-- whole_table_filtered_outside --
SELECT count(*) FROM (SELECT * FROM {table} OFFSET 0) AS t WHERE {foreign};

-- always_true --
SELECT count(*) FROM (SELECT * FROM {table} AS t WHERE ({foreign}) OR true) AS t WHERE {foreign};

-- joined_to_itself --
SELECT count(*) FROM (SELECT t.* FROM {table} AS t LEFT JOIN {table} AS other ON true LIMIT 1000) AS t WHERE {foreign};

-- looked_up_sideways --
SELECT count(*) FROM (SELECT 1) AS one CROSS JOIN LATERAL (SELECT * FROM {table} AS t WHERE {foreign} OFFSET 0) AS t;

-- in_a_materialized_expression --
WITH t AS MATERIALIZED (SELECT * FROM {table}) SELECT count(*) FROM t WHERE {foreign};

-- by_existence --
SELECT EXISTS (SELECT FROM {table} AS t WHERE {foreign})::integer;

-- by_set_operation --
SELECT count(*) FROM (SELECT t.ctid::text FROM {table} AS t WHERE {foreign} EXCEPT SELECT t.ctid::text FROM {table} AS t WHERE false) AS gained;

-- by_window --
SELECT COALESCE(max(n), 0) FROM (SELECT count(*) FILTER (WHERE {foreign}) OVER () AS n FROM {table} AS t) AS counted;

-- by_sample --
SELECT count(*) FROM {table} AS t TABLESAMPLE SYSTEM (100) WHERE {foreign};

-- by_physical_address --
SELECT count(*) FROM {table} AS t WHERE t.ctid < '(4294967294,1)'::tid AND ({foreign});

-- locked_for_share --
SELECT count(*) FROM (SELECT 1 FROM {table} AS t WHERE {foreign} FOR KEY SHARE OF t) AS locked;

-- as_json --
SELECT count(*) FROM (SELECT to_jsonb(t) FROM {table} AS t WHERE {foreign}) AS gained;

-- told_by_division --
SELECT count(*) FROM {table} AS t WHERE 1 / (CASE WHEN {foreign} THEN 0 ELSE 1 END) > 1;

-- told_by_cast --
SELECT count(*) FROM {table} AS t WHERE CASE WHEN {foreign} THEN ('row ' || row_to_json(t)::text)::integer > 0 ELSE false END;

-- told_by_cheap_function --
SELECT count(*) FROM {table} AS t WHERE pg_temp.spy({foreign}) AND false;

-- told_by_cheap_function_in_order --
SELECT count(*) FROM (SELECT pg_temp.spy({foreign}) AS seen FROM {table} AS t ORDER BY 1 DESC LIMIT 1) AS ordered WHERE seen;

-- told_by_join --
SELECT count(*) FROM {table} AS t JOIN (VALUES (true), (false)) AS v (seen) ON pg_temp.spy({foreign}) AND v.seen;

-- told_by_aggregate --
SELECT count(*) FILTER (WHERE pg_temp.spy({foreign})) FROM {table} AS t;

-- in_a_loop_of_the_server --
SELECT pg_temp.tried($statement$SELECT count(*) FROM {table} AS t WHERE {foreign}$statement$);

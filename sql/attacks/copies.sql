-- Ways to read rows that are not the attacker's with COPY: every line that comes out is one gained.

-- copied_out --
COPY (SELECT t.* FROM {table} AS t WHERE {foreign}) TO STDOUT;

-- copied_from_a_sub_query --
COPY (SELECT * FROM (SELECT * FROM {table} OFFSET 0) AS t WHERE {foreign}) TO STDOUT;

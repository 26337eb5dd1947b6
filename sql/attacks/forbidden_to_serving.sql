-- What the query side may not do to any table beside that.

-- locked_against_all --
LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT;

-- locked_against_writers --
LOCK TABLE {table} IN SHARE MODE NOWAIT;

-- Ways to learn from a sequence how much others wrote, or to change that.

-- last_value --
SELECT last_value FROM {table};

-- reset --
SELECT setval({name}::regclass, 1);

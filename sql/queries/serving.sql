-- answers --
-- Whether anybody is there.
SELECT 1;

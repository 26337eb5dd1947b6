-- answers --
-- Whether anybody is there.
SELECT 1;

-- plan_for_values --
SET plan_cache_mode = force_custom_plan;

"""The only room with assets: the corpus's life as Dagster shows and runs it.

Belongs here: assets with their checks, sensors, jobs, schedules, metadata. Does not: SQL text, the environment,
decisions about content (core), the work itself (lifecycle). No module here postpones its annotations: Dagster reads
them.
"""

"""The life of a corpus: a stage takes the rows that wait, maps a pure function over them, and commits the result.

Belongs here: observation, the stages in order, the engine that runs them, the pool that maps. Does not: the rules
themselves (core), SQL (storage), Dagster (defs, which calls these functions and shows what they counted).
"""

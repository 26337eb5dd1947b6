"""The only room that speaks to the outside: document stores, the object store, parsers, the embedder, the generator.

Belongs here: one folder or file an outside thing. Does not: SQL, Dagster, and what to do with what came back.
"""

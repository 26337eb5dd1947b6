"""The query path, from a question to hits and a cited answer, and the HTTP service in front of it.

Belongs here: the steps of one request and their order, HTTP, pages. Does not: SQL (sql/queries and storage), scores and
rules (core), who may do what (governance), the corpus's life (lifecycle). Nothing here imports Dagster.

    question  redact the question as its documents are
    search    question to hits
    ask       question to an answer: search, refuse or not, generate or extract, record
    service   the two with their parts: what commands, evaluation and HTTP call
    lines     results as the JSON of the interface
    app       HTTP: `routes`, `problems`, `middleware`, `metrics`, `readiness`; `__main__` runs it
"""

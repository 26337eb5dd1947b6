"""Golden sets through the query path: cases, scores, reports.

Belongs here: what a release scores, and later whether that is good enough. Does not: answering (serving) or what serves
(governance).
"""

"""The only room that speaks SQL: named statements in, rows and records out.

Belongs here: connections, transactions under a tenant and a role, one file of functions per table family, the embedded
server. Does not: HTTP, Dagster, decisions about content (those are core's) or about order of work (lifecycle's).
"""

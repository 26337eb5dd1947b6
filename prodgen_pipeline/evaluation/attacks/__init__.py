"""The attack suite: what a tenant, or a reader without rights, could try on the database, tried and counted.

`walk` generates the attempts from the catalogue and the statements of sql/attacks; `side_channels` compares what a
search tells of terms that nobody, another tenant, or only others' groups hold.
"""

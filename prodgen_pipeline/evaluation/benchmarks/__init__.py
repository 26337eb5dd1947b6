"""What prodgen costs and how fast it answers, measured on real runs over a temporary home.

Belongs here: one file per benchmark (indexing, searching, retrieval) and what they share: the machine, the accounting
of processes, the scratch tenant. Does not: printing (cli.bench), golden sets (evaluation.run).
"""

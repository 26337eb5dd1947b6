"""Who may do what, what is released, and the record of it: keys and rights, releases, prompts, the audit log.

Belongs here: decisions that need a person's name or a reason. Does not: the corpus's life (lifecycle), answering
(serving).
"""

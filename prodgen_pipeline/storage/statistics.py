"""What the planner knows of the tables that searches read.

Belongs here: bringing it up to date after a large change. Does not: everyday changes, which autovacuum sees to.
"""

from prodgen_pipeline.storage.database import Database


def refresh(database: Database) -> bool:
    """Gather statistics anew where much was written since they were last gathered; returns whether that was so.

    The first index of a database is searched before autovacuum looks at it (up to a minute), and tables without
    statistics are taken for small: searches then read whole term lists, at four times the time. A second at most; a
    table that is being vacuumed or indexed is left to autovacuum. Raises ConfigurationError where this process does
    not know the owner's address.
    """
    with database.transaction() as tx:
        stale = bool(tx.value("index.statistics_are_stale"))
    if stale:
        database.administer("index.gather_statistics")
    return stale

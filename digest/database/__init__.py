"""The ledger: the only room that knows SQL. One module per kind of row; each function acts in its caller's transaction.

async with database.begin() as connection:
    await editions.open_edition(connection, …)
"""

from digest.database.connection import Connection, Database, when_committed

__all__ = ["Connection", "Database", "when_committed"]

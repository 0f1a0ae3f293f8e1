"""An INSERT that does nothing, or something else, when the row is there already.

Both databases know `ON CONFLICT`, SQLAlchemy spells it per dialect. With `RETURNING` a row comes back only to the one
who stored it, so that two workers at once agree on who goes on.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from digest.database.connection import Connection, PlainConnection


def insert_once(connection: Connection | PlainConnection, table: sa.Table) -> sa.Insert:
    """Return an INSERT into `table` that skips rows which break one of its unique keys."""
    return insert_or(connection, table).on_conflict_do_nothing()


def insert_or(connection: Connection | PlainConnection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT into `table` that can be told what to do with a row that is there: `on_conflict_do_update`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)

"""An INSERT that does nothing when the row is there already.

Both databases know `ON CONFLICT DO NOTHING`, SQLAlchemy spells it per dialect. With `RETURNING` a row comes back only
to the one who stored it, so that two workers at once agree on who goes on.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from digest.database.connection import Connection, PlainConnection


def insert_once(connection: Connection | PlainConnection, table: sa.Table) -> sa.Insert:
    """Return an INSERT into `table` that skips rows which break one of its unique keys."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()

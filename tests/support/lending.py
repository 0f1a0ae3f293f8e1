"""One migrated PostgreSQL database, lent to one test after the other and emptied between two.

To make a database for every test and drop it again costs 180 ms, to empty the tables that a test has filled, 2 to 25.
They are truncated: where rows are only deleted, the next ones lie in another order, and what is equal in an index comes
in that order (a claim took deliveries 1, 2 and 5). What could make the next test see more than an empty database (a
changed schema, statistics of an ANALYZE, a connection that breaks) ends the database's life: the next test gets a new
one.
"""

import asyncio
import uuid
from dataclasses import dataclass, field

import asyncpg

from tests.support.postgres import Server

# Tables by their identity, columns and statistics (none so far: the server's autovacuum is off), and the migration.
_SCHEMA = """
    SELECT count(*), sum(oid::bigint), sum(relnatts), sum(relchecks), sum(reltuples),
           (SELECT string_agg(version_num, ' ') FROM alembic_version)
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
"""
_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_USED_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"


@dataclass
class Lender:
    """Lends databases of `server` made from the migrated one called `template`, one at a time."""

    server: Server
    template: str
    name: str = ""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def lend(self) -> str:
        """Return the address of an empty, migrated database."""
        if not self.name:
            self.name = f"t{uuid.uuid4().hex}"
            self.loop.run_until_complete(self._make())
        return self.server.url(self.name)

    def take_back(self) -> None:
        """Empty the database for the next test, or drop it when that cannot be done."""
        try:
            is_as_new = self.loop.run_until_complete(self._empty())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            is_as_new = False
        if not is_as_new:
            self.loop.run_until_complete(self._drop())
            self.name = ""

    def close(self) -> None:
        """Drop the database that is left."""
        if self.name:
            self.loop.run_until_complete(self._drop())
        self.loop.close()

    async def _make(self) -> None:
        await self._command(f"CREATE DATABASE {self.name} TEMPLATE {self.template}{self.server.copying}")
        self.connection = await self._connect(self.name)
        self.schema = await self.connection.fetchrow(_SCHEMA)
        names = [row["relname"] for row in await self.connection.fetch(_TABLES)]
        self.filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in names)

    async def _empty(self) -> bool:
        """Take away what a test has left. False: more than rows has changed."""
        await self.connection.execute(_END_OTHERS)
        if await self.connection.fetchrow(_SCHEMA) != self.schema:
            return False
        filled = ", ".join(row[0] for row in await self.connection.fetch(self.filled))
        acts = [f"TRUNCATE {filled} CASCADE"] if filled else []
        acts += [f"ALTER SEQUENCE {row[0]} RESTART" for row in await self.connection.fetch(_USED_SEQUENCES)]
        for act in acts:
            await self.connection.execute(act)
        return True

    async def _drop(self) -> None:
        await self.connection.close()
        await self._command(f"DROP DATABASE {self.name} WITH (FORCE)")

    async def _command(self, statement: str) -> None:
        connection = await self._connect("postgres")
        await connection.execute(statement)
        await connection.close()

    async def _connect(self, database: str) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=self.server.host, port=self.server.port, user=self.server.user, database=database
        )

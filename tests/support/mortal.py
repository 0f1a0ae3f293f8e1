"""A database whose user dies: what a kill -9 leaves behind is what was committed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from digest.database import Connection, Database
from digest.database.connection import PlainConnection

_T = TypeVar("_T")


class KilledError(BaseException):
    """Not an Exception: nothing of the service may catch it, as nothing catches a kill -9."""


class Mortal(Database):
    """A database whose user dies around one of the transactions that write: the `dies_at`-th, before or after it."""

    dies_at = 0
    after = False

    async def write(self, act: Callable[[PlainConnection], _T]) -> _T:
        """As always, but for the one."""
        self.dies_at -= 1
        if self.dies_at == 0 and not self.after:
            raise KilledError
        done = await super().write(act)
        if self.dies_at == 0:
            raise KilledError
        return done

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        """As always, but for the one."""
        self.dies_at -= 1
        if self.dies_at == 0 and not self.after:
            raise KilledError
        async with super().begin() as connection:
            yield connection
        if self.dies_at == 0:
            raise KilledError

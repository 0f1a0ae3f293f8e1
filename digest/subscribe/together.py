"""Readers who leave at the same moment, in one transaction: what keeps one-click quick beside a sender that writes.

In: one reader at a time. Out: what came of it, after its commit. Whoever comes while a transaction is under way is in
the next one, with everybody else who came meanwhile or a moment later: nobody waits for more than two commits, however
many come, and who comes alone only for their own. When a group fails for whatever is wrong with one of them, each is
done by itself, so that nobody fails for a neighbour; when the database cannot be used at all, all are told so, and mail
providers ask again.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, leaving
from digest.errors import DatabaseUnavailableError
from digest.subscribe.result_notice import FarewellNotices
from digest.subscribe.unsubscribe import Leaver, Left, leave_all

_AT_ONCE = 200
_GATHERS_SECONDS = 0.01  # two by two they cost twice as much as by fives, and pages wait for the same processor
_Waiting = tuple[Leaver, "asyncio.Future[Left]"]


class Together:
    """Gathers those who leave in one process. It needs no closing: it works only while somebody waits for it."""

    def __init__(self, database: Database, settings: Settings, renderer: Renderer) -> None:
        self._database = database
        self._notices = FarewellNotices(settings, renderer)
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    def prepare(self, now: datetime) -> None:
        """Compose what those who leave are told, before the first of them comes. For a thread."""
        self._notices.prepare(now)

    async def warm(self, now: datetime) -> None:
        """Have the database do once what leaving takes, for nobody: the first time takes ten times as long.

        A database that cannot be used is no reason not to start.
        """
        with suppress(DatabaseUnavailableError):
            await self._database.write(lambda connection: leaving.leave(connection, (), at=now))

    async def leave(self, leaver: Leaver) -> Left:
        """Let a reader leave; return when it is stored. Raises what `unsubscribe.leave_all` does."""
        answer: asyncio.Future[Left] = asyncio.get_running_loop().create_future()
        self._waiting.append((leaver, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            try:
                await self._leave(group)
            except BaseException as error:  # whatever ends this task, nobody is left without an answer
                _fail([*group, *self._waiting], error)
                self._waiting = []
                raise
            await asyncio.sleep(_GATHERS_SECONDS)

    async def _leave(self, group: Sequence[_Waiting]) -> None:
        try:
            left = await leave_all(self._database, self._notices, [leaver for leaver, _ in group])
        except DatabaseUnavailableError as error:
            _fail(group, error)
        except Exception as error:
            if len(group) == 1:
                _fail(group, error)
                return
            for one in group:
                await self._leave([one])
        else:
            for (_, answer), each in zip(group, left, strict=True):
                if not answer.done():
                    answer.set_result(each)


def _fail(group: Sequence[_Waiting], error: BaseException) -> None:
    for _, answer in group:
        if not answer.done():
            answer.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())

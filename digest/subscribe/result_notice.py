"""Telling a result (처리결과): the mail that says what came of a sign-up, of leaving, of refusing adverts, once.

It waits in the first lane and has no subscriber, so that what stops all other mails lets it through. It is given up
after three days; the law asks for it within 14 (정보통신망법 제50조⑦). Who leaves is told the same as all others who do
on that day, so that notice is composed once for a day and language, and stored once for all of them.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from datetime import date, datetime, timedelta

from digest.addresses import Address
from digest.compose.kinds import notice
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, messages
from digest.errors import TemplateError
from digest.languages import LANGUAGES
from digest.models.deliveries import Lane, MessageKind, NewMessage

GIVEN_UP_AFTER = timedelta(days=3)


async def queue(
    connection: Connection,
    settings: Settings,
    renderer: Renderer,
    result: notice.Result,
    *,
    key: str,
    address: Address,
    language: str,
    now: datetime,
    titles: Sequence[str] = (),
) -> None:
    """Queue the notice of `result`; once for each `key`. Raises `TemplateError`."""
    mail = notice.compose(renderer, settings, language, result, at=now, titles=titles)
    message = NewMessage(key=key, kind=MessageKind.NOTICE, variant="", language=language, mail=mail)
    await messages.queue_one(connection, message, address, lane=Lane.FIRST, at=now, deadline_at=now + GIVEN_UP_AFTER)


class FarewellNotices:
    """The notice that somebody left, kept as composed for the day it tells of."""

    def __init__(self, settings: Settings, renderer: Renderer) -> None:
        self.settings = settings
        self._renderer = renderer
        self._day: date | None = None
        self._composed: dict[str, NewMessage] = {}

    def prepare(self, at: datetime) -> None:
        """Compose it in every language: the first of a process takes a tenth of a second, within which nobody may wait.

        What a mistake in an operator's template prevents is told to those who leave.
        """
        for language in LANGUAGES:
            with suppress(TemplateError):
                self.message(language, at)

    def message(self, language: str, at: datetime) -> NewMessage:
        """Return the notice for who leaves at that time; its key is the same for the same mail. Raises `TemplateError`.

        One caller at a time: it is asked inside a transaction that writes.
        """
        day = at.astimezone(self.settings.zone).date()
        if day != self._day:
            self._day, self._composed = day, {}
        if language not in self._composed:
            mail = notice.compose(self._renderer, self.settings, language, notice.Result.LEFT, at=at)
            told = hashlib.sha256(repr(astuple(mail)).encode()).hexdigest()[:32]
            self._composed[language] = NewMessage(
                key=f"left:{language}:{told}", kind=MessageKind.NOTICE, variant="", language=language, mail=mail
            )
        return self._composed[language]

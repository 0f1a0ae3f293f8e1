"""Telling a result (처리결과): the mail that says what came of a sign-up, of leaving, of refusing adverts, once.

It waits in the first lane and has no subscriber, so that what stops all other mails lets it through. It is given up
after three days; the law asks for it within 14 (정보통신망법 제50조⑦).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from digest.addresses import Address
from digest.compose.kinds import notice
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, messages
from digest.models.deliveries import Lane, MessageKind, NewMessage

_GIVEN_UP_AFTER = timedelta(days=3)


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
    await messages.queue_one(connection, message, address, lane=Lane.FIRST, at=now, deadline_at=now + _GIVEN_UP_AFTER)

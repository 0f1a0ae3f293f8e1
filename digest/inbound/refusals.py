"""What relays refuse at once, heard like what comes back later. One pass a minute beside the sender, never inside it.

In: deliveries of a day that ended `refused` and were not heard yet, and those whose mailbox stayed full until the end.
Out: points, probes and stops as for a bounce with the same words (`deliver.feedback`); a full mailbox is never the end.
The delivery stays `refused` or `dropped`. What was the mail's or the relay's fault never becomes `refused`
(`deliver.outcome`), and what the words tell of policy after all counts against nobody.
"""

from datetime import datetime

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, notices
from digest.database.notices import Refusal
from digest.deliver import feedback
from digest.inbound import notice_words
from digest.models.notices import Cause, Notice, NoticeClass
from digest.subscribe import probe

WAY = "smtp"
_AT_ONCE = 500


async def hear_refusals(database: Database, settings: Settings, renderer: Renderer, *, now: datetime) -> int:
    """Hear up to some hundred refusals; return how many. Raises `DatabaseUnavailableError`, `TemplateError`."""
    async with database.read() as connection:
        found = await notices.unheard_refusals(connection, now=now, limit=_AT_ONCE)
    ear = probe.ear(settings, renderer, WAY, now=now)
    for refusal in found:
        known = feedback.Known(refusal.delivery_id, is_strong=True)
        async with database.begin() as connection:
            await feedback.hear(connection, ear, read_refusal(refusal), known)
    return len(found)


def read_refusal(refusal: Refusal) -> Notice:
    """Return a refusal as the notice that a relay would have written of it. Pure."""
    diagnostic = f"{refusal.reply_code} {refusal.reply_text}".strip()
    if refusal.is_given_up:
        return Notice(NoticeClass.SOFT, Cause.FULL, status=refusal.reply_status, diagnostic=diagnostic)
    status = notice_words.best_status(refusal.reply_status, refusal.reply_text)
    cause = notice_words.cause_of(refusal.reply_text)
    if cause in (Cause.UNKNOWN, Cause.LATER):
        of_status = notice_words.cause_of_status(status)
        cause = cause if of_status is Cause.UNKNOWN else of_status
    kind = notice_words.classify(cause, status, 0 if status else refusal.reply_code)
    if kind is NoticeClass.NONE:
        kind = NoticeClass.SOFT
    return Notice(kind, cause, status=status, is_status_told=bool(status), diagnostic=diagnostic)

"""What providers tell by webhook: kept at the door of the web room, proven and heard afterwards, once.

In: a post to `/hooks/NAME`. Kept as a raw mail of the door `hook`, so that all that holds for mails holds for it: what
comes twice is kept once, acting is claimed with a lease, what fails is tried again and then waits for a person, and the
table of personal data erases it. Out: what `deliver.feedback` changed. A post that is not the provider's is put aside,
and changes nothing.

Events: hook.refused, inbound.acted, inbound.failed.
"""

from dataclasses import replace

from digest.clock import Clock
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, raw_mails
from digest.deliver import feedback, webhook
from digest.deliver.webhook import Fetch, Post, Webhook
from digest.deliver.webhooks import WEBHOOKS
from digest.errors import DatabaseUnavailableError, HookRefusedError
from digest.events import event, failure, warning
from digest.inbound import notice_words
from digest.inbound.route import LEASE, put_off
from digest.models.inbound import Acted, Door, Outcome, RawMail
from digest.models.notices import Cause, Notice, NoticeClass
from digest.subscribe import probe

_AT_ONCE = 50
_MAX_WAITING = 5000
PREFIX = "hooks/"


def hook_of(settings: Settings, name: str) -> Webhook | None:
    """Return the adapter of that name, None if it is not known or not configured."""
    found = WEBHOOKS.get(name)
    return found if found is not None and found.is_on(settings) else None


async def keep(database: Database, name: str, post: Post, *, clock: Clock) -> bool:
    """Keep a post; return whether there was room. Raises `DatabaseUnavailableError`; nothing was kept then."""
    async with database.read() as connection:
        if await raw_mails.count_waiting(connection, Door.HOOK) >= _MAX_WAITING:
            return False
    kept = raw_mails.NewRawMail(Door.HOOK, (PREFIX + name,), "", clock(), webhook.pack(post))
    await database.write(lambda connection: raw_mails.keep(connection, kept))
    return True


async def act_due(
    database: Database, settings: Settings, renderer: Renderer, fetch: Fetch, *, clock: Clock, owner: str
) -> int:
    """Hear every kept post that is due; return how many were settled. Raises `DatabaseUnavailableError`."""
    async with database.begin() as connection:
        posts = await raw_mails.claim(
            connection, owner=owner, now=clock(), lease=LEASE, limit=_AT_ONCE, doors=(Door.HOOK,)
        )
    settled = 0
    for kept in posts:
        try:
            await _settle(database, settings, renderer, fetch, kept, clock=clock, owner=owner)
        except DatabaseUnavailableError:
            raise
        except Exception as error:
            failure("inbound.failed", exc_info=error, mail_id=kept.id)
            await put_off(database, kept, type(error).__name__, now=clock())
        else:
            settled += 1
    return settled


async def _settle(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    fetch: Fetch,
    kept: RawMail,
    *,
    clock: Clock,
    owner: str,
) -> None:
    name = kept.recipient.removeprefix(PREFIX)
    told: list[Notice] = []
    refused = "this webhook is not configured any more"
    hook, now = hook_of(settings, name), clock()
    if hook is not None:
        means, post = webhook.Means(settings, fetch, now), webhook.unpack(kept.content)
        try:
            await hook.prove(means, post)
            told, refused = await hook.read(means, post), ""
        except HookRefusedError as error:
            refused = str(error)
            warning("hook.refused", name=name, why=refused)
    ear = probe.ear(settings, renderer, name, now=now)
    async with database.begin() as connection:
        if not await raw_mails.take(connection, kept.id, owner=owner, at=now):
            return
        acted = Acted(Outcome.IGNORED, refused) if refused else await _hear(connection, ear, told)
        await raw_mails.mark_acted(connection, kept.id, acted, at=now)
    event("inbound.acted", mail_id=kept.id, outcome=acted.outcome, by=name)


async def _hear(connection: Connection, ear: feedback.Ear, told: list[Notice]) -> Acted:
    heard = 0
    for notice in told:
        known = feedback.identify(ear.settings.keyring, notice.tokens)
        if known is not None:
            # The provider signed it: it knows by what it sent, not by what somebody could have read.
            known = replace(known, is_strong=known.delivery_id is not None)
            heard += (await feedback.hear(connection, ear, _by_its_words(notice), known)).is_new
    is_complaint = any(notice.kind is NoticeClass.COMPLAINT for notice in told)
    return Acted(Outcome.COMPLAINT if is_complaint else Outcome.BOUNCE, f"told {len(told)}, heard {heard}")


def _by_its_words(notice: Notice) -> Notice:
    """Let what the receiving server said decide, where the provider tells it and gives no cause of its own."""
    if notice.kind not in (NoticeClass.HARD, NoticeClass.SOFT) or notice.cause not in (Cause.UNKNOWN, Cause.GONE):
        return notice
    cause = notice_words.cause_of(notice.diagnostic)
    if cause in (Cause.UNKNOWN, Cause.LATER):
        of_status = notice_words.cause_of_status(notice.status)
        cause = notice.cause if of_status is Cause.UNKNOWN else of_status
    return replace(notice, cause=cause, kind=notice_words.classify(cause, notice.status))

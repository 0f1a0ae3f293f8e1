"""The timetable: every scheduled pass is one row here.

A pass is idempotent. Run twice, or on two machines at once, it changes nothing the second time, because the condition
stands in the database; the timetable only says how often somebody looks.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from digest.collect import collector, visits
from digest.compose import editor, renewal
from digest.database import choices, fresh_links, kept_mails, notices, robots, stories
from digest.deliver import mx, pace, settle
from digest.errors import DatabaseUnavailableError, SourceUnreachableError
from digest.inbound import hooks, refusals, route
from digest.operate import notify
from digest.operate.house import House
from digest.share import stops
from digest.subscribe import advert_checks, retention


@dataclass(frozen=True, slots=True)
class Pass:
    """An act that is run every so many seconds, never twice at once in one process."""

    name: str
    every_seconds: int
    act: Callable[[House], Awaitable[None]]


async def collect(house: House) -> None:
    """Fetch the sources that are due. Each source's own interval decides when it is."""
    await collector.collect_due(
        house.database,
        house.outbound,
        house.settings,
        clock=house.clock,
        owner=house.owner,
        reader=house.reader,
        hosts=house.hosts,
    )


async def editions(house: House) -> None:
    """Open what the timetable of slots planned, and carry on every edition that waits.

    The scheduler opens each slot at its cut-off; this pass finds what was missed while the service was down, and what
    another worker left half done. A slot that cannot be opened stops no other; it is told in the end.
    """
    errors: list[Exception] = []
    for slot in house.settings.editions:
        try:
            await editor.open_due(house.database, house.settings, slot, clock=house.clock)
        except DatabaseUnavailableError:
            raise
        except Exception as error:
            errors.append(error)
    await renew(house)
    await editor.advance(
        house.database,
        house.settings,
        house.renderer,
        clock=house.clock,
        look=partial(visits.look_again, house.visitor),
    )
    if errors:
        raise errors[0]


async def renew(house: House) -> None:
    """Compose anew what waits of editions from which something was withdrawn; nothing of them goes out until then."""
    await renewal.renew_stale(house.database, house.settings, house.renderer, clock=house.clock)


async def look_at_pages(house: House) -> None:
    """Read the pages of new articles, and look at those of earlier ones again."""
    await visits.visit_due(house.visitor)


async def settle_deliveries(house: House) -> None:
    """Settle what dead workers left, what is past its deadline, and editions that are through."""
    await settle.settle(house.database, now=house.clock())


async def mail_alerts(house: House) -> None:
    """Mail the operator what needs a person, at most hourly per matter."""
    await notify.mail_alerts(house)


async def prune_kept_mails(house: House) -> None:
    """Remove kept copies of mails whose time is over."""
    now = house.clock()
    async with house.database.begin() as connection:
        await kept_mails.prune(connection, before=now - kept_mails.KEPT)


async def forget_what_is_over(house: House) -> None:
    """Remove signatures that no new article is compared with any more, robots.txt of sites not gone to, old notices."""
    now = house.clock()
    async with house.database.begin() as connection:
        await stories.forget_signatures(connection, before=now - 2 * stories.WINDOW - timedelta(days=1))
        await robots.prune(connection, before=now - robots.KEPT)
        await notices.prune(connection, before=now - notices.KEPT)


async def keep_periods(house: House) -> None:
    """Erase what names people and whose period is over (`subscribe.personal`); look often, so that 72 hours are 72."""
    await retention.keep_periods(house.database, house.settings, now=house.clock())


async def check_advert_consents(house: House) -> None:
    """Tell readers every two years that they agreed to adverts, and end what nobody answered, where that is set."""
    await advert_checks.check(house.database, house.settings, house.renderer, now=house.clock())


async def hear_hooks(house: House) -> None:
    """Hear what providers told by webhook. Certificates and confirmations go through the guarded client."""

    async def fetch(url: str) -> bytes:
        answer = await house.outbound.get(url, timeout_seconds=10, max_bytes=100_000)
        if answer.status != 200:
            raise SourceUnreachableError(f"it answered {answer.status}")
        return answer.body

    database, settings, renderer = house.database, house.settings, house.renderer
    await hooks.act_due(database, settings, renderer, fetch, clock=house.clock, owner=house.owner)


async def hear_refusals(house: House) -> None:
    """Count what relays refused at once against readers, as if it had come back."""
    await refusals.hear_refusals(house.database, house.settings, house.renderer, now=house.clock())


async def return_from_pauses(house: House) -> None:
    """Make readers active again whose pause is over, and remove the fresh links whose time is."""
    now = house.clock()
    async with house.database.begin() as connection:
        await choices.end_pauses(connection, now=now)
        await fresh_links.prune(connection, now=now)


async def keep_pace(house: House) -> None:
    """Bring the limits in step with the settings and the day, and note which providers have recovered."""
    await pace.tend(house.database, house.settings, now=house.clock())


async def learn_domains(house: House) -> None:
    """Look up which large provider's servers receive the mail of domains with many readers."""
    await mx.learn(house.database, now=house.clock())


async def watch_shares(house: House) -> None:
    """Stop sharing where complaints or bounces say so."""
    if house.settings.share_sender is not None:
        await stops.tend(house.database, house.settings, now=house.clock())


async def act_on_mail(house: House) -> None:
    """Act upon mail that came back and that no `digest inbound` has: it was killed, or a try is due again."""
    await route.act_due(house.database, house.settings, house.renderer, clock=house.clock, owner=house.owner)


PASSES = (
    Pass("collect", 5, collect),
    Pass("pages", 5, look_at_pages),
    Pass("editions", 20, editions),
    Pass("renew", 5, renew),
    Pass("settle", 5, settle_deliveries),
    Pass("inbound", 20, act_on_mail),
    Pass("alerts", 60, mail_alerts),
    Pass("kept-mails", 3600, prune_kept_mails),
    Pass("forget", 43200, forget_what_is_over),
    Pass("retention", 3600, keep_periods),
    Pass("shares", 15, watch_shares),
    Pass("advert-consents", 3600, check_advert_consents),
    Pass("pauses", 60, return_from_pauses),
    Pass("pace", 60, keep_pace),
    Pass("refusals", 60, hear_refusals),
    Pass("hooks", 10, hear_hooks),
    Pass("domains", 43200, learn_domains),
)

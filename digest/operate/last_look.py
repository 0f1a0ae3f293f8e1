"""The last look at an edition's articles before a person releases it.

The worker looks at their pages once, shortly before it composes an edition (`compose.editor.advance`). An edition that
a person releases may have waited for hours: it was held when it was chosen, or too late. What of it was never composed
is looked at again, for at most a minute in all; what is withdrawn meanwhile is left out, what has changed is shown as
it is now. One that was composed already goes on as it is: between batches only stored state is read.
"""

from functools import partial

from digest.clock import Clock
from digest.collect import visits
from digest.compose import editor
from digest.config import Settings
from digest.database import Database, editions
from digest.operate.house import open_visitor


async def look_before_release(settings: Settings, database: Database, edition_id: int, *, clock: Clock) -> bool:
    """Look at the pages of a chosen or held edition's articles, if it was never composed; whether that was so.

    Raises `NotFoundError`. Whatever goes wrong with looking: what is stored is sent.
    """
    async with database.read() as connection:
        edition = await editions.get_edition(connection, edition_id)
    if edition.state not in editions.RELEASABLE or edition.released_at is not None:
        return False
    async with open_visitor(settings, database, clock=clock) as visitor:
        await editor.look_again(database, edition_id, partial(visits.look_again, visitor), clock=clock)
    if edition.looked_at is not None:  # by the worker, and it was not composed then
        async with database.begin() as connection:
            await editions.refresh_revisions(connection, edition_id)
    return True

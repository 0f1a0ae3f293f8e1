"""`digest shares`: how sharing stands (기사 메일전송), and letting it go on after it stopped by itself.

Senders are shown as the beginning of their keyed hash: who they are stands nowhere, so letting one go on needs the
address that they write from. Both commands are about the feature; resuming is written to the audit log.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import AsJson, ExitCode, moment, note, print_json, problem, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models.shares import Stop
    from digest.share.breaker import Count

app = typer.Typer(help="Sharing articles: how it stands, going on after a stop.", no_args_is_help=True)

_MONTH = timedelta(days=30)
_HASH_SHOWN = 12


@dataclass(frozen=True, slots=True)
class _Status:
    """How sharing stands. `refusing`: who pressed `다시 받지 않기` within 30 days."""

    is_on: bool
    stops: "list[Stop]"
    newest: "Count"
    waiting: int
    today: int
    refusing: int


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show whether shares go out, and what decides it. Exit code 1 when they do not."""
    found, settings = with_database(_load)
    everybody = next((each for each in found.stops if each.whose == "everybody"), None)
    goes_out = found.is_on and everybody is None
    if as_json:
        print_json(_as_json(found, goes_out=goes_out))
    elif not found.is_on:
        say("Sharing is off: set SHARE_ADDRESS and ABUSE_CONTACT.")
    else:
        _say(found, settings, everybody)
    if not goes_out:
        raise typer.Exit(ExitCode.NO)


def _say(found: _Status, settings: "Settings", everybody: "Stop | None") -> None:
    if everybody:
        say(f"Sharing has stopped since {moment(everybody.stopped_at, settings.zone)}: {everybody.reason}.")
        say("Go on with: digest shares resume")
    else:
        say("Shares go out.")
    heads = ("waiting", "within a day", "at most", "last mails", "no such address", "complained", "want none (30 days)")
    newest = found.newest
    counts = (newest.mails, newest.bounced, newest.complained)
    table(heads, [(found.waiting, found.today, settings.shares_per_day, *counts, found.refusing)])
    senders = [each for each in found.stops if each is not everybody]
    if senders:
        say("Senders whose shares have stopped; one goes on with: digest shares resume --sender ADDRESS")
        table(
            ("sender", "since", "why"),
            [(each.whose[:_HASH_SHOWN], moment(each.stopped_at, settings.zone), each.reason) for each in senders],
        )


@app.command()
def resume(
    sender: Annotated[str, typer.Option(metavar="ADDRESS", help="Only this sender's; without: everybody's.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let shares go out again. What was heard before counts no more. Exit code 1 if they had not stopped."""

    async def act(settings: "Settings", database: "Database") -> bool:
        from digest.addresses import parse
        from digest.database import alerts, share_stops
        from digest.hashes import address_hash
        from digest.models.shares import EVERYBODY
        from digest.operate import operator
        from digest.share import stops

        now = clock.utc_now()
        whose = address_hash(settings, parse(sender)) if sender else EVERYBODY
        async with database.begin() as connection:
            resumed = await share_stops.resume(connection, whose, at=now)
            if resumed:
                await operator.note(connection, "shares.resume", at=now, whose=whose if sender else "")
                left = await share_stops.list_stops(connection)
                if not sender:
                    await alerts.resolve(connection, stops.ALERT, at=now)
                elif all(each.whose == EVERYBODY for each in left):
                    await alerts.resolve(connection, stops.SENDERS_ALERT, at=now)
        return resumed

    resumed = with_database(act)
    if as_json:
        print_json({"resumed": resumed})
    elif resumed:
        say("This sender's shares go out again." if sender else "Shares go out again.")
        note("What waited goes first. What was heard before counts no more.")
    else:
        problem("This sender's shares had not stopped." if sender else "Sharing had not stopped.")
    if not resumed:
        raise typer.Exit(ExitCode.NO)


async def _load(settings: "Settings", database: "Database") -> "tuple[_Status, Settings]":
    from digest.database import counters, share_stops
    from digest.share import breaker, limits

    now = clock.utc_now()
    async with database.read() as connection:
        newest = await share_stops.newest_mails(connection, limit=breaker.WINDOW)
        found = _Status(
            is_on=settings.share_sender is not None,
            stops=await share_stops.list_stops(connection),
            newest=breaker.count(newest),
            waiting=await share_stops.waiting(connection),
            today=await counters.counted(connection, limits.SITE, limits.ALL, now=now, window=limits.DAY),
            refusing=await share_stops.refusing(connection, since=now - _MONTH),
        )
    return found, settings


def _as_json(found: _Status, *, goes_out: bool) -> dict[str, object]:
    return {
        "is_on": found.is_on,
        "goes_out": goes_out,
        "waiting": found.waiting,
        "within_a_day": found.today,
        "newest": {
            "mails": found.newest.mails,
            "no_such_address": found.newest.bounced,
            "complained": found.newest.complained,
        },
        "want_none_within_30_days": found.refusing,
        "stops": [{"whose": each.whose, "reason": each.reason, "stopped_at": each.stopped_at} for each in found.stops],
    }

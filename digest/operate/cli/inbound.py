"""`digest inbound`: take mail that comes back; see what came and what became of it; act upon one once more.

Mails are people's own words, so whoever looks is noted in the audit log. Tokens in our addresses are not shown: they
let whoever has them leave. `show --raw` writes the whole mail as it came, for a mail program or a lawyer.
"""

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.models.inbound import Outcome
from digest.operate.cli.room import load_settings, with_database
from digest.operate.cli.terminal import (
    LARGEST_ID,
    AsJson,
    ExitCode,
    moment,
    pairs,
    print_json,
    problem,
    say,
    table,
)

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.inbound.mailtext import Reading
    from digest.models.inbound import StoredMail

app = typer.Typer(help="Take mail that comes back (commands, bounces, answers); see what came, try again.")

MailId = Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="The mail's number.")]
_TOKEN = re.compile(r"[a-z2-7]{30,}", re.IGNORECASE)
_SHOWN_LINES = 60


@app.callback(invoke_without_command=True)
def serve(context: typer.Context) -> None:
    """Take mail at the doors that are set up (INBOUND_…), and act upon it. SIGTERM ends it in order."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(as_service=True)
    from digest.operate import inbound as service

    raise typer.Exit(service.serve(settings))


@app.command("list")
def list_(
    outcome: Annotated[Outcome | None, typer.Option(help="Only those that became this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what came back within the last 30 days, the newest first."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, list[StoredMail]]":
        from digest.database import raw_mails
        from digest.operate import operator

        async with database.begin() as connection:
            await operator.note(connection, "inbound.list", at=clock.utc_now())
            return settings, await raw_mails.list_mails(connection, outcome=outcome, limit=limit)

    settings, found = with_database(load)
    if as_json:
        print_json({"mails": [as_document(each) for each in found]})
        return
    columns = ("id", "received", "door", "to", "from", "became", "detail")
    table(columns, [_row(each, settings) for each in found])


@app.command()
def show(
    mail_id: MailId,
    raw: Annotated[bool, typer.Option("--raw", help="Write the whole mail as it came, and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one mail and what became of it."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, StoredMail, bytes]":
        from digest.database import raw_mails
        from digest.operate import operator

        async with database.begin() as connection:
            found, content = await raw_mails.get(connection, mail_id)
            await operator.note(connection, "inbound.show", at=clock.utc_now(), details={"mail": mail_id})
        return settings, found, content

    settings, found, content = with_database(load)
    if raw:
        sys.stdout.buffer.write(content)
        return
    from digest.inbound import mailtext

    reading = mailtext.read(content)
    if as_json:
        words = {"subject": hidden(reading.value("subject")), "text": hidden(reading.text)}
        print_json({"mail": {**as_document(found), **words}})
        return
    _tell(settings, found, reading)


@app.command()
def again(mail_id: MailId) -> None:
    """Let a mail that could not be acted upon be tried now. Exit code 1 for one that was acted upon: that is done."""

    async def act(_settings: "Settings", database: "Database") -> bool:
        from digest.database import raw_mails
        from digest.operate import operator

        now = clock.utc_now()
        async with database.begin() as connection:
            await raw_mails.get(connection, mail_id)
            renewed = await raw_mails.again(connection, mail_id, at=now)
            await operator.note(connection, "inbound.again", at=now, details={"mail": mail_id})
        return renewed

    if not with_database(act):
        problem(
            f"Mail {mail_id} was acted upon; doing it twice would change nothing. See: digest inbound show {mail_id}"
        )
        raise typer.Exit(ExitCode.NO)
    say(f"Mail {mail_id} is due now; a worker or `digest inbound` acts upon it within seconds.")


def hidden(text: str) -> str:
    """Return `text` with … for every token of ours in it."""
    return _TOKEN.sub("…", text)


def as_document(each: "StoredMail") -> dict[str, object]:
    """Return a mail for --json."""
    return {
        "id": each.id,
        "door": each.door,
        "recipient": hidden(each.recipient),
        "envelope_from": hidden(each.envelope_from),
        "sender": each.sender,
        "received_at": each.received_at,
        "size": each.size,
        "outcome": each.outcome,
        "detail": each.detail,
        "subscriber_id": each.subscriber_id,
        "delivery_id": each.delivery_id,
        "tries": each.tries,
        "due_at": each.due_at,
        "acted_at": each.acted_at,
    }


def _row(each: "StoredMail", settings: "Settings") -> tuple[object, ...]:
    sender = each.sender or hidden(each.envelope_from) or "<>"
    received = moment(each.received_at, settings.zone)
    return each.id, received, each.door, hidden(each.recipient), sender, each.outcome, each.detail


def _tell(settings: "Settings", found: "StoredMail", reading: "Reading") -> None:
    waits = found.outcome is Outcome.KEPT
    pairs(
        [
            ("to", hidden(found.recipient)),
            ("envelope from", hidden(found.envelope_from) or "<>"),
            ("from", hidden(reading.value("from"))),
            ("subject", hidden(reading.value("subject"))),
            ("received", f"{moment(found.received_at, settings.zone)} by {found.door}, {found.size} bytes"),
            ("became", found.outcome),
            ("detail", found.detail),
            ("acted upon", moment(found.acted_at, settings.zone)),
            ("next try", moment(found.due_at, settings.zone) if waits else None),
            ("tries that failed", found.tries or None),
            ("subscriber", found.subscriber_id),
            ("delivery", found.delivery_id),
        ]
    )
    say()
    lines = hidden(reading.text).splitlines()
    for line in lines[:_SHOWN_LINES]:
        say(line)
    if len(lines) > _SHOWN_LINES:
        say(f"… {len(lines) - _SHOWN_LINES} further lines: digest inbound show {found.id} --raw")

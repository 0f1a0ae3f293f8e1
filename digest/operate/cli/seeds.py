"""The seeds of an edition: how they stand, and whether what arrived still is what was approved.

`digest editions compare` takes an edition and a saved mail (.eml). That is compared with the bytes that were handed to
the relay for the seed of the same Message-ID, else for the seed of the same address, else for any seed of the edition;
the last is told, as what is each reader's own then may differ. Exit code 0: the same to a reader, 1: it differs, 3: the
file is no mail, or nothing of the edition is kept.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import LARGEST_ID, AsJson, ExitCode, note, print_json, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.database.kept_mails import KeptMail, Seed
    from digest.operate.compare import Comparison

_SAME_DELIVERY = {"message-id": True, "recipient": True, "edition": False}


def compare(
    edition_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="The edition's number.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A mail saved with its source.")],
    as_json: AsJson = False,
) -> None:
    """Compare a saved mail with the kept copy of what was sent (SEED_ADDRESSES). Exit code 1 when it differs."""
    from digest.operate.compare import compare as compared

    found = _read(file)
    settings, kept, really = with_database(lambda settings, database: _load(settings, database, edition_id, found))
    approved, by = _counterpart(kept, found)
    leaving = (f"{settings.base_url}/u/", f"{settings.base_url}/preferences/")
    result = compared(approved.content, found, leaving=leaving, is_same_delivery=_SAME_DELIVERY[by])
    if as_json:
        print_json(_as_json(edition_id, approved, by, result))
    else:
        if really not in (None, edition_id):
            note(f"This is a mail of edition {really}. Compare it with: digest editions compare {really} {file}")
        _tell(edition_id, approved, by, result)
    if not result.is_same:
        raise typer.Exit(ExitCode.NO)


async def load_seeds(database: "Database", edition_id: int) -> "list[Seed]":
    """Return the seeds of an edition."""
    from digest.database import kept_mails

    async with database.read() as connection:
        return await kept_mails.seeds_of(connection, edition_id)


def said_of(seed: "Seed") -> str:
    """Return what the relay said of a seed that it did not take, in brackets; empty if nothing."""
    from digest.models.deliveries import DeliveryState

    reply = seed.reply if seed.state is not DeliveryState.ACCEPTED else None
    return f" ({reply.code} {reply.text})" if reply else ""


def seed_as_json(each: "Seed") -> dict[str, object]:
    """Return a seed for `editions show --json`."""
    return {
        "delivery_id": each.delivery_id,
        "recipient": each.recipient,
        "state": each.state,
        "reply_code": each.reply.code if each.reply else None,
        "is_kept": each.is_kept,
    }


def _read(file: Path) -> bytes:
    from digest.errors import FixSetupError
    from digest.operate.compare import MAX_BYTES

    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise FixSetupError(f"{file} cannot be read: {error.strerror}.") from error
    if len(content) > MAX_BYTES:
        raise FixSetupError(f"{file} is larger than {MAX_BYTES // 1_000_000} MB: no mail of ours is.")
    return content


async def _load(
    settings: "Settings", database: "Database", edition_id: int, found: bytes
) -> "tuple[Settings, list[KeptMail], int | None]":
    """Return what is kept of the edition, and which edition the mail is of, if its Message-ID is one of ours."""
    from digest.database import editions, kept_mails
    from digest.errors import FixSetupError

    async with database.read() as connection:
        await editions.get_edition(connection, edition_id)
        kept = await kept_mails.of_edition(connection, edition_id)
        delivery_id = _delivery_of(settings, found)
        really = None if delivery_id is None else await kept_mails.edition_of(connection, delivery_id)
    if not kept:
        raise FixSetupError(
            f"Nothing that was sent of edition {edition_id} is kept. Set SEED_ADDRESSES before an edition is released; "
            f"its copies are kept for {kept_mails.KEPT.days} days from when they were handed to the relay."
        )
    return settings, kept, really


def _delivery_of(settings: "Settings", found: bytes) -> int | None:
    """Return the delivery whose Message-ID the mail has."""
    from digest.errors import BadTokenError
    from digest.operate.compare import message_id
    from digest.tokens import TokenPurpose

    try:
        return settings.keyring.read(TokenPurpose.MESSAGE_ID, message_id(found).strip("<>").partition("@")[0])
    except BadTokenError:
        return None


def _counterpart(kept: "list[KeptMail]", found: bytes) -> "tuple[KeptMail, str]":
    """Return the kept mail to compare with, and by what it was found."""
    from digest.operate.compare import message_id, recipients

    named = message_id(found)
    for each in kept:
        if named and message_id(each.content) == named:
            return each, "message-id"
    addressed = recipients(found)
    for each in kept:
        if each.recipient.key in addressed:
            return each, "recipient"
    return kept[0], "edition"


def _tell(edition_id: int, approved: "KeptMail", by: str, result: "Comparison") -> None:
    if by == "edition":
        note(
            "This mail is no seed's: To, Date, Message-ID and the links that leave are each reader's own, and left out."
        )
    which = f"the copy of edition {edition_id} that was handed over for {approved.recipient}"
    if result.is_identical:
        say(f"Identical, byte for byte, to {which}.")
        return
    if result.added:
        say(f"Added by servers on the way: {', '.join(result.added)}.")
    if result.is_same:
        say(f"The same to a reader as {which}.")
        return
    rows = [(each.name, each.what, each.approved, each.found) for each in result.differences]
    table(("difference", "where", "approved", "found"), rows, title=f"Not the same as {which}:")


def _as_json(edition_id: int, approved: "KeptMail", by: str, result: "Comparison") -> dict[str, object]:
    return {
        "edition_id": edition_id,
        "delivery_id": approved.delivery_id,
        "recipient": approved.recipient,
        "kept_at": approved.kept_at,
        "found_by": by,
        "identical": result.is_identical,
        "same": result.is_same,
        "added": result.added,
        "differences": [
            {"name": each.name, "what": each.what, "approved": each.approved, "found": each.found}
            for each in result.differences
        ],
    }

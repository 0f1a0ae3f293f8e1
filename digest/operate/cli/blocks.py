"""`digest blocks`: notices, the paper's own offers and adverts beside the articles of an edition.

`add` puts one into the editions of a slot (or of all) that are planned within its days, `list` shows what is there,
`end` takes one out at once, also of an edition that is being sent. What is typed is shown as it is, never as markup;
addresses must be whole and lead by http or https, pictures by https.
"""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from digest import clock
from digest.operate.cli.room import slot_of, with_database
from digest.operate.cli.terminal import LARGEST_ID, AsJson, ExitCode, moment, note, print_json, problem, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models.editions import Block, NewBlock

app = typer.Typer(help="Notices, own offers and adverts in editions.", no_args_is_help=True)

_TITLE_LETTERS, _TEXT_LETTERS, _LINK_OCTETS = 100, 600, 700


class Kind(StrEnum):
    """The kinds of `digest.models.editions.BlockKind`, which is not imported for `--help`; a test compares them."""

    EDITORIAL = "editorial"
    HOUSE = "house"
    AD = "ad"


_Day = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, in the newspaper's zone.")]


@app.command()
def add(  # noqa: PLR0917  # the options of a command are its arguments
    title: Annotated[str, typer.Argument(help="Its headline, up to 100 letters.")],
    kind: Annotated[Kind, typer.Option(help="ad: paid for; house: the paper's own offer; editorial: a notice.")],
    first: _Day,
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day, included.")],
    slot: Annotated[str, typer.Option(help="The slot of EDITIONS; without it all of them.")] = "",
    text: Annotated[str, typer.Option(help="Up to 600 letters; \\n begins a paragraph.")] = "",
    link: Annotated[str, typer.Option(help="Where it leads: http(s)://…")] = "",
    picture: Annotated[str, typer.Option(help="The address of a picture: https://…")] = "",
) -> None:
    """Put a block into the editions planned from the first day to the last. Exit code 3 if the sender is not named."""
    _check(title, text, link, picture)
    if until < first:
        raise typer.BadParameter("It is before --from.", param_hint="--until")

    async def act(settings: "Settings", database: "Database") -> "tuple[int, NewBlock, Settings]":
        from digest.compose import adverts
        from digest.database import blocks
        from digest.errors import AdvertNotReadyError
        from digest.models.editions import BlockKind, NewBlock

        if slot:
            slot_of(settings, slot)
        missing = adverts.missing_particulars(settings)
        if missing and adverts.is_advert(BlockKind(kind), settings):
            raise AdvertNotReadyError(missing)
        new = NewBlock(
            kind=BlockKind(kind),
            title=title.strip(),
            from_at=datetime.combine(first.date(), time(), settings.zone).astimezone(UTC),
            until_at=datetime.combine(until.date() + timedelta(days=1), time(), settings.zone).astimezone(UTC),
            slot=slot,
            text=text.replace("\\n", "\n").strip(),
            link=link,
            picture=picture,
        )
        async with database.begin() as connection:
            return await blocks.add(connection, new, at=clock.utc_now()), new, settings

    block_id, new, settings = with_database(act)
    say(f"Block {block_id} ({new.kind}) is in the editions of {new.slot or 'all slots'} {_days(new, settings)}.")
    from digest.compose import adverts

    if adverts.is_advert(new.kind, settings):
        note("It makes them adverts: (광고) in the subject, for readers who agreed; all others get them without it.")
    say("Look with: digest editions preview SLOT")


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over or ended, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the blocks that editions carry now or later, newest first."""

    async def act(settings: "Settings", database: "Database") -> "tuple[Settings, list[Block]]":
        from digest.database import blocks

        async with database.read() as connection:
            after = None if everything else clock.utc_now()
            return settings, await blocks.list_blocks(connection, until_after=after)

    settings, found = with_database(act)
    if as_json:
        print_json({"blocks": [_as_json(each) for each in found]})
    elif not found:
        say("There are no blocks.")
    else:
        heads = ("id", "kind", "slot", "days", "title", "link", "ended")
        table(heads, [
            (each.id, each.block.kind, each.block.slot or "all", _days(each.block, settings), each.block.title,
             each.block.link, moment(each.ended_at, settings.zone))
            for each in found
        ])  # fmt: skip


@app.command()
def end(block_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID)]) -> None:
    """Take a block out at once; what waits of editions with it is composed anew."""

    async def act(_settings: "Settings", database: "Database") -> bool:
        from digest.database import blocks

        async with database.begin() as connection:
            return await blocks.end(connection, block_id, at=clock.utc_now())

    if not with_database(act):
        problem(f"There is no block {block_id}, or it was ended before. `digest blocks list` shows them.")
        raise typer.Exit(ExitCode.NO)
    say(f"Block {block_id} is ended.")


def _check(title: str, text: str, link: str, picture: str) -> None:
    if not title.strip() or len(title) > _TITLE_LETTERS or not title.isprintable():
        raise typer.BadParameter(f"One line of 1 to {_TITLE_LETTERS} letters.", param_hint="TITLE")
    if len(text) > _TEXT_LETTERS or not text.replace("\n", "").isprintable():
        raise typer.BadParameter(f"Up to {_TEXT_LETTERS} letters, no invisible ones.", param_hint="--text")
    for name, url, schemes in (("--link", link, ("http", "https")), ("--picture", picture, ("https",))):
        if url and not _is_address(url, schemes):
            raise typer.BadParameter(f"No web address ({' or '.join(schemes)}): {url}", param_hint=name)


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        split = urlsplit(url)
        host, _port = split.hostname or "", split.port
    except ValueError:
        return False
    is_plain = url.isprintable() and not set(url) & set(" \"'<>\\") and len(url.encode()) <= _LINK_OCTETS
    return split.scheme in schemes and "." in host and split.username is None and is_plain


def _days(block: "NewBlock", settings: "Settings") -> str:
    first, last = block.from_at.astimezone(settings.zone), block.until_at.astimezone(settings.zone) - timedelta(days=1)
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _as_json(stored: "Block") -> dict[str, object]:
    block = stored.block
    return {
        "id": stored.id,
        "kind": block.kind,
        "slot": block.slot,
        "title": block.title,
        "text": block.text,
        "link": block.link,
        "picture": block.picture,
        "from_at": block.from_at,
        "until_at": block.until_at,
        "created_at": stored.created_at,
        "ended_at": stored.ended_at,
    }

"""`digest editions`: look at the issues of a slot, make one, hold, release or cancel one, prove that it adds up.

Acting commands do no more than the worker would or a person may decide: the rules are in `digest.compose.editor`, and a
wrong state is told with what would be possible. A released edition is sent by the worker, not by the command.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digest import clock
from digest.operate.cli.room import slot_of, with_database
from digest.operate.cli.seeds import compare, load_seeds, said_of, seed_as_json
from digest.operate.cli.terminal import (
    LARGEST_ID,
    AsJson,
    ExitCode,
    moment,
    note,
    pairs,
    print_json,
    problem,
    say,
    table,
    waiting,
)
from digest.operate.cli.watch import watch

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models.deliveries import DeliveryCounts, Mail
    from digest.models.editions import Edition, PlacedArticle

app = typer.Typer(help="Issues of a slot: look, make, watch, hold, release, cancel, prove.", no_args_is_help=True)
app.command()(watch)
app.command()(compare)

EditionId = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="As `digest editions list` shows it.")
]
Language = Annotated[Literal["ko", "en"] | None, typer.Option(help="Without it the newspaper's.")]
SlotName = Annotated[str, typer.Argument(metavar="SLOT", help="A slot of EDITIONS.")]
NoLook = Annotated[
    bool, typer.Option("--no-look", help="Do not look at its articles' pages once more before (up to a minute).")
]


@app.command("list")
def list_(
    slot: Annotated[str | None, typer.Option(help="Only of this slot.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the latest planned first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List editions, the latest planned first."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, list[Edition]]":
        from digest.database import editions

        async with database.read() as connection:
            return settings, await editions.list_editions(connection, limit=limit, slot=slot)

    settings, found = with_database(load)
    if as_json:
        print_json({"editions": [_as_json(edition) for edition in found]})
    elif not found:
        say("There is no edition yet.")
    else:
        rows = [(e.id, e.slot, moment(e.planned_at, settings.zone), e.state, e.title, e.reason) for e in found]
        table(("id", "slot", "planned", "state", "title", "because"), rows)


@app.command()
def show(edition_id: EditionId, as_json: AsJson = False) -> None:
    """Show an edition: its times, its articles, and how its deliveries stand."""
    settings, edition, placed, counts = with_database(lambda s, d: _load(s, d, edition_id))
    seeds = with_database(lambda _, database: load_seeds(database, edition_id))
    if as_json:
        articles = [_placed_as_json(each) for each in placed]
        told = {"deliveries": _counts_as_json(counts), "seeds": [seed_as_json(each) for each in seeds]}
        print_json({**_as_json(edition), **told, "articles": articles})
        return
    times = ("planned", "cutoff", "deadline", "chosen", "released", "done")
    pairs(
        [("edition", f"{edition.id} of {edition.slot}: {edition.title}"), ("state", edition.state.value)]
        + [("because", edition.reason)]
        + [(name, moment(getattr(edition, f"{name}_at"), settings.zone)) for name in times]
        + [("readers", counts.eligible), ("deliveries", _in_words(counts))]
        + [("seed", f"{each.recipient}: {each.state}{said_of(each)}") for each in seeds]
    )
    rows = [(each.article.id, each.placement.role, each.placement.section, each.article.text.title) for each in placed]
    table(("article", "as", "section", "title"), rows)


@app.command()
def prove(edition_id: EditionId, as_json: AsJson = False) -> None:
    """Prove that every reader of an edition is accounted for. Exit code 1 when it does not add up."""
    _, edition, _, counts = with_database(lambda s, d: _load(s, d, edition_id))
    is_made = edition.released_at is not None or counts.total > 0
    if as_json:
        print_json({"edition_id": edition.id, "made": is_made, "adds_up": counts.adds_up, **_counts_as_json(counts)})
    elif not is_made:
        say(f"Edition {edition.id} is {edition.state}: its deliveries are not made yet, so there is nothing to sum.")
    else:
        from digest.models.deliveries import DeliveryState

        table(
            ("state", "readers"),
            [*((state.value, counts.by_state.get(state, 0)) for state in DeliveryState), ("sum", counts.total)],
        )
        sign = "=" if counts.adds_up else "≠"
        say(f"eligible {counts.eligible} {sign} {counts.total} in a known state")
    if not counts.adds_up:
        problem(f"Edition {edition.id} does not add up: {counts.eligible - counts.total:+d} readers.")
        raise typer.Exit(ExitCode.NO)


@app.command()
def preview(
    what: Annotated[str, typer.Argument(metavar="ID|SLOT", help="An edition, or what a slot would bring now.")],
    to: Annotated[Path | None, typer.Option(file_okay=False, help="Write HTML and text into this folder.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the HTML in the browser.")] = False,
    language: Language = None,
    bare: Annotated[bool, typer.Option("--without-adverts", help="As readers get it who agreed to none.")] = False,
) -> None:
    """Show the mail of an edition, or of what would be chosen for a slot now. Stores and sends nothing.

    Without --to and --open the text part is printed.
    """
    with waiting("Composing …"):
        mail = with_database(lambda settings, database: _composed(settings, database, what, language, not bare))
    if to is None and not open_it:
        say(f"Subject: {mail.subject}\n")
        say(mail.text.decode())
        return
    import tempfile

    # A folder of its own that stays: the browser reads the file after this command has ended.
    folder = to or Path(tempfile.mkdtemp(prefix="digest-preview-"))
    name = f"edition-{what}" if what.isdecimal() else what
    written = _write(folder, {f"{name}.html": mail.html, f"{name}.txt": mail.text})
    for path in written:
        say(str(path))
    if open_it:
        typer.launch(written[0].resolve().as_uri())


@app.command()
def make(
    slot: SlotName,
    hold: Annotated[bool, typer.Option("--hold", help="Do not send it yet: hold it to be looked at.")] = False,
    no_look: NoLook = False,
) -> None:
    """Make an edition of what is new, now and out of turn. Exit code 1 when nothing is new."""
    with waiting("Choosing and composing …"):
        edition, counts = with_database(lambda settings, database: _make(settings, database, slot, hold, no_look))
    if edition is None:
        say(f"Nothing new for {slot}, or fewer articles than its minimum: no edition.")
        raise typer.Exit(ExitCode.NO)
    _report(edition, counts)
    if hold:
        say(f"Look: digest editions preview {edition.id}. Send: digest editions release {edition.id}")


@app.command()
def release(edition_id: EditionId, no_look: NoLook = False) -> None:
    """Send an edition that is held, or not composed yet. Its deadline counts from now."""
    with waiting("Looking at its articles, composing …"):
        edition, counts = with_database(lambda settings, database: _release(settings, database, edition_id, no_look))
    _report(edition, counts)


@app.command()
def hold(
    edition_id: EditionId,
    reason: Annotated[str, typer.Option(help="Kept with the edition, for whoever finds it held.")] = "a person held it",
) -> None:
    """Stop an edition that is not through yet. What is on the wire is finished, nothing more is begun."""

    async def act(settings: "Settings", database: "Database") -> "tuple[Edition, DeliveryCounts]":
        from digest.compose import editor

        await editor.hold(database, edition_id, reason=reason)
        _, edition, _, counts = await _load(settings, database, edition_id)
        return edition, counts

    _report(*with_database(act))


@app.command()
def cancel(
    edition_id: EditionId,
    reason: Annotated[str, typer.Option(help="Kept with the edition.")] = "a person cancelled it",
    give_back: Annotated[
        bool | None,
        typer.Option(
            "--give-back/--keep",
            help="Whether the slot's next edition may bring its articles. Without it: if nobody can have read them.",
        ),
    ] = None,
) -> None:
    """Give an edition up for good: what waits of it is never sent."""
    edition, counts, freed = with_database(lambda s, d: _cancel(s, d, edition_id, reason, give_back))
    _report(edition, counts)
    say("Its articles go into the slot's next edition." if freed else "Its articles count as brought.")


async def _load(
    settings: "Settings", database: "Database", edition_id: int
) -> "tuple[Settings, Edition, list[PlacedArticle], DeliveryCounts]":
    from digest.database import deliveries, editions

    async with database.read() as connection:
        edition = await editions.get_edition(connection, edition_id)
        placed = await editions.placed_articles(connection, edition_id)
        return settings, edition, placed, await deliveries.counts(connection, edition_id)


async def _composed(
    settings: "Settings", database: "Database", what: str, language: str | None, adverts: bool
) -> "Mail":
    from digest.compose.render import Renderer
    from digest.operate import showing

    renderer, language = Renderer(settings.templates_dir), language or settings.language
    if what.isdecimal() and int(what) <= LARGEST_ID:
        return await showing.edition_mail(database, settings, renderer, int(what), language, adverts=adverts)
    slot, now = slot_of(settings, what), clock.utc_now()
    return await showing.planned_mail(database, settings, renderer, slot, language, now=now, adverts=adverts)


def _write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    from digest.errors import FixSetupError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise FixSetupError(f"{folder} cannot be written to: {error.strerror}.") from error
    return [folder / name for name in files]


async def _make(
    settings: "Settings", database: "Database", slot: str, hold: bool, no_look: bool
) -> "tuple[Edition, DeliveryCounts] | tuple[None, None]":
    from digest.compose import editor

    edition = await editor.open_now(database, settings, slot_of(settings, slot), clock=clock.utc_now)
    if edition is None:
        return None, None
    if hold:
        await editor.hold(database, edition.id, reason="it was made to be looked at")
        _, edition, _, counts = await _load(settings, database, edition.id)
        return edition, counts
    return await _release(settings, database, edition.id, no_look, made_here=True)


async def _release(
    settings: "Settings", database: "Database", edition_id: int, no_look: bool, *, made_here: bool = False
) -> "tuple[Edition, DeliveryCounts]":
    from digest.compose import editor
    from digest.compose.render import Renderer
    from digest.errors import WrongStateError
    from digest.operate.last_look import look_before_release

    try:
        renderer = Renderer(settings.templates_dir)
        if not no_look:
            await look_before_release(settings, database, edition_id, clock=clock.utc_now)
        await editor.release(database, settings, renderer, edition_id, clock=clock.utc_now)
    except WrongStateError:
        if not made_here:  # a worker that runs beside may have released it first
            raise
    _, edition, _, counts = await _load(settings, database, edition_id)
    return edition, counts


async def _cancel(
    settings: "Settings", database: "Database", edition_id: int, reason: str, give_back: bool | None
) -> "tuple[Edition, DeliveryCounts, bool]":
    from digest.compose import editor

    cancelled = await editor.cancel(database, edition_id, reason=reason, give_back=give_back, clock=clock.utc_now)
    _, edition, _, counts = await _load(settings, database, edition_id)
    return edition, counts, cancelled.given_back > 0


def _report(edition: "Edition", counts: "DeliveryCounts | None") -> None:
    because = f" because {edition.reason}" if edition.reason else ""
    say(f"Edition {edition.id} of {edition.slot} is {edition.state}{because}.")
    if counts is not None and counts.total:
        say(f"{counts.eligible} readers: {_in_words(counts)}.")
    elif edition.released_at is not None:
        note("It has no readers: `digest subscribers list` shows who subscribed to what.")


def _in_words(counts: "DeliveryCounts") -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(counts.by_state.items()) if number)


def _as_json(edition: "Edition") -> dict[str, object]:
    return {
        "id": edition.id,
        "slot": edition.slot,
        "title": edition.title,
        "state": edition.state,
        "reason": edition.reason,
        "planned_at": edition.planned_at,
        "cutoff_at": edition.cutoff_at,
        "deadline_at": edition.deadline_at,
        "chosen_at": edition.chosen_at,
        "released_at": edition.released_at,
        "done_at": edition.done_at,
    }


def _placed_as_json(each: "PlacedArticle") -> dict[str, object]:
    return {
        "id": each.article.id,
        "revision": each.placement.revision,
        "role": each.placement.role,
        "section": each.placement.section,
        "title": each.article.text.title,
        "link": each.article.text.link,
    }


def _counts_as_json(counts: "DeliveryCounts") -> dict[str, object]:
    from digest.models.deliveries import DeliveryState

    return {
        "eligible": counts.eligible,
        "total": counts.total,
        "by_state": {state.value: counts.by_state.get(state, 0) for state in DeliveryState},
    }

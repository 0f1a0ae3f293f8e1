"""`digest articles`: what was collected, and taking an article out.

A withdrawn article is in no edition still to come, and gone from the pages of earlier ones. Mails that are composed
already hold it: the command says which editions these are, and how to stop them.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
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
)

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models import Article, DeliveryCounts, Edition, Role

app = typer.Typer(help="Collected articles: list, show, withdraw.", no_args_is_help=True)

ArticleId = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="As `digest articles list` shows it.")
]


@app.command("list")
def list_(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List articles, the newest first."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, list[Article]]":
        from digest.database import articles

        async with database.read() as connection:
            return settings, await articles.list_articles(connection, limit=limit, source=source)

    settings, found = with_database(load)
    if as_json:
        print_json({"articles": [_as_json(article) for article in found]})
    elif not found:
        say("There is no article.")
    else:
        rows = [
            (a.id, a.source_name, moment(a.text.registered_at, settings.zone), a.text.section, a.text.title, _state(a))
            for a in found
        ]
        table(("id", "source", "registered", "section", "title", ""), rows)


@app.command()
def show(
    article_id: ArticleId,
    revision: Annotated[
        int | None, typer.Option(min=1, max=2**31 - 1, help="An earlier one; without it the latest.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show an article in one of its revisions, and the editions that hold it."""
    settings, article, places = with_database(lambda s, d: _load(s, d, article_id, revision))
    if as_json:
        held = [{"id": edition.id, "slot": edition.slot, "state": edition.state, "role": r} for edition, r, _ in places]
        print_json({**_as_json(article), "body": article.text.body, "editions": held})
        return
    text, zone = article.text, settings.zone
    pairs(
        [
            ("article", f"{article.id}, revision {article.revision}, of {article.source_name}"),
            ("title", text.title),
            ("subheads", " / ".join(text.subheads)),
            ("section", text.section),
            ("by", text.byline),
            ("registered", moment(text.registered_at, zone)),
            ("modified", moment(text.modified_at, zone)),
            ("first seen", moment(article.first_seen_at, zone)),
            ("link", text.link),
            ("picture", text.picture.url if text.picture else ""),
            ("rights", article.rights),
            ("state", _state(article) or "goes into editions"),
            ("editions", ", ".join(f"{edition.id} ({edition.slot}, {role})" for edition, role, _ in places)),
        ]
    )
    for paragraph in text.body or (text.excerpt,):
        say(f"\n{paragraph}")


@app.command()
def withdraw(article_id: ArticleId) -> None:
    """Take an article out of every edition still to come, and off the pages. Exit code 1 if it was out already."""

    async def act(settings: "Settings", database: "Database") -> "tuple[bool, Article, list[_Place]]":
        from digest.database import articles

        async with database.begin() as connection:
            await articles.get_article(connection, article_id)
            changed = await articles.withdraw(connection, article_id, at=clock.utc_now())
        _, article, places = await _load(settings, database, article_id, None)
        return changed, article, places

    changed, article, places = with_database(act)
    if not changed:
        problem(f"Article {article_id} was withdrawn before.")
        raise typer.Exit(ExitCode.NO)
    say(f"Article {article_id} is withdrawn: {article.text.title}")
    for edition, _, counts in places:
        waiting = _waiting(counts)
        if waiting:
            note(
                f"Edition {edition.id} is composed and holds it; {waiting} readers wait for that mail. "
                f"Stop it: digest editions hold {edition.id}, or give it up: digest editions cancel {edition.id}"
            )
        elif counts.total:
            note(f"Edition {edition.id} went out with it.")


_Place = tuple["Edition", "Role", "DeliveryCounts"]


async def _load(
    settings: "Settings", database: "Database", article_id: int, revision: int | None
) -> "tuple[Settings, Article, list[_Place]]":
    from digest.database import articles, deliveries, editions

    async with database.read() as connection:
        article = await articles.get_article(connection, article_id, revision)
        held = await editions.editions_of_article(connection, article_id)
        places = [(edition, role, await deliveries.counts(connection, edition.id)) for edition, role in held]
    return settings, article, places


def _waiting(counts: "DeliveryCounts") -> int:
    from digest.models import DeliveryState

    return sum(counts.by_state.get(state, 0) for state in (DeliveryState.QUEUED, DeliveryState.DEFERRED))


def _state(article: "Article") -> str:
    if article.withdrawn_at is not None:
        return "withdrawn"
    return "" if article.eligible else "kept, not mailed (older than a day when its source was new)"


def _as_json(article: "Article") -> dict[str, object]:
    text, picture = article.text, article.text.picture
    return {
        "id": article.id,
        "revision": article.revision,
        "source": article.source_name,
        "title": text.title,
        "subheads": text.subheads,
        "section": text.section,
        "byline": text.byline,
        "excerpt": text.excerpt,
        "link": text.link,
        "picture": None if picture is None else {"url": picture.url, "caption": picture.caption},
        "rights": article.rights,
        "registered_at": text.registered_at,
        "modified_at": text.modified_at,
        "first_seen_at": article.first_seen_at,
        "eligible": article.eligible,
        "withdrawn_at": article.withdrawn_at,
    }

"""`digest articles`: what was collected, and what is known of one article.

`show` tells an article as it would be mailed, how its page was read and which way each field was found, which story it
tells, and what became of it since: corrections, withdrawal, a claimed correction. What a person may do with an article
is in `articles_acts` and `stories`.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli import articles_acts
from digest.operate.cli import stories as story_commands
from digest.operate.cli.articles_acts import ArticleId
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import (
    AsJson,
    moment,
    pairs,
    print_json,
    say,
    table,
)

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from digest.config import Settings
    from digest.database import Database
    from digest.models.articles import Article, PageState
    from digest.models.editions import Edition, Role
    from digest.models.shares import SharedOften
    from digest.models.stories import Story

app = typer.Typer(help="Collected articles: look, withdraw, restore, join to one story.", no_args_is_help=True)
app.command()(articles_acts.look)
app.command()(articles_acts.withdraw)
app.command()(articles_acts.restore)
app.command()(articles_acts.contest)
app.command()(story_commands.like)
app.command()(story_commands.join)
app.command()(story_commands.separate)


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
        zone = settings.zone
        rows = [
            (a.id, a.source_name, moment(a.text.registered_at, zone), a.text.section, a.text.title, _state(a, zone))
            for a in found
        ]
        table(("id", "source", "registered", "section", "title", ""), rows)


@app.command()
def shared(
    days: Annotated[int, typer.Option(min=1, max=365, help="Of so many days back.")] = 7,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the most shared first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show how often articles were sent to friends (많이 보낸 기사). No person is in these counts."""

    async def load(settings: "Settings", database: "Database") -> "list[SharedOften]":
        from digest.database import most_shared

        since = (clock.utc_now().astimezone(settings.zone) - timedelta(days=days - 1)).date()
        async with database.read() as connection:
            return await most_shared.ranked(connection, since=since, senders=0, limit=limit)

    found = with_database(load)
    if as_json:
        print_json({"articles": [asdict(one) for one in found]})
    elif not found:
        say("No article was sent to a friend.")
    else:
        rows = [(one.article_id, one.shares, one.senders, one.title) for one in found]
        table(("id", "shares", "people", "title"), rows)


@app.command()
def show(
    article_id: ArticleId,
    revision: Annotated[
        int | None, typer.Option(min=1, max=2**31 - 1, help="An earlier one; without it the latest.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show an article in one of its revisions, how it was found, and the editions that hold it."""
    settings, known = with_database(lambda s, d: _load(s, d, article_id, revision))
    article = known.article
    if as_json:
        print_json({**_as_json(article), **_known_as_json(known)})
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
            ("caption", text.picture.caption if text.picture else ""),
            ("rights", article.rights),
            ("state", _state(article, zone) or "goes into editions"),
            ("contested", moment(article.contested_at, zone)),
            *((f"corrected {number}", f"{moment(at, zone)} ({why})") for number, at, why in known.corrections),
            ("editions", ", ".join(f"{edition.id} ({edition.slot}, {role})" for edition, role in known.editions)),
            ("story", _story_in_words(known)),
            ("page", _page_in_words(known)),
            ("found by", ", ".join(f"{name}: {way}" for name, way in sorted(known.found_by.items()))),
        ]
    )
    for paragraph in text.body or (text.excerpt,):
        say(f"\n{paragraph}")


@dataclass(frozen=True, slots=True)
class _Known:
    """All that is stored about one article. `page` None: its page is not read at all."""

    article: "Article"
    editions: "list[tuple[Edition, Role]]"
    page: "PageState | None"
    found_by: dict[str, str]
    page_problem: str
    story: "Story | None"
    corrections: "list[tuple[int, datetime, str]]"


async def _load(
    settings: "Settings", database: "Database", article_id: int, revision: int | None
) -> "tuple[Settings, _Known]":
    from digest.database import articles, editions, pages, stories

    async with database.read() as connection:
        article = await articles.get_article(connection, article_id, revision)
        state, found_by, trouble = await pages.found_by(connection, article_id) or (None, {}, "")
        known = _Known(
            article,
            await editions.editions_of_article(connection, article_id),
            state,
            found_by,
            trouble,
            (await stories.story_of(connection, [article_id])).get(article_id),
            await articles.list_corrections(connection, article_id),
        )
    return settings, known


def _page_in_words(known: _Known) -> str:
    if known.page is None:
        return "not read"
    return f"{known.page} ({known.page_problem})" if known.page_problem else known.page


def _story_in_words(known: _Known) -> str:
    if known.story is None or len(known.story.article_ids) < 2:
        return ""
    others = ", ".join(str(each) for each in known.story.article_ids if each != known.article.id)
    return f"{known.story.id}, told by {others} too (digest articles like {known.article.id})"


def _known_as_json(known: _Known) -> dict[str, object]:
    page = {"state": known.page, "problem": known.page_problem, "found_by": known.found_by}
    return {
        "body": known.article.text.body,
        "editions": [
            {"id": one.id, "slot": one.slot, "state": one.state, "role": role} for one, role in known.editions
        ],
        "page": page if known.page is not None else None,
        "story": {"id": known.story.id, "articles": known.story.article_ids} if known.story else None,
        "corrections": [{"revision": n, "seen_at": at, "changed": why} for n, at, why in known.corrections],
    }


def _state(article: "Article", zone: "ZoneInfo") -> str:
    if article.withdrawn_at is not None:
        by = f" by {'its page' if article.withdrawn_by == 'page' else 'a person'}" if article.withdrawn_by else ""
        return f"withdrawn{by}, {moment(article.withdrawn_at, zone)}"
    if article.eligible:
        return ""
    if not article.text.title:
        return "kept, not mailed (its headline is not known before its page is read)"
    return "kept, not mailed (older than a day when its source was new)"


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
        "withdrawn_by": article.withdrawn_by,
        "contested_at": article.contested_at,
    }

"""`digest articles like|join|separate`: which articles tell the same story, and a person's word on it.

The machine joins what is nearly the same text and keeps score and reason; an edition shows one article of a story. What
a person joins or separates stays so, whatever the machine finds later.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import LARGEST_ID, AsJson, ExitCode, moment, print_json, problem, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models.articles import Article
    from digest.models.stories import StoryMember

ArticleId = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="As `digest articles list` shows it.")
]
_Row = tuple["StoryMember", "Article"]


def like(article_id: ArticleId, as_json: AsJson = False) -> None:
    """Show the articles that tell the same story, with the score and the reason of each."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, list[_Row]]":
        from digest.database import articles, stories

        async with database.read() as connection:
            await articles.get_article(connection, article_id)
            story = (await stories.story_of(connection, [article_id])).get(article_id)
            members = await stories.members(connection, story.id) if story else []
            return settings, [(each, await articles.get_article(connection, each.article_id)) for each in members]

    settings, rows = with_database(load)
    if as_json:
        print_json({"story": rows[0][0].story_id if rows else None, "articles": [_as_json(*row) for row in rows]})
    elif not rows:
        say(f"Article {article_id} was not compared with others yet.")
    else:
        table(("id", "source", "title", "score", "reason", "joined by", "joined"), [_line(settings, *r) for r in rows])


def join(article_ids: Annotated[list[int], typer.Argument(metavar="ID ID…", min=1, max=LARGEST_ID)]) -> None:
    """Say that articles tell the same story: an edition shows one of them, the first named before the others."""
    if len(set(article_ids)) < 2:
        problem("Name two articles or more.")
        raise typer.Exit(ExitCode.USAGE)

    async def act(_settings: "Settings", database: "Database") -> int:
        from digest.database import stories

        async with database.begin() as connection:
            return await stories.join(connection, article_ids, at=clock.utc_now())

    with_database(act)
    say(f"These articles are one story: {', '.join(str(each) for each in dict.fromkeys(article_ids))}")


def separate(article_id: ArticleId) -> None:
    """Say that an article tells another story than those it was joined with. Exit code 1 if it stood alone already."""

    async def act(_settings: "Settings", database: "Database") -> bool:
        from digest.database import stories

        async with database.begin() as connection:
            return await stories.separate(connection, article_id, at=clock.utc_now())

    if not with_database(act):
        problem(f"Article {article_id} is a story of its own already.")
        raise typer.Exit(ExitCode.NO)
    say(f"Article {article_id} is a story of its own.")


def _line(settings: "Settings", member: "StoryMember", article: "Article") -> tuple[object, ...]:
    score = "" if member.score is None else f"{member.score:.2f}"
    joined_at = moment(member.joined_at, settings.zone)
    title = article.text.title
    return member.article_id, article.source_name, title, score, member.reason, member.joined_by, joined_at


def _as_json(member: "StoryMember", article: "Article") -> dict[str, object]:
    return {
        "id": member.article_id,
        "source": article.source_name,
        "title": article.text.title,
        "score": member.score,
        "reason": member.reason,
        "joined_by": member.joined_by,
        "joined_at": member.joined_at,
    }

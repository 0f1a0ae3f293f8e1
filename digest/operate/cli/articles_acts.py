"""`digest articles withdraw|restore|contest|look`: a person's word on an article, and looking at its page now.

A withdrawn article is taken out of everything still to be sent, at once: editions that are composed with it wait until
they are composed anew, which the command does itself (the worker would within seconds). Readers whom it has reached are
told in the slot's next edition. What its page has withdrawn comes back with the page; what a person has withdrawn, by
`restore` alone.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import LARGEST_ID, AsJson, ExitCode, note, print_json, problem, say, waiting

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models.articles import Article
    from digest.models.editions import Edition

ArticleId = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="As `digest articles list` shows it.")
]


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a withdrawal did to one edition: readers sent the mail with it, given the one without, none, waiting yet."""

    edition_id: int
    slot: str
    sent_with_it: int
    without_it: int
    given_up: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Withdrawn:
    """What `withdraw` did. `trouble`: why editions could not be composed anew at once."""

    article: "Article"
    is_new: bool
    effects: tuple[_Effect, ...]
    to_come: "tuple[Edition, ...]"
    trouble: str = ""


def withdraw(article_id: ArticleId, as_json: AsJson = False) -> None:
    """Take an article out of everything still to be sent, and off the pages. Exit code 1 if it was out already."""
    with waiting("Composing what waits without it …"):
        done = with_database(lambda settings, database: _withdraw(settings, database, article_id))
    if as_json:
        effects, to_come = [asdict(one) for one in done.effects], [edition.id for edition in done.to_come]
        print_json({"id": article_id, "withdrawn": done.is_new, "editions": effects, "left_out_of": to_come})
    elif done.is_new:
        say(f"Article {article_id} is withdrawn: {done.article.text.title}")
    if not done.is_new:
        problem(f"Article {article_id} was withdrawn before, {_before(done.article)}.")
    if not as_json:
        _tell(done)
    if done.trouble:
        problem(f"What waits could not be composed anew, and is not sent until the worker has done it: {done.trouble}")
    if not done.is_new:
        raise typer.Exit(ExitCode.NO)


def restore(article_id: ArticleId, as_json: AsJson = False) -> None:
    """Undo a withdrawal: the article may be in editions again. Exit code 1 if it was not withdrawn."""

    async def act(_settings: "Settings", database: "Database") -> bool:
        from digest.database import articles
        from digest.models.articles import WithdrawnBy

        async with database.begin() as connection:
            await articles.get_article(connection, article_id)
            return await articles.bring_back(connection, article_id, at=clock.utc_now(), by=WithdrawnBy.PERSON)

    changed = with_database(act)
    if as_json:
        print_json({"id": article_id, "restored": changed})
    elif changed:
        say(f"Article {article_id} may be in editions again. Mails that were composed without it stay as they are.")
    if not changed:
        problem(f"Article {article_id} is not withdrawn.")
        raise typer.Exit(ExitCode.NO)


def contest(
    article_id: ArticleId,
    settled: Annotated[bool, typer.Option("--settled", help="The claim is settled; take the mark off.")] = False,
    as_json: AsJson = False,
) -> None:
    """Mark that a correction of an article was claimed (정정보도 청구 등). Exit code 1 if that was so already.

    It is shown wherever the article appears from now on; mails of editions that are being sent stay as they are.
    """

    async def act(_settings: "Settings", database: "Database") -> bool:
        from digest.database import articles

        async with database.begin() as connection:
            await articles.get_article(connection, article_id)
            return await articles.contest(connection, article_id, at=None if settled else clock.utc_now())

    changed = with_database(act)
    if as_json:
        print_json({"id": article_id, "contested": not settled, "changed": changed})
    elif changed and settled:
        say(f"Article {article_id} does not carry the mark any more.")
    elif changed:
        say(
            f"Article {article_id} carries the mark 정정보도 청구 등이 있는 기사입니다 wherever it appears from now on."
        )
    if not changed:
        problem(f"Article {article_id} {'carries no mark' if settled else 'carries the mark already'}.")
        raise typer.Exit(ExitCode.NO)


def look(article_id: ArticleId, as_json: AsJson = False) -> None:
    """Look at an article's page now, and keep what it says. Exit code 1 if it could not be read.

    It is read anew even where it has not changed: after its source was given other selectors, for one.
    """
    with waiting("Looking at its page …"):
        before, after, trouble, outcome = with_database(lambda s, d: _look(s, d, article_id))
    if as_json:
        facts = {"revision": after.revision, "withdrawn_at": after.withdrawn_at, "problem": trouble}
        print_json({"id": article_id, "outcome": outcome, **facts})
    elif outcome == "withdrawn":
        say(f"Article {article_id} is withdrawn: its page is gone, or says so itself.")
    elif outcome == "revised":
        say(f"Its text has changed: article {article_id} is in revision {after.revision} now (was {before.revision}).")
    elif outcome == "read":
        say(f"Its page was read. Look: digest articles show {article_id}")
    if outcome == "failed":
        problem(f"Its page could not be read: {trouble}")
        raise typer.Exit(ExitCode.NO)


async def _withdraw(settings: "Settings", database: "Database", article_id: int) -> _Withdrawn:
    from digest.compose import renewal
    from digest.compose.render import Renderer
    from digest.database import appearances, articles, editions
    from digest.errors import DatabaseUnavailableError, DigestError
    from digest.models.editions import EditionState

    async with database.read() as connection:
        article = await articles.get_article(connection, article_id)
        before = {one.edition_id: one for one in await appearances.of_article(connection, article_id)}
        held = await editions.editions_of_article(connection, article_id)
    async with database.begin() as connection:
        is_new = await articles.withdraw(connection, article_id, at=clock.utc_now())
    trouble = ""
    try:
        await renewal.renew_stale(database, settings, Renderer(settings.templates_dir), clock=clock.utc_now)
    except DatabaseUnavailableError:
        raise
    except DigestError as error:
        trouble = str(error)
    async with database.read() as connection:
        after = await appearances.of_article(connection, article_id)
    effects = []
    for now in after:
        was = before.get(now.edition_id, now)
        given_up = now.given_up - was.given_up
        without = max(was.waiting + was.went_out - now.went_out - now.waiting - given_up, 0)
        effects.append(_Effect(now.edition_id, now.slot, now.went_out, without, given_up, now.waiting))
    shown = {one.edition_id for one in effects}
    states = (EditionState.OPEN, EditionState.CHOSEN, EditionState.HELD)
    to_come = tuple(one for one, _role in held if one.state in states and one.id not in shown)
    return _Withdrawn(article, is_new, tuple(effects), to_come, trouble)


def _before(article: "Article") -> str:
    from digest.models.articles import WithdrawnBy

    if article.withdrawn_by is WithdrawnBy.PAGE:
        return "by its page. Now its page cannot bring it back any more"
    return "by a person. Nothing has changed"


def _tell(done: _Withdrawn) -> None:
    for one in done.effects:
        parts = [f"{one.sent_with_it} were sent it with the article"]
        parts += [f"{one.without_it} wait and get it without"] if one.without_it else []
        parts += [f"{one.given_up} get nothing, as nothing is left of it"] if one.given_up else []
        parts += [f"{one.waiting} wait until it is composed anew"] if one.waiting else []
        note(f"Edition {one.edition_id} of {one.slot}: {', '.join(parts)}.")
    if any(one.sent_with_it for one in done.effects):
        note("Who was sent the article is told in the slot's next edition.")
    for edition in done.to_come:
        note(f"Edition {edition.id} of {edition.slot} is not composed yet and leaves it out.")


async def _look(settings: "Settings", database: "Database", article_id: int) -> "tuple[Article, Article, str, str]":
    """Return the article before and after, the page's problem, and what came of looking."""
    from digest.collect import visits
    from digest.database import articles, pages
    from digest.operate.house import open_visitor

    async with database.begin() as connection:
        before = await articles.get_article(connection, article_id)
        if await pages.found_by(connection, article_id) is None:
            why = "It is not looked at: its source has read=no, or it was older than a day when its source was new."
            return before, before, why, "failed"
        await pages.forget_marks(connection, article_id)
    async with open_visitor(settings, database) as visitor:
        came = await visits.look_again(visitor, [article_id])
    async with database.read() as connection:
        after = await articles.get_article(connection, article_id)
        page = await pages.found_by(connection, article_id)
    trouble = page[2] if page else ""
    if came.withdrawn:
        return before, after, trouble, "withdrawn"
    if came.missed:
        return before, after, trouble or "A worker is looking at it at this moment, or it did not answer.", "failed"
    return before, after, trouble, "revised" if came.revised else "read"

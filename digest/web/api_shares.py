"""What the JSON API offers for sharing: one article, mailed for a reader whom the newspaper knows, to a friend.

In: a request of the newspaper's own site for a logged-in reader, with the newspaper's signed word that the mailbox is
theirs (`share.vouch`); it stands for confirming by mail. Out: the same act as behind our own form (`share.request`),
under the same limits, and the same answers: they never tell who the friend is. The checks come in the same order: the
statement first, then addresses and words, then limits, then the queue. A statement is used up when nothing is wrong
with the form any more, so that one in a page outlives a mistyped address.

An article is named by our id or by its own address, which is only looked up among our articles, never fetched.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import Field

from digest import addresses
from digest.addresses import Address
from digest.clock import Clock
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, shares
from digest.errors import NotFoundError
from digest.hashes import counted_as
from digest.models.keys import KeyScope
from digest.share import limits, request, vouch, words
from digest.share.request import Asked, Wanted
from digest.web.api_door import too_many
from digest.web.api_models import VISITOR, Given, Language, Taken, mistakes_of_place, place_of
from digest.web.api_operation import Call, Operation
from digest.web.api_problems import Mistake, Problems, RefusedError
from digest.web.templating import Templates

_LARGEST_ID = 2**48
_LONGEST_LINK = 2000
_AN_HOUR = timedelta(hours=1)


class SharedArticle(Taken):
    """An article of the newspaper's to be mailed to a friend of a reader's."""

    article_id: int | None = Field(None, ge=1, lt=_LARGEST_ID, description="Our number of the article; or its link.")
    article_link: str | None = Field(
        None,
        description="The article's own address (고유링크); looked up among our articles, never fetched.",
        json_schema_extra={"maxLength": _LONGEST_LINK},
    )
    statement: str = Field(
        description="Your signed word that the reader's mailbox is theirs: a JWT (HS256), see docs/api.md. Used once.",
        json_schema_extra={"maxLength": vouch.MAX_LETTERS},
    )
    sender_name: str = Field("", description="The reader's name: up to 20 letters, or empty.")
    friends: list[str] = Field(min_length=1, max_length=3, description="Mail addresses; one, unless SHARE_FRIENDS.")
    note: str = Field("", description="The reader's own words: up to 200 letters, no links, addresses or numbers.")
    language: Language = Field(description="The language of the page and of the mail.")
    visitor_address: str | None = Field(None, description=VISITOR)


class Sent(Given):
    """The answer to every share that was taken, whoever the friend is."""

    next: Literal["sent", "partly"] = Field(
        description="It is on its way, if mails can be sent to this address; `partly`: not to all of several friends."
    )
    detail: str = Field(description="What to show to the person, in their language.")


@dataclass(frozen=True, slots=True)
class Shares:
    """The act."""

    database: Database
    settings: Settings
    clock: Clock
    templates: Templates
    renderer: Renderer

    def operations(self) -> tuple[Operation, ...]:
        """Return what can be asked for: nothing where sharing is off."""
        if self.settings.share_sender is None:
            return ()
        share = Operation(
            name="share",
            method="POST",
            path=vouch.AUDIENCE,
            summary="Mail an article to a friend of a reader's",
            description="For readers who are logged in at your site: your signed statement stands for the mail that "
            "asks a sender to confirm. The limits are those of the page. The answer is the same whether the friend "
            "is a reader, unknown, or wants no such mails.",
            act=self.share,
            takes=SharedArticle,
            gives=Sent,
            status=202,
            scope=KeyScope.SHARES,
        )
        return (share,)

    async def share(self, call: Call, body: SharedArticle) -> Sent:
        """Send it."""
        assert call.key is not None  # the operation has a scope
        statement = vouch.read(self.settings, call.key.key.key_id, body.statement, now=self.clock())
        if statement is None:
            raise _no_statement(body)
        name, name_problem = words.name(body.sender_name)
        note, note_problem = words.note(body.note)
        friends, mistakes = self._friends(body)
        mistakes += mistakes_of_place(call.key, body.visitor_address)
        mistakes += [Mistake("/sender_name", name_problem.value)] if name_problem else []
        mistakes += [Mistake("/note", note_problem.value)] if note_problem else []
        article_id = await self._article(body, mistakes)
        if article_id is None or mistakes:
            raise RefusedError("invalid", mistakes=mistakes, language=body.language)
        async with self.database.begin() as connection:
            is_first = await vouch.claim(connection, statement, now=self.clock())
        if not is_first:
            raise _no_statement(body)
        host = place_of(call, body.visitor_address)
        wanted = Wanted(article_id, statement.sender, name, friends, note, body.language, host)
        is_partly = await self._ask(wanted, body) is Asked.PARTLY
        said = Problems(self.templates).say("shared_partly" if is_partly else "shared", body.language)
        return Sent(next="partly" if is_partly else "sent", detail=said)

    def _friends(self, body: SharedArticle) -> tuple[tuple[Address, ...], list[Mistake]]:
        read = [addresses.parse_or_none(each) for each in body.friends]
        mistakes = [Mistake(f"/friends/{at}", "address") for at, each in enumerate(read) if each is None]
        once = {each.key: each for each in read if each}
        if len(once) > self.settings.share_friends:
            mistakes.append(Mistake("/friends", "too_long"))
        return tuple(once.values()), mistakes

    async def _article(self, body: SharedArticle, mistakes: list[Mistake]) -> int | None:
        """Return the article's number; add what is wrong with how it was named to `mistakes`."""
        if (body.article_id is None) == (body.article_link is None):
            mistakes.append(Mistake("/article_id", "one_of"))
            return None
        article_id, where = body.article_id, "/article_id"
        if body.article_link is not None:
            where = "/article_link"
            async with self.database.read() as connection:
                short = body.article_link[: _LONGEST_LINK + 1]
                article_id = await shares.article_at(connection, short) if len(short) <= _LONGEST_LINK else None
        if article_id is None or await request.public_article(self.database, article_id) is None:
            mistakes.append(Mistake(where, "unknown_article"))
        return article_id

    async def _ask(self, wanted: Wanted, body: SharedArticle) -> Asked:
        now = self.clock()
        try:
            asked = await request.ask(
                self.database, self.settings, self.renderer, wanted, is_proven=True, is_confirmed=True, now=now
            )
        except NotFoundError as error:  # withdrawn in this moment
            mistakes = [Mistake("/article_id", "unknown_article")]
            raise RefusedError("invalid", mistakes=mistakes, language=body.language) from error
        if asked is Asked.STOPPED:
            after = {"Retry-After": str(int(_AN_HOUR.total_seconds()))}
            raise RefusedError("not_now", said="shares_stopped", headers=after, language=body.language)
        if asked is Asked.SENDER_STOPPED:
            mistakes = [Mistake("/statement", "sender_stopped")]
            raise RefusedError("invalid", mistakes=mistakes, language=body.language)
        if asked is Asked.TOO_MANY:
            async with self.database.read() as connection:
                free_at = await limits.free_at(connection, counted_as(self.settings, wanted.host), now=now)
            until = free_at if free_at > now else now + _AN_HOUR
            raise too_many(until, now, said="too_many_shares", language=body.language)
        return asked


def _no_statement(body: SharedArticle) -> RefusedError:
    return RefusedError("invalid", mistakes=[Mistake("/statement", "statement")], language=body.language)

"""`digest sources check`, its second half: what the pages of a source's first articles give, and which way.

Text from pages is foreign; it passes `terminal`, which makes it harmless.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest import clock
from digest.operate.cli.terminal import moment, note, pairs, table, waiting

if TYPE_CHECKING:
    from digest.collect.page_check import CheckedPage
    from digest.config import Settings
    from digest.models.articles import FoundArticle, PageText
    from digest.models.sources import SourceSpec

_LOOKED_AT = 2
_SHOWN_LETTERS = 80


def checked_pages(settings: "Settings", spec: "SourceSpec", articles: "Sequence[FoundArticle]") -> "list[CheckedPage]":
    """Read the pages of the first two articles; none where the source's pages are not to be read. Stores nothing."""
    if not spec.reads_pages:
        return []
    return _read(settings, spec, [one.text.link for one in articles[:_LOOKED_AT]])


def article_page(settings: "Settings", spec: "SourceSpec", *, may_be_textless: bool = False) -> "CheckedPage | None":
    """Read the address itself as an article's page; None if it holds no article with a text and a time.

    `may_be_textless`: there is nothing else at the address, so a film's page is one too, and one that says its article
    is gone.
    """
    if urlsplit(spec.url).path in ("", "/") and not urlsplit(spec.url).query:  # a front page has texts and times, too
        return None
    (page,) = _read(settings, spec, [spec.url])
    said = page.said
    if said is None:
        return None
    if may_be_textless and said.is_withdrawn:
        return page
    is_article = said.title and said.registered_at
    is_photo_story = said.picture is not None and bool(said.picture.caption)
    return page if is_article and (may_be_textless or is_photo_story or not said.is_thin) else None


def _read(settings: "Settings", spec: "SourceSpec", links: "Sequence[str]") -> "list[CheckedPage]":
    from digest.collect.collector import host_queue
    from digest.collect.page import selectors_of
    from digest.collect.page_check import Checker, check_pages
    from digest.collect.reader import Reader
    from digest.outbound import Outbound, user_agent

    async def act() -> "list[CheckedPage]":
        async with (
            Outbound(private_hosts=settings.private_hosts, user_agent=user_agent(settings)) as outbound,
            Reader() as reader,
        ):
            hosts, selectors = host_queue(settings), selectors_of(spec.options)
            checker = Checker(outbound, settings, reader, hosts, selectors, clock.utc_now)
            return await check_pages(checker, links)

    with waiting("Reading pages of articles"):
        return asyncio.run(act())


def show_pages(pages: "Sequence[CheckedPage]", settings: "Settings") -> None:
    """Print what each page gives, field by field, with the way each was found and what is doubtful."""
    for page in pages:
        pairs([("page", page.link), ("problem", page.problem)])
        if page.said is None:
            continue
        rows = [
            (name, page.said.found_by.get(name, ""), value) for name, value in _values(page.said, settings) if value
        ]
        table(("field", "found by", "value"), rows)
        for doubt in page.said.doubts:
            note(doubt)
        if page.said.is_withdrawn:
            note("The page says that its article was deleted: it would be withdrawn.")
        elif page.said.is_thin:
            note("The page holds no text to speak of: the article is mailed with what its source lists.")


def page_as_json(page: "CheckedPage") -> dict[str, object]:
    """Return a page for `digest sources check --json`."""
    said = page.said
    if said is None:
        return {"link": page.link, "problem": page.problem}
    return {
        "link": page.link,
        "problem": "",
        "title": said.title,
        "subheads": said.subheads,
        "section": said.section,
        "byline": said.byline,
        "registered_at": said.registered_at,
        "modified_at": said.modified_at,
        "body": said.body,
        "picture": {"url": said.picture.url, "caption": said.picture.caption} if said.picture else None,
        "cited_by": said.link,
        "most_read": [{"title": one.title, "link": one.link} for one in said.most_read],
        "found_by": dict(said.found_by),
        "doubts": said.doubts,
        "is_thin": said.is_thin,
        "is_withdrawn": said.is_withdrawn,
    }


def _values(said: "PageText", settings: "Settings") -> list[tuple[str, str]]:
    letters = sum(len(paragraph) for paragraph in said.body)
    body = f"{len(said.body)} paragraphs, {letters} letters: {_cut(said.body[0])}" if said.body else ""
    return [
        ("title", said.title),
        ("subheads", " / ".join(said.subheads)),
        ("section", said.section),
        ("byline", said.byline),
        ("byline_address", said.byline_address),
        ("registered_at", moment(said.registered_at, settings.zone)),
        ("modified_at", moment(said.modified_at, settings.zone)),
        ("body", body),
        ("picture", f"{said.picture.url} {_cut(said.picture.caption)}".strip() if said.picture else ""),
        ("link", said.link),
        ("most_read", f"{len(said.most_read)}: {_cut(said.most_read[0].title)}" if said.most_read else ""),
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…"

"""One article out of two layers: how its source lists it, and what its own page says. Pure.

Headlines are verbatim (신문법 제10조②), so nothing is put together from both: each field comes from one of them. The
page knows more of everything but the headline, around which pages print other things; there the list is trusted,
unless it is empty or cut, or the page's own headline has changed since it was first read: that is a correction.

`substantial_change` tells a correction from a retouch: another headline, another number, or more than a few words of
the text. It is what readers are told of in the next edition (지난 호 기사 수정·삭제 알림).
"""

import re
import unicodedata
from dataclasses import replace
from difflib import SequenceMatcher
from urllib.parse import urlsplit

from digest.models.articles import ArticleText, PageText

_CUT_MARKS = ("…", "...", "..")
_RETOUCHED = 0.97  # so much of a text is the same when only a few words of an article were changed
_RETOUCHED_EXCERPT = 0.8  # an excerpt is short, and cut elsewhere when a word before its end is
_COMPARED_LETTERS = 20_000
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORDS = re.compile(r"\w+")
_FRONT_NAMES = ("www.", "m.", "mobile.")


def merged(listed: ArticleText, page: PageText | None, first_title: str = "") -> ArticleText:
    """Return the article's text. `first_title` is the page's headline as it was first read."""
    if page is None:
        return listed
    body = () if page.is_thin else page.body
    return replace(
        listed,
        title=_title(listed.title, page.title, first_title),
        link=page.link if _is_same_site(page.link, listed.link) else listed.link,
        subheads=page.subheads or listed.subheads,
        section=listed.section or page.section,
        byline=page.byline or listed.byline,
        excerpt=(page.excerpt if body else "") or listed.excerpt or page.excerpt,
        body=body or listed.body,
        picture=page.picture or listed.picture,
        registered_at=page.registered_at or listed.registered_at,
        modified_at=page.modified_at or listed.modified_at,
        mobile_link=page.mobile_link or listed.mobile_link,
    )


def substantial_change(old: ArticleText, new: ArticleText) -> str:
    """Return what changed for a reader ("headline", "numbers", "text"); empty for a retouch, or nothing at all."""
    if _letters(old.title) != _letters(new.title):
        return "headline"
    if bool(old.body) != bool(new.body):
        return ""  # the page was read meanwhile, or could not be: the article itself need not have changed
    before, after = ("\n".join(text.body) or text.excerpt for text in (old, new))
    if _letters(before) == _letters(after):
        return ""
    if not old.body:
        return "" if _likeness(before, after) >= _RETOUCHED_EXCERPT else "text"
    if sorted(_NUMBER.findall(before)) != sorted(_NUMBER.findall(after)):
        return "numbers"
    return "" if _likeness(before, after) >= _RETOUCHED else "text"


def _title(listed: str, printed: str, first_title: str) -> str:
    if not printed or printed == listed:
        return listed
    if not listed or (first_title and _letters(printed) != _letters(first_title)):
        return printed
    stem = next((listed.removesuffix(mark).rstrip() for mark in _CUT_MARKS if listed.endswith(mark)), None)
    return printed if stem and printed.startswith(stem) else listed


def _is_same_site(link: str, other: str) -> bool:
    """Whether the page's link belongs to the site that lists it: not to a portal that shows the article, too."""
    return bool(link) and _site(link) == _site(other)


def _site(link: str) -> str:
    try:
        host = urlsplit(link).hostname or ""
    except ValueError:
        return ""
    for front in _FRONT_NAMES:
        host = host.removeprefix(front)
    return host


def _letters(text: str) -> str:
    return "".join(_WORDS.findall(unicodedata.normalize("NFKC", text).casefold()))


def _likeness(before: str, after: str) -> float:
    """Return the share of words that both have in the same order, from 0 to 1."""
    old, new = (_WORDS.findall(text[:_COMPARED_LETTERS]) for text in (before, after))
    return SequenceMatcher(None, old, new, autojunk=False).ratio()

"""Whether a page that was fetched for an article is that article at all.

Addresses of articles come to show a login, a notice that the site is being worked on, the front page, or the beginning
of a text and an offer to subscribe, all with HTTP 200. Kept as the article's text it would wipe out what was read
before and be told to readers as a correction. So a page counts as another one where neither its headline nor its text
has anything to do with the article as it is known, where its text is gone altogether, or where it has shrunk and asks
for a login. A text that has become short under its own headline is a change like any other. Pure.
"""

import re
from dataclasses import replace

from digest.models.articles import ArticleText, PageText

_WORD = re.compile(r"\w{2,}")
_NO_LETTER = re.compile(r"\W+")
_SAME_HEADLINE, _SAME_TEXT, _SHRUNK = 0.34, 0.25, 0.7
_LEAST_WORDS = 5  # a text of fewer says nothing


def why_strange(listed: ArticleText, before: PageText | None, said: PageText) -> str:
    """Return why the page is another one than the article's, empty where it is the article's.

    `before` is what the page said when it was read the last time, None if it never was, or held no text then.
    """
    if before is None:
        known, is_known = (listed.excerpt, *listed.body), len(_words((listed.excerpt, *listed.body))) >= _LEAST_WORDS
        is_other = said.body and not _has_headline(listed.title, said) and not _has_text(known, said)
        return _OTHER if is_other and (is_known or said.is_closed) else ""
    if not said.body:
        return "Its page holds no text any more. What was read before stays."
    if not _has_headline(before.title, said) and not _has_text(before.body, said):
        return _OTHER
    if said.is_closed and _letters(said) < _SHRUNK * _letters(before):
        return "Its page asks for a login or a subscription now. What was read before stays."
    return ""


def as_text(before: PageText | None, said: PageText) -> PageText:
    """Return the page with a short text taken for its text where a longer one stood before, not for a lack of one."""
    return replace(said, is_thin=False) if before is not None and said.is_thin and said.body else said


_OTHER = "Its page says something else than the article (a login, an error, the front page?). It is not used."


def _has_headline(title: str, said: PageText) -> bool:
    """Whether the headlines have anything in common; none at all says nothing."""
    one, other = (_pairs(text) for text in (title, said.title))
    return not one or 2 * len(one & other) >= _SAME_HEADLINE * (len(one) + len(other))


def _has_text(known: tuple[str, ...], said: PageText) -> bool:
    words = _words(known)
    return bool(words) and len(words & _words((*said.body, said.excerpt))) >= _SAME_TEXT * len(words)


def _pairs(text: str) -> set[str]:
    letters = _NO_LETTER.sub("", text.casefold())
    return {letters[at : at + 2] for at in range(len(letters) - 1)}


def _words(texts: tuple[str, ...]) -> set[str]:
    return {word.casefold() for text in texts for word in _WORD.findall(text)}


def _letters(page: PageText) -> int:
    return sum(map(len, page.body))

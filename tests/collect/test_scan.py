"""Leaving out what is known: both ways give the same articles, on every sample and in the odd cases."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from digest.collect import scan
from digest.collect.source import Parsed
from digest.collect.sources import feed
from digest.errors import SourceUnreadableError
from tests.collect.paper import item, rss

SEOUL = ZoneInfo("Asia/Seoul")
URL = "https://paper.example/rss"


def read(body: bytes, known: tuple[str, ...] = ()) -> Parsed:
    return feed.read_new(body, "text/xml", URL, SEOUL, frozenset(known))


def test_both_ways_give_the_same_articles_on_every_sample(samples: Path) -> None:
    """Every second entry known, then all but the first: what is left is read as in the whole document."""
    in_part = 0
    for path in sorted((samples / "feeds").rglob("*")):
        if not path.is_file() or path.name.endswith((".md", "MANIFEST.json")):
            continue
        try:
            whole = read(path.read_bytes())
        except SourceUnreadableError:
            continue
        for known in (whole.keys[::2], whole.keys[1:]):
            part = read(path.read_bytes(), known)
            if not part.known:
                assert part.articles == whole.articles, path.name
                continue
            in_part += 1
            left = [one for one, key in zip(whole.articles, whole.keys, strict=True) if key not in known]
            assert list(part.articles) == left, path.name
    assert in_part > 50


def test_a_document_of_known_entries_is_not_read_at_all() -> None:
    """The dates in its head change with every answer."""
    whole = read(rss(item(1), item(2)).encode())
    part = read(rss(item(1), item(2), head="<lastBuildDate>now</lastBuildDate>").encode(), whole.keys)
    assert (part.articles, part.known) == ((), whole.keys)


@pytest.mark.parametrize(
    "document",
    [
        rss(item(1)).replace("</channel>", ""),
        rss(item(1), "<item><title>x</title><item/></item>"),
        rss(item(1)).replace("</channel>", "</channel><item><title>x</title></item>"),
        rss(item(1), "<item/>"),
        rss(item(1)).replace("<guid", "<unbound:guid/><guid"),
    ],
    ids=["not well-formed", "nested", "in two places", "empty", "unbound prefix"],
)
def test_what_is_in_doubt_is_not_cut(document: str) -> None:
    """feedparser has rules of its own for each of these."""
    assert scan.cut(document[document.index("<rss") :], URL) is None


def test_a_key_depends_on_all_that_gives_an_entry_its_meaning() -> None:
    """Another base, another namespace, another address: other links, other elements."""
    document = rss(item(1))[38:]
    keys = set()
    for text, about in (
        (document, URL),
        (document, URL + "2"),
        (document.replace("<channel>", '<channel xml:base="https://other.example/">'), URL),
        (document.replace("purl.org/dc/elements", "purl.org/other"), URL),
        (document.replace("소식", "소문"), URL),
    ):
        found = scan.cut(text, about)
        assert found is not None
        keys.add(found.keys)
    assert len(keys) == 5

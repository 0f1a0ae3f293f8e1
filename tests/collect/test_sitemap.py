"""Sitemaps: news ones are as good as a feed, plain ones name addresses only, an index leads on."""

import gzip
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect.source import UNTITLED, Options, Parsed
from digest.collect.sources import sitemap
from digest.errors import SourceUnreadableError
from tests.collect import lists

SEOUL = ZoneInfo("Asia/Seoul")


def read(body: str | bytes, options: Options = ()) -> Parsed:
    content = body.encode() if isinstance(body, str) else body
    return sitemap.read(content, "text/xml", "https://gaon.example/sitemap.xml", SEOUL, options)


@pytest.mark.parametrize("body", [lists.NEWS_SITEMAP.encode(), gzip.compress(lists.NEWS_SITEMAP.encode())])
def test_a_news_sitemap_gives_titles_dates_and_pictures(body: bytes) -> None:
    """Newest first, packed or not."""
    first, second = (one.text for one in read(body).articles)

    assert (first.title, first.registered_at) == ("가온대교 개통", datetime(2026, 11, 23, 0, 10, tzinfo=UTC))
    assert first.picture is not None
    assert (first.picture.url, first.picture.caption) == ("https://gaon.example/photo/5003.jpg", "가온대교")
    assert second.title == '시의회, 새해 예산 "1조" 의결'


def test_a_plain_sitemap_gives_articles_without_titles_newest_first() -> None:
    """Front page and imprint are no articles; the doubt says that the page has to be read."""
    articles = read(lists.PLAIN_SITEMAP).articles

    assert [one.text.link.rpartition("=")[2] for one in articles] == ["5003", "1"]
    assert all(one.text.title == "" and UNTITLED in one.doubts for one in articles)


def test_a_pattern_says_what_is_an_article() -> None:
    """For sites whose addresses look like nothing."""
    assert len(read(lists.PLAIN_SITEMAP, (("pattern", "/com/*"),)).articles) == 1


def test_an_index_names_its_newest_parts_of_the_same_site() -> None:
    """Another host, least of all one inside our network, is never gone to."""
    parsed = read(lists.SITEMAP_INDEX)

    assert parsed.next_urls == ("https://gaon.example/sitemap-2026-11.xml", "https://gaon.example/sitemap-2026-10.xml")
    assert "parts on other sites were left out: 1" in parsed.doubts
    assert len(read(lists.SITEMAP_INDEX, (("pages", "1"),)).next_urls) == 1


def test_entities_are_never_resolved() -> None:
    """What stands before the root, where entity bombs and files are declared, is cut off unread."""
    bomb = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "&a;&a;">]>' + lists.NEWS_SITEMAP[
        38:
    ].replace("가온대교 개통", "가온대교 &b; 개통")

    titles = [one.text.title for one in read(bomb).articles]

    assert not any("root" in title for title in titles)


@pytest.mark.parametrize(
    "body",
    [b"", b"<rss/>", b"\x1f\x8b broken", gzip.compress(b"<urlset>" + b" " * 21_000_000), b"<html>urlset</html>"],
    ids=["empty", "feed", "broken-gzip", "gzip-bomb", "page"],
)
def test_what_is_no_sitemap_is_told(body: bytes) -> None:
    """The bomb within a bound."""
    with pytest.raises(SourceUnreadableError):
        read(body)


def test_more_than_a_thousand_articles_are_cut_to_the_newest() -> None:
    """An archive would hold up the rest."""
    urls = "".join(f"<url><loc>https://gaon.example/news/view.php?idx={number}</loc></url>" for number in range(1200))

    parsed = read(f"<urlset>{urls}</urlset>")

    assert len(parsed.articles) == 1000
    assert "holds 1200 articles; the 1000 newest were read" in parsed.doubts


_PIECES = st.sampled_from(
    ["<urlset>", "<sitemapindex>", "<url>", "<loc>",
      "https://gaon.example/view.php?idx=1", "</loc>", "</url>", "<news:title>가온",
     "</",
     "<![CDATA[", "]]>", "&amp;", "&x;", "<?pi?>", "<!--", "\x00", "<lastmod>9999-99-99</lastmod>",
     "http://[", "</urlset>"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.lists(_PIECES, max_size=25).map(lambda parts: ("<urlset>" + "".join(parts)).encode()),
        st.binary(max_size=300),
    )
)
def test_any_bytes_are_articles_or_a_reason(body: bytes) -> None:
    """No exception but ours leaves the adapter."""
    try:
        parsed = read(body)
    except SourceUnreadableError:
        return
    assert all(one.text.link.startswith("http") for one in parsed.articles)

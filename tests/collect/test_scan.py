"""Leaving out what is known: both ways give the same articles, on every sample and in the odd cases."""

import io
from pathlib import Path
from xml.sax.handler import ContentHandler
from zoneinfo import ZoneInfo

import feedparser
import pytest

from digest.collect import prose, scan, xmltext
from digest.collect.charset import decode
from digest.collect.source import Known, Parsed
from digest.collect.sources import feed, feed_expat
from digest.errors import SourceUnreadableError
from tests.collect.paper import feed_samples, item, rss

SEOUL = ZoneInfo("Asia/Seoul")
URL = "https://paper.example/rss"


def read(body: bytes, known: tuple[str, ...] = (), *, is_plain: bool = False) -> Parsed:
    return feed.read_new(body, "text/xml", URL, SEOUL, Known(known, is_plain))


def test_both_ways_give_the_same_articles_on_every_sample(samples: Path) -> None:
    """Every second entry known, then all but the first: what is left is read as in the whole document."""
    in_part = plain = 0
    for path in feed_samples(samples):
        try:
            whole = read(path.read_bytes())
        except SourceUnreadableError:
            continue
        for known in (whole.keys[::2], whole.keys[1:]):
            part = read(path.read_bytes(), known, is_plain=whole.is_plain)
            if not part.known:
                assert part.articles == whole.articles, path.name
                continue
            in_part += 1
            plain += not part.kind
            left = [one for one, key in zip(whole.articles, whole.keys, strict=True) if key not in known]
            assert list(part.articles) == left, path.name
    assert in_part > 50
    assert plain > 50


def test_what_feedparser_and_the_html_parser_are_spared_changes_no_article(
    samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts in one piece, shallow copies and plain tags by one pattern, against each library as it comes."""

    def read_all() -> dict[str, Parsed | str]:
        came: dict[str, Parsed | str] = {}
        for path in feed_samples(samples):
            try:
                came[str(path)] = read(path.read_bytes())
            except SourceUnreadableError as error:
                came[str(path)] = str(error)
        return came

    ours = read_all()
    monkeypatch.setattr(feedparser.api, "PREFERRED_XML_PARSERS", [])
    monkeypatch.delattr(feedparser.FeedParserDict, "__deepcopy__")
    monkeypatch.setattr(prose, "_read_plain_tags", lambda _html, _reader: False)
    assert read_all() == ours
    assert len(ours) > 100


def test_a_document_of_known_entries_is_not_read_at_all() -> None:
    """The dates in its head change with every answer."""
    whole = read(rss(item(1), item(2)).encode())
    part = read(rss(item(1), item(2), head="<lastBuildDate>now</lastBuildDate>").encode(), whole.keys)
    assert (part.articles, part.known) == ((), whole.keys)


def test_what_a_feed_says_of_itself_is_left_out_with_the_known() -> None:
    """No entry's meaning hangs on it; what it asks of those who fetch it stays."""
    head = "<ttl>30</ttl><lastBuildDate><![CDATA[now]]></lastBuildDate><image><url>/1.png</url></image>"
    found = scan.cut(rss(item(1), item(2), head=head)[38:], URL)
    assert found is not None
    left = found.without({found.keys[0]})
    assert "<ttl>30</ttl><image><url>/1.png</url></image>" in left
    assert "lastBuildDate" not in left
    assert left.count("<title>") == 1


def test_feedparser_gets_each_text_in_one_piece() -> None:
    """The usual driver tells every line and every reference by itself, and each costs."""
    texts: list[str] = []

    class Listener(ContentHandler):
        def characters(self, content: str) -> None:
            texts.append(content)

    parser = feed_expat.create_parser()
    parser.setContentHandler(Listener())
    parser.parse(io.BytesIO("<a>하나\n&lt;둘&gt;</a>".encode()))
    assert texts == ["하나\n<둘>"]


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
        (document.replace("<item>", "<ttl>60</ttl><item>"), URL),
    ):
        found = scan.cut(text, about)
        assert found is not None
        keys.add(found.keys)
    assert len(keys) == 6


def test_the_quick_cut_is_the_sure_one_or_none_on_every_sample(samples: Path) -> None:
    """Entries known from one way of cutting are known to the other."""
    quick = 0
    for path in feed_samples(samples):
        rooted = xmltext.from_root(decode(path.read_bytes()).text)
        sure = scan.cut(rooted.text, URL) if rooted else None
        if rooted is None or sure is None:
            continue
        known = scan.cut_known(rooted.text.encode(), URL)
        assert known in (sure, None), path.name
        quick += known is not None
    assert quick > 100


@pytest.mark.parametrize(
    "document",
    [
        rss(item(1), "<!-- <item>", item(2), "</item> -->"),
        rss(item(1), item(2)).replace("</channel>", ""),
        rss(item(1), "<title>between</title>", item(2)),
        rss(item(1), "<item><title>x</title><item></item></item>"),
        rss(item(1), '<item xmlns:x="http://x.example/"><title>x</title></item>'),
        rss(item(1), "<item><title><![CDATA[x</title></item>"),
        rss(),
    ],
    ids=["comment", "not closed", "between", "nested", "own namespace", "open section", "no entries"],
)
def test_what_is_in_doubt_is_not_cut_quickly(document: str) -> None:
    """Then the sure way is gone, which is the judge."""
    assert scan.cut_known(document[document.index("<rss") :].encode(), URL) is None


@pytest.mark.parametrize("quoted", ["</item><item>", "</item>", "</item><item></item><item>", "<![CDATA[</item>"])
def test_tags_within_marked_sections_are_no_entries(quoted: str) -> None:
    """A description may quote a feed."""
    quoting = item(1).replace("<title>", f"<title><![CDATA[{quoted}]]>")
    document = rss(quoting, item(2))[38:]
    found = scan.cut_known(document.encode(), URL)
    assert found is not None
    assert len(found.keys) == 2
    assert found == scan.cut(document, URL)


@pytest.mark.parametrize("inner", ["<item/>", "<entry><title>y</title></entry>"])
def test_entries_within_a_new_entry_are_read_as_in_the_whole_document(inner: str) -> None:
    """feedparser counts more entries than were cut."""
    whole = read(rss(item(1), item(2)).encode())
    nested = rss(item(3).replace("</item>", f"{inner}</item>"), item(1), item(2)).encode()
    assert read(nested, whole.keys) == read(nested)


def test_a_new_entry_that_is_broken_is_read_as_in_the_whole_document() -> None:
    """The known ones are left out only of documents of which the rest is well-formed."""
    whole = read(rss(item(1), item(2)).encode())
    broken = rss(item(3).replace("<title>", "<title>&broken; "), item(1), item(2)).encode()
    assert {one.guid for one in read(broken, whole.keys).articles} >= {
        one.guid for one in read(broken).articles if one.guid not in {each.guid for each in whole.articles}
    }

"""Entries read without feedparser are those that feedparser reads, and where it would decide anything it is asked."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect import scan, xmltext
from digest.collect.charset import decode
from digest.collect.source import Known
from digest.collect.sources import feed, feed_entry, feed_plain
from digest.errors import SourceUnreadableError
from digest.models.articles import FoundArticle
from tests.collect.paper import feed_samples

SEOUL = ZoneInfo("Asia/Seoul")
URL = "https://paper.example/rss"
ROOT = (
    '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/">'
)
PLAIN = (
    "<item><title>소식 1</title><link>https://paper.example/1</link><guid isPermaLink='false'>1</guid>"
    "<dc:creator>홍길동</dc:creator><category>사회</category><category>문화</category>"
    "<pubDate>Mon, 02 Nov 2026 09:00:00 +0900</pubDate>"
    "<description><![CDATA[짧은 <b>글</b>]]></description>"
    '<content:encoded>&lt;p&gt;긴 글 &#8217;첫&#x27; 문단&lt;/p&gt;&lt;img src="/1.jpg"&gt;</content:encoded></item>'
)


def document(*entries: str, root: str = ROOT, channel: str = "<channel>") -> str:
    return f"{root}{channel}<title>신문</title>{''.join(entries)}</channel></rss>"


def cut(text: str) -> scan.Cut:
    found = scan.cut(text, URL)
    assert found is not None
    return found


def made(entry: feed_entry.Entry) -> FoundArticle | str:
    return feed_entry.read(entry, URL, SEOUL, is_atom=False)


def judged(text: str) -> FoundArticle | str:
    """What feedparser says of the only entry."""
    (entry,) = feed._feedparser(text).entries
    return made(entry)


def test_every_plain_entry_of_the_samples_is_what_feedparser_says(samples: Path) -> None:
    """Whether their feeds were judged plain or not."""
    plain = papers = 0
    for path in feed_samples(samples):
        try:
            whole = feed.read(path.read_bytes(), "text/xml", URL, SEOUL)
        except SourceUnreadableError:
            continue
        rooted = xmltext.from_root(decode(path.read_bytes(), "text/xml").text)
        parts = scan.cut(rooted.text, URL) if rooted else None
        if parts is None or len(whole.keys) != len(parts.keys) or not feed_plain.is_plain_outside(parts.outside):
            continue
        entries = [feed_plain.read(parts.entry(number), parts.outside) for number in range(len(parts.keys))]
        for entry, article in zip(entries, whole.articles, strict=True):
            assert entry is None or made(entry) == article, path.name
        plain += sum(entry is not None for entry in entries)
        papers += whole.is_plain and path.parent.name == "ko-newspapers"
    assert plain > 500
    assert papers >= 8


def test_a_plain_entry_is_read_without_feedparser(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the judgement of the first reading, and only by that."""
    second = PLAIN.replace("소식 1", "소식 2")
    whole = feed.read(document(PLAIN).encode(), "text/xml", URL, SEOUL)
    both = feed.read(document(second, PLAIN).encode(), "text/xml", URL, SEOUL)
    assert whole.is_plain

    def refuse(_text: str) -> feed.Document:
        raise AssertionError("feedparser was asked")

    monkeypatch.setattr(feed, "_feedparser", refuse)
    part = feed.read_new(document(second, PLAIN).encode(), "text/xml", URL, SEOUL, Known(whole.keys, True))
    assert (part.articles, part.known) == (both.articles[:1], whole.keys)
    with pytest.raises(SourceUnreadableError, match="feedparser was asked"):
        feed.read_new(document(second, PLAIN).encode(), "text/xml", URL, SEOUL, Known(whole.keys, False))


def test_feedparser_decides_whether_a_feed_is_plain() -> None:
    """One entry of which it says otherwise is enough, and none that both can read is too few."""
    parts = cut(document(PLAIN, PLAIN.replace("소식 1", "소식 2")))
    texts = [parts.entry(number) for number in range(2)]
    articles = feed.read(parts.body, "text/xml", URL, SEOUL).articles
    read = feed_plain.agrees
    assert read(texts, parts.outside, articles, made)
    assert not read(texts, parts.outside, articles[::-1], made)
    assert not read([text.replace("<item>", "<item id='1'>") for text in texts], parts.outside, articles, made)


@pytest.mark.parametrize(
    "text",
    [
        document(PLAIN, root=ROOT.replace(">", ' xml:base="https://other.example/">')),
        document(PLAIN, root=ROOT.replace(">", ' xmlns="http://purl.org/rss/1.0/">')),
        document(PLAIN, root=ROOT.replace("rss/1.0/modules/content", "other")),
        document(PLAIN, channel='<channel xml:lang="ko">'),
        document(PLAIN, channel='<channel xmlns:dc="http://other.example/">'),
    ],
    ids=["base", "default namespace", "other namespace", "language", "other prefix"],
)
def test_what_stands_around_entries_may_change_them(text: str) -> None:
    """Then all is feedparser's."""
    assert not feed_plain.is_plain_outside(cut(text).outside)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("<item>", '<item xml:base="https://other.example/">'),
        ("<title>", "<title type='html'>"),
        ("<title>소식 1", "<title>caf\u00c3\u00a9"),
        ("<title>소식 1", "<title>소식\x96 1"),
        ("<title>소식 1", "<title>소식 &#150; 1"),
        ("<title>소식 1", "<title>소식 &#38;lt; 1"),
        ("<title>소식 1", "<title>소식 <![CDATA[1]]>"),
        ("<title>소식 1", "<title>소식 <b>1</b>"),
        ("</guid>", "</guid><guid>2</guid>"),
        ("</guid>", "</guid><author/>"),
        ("</guid>", "</guid><media:content url='https://paper.example/1.jpg'/>"),
        ("홍길동", "홍길동 (hong@paper.example)"),
        ("<link>https://paper.example/1", "<link>https://paper.example/?a=1&amp;b;c=2"),
        ("<link>https://paper.example/1", "<link>http:////paper.example/1"),
        ("</item>", "text</item>"),
    ],
)
def test_what_feedparser_would_decide_is_left_to_it(written: str, instead: str) -> None:
    """Each of these is a rule of its own there."""
    parts = cut(document(PLAIN.replace("media:", "dc:").replace(written, instead.replace("media:", "dc:"), 1)))
    assert feed_plain.read(parts.entry(0), parts.outside) is None


_TEXTS = st.lists(
    st.sampled_from(
        ["소식", "b", " ", "\n", "\r\n", "\t", "&lt;", "&gt;", "&amp;", "&quot;", "&#39;", "&#x3c;", "&amp;lt;",
         ";", "p", "/", "&lt;p&gt;", "&lt;br /&gt;", '&lt;img src="/a.jpg"/&gt;', "é", "\u00a0", "\u3000", "&amp;nbsp;",
         "@", ":", "https://paper.example/", "2026-11-02 09:00:00", "Mon, 02 Nov 2026 09:00:00 +0900", "\u2028",
         "a&amp;b=1", "01", ",", "#", "]"]
    ),
    max_size=6,
).map("".join)  # fmt: skip
_ELEMENTS = st.builds(
    lambda name, text, is_marked: f"<{name}><![CDATA[{text}]]></{name}>" if is_marked else f"<{name}>{text}</{name}>",
    st.sampled_from([*feed_plain._NAMES][:12]),
    _TEXTS,
    st.booleans(),
)
_ATTRIBUTES = st.sampled_from(['<guid isPermaLink="true">/1</guid>', "<guid isPermaLink='false'>1</guid>", "<link/>"])


@settings(max_examples=400, deadline=None)
@given(st.lists(_ELEMENTS | _ATTRIBUTES, min_size=1, max_size=6))
def test_whatever_is_read_here_feedparser_reads_alike(elements: list[str]) -> None:
    """In any order, with any text: the same article, the same reason why there is none, or nothing."""
    text = document(f"<item>{'<title>소식</title>' if len(elements) < 4 else ''}{''.join(elements)}</item>")
    entry = feed_plain.read(cut(text).entry(0), cut(text).outside)
    assert entry is None or made(entry) == judged(text)

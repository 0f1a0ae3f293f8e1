"""What each format gives: which element becomes what of an article."""

import importlib.util
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from digest.collect.source import Parsed
from digest.collect.sources import feed
from digest.errors import SourceUnreadableError
from digest.models.articles import FoundArticle, Picture
from tests.collect.paper import item, rss

URL = "https://paper.example/rss/all.xml"
REGISTERED = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)


def read(document: str | bytes, content_type: str = "") -> Parsed:
    body = document.encode() if isinstance(document, str) else document
    return feed.read(body, content_type, URL, ZoneInfo("Asia/Seoul"))


def only(document: str) -> FoundArticle:
    (found,) = read(document).articles
    return found


def test_rss_2_gives_every_field_of_an_article() -> None:
    """The format of most Korean papers."""
    found = only(
        rss(
            "<item><title>시의회 &amp;lt;임시회&amp;gt; 열려</title><link>https://paper.example/news/view.php?idx=7&amp;b=2</link>"
            '<guid isPermaLink="false">7</guid><description><![CDATA[<p>의회가 <b>열렸다</b>.</p>]]></description>'
            "<content:encoded><![CDATA[<p>의회가 열렸다.</p><p>예산을 다룬다.</p>]]></content:encoded>"
            "<dc:creator>김가온 기자</dc:creator><category>의회</category><category>시정</category>"
            "<pubDate>Mon, 23 Nov 2026 06:00:00 +0900</pubDate><atom:updated>2026-11-23T07:30:00+09:00</atom:updated>"
            '<media:content url="/pictures/7.jpg" type="image/jpeg" width="640" height="360">'
            '<media:description type="plain">본회의장 &amp; 의원들</media:description></media:content></item>'
        )
    )
    text = found.text
    assert (found.guid, found.doubts) == ("7", ())
    assert text.title == "시의회 <임시회> 열려"
    assert text.link == "https://paper.example/news/view.php?idx=7&b=2"
    assert (text.section, text.byline, text.excerpt) == ("의회", "김가온 기자", "의회가 열렸다.")
    assert text.body == ("의회가 열렸다.", "예산을 다룬다.")
    assert text.picture == Picture("https://paper.example/pictures/7.jpg", "본회의장 & 의원들", 640, 360)
    assert (text.registered_at, text.modified_at) == (REGISTERED, datetime(2026, 11, 22, 22, 30, tzinfo=UTC))


def test_a_description_alone_is_no_body() -> None:
    """Only where the feed carries the full text is there a body to mail."""
    text = only(rss(item(1, description="하나. " * 100))).text
    assert text.body == ()
    assert len(text.excerpt) == 200


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (
            '<rss version="0.91"><channel><title>가</title>'
            "<item><title>나</title><link>/1</link></item></channel></rss>",
            "rss",
        ),
        (
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
            "<channel><title>가</title></channel><item><title>나</title><link>/1</link></item></rdf:RDF>",
            "rss10",
        ),
        (
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
            ' xmlns="http://my.netscape.com/rdf/simple/0.9/"><channel><title>가</title></channel>'
            "<item><title>나</title><link>/1</link></item></rdf:RDF>",
            "rss090",
        ),
        (
            '<feed xmlns="http://www.w3.org/2005/Atom"><title>가</title>'
            '<entry><title>나</title><link href="/1"/></entry></feed>',
            "atom10",
        ),
        (
            '<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:title>가</a:title><a:entry><a:title>나</a:title>'
            '<a:link href="/1"/></a:entry></a:feed>',
            "atom10",
        ),
        (
            '{"version": "https://jsonfeed.org/version/1.1", "title": "가", "items": [{"title": "나", "url": "/1"}]}',
            "json",
        ),
    ],
)
def test_every_format_is_read(document: str, kind: str) -> None:
    """Title of the feed, title and link of the article, from six dialects."""
    parsed = read(document)
    assert parsed.kind.startswith(kind)
    assert parsed.title == "가"
    assert [(one.text.title, one.text.link) for one in parsed.articles] == [("나", "https://paper.example/1")]


def test_atom_links_authors_and_times() -> None:
    """The alternate is the link, the xml:base counts, and published comes before updated."""
    text = only(
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://base.example/n/"><title>t</title><entry>'
        '<link rel="enclosure" type="image/png" href="p.png"/><link rel="alternate" href="gemini://x/1"/>'
        '<link href="7"/><id>tag:7</id><title type="text">A &lt;b> &amp;amp; B</title>'
        "<author><name>김가온</name></author><author><name>이가온</name></author>"
        "<published>2026-11-23T06:00:00+09:00</published><updated>2026-11-23T06:00:00+09:00</updated>"
        '<summary type="html">&lt;p>요약&lt;/p></summary></entry></feed>'
    ).text
    assert text.link == "https://base.example/n/7"
    assert text.title == "A <b> &amp; B"
    assert (text.byline, text.excerpt, text.registered_at, text.modified_at) == (
        "김가온, 이가온",
        "요약",
        REGISTERED,
        None,
    )
    assert text.picture == Picture("https://base.example/n/p.png")


def test_json_feed_gives_every_field_of_an_article() -> None:
    """Numbers as ids, several authors, plain and HTML texts."""
    document: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "가온일보",
        "items": [
            {
                "id": 7,
                "url": "https://paper.example/7",
                "title": "다리 &#8216;개통&#8217;",
                "content_html": "<p>열렸다.</p><p>건넜다.</p>",
                "summary": "다리가 열렸다.",
                "image": "//img.paper.example/7.jpg",
                "date_published": "2026-11-23T06:00:00+09:00",
                "date_modified": "2026-11-23T06:10:00+09:00",
                "authors": [{"name": "김가온"}, {"name": "김가온"}, {}],
                "tags": ["교통"],
            },
            {"id": "8", "external_url": "https://other.example/8", "content_text": "글만 있다"},
            {"id": "9", "title": "no link"},
            "nonsense",
        ],
    }
    parsed = read(json.dumps(document))
    first, second = parsed.articles
    text = first.text
    assert (first.guid, text.title, text.section, text.byline) == ("7", "다리 ‘개통’", "교통", "김가온")
    assert (text.excerpt, text.body) == ("다리가 열렸다.", ("열렸다.", "건넜다."))
    assert text.picture == Picture("https://img.paper.example/7.jpg")
    assert (text.registered_at, text.modified_at) == (REGISTERED, datetime(2026, 11, 22, 21, 10, tzinfo=UTC))
    assert (second.text.title, second.text.link) == ("글만 있다", "https://other.example/8")
    assert "no date" in second.doubts
    assert parsed.doubts == ("article 3 was left out: it has no link that a mail can carry",)


@pytest.mark.parametrize("document", ["{", '{"version": 1}', "[]", '{"items": 3}', "[" * 100_000])
def test_json_that_is_no_feed_is_refused(document: str) -> None:
    """WordPress answers JSON at many addresses."""
    with pytest.raises(SourceUnreadableError, match="JSON"):
        read(document)


def test_an_article_without_a_title_gets_its_first_words() -> None:
    """A mail needs something to click on; that it is not the paper's title is told."""
    found = only(rss(item(1, title=None, description="오늘 다리가 열렸다.")))
    assert found.text.title == "오늘 다리가 열렸다."
    assert "no title" in found.doubts[0]


def test_a_guid_that_is_an_address_stands_in_for_a_missing_link() -> None:
    """And one that is a number does not."""
    with_address = item(1, link=None, guid="https://paper.example/p/1")
    parsed = read(rss(with_address, item(2, link=None, guid="12345")))
    assert [one.text.link for one in parsed.articles] == ["https://paper.example/p/1"]
    assert parsed.doubts == ("article 2 was left out: it has no link that a mail can carry",)


def test_captions_are_only_printed_where_it_is_sure_whose_they_are() -> None:
    """Two pictures and one caption: whose it is cannot be known."""
    picture = '<media:content url="https://p.example/{0}.jpg" medium="image">{1}</media:content>'
    caption = "<media:description>{}</media:description>"
    base = "<item><title>t</title><link>/1</link><description>글</description>"
    both = base + picture.format(1, caption.format("하나")) + picture.format(2, caption.format("둘")) + "</item>"
    one_of_two = base + picture.format(1, "") + picture.format(2, caption.format("둘")) + "</item>"
    assert only(rss(both)).text.picture == Picture("https://p.example/1.jpg", "하나")
    assert only(rss(one_of_two)).text.picture == Picture("https://p.example/1.jpg")
    assert only(rss(both)).text.excerpt == "글"


def test_pictures_are_found_in_enclosures_thumbnails_and_texts_and_are_http_only() -> None:
    """In that order; sounds and data: addresses are no pictures."""
    enclosure = '<enclosure url="/e.jpg" type="image/jpeg" length="1"/>'
    sound = '<enclosure url="/e.mp3" type="audio/mpeg" length="1"/>'
    thumbnail = '<media:thumbnail url="/t.jpg" width="90" height="60"/>'
    html = "<description>&lt;img src='data:image/png;base64,x'>&lt;img src='/h.jpg'>글</description>"

    def picture(*parts: str) -> Picture | None:
        return only(rss(f"<item><title>t</title><link>/1</link>{''.join(parts)}</item>")).text.picture

    assert picture(enclosure, thumbnail, html) == Picture("https://paper.example/e.jpg")
    assert picture(sound, thumbnail, html) == Picture("https://paper.example/t.jpg", "", 90, 60)
    assert picture(sound, html) == Picture("https://paper.example/h.jpg")
    assert picture(sound, '<media:thumbnail url="javascript:alert(1)"/>') is None


def test_faults_in_the_xml_are_mended_and_told() -> None:
    """Bare ampersands, control characters, HTML entities, text before the root: the commonest faults of feeds."""
    fault = (
        rss(item(1))
        .replace("가온시 소식", "가온\x08시 R&D 센터 &middot; AT&T")
        .replace("<?xml", "Warning: x<br/>\n<?xml")
    )
    parsed = read(fault)
    assert parsed.articles[0].text.title == "가온시 R&D 센터 · AT&T 1"
    assert len(parsed.doubts) == 3


def test_a_document_that_ends_early_loses_only_its_unfinished_article() -> None:
    """An article cut in the middle would be mailed so."""
    whole = rss(item(1), item(2), item(3))
    parsed = read(whole[: whole.index("3번째 소식") + 3])
    assert [one.guid for one in parsed.articles] == ["paper-1", "paper-2"]
    assert any("ends early" in doubt for doubt in parsed.doubts)


def test_a_feed_without_articles_is_a_feed() -> None:
    """A quiet paper is not a broken one."""
    assert read(rss()).articles == ()


def test_an_article_that_the_parser_stumbles_over_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """feedparser raises what it likes on odd input; a paper's other articles are news all the same."""
    parse = feed.feedparser.parse

    def stumbling(body: bytes, **options: Any) -> Any:
        if "셋째".encode() in body:
            raise KeyError("tags")
        return parse(body, **options)

    monkeypatch.setattr(feed.feedparser, "parse", stumbling)
    parsed = read(rss(item(1), item(2), item(3, title="셋째"), item(4)))
    assert [one.guid for one in parsed.articles] == ["paper-1", "paper-2", "paper-4"]
    assert parsed.title == "가온일보"
    assert parsed.doubts == ("articles left out because they cannot be parsed: 1 (KeyError('tags'))",)
    with pytest.raises(SourceUnreadableError, match="cannot be parsed"):
        read(rss(item(3, title="셋째")))


def test_texts_cut_off_in_a_marked_section_are_read() -> None:
    """The standard library's parser raises at them."""
    assert only(rss(item(1, description="가 <![CD 나 <![x[ 다 <![endif]> 라"))).text.excerpt.startswith("가 <![CD 나")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("hong@paper.example (홍길동 기자)", "홍길동 기자"),
        ("홍길동 기자 <hong@paper.example>", "홍길동 기자"),
        ("홍길동 기자(hong@paper.example)", "홍길동 기자"),
        ("hong@paper.example", ""),
        ("홍길동 기자", "홍길동 기자"),
    ],
)
def test_the_reporter_is_named_without_an_address(written: str, name: str) -> None:
    """RSS wants an address there; feedparser cuts those with long endings in two."""
    assert only(rss(item(1, author=written))).text.byline == name


@pytest.mark.parametrize(
    ("written", "section"),
    [
        ("정치", "정치"),
        ("정치,국회", "정치"),
        ("정치 > 국회", "정치 > 국회"),
        ("S1N12", ""),
        ("https://paper.example/c/1", ""),
        ("17", ""),
    ],
)
def test_a_section_is_a_word_for_readers(written: str, section: str) -> None:
    """Some systems write their own key of it, or all of them in one element."""
    assert only(rss(item(1, category=written))).text.section == section


@pytest.mark.parametrize(
    "element",
    [
        "<image><url>/7.jpg</url></image>",
        "<thumbnail>/7.jpg</thumbnail>",
        '<enclosure url="/7.jpg" type="application/octet-stream" length="1"/>',
        '<itunes:image xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" href="/7.jpg"/>',
    ],
)
def test_pictures_in_elements_of_the_papers_own_are_found(element: str) -> None:
    """Formats do not foresee them, Korean systems write them."""
    picture = only(rss(item(1).replace("</item>", f"{element}</item>"))).text.picture
    assert picture is not None
    assert picture.url == "https://paper.example/7.jpg"


@pytest.mark.parametrize(
    "title",
    [
        "<![CDATA[<![CDATA[[단독] 제목]]]]><![CDATA[>]]>",
        "&lt;![CDATA[[단독] 제목]]&gt;",
        "<![CDATA[ [단독] 제목 ]]>",
    ],
    ids=["twice", "escaped", "brackets"],
)
def test_marked_sections_are_no_part_of_a_title(title: str) -> None:
    """Wrapped twice, or wrapped and then escaped; the paper's own brackets stay."""
    document = rss(item(1)).replace("<title>가온시 소식 1</title>", f"<title>{title}</title>")
    assert only(document).text.title == "[단독] 제목"


def test_a_date_in_an_element_of_the_systems_own_is_read() -> None:
    """`regDate` is what Korean systems call it in their tables."""
    found = only(rss(item(1, pubDate=None, regDate="2026-11-23 06:00:00")))
    assert found.text.registered_at == REGISTERED


def test_json_feed_1_0_is_read_as_1_1() -> None:
    """One author instead of a list, and numbers for identifiers."""
    document = {
        "version": "https://jsonfeed.org/version/1",
        "title": "가온일보",
        "items": [
            {"id": 7, "url": "/7", "title": "소식", "content_text": "하나.", "author": {"name": "김가온 기자"}},
            None,
        ],
    }
    found = only(json.dumps(document))
    assert (found.guid, found.text.link, found.text.byline) == ("7", "https://paper.example/7", "김가온 기자")


@pytest.mark.parametrize(
    "behind", ["<script>x()</script>", "<!-- 0.3 s -->", "\n<br /><b>Warning</b>: foo", "\x00\x00"]
)
def test_what_stands_behind_a_feed_costs_no_article(behind: str) -> None:
    """Servers and cache plugins append to whatever they send."""
    assert len(read(rss(item(1), item(2)) + behind).articles) == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_feedparsers_mapping_answers_as_it_did_before_it_was_made_quicker() -> None:
    """Some of its names stand for others; what it says of them must stay its own."""
    told = {"published": "1", "title": "2", "links": [{"rel": "license", "href": "3"}], "tags": [{"term": "4"}]}
    before, after = _own_mapping(), _own_mapping()
    feed._answer_plain_keys_plainly(after)
    asked = [*told, *before.keymap, "category", "enclosures", "license", "updated", "updated_parsed", "absent"]
    assert [_answers(after(told), key) for key in asked] == [_answers(before(told), key) for key in asked]


def _own_mapping() -> Any:
    """Return feedparser's class anew, untouched by what was done to the one in use."""
    found = importlib.util.find_spec("feedparser.util")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.FeedParserDict


def _answers(mapping: Any, key: str) -> tuple[object, bool, object]:
    try:
        found = mapping[key]
    except KeyError:
        found = KeyError
    return found, key in mapping, mapping.get(key, "other")

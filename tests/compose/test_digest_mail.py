"""The digest as its reader gets it: what it tells, in both parts, and its bytes."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from digest import splice
from digest.compose.kinds import KINDS, digest
from digest.compose.plain import clean, cut
from digest.compose.view import view
from digest.config import Settings
from digest.deliver import wire
from digest.models.articles import ArticleText, MostRead
from digest.models.deliveries import Mail, MessageKind
from digest.models.editions import PlacedArticle, Role
from digest.models.readers import Format, Variant
from digest.models.sources import Rights
from tests.compose import making
from tests.compose.making import RENDERER, SITE, UNSUBSCRIBE_URL, filled, placed
from tests.support.settings import make_settings

SETTINGS = make_settings(base_url="https://news.gaon.example", newspaper_site="https://gaon.example")

HOSTILE = [
    pytest.param("\"따옴표\" '작은' <b>굵게</b> & &amp; <!-- 주석 -->", id="quotes and markup"),
    pytest.param("{{ 7*7 }} {% raw %} {# x #} ${7*7}", id="template tags"),
    pytest.param("100% %s %(title)s %d {0}", id="format signs"),
    pytest.param("제목\r\nBcc: x@example.com\r\n\r\n본문", id="line breaks"),
    pytest.param("가" * 1000, id="a very long word"),
    pytest.param("낱말 " * 800 + "끝", id="a very long title"),
    pytest.param("👨‍👩‍👧‍👦🏳️‍🌈 가온시 👍🏽" * 20, id="emoji"),
    pytest.param("שלום \u202eevil\u202c مرحبا", id="right to left"),
    pytest.param("\0unsubscribe_url\0 \0recipient\0", id="slots"),
    pytest.param("</style><script>alert(1)</script><img src=x onerror=y>", id="script"),
    pytest.param("\ud800 반쪽", id="half a character"),
    pytest.param("]]></mj-text><mj-raw>", id="layout tags"),
    pytest.param("Re: 답장 Fwd:", id="reply prefix"),
]


def _seen(title: str) -> str:
    return re.sub(r"\s+", "", clean(title))


def _is_sound(mail: Mail) -> None:
    """Check what every mail must hold on its bytes, whatever stands in it (D1, D2, D8, D34)."""
    for part in (mail.headers, mail.text, mail.html):
        octets = filled(part).encode("utf-8")
        assert b"\n" not in octets.replace(b"\r\n", b"")
        assert b"\r" not in octets.replace(b"\r\n", b"")
        assert b"\0" not in octets
        assert max(map(len, octets.split(b"\r\n"))) <= 998
        assert octets.endswith(b"\r\n")
    message = making.headers_of(mail)
    assert len(message.keys()) == len(set(message.keys()))
    assert message["To"] == "reader@example.com"
    assert message["Subject"].startswith("[가온일보] 아침 소식 11월 23일: ")
    assert not re.match(r"(?i)\s*(re|fwd?|답장|전달)\s*:", message["Subject"])
    assert set(splice.Spliced.parse(mail.html).names) == {"unsubscribe_url", "preferences_url"}
    assert wire.assemble(mail, making.VALUES, eight_bit=True)


# ── what it tells ────────────────────────────────────────────────────────────────────────────────────────────────


def test_subject_names_paper_edition_day_and_first_title() -> None:
    """The reader knows from the inbox what came."""
    mail = making.compose(SETTINGS)
    assert mail.subject == "[가온일보] 아침 소식 11월 23일: 가온시 소식 1번 기사"
    assert making.headers_of(mail)["Subject"] == mail.subject


def test_long_subject_is_cut_on_a_whole_character() -> None:
    """A title of emoji made of several code points must not end in half of one."""
    mail = making.compose(SETTINGS, [placed(1, Role.LEAD, title="👨‍👩‍👧‍👦" * 40)])
    assert len(mail.subject) <= digest.SUBJECT_LETTERS
    assert re.fullmatch(r"\[가온일보\] 아침 소식 11월 23일: (👨‍👩‍👧‍👦)+…", mail.subject)


@pytest.mark.parametrize("text", ["각" * 60, "e\u0301" * 60, "👍🏽" * 60, "🇰🇷" * 60, "한글 제목 " * 20])
def test_cutting_keeps_what_is_seen_as_one_character(text: str) -> None:
    """Decomposed Hangul, accents, skin colours and flags are several code points each."""
    for letters in range(20, 26):
        kept = cut(text, letters)
        assert len(kept) <= letters
        assert kept.endswith("…")
        following = text[len(kept) - 1 :]
        assert following[0] not in "\u0301\u1161\u11a8\U0001f3fd"


def test_both_parts_tell_the_same_articles_and_links() -> None:
    """D22: who reads the text part misses nothing, and a filter that compares them finds no difference."""
    mail = making.compose(SETTINGS)
    html, text = filled(mail.html), filled(mail.text)
    expected = {f"{SITE}{number}" for number in (1, 2, 3, 4, 5, 6, 7, 901, 902, 903, 904, 905)} | {
        "https://news.gaon.example/editions/7?lang=ko",
        "https://gaon.example",
        "https://news.gaon.example/privacy",
        UNSUBSCRIBE_URL,
        making.PREFERENCES_URL,
    }
    assert making.links_in_html(html) == expected
    assert making.links_in_text(text) == expected
    for number in range(1, 8):
        assert f"가온시 소식 {number}번 기사" in LexborHTMLParser(html).text()
        assert f"가온시 소식 {number}번 기사" in text


def test_articles_stand_in_their_order() -> None:
    """Lead, sections with their headlines, most read."""
    for part in (making.compose(SETTINGS).html, making.compose(SETTINGS).text):
        shown = filled(part)
        body = shown[shown.rindex("머리기사") :]  # behind the list at the top
        places = [body.rindex(f"{SITE}{number}") for number in (1, 2, 3, 4, 5, 6, 7, 901, 905)]
        assert places == sorted(places)


def test_list_at_the_top_leads_to_each_article_with_text() -> None:
    """In-mail anchors need `<a name>`, not only an id."""
    tree = LexborHTMLParser(filled(making.compose(SETTINGS).html))
    targets = [node.attributes["href"] for node in tree.css('a[href^="#"]')]
    assert targets == ["#a1", "#a2", "#a3", "#a5", "#a6"]
    assert {node.attributes["name"] for node in tree.css("a[name]")} == {target[1:] for target in targets if target}


def test_times_are_printed_in_the_newspapers_zone() -> None:
    """기사등록 and 기사수정, as on the article's page."""
    text = filled(making.compose(SETTINGS).text)
    assert "서하늘 기자 · 기사등록 11월 23일(월) 오전 6:59" in text
    assert "기사수정 11월 23일(월) 오전 7:00" in re.sub(r"\s+", " ", text)


def test_link_only_article_shows_neither_excerpt_nor_picture() -> None:
    """저작권법 제46조: only what the source allows."""
    mail = making.compose(SETTINGS, [placed(1, Role.LEAD), placed(2, rights=Rights.LINK_ONLY, with_picture=True)])
    for part in (filled(mail.html), filled(mail.text)):
        assert "가온시 소식 2번 기사" in part
        assert f"{SITE}2" in part
        assert "2번 기사의 첫머리" not in part
        assert "2번 부제" not in part
        assert "2.jpg" not in part
        assert "2번 사진 설명" not in part


def test_left_out_articles_are_counted_with_a_link() -> None:
    """Nobody is told that this was everything."""
    mail = making.compose(SETTINGS)
    link = next(node for node in LexborHTMLParser(filled(mail.html)).css("a") if "이 밖의 기사" in node.text())
    assert link.text() == "이 밖의 기사 1건은 가온일보 누리집에 있습니다"
    assert link.attributes["href"] == "https://gaon.example"


def test_most_read_are_at_most_five() -> None:
    """많이 본 뉴스 stand at the end, with their beginnings."""
    mail = making.compose(SETTINGS, most_read=7)
    assert f"{SITE}905" in filled(mail.html)
    assert f"{SITE}906" not in filled(mail.html)
    assert "많이 본 5번의 첫머리…" in filled(mail.text)


def test_footer_says_who_why_and_how_to_leave() -> None:
    """D25, 정보통신망법 제50조④: identity, reason, and leaving in Korean and English."""
    mail = making.compose(SETTINGS)
    tree = LexborHTMLParser(filled(mail.html))
    leaving = {
        node.text(): node.attributes["href"] for node in tree.css("a") if "/u/" in (node.attributes["href"] or "")
    }
    assert leaving == {"수신거부": UNSUBSCRIBE_URL, "unsubscribe": UNSUBSCRIBE_URL}
    for part in (tree.text(), filled(mail.text)):
        for said in (
            "발행인 김가온",
            "편집인 이가온",
            "등록번호 가온 아00001",
            "(12345) 가온시 큰길 1, 2층",
            "02-0000-0000",
        ):
            assert said in part
        assert "desk@gaon.example" in part
        assert "‘아침 소식’ 메일을 신청하신 분께" in part
        assert "고유 링크 주소를 출처로" in part


def test_identity_names_only_what_is_set() -> None:
    """An empty `발행인` would look like a mistake."""
    bare = make_settings(publisher="", editor="", registration_number="")
    assert view(bare, making.edition(), [], "ko").identity == (
        "가온일보",
        "(12345) 가온시 큰길 1, 2층 · 전화 02-0000-0000 · 전자우편 desk@gaon.example",
    )


def test_english_reader_gets_english_words_around_korean_articles() -> None:
    """Articles are verbatim; what the service says is in the reader's language."""
    mail = making.compose(SETTINGS, language="en")
    html = filled(mail.html)
    assert '<html lang="en"' in html
    assert "View in the browser" in filled(mail.text)
    assert "가온시 소식 1번 기사" in html
    assert "브라우저에서 보기" not in html


@pytest.mark.parametrize("language", ["ko", "en"])
def test_page_of_the_edition_opens_in_the_language_of_the_mail(language: str) -> None:
    """Many Koreans' browsers ask for English; whoever reads a Korean mail wants the Korean page."""
    mail = making.compose(SETTINGS, language=language)
    link = f"https://news.gaon.example/editions/7?lang={language}"
    assert link in making.links_in_html(filled(mail.html))
    assert link in making.links_in_text(filled(mail.text))


def test_text_reader_gets_no_html() -> None:
    """The text variant is text/plain alone, with the same words."""
    mail = making.compose(SETTINGS, format=Format.TEXT)
    assert mail.html == b""
    assert mail.text == making.compose(SETTINGS).text


def test_articles_without_a_section_have_a_heading_of_their_own() -> None:
    """Many feeds name no section."""
    mail = making.compose(SETTINGS, [placed(1, section=""), placed(2, section="")])
    assert "그 밖의 소식" in filled(mail.html)
    assert "가온시 소식 1번 기사" in mail.subject


# ── its bytes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_mail_of_a_full_day_is_sound() -> None:
    """The rules hold for the ordinary case."""
    _is_sound(making.compose(SETTINGS))


@pytest.mark.parametrize("eight_bit", [True, False])
def test_second_parser_finds_both_parts_as_they_were_made(eight_bit: bool) -> None:
    """D22, D34: multipart/alternative, text first, UTF-8; read by the standard library, which did not make it."""
    mail = making.compose(SETTINGS)
    message = message_from_bytes(wire.assemble(mail, making.VALUES, eight_bit=eight_bit), policy=default)
    assert message.get_content_type() == "multipart/alternative"
    assert not message.defects
    text, html = message.iter_parts()
    assert [part.get_content_type() for part in (text, html)] == ["text/plain", "text/html"]
    assert [part.get_content_charset() for part in (text, html)] == ["utf-8", "utf-8"]
    assert text.get_content().split() == filled(mail.text).split()
    assert html.get_content().split() == filled(mail.html).split()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_article_breaks_nothing(hostile: str) -> None:
    """Every field of an article is a stranger's text."""
    changes = {"title": hostile, "subheads": (hostile,), "excerpt": hostile, "byline": hostile}
    first = placed(1, Role.LEAD, with_picture=True, **changes)
    picture = first.article.text.picture
    assert picture is not None
    text = replace(first.article.text, picture=replace(picture, caption=hostile))
    first = replace(first, article=replace(first.article, text=text))
    articles = [first, placed(2, section=hostile, **changes), placed(3, Role.HEADLINE, section=hostile, title=hostile)]

    mail = digest.compose(
        RENDERER,
        SETTINGS,
        edition=replace(making.edition(), most_read=(MostRead(hostile, f"{SITE}9", hostile),)),
        articles=articles,
        variant=Variant("ko", Format.HTML),
    ).mail

    _is_sound(mail)
    tree = LexborHTMLParser(filled(mail.html))
    assert not tree.css("script, form, iframe, object, embed, base, link, b")
    assert not [node for node in tree.css("*") if any(name.startswith("on") for name in node.attributes)]
    titles = [re.sub(r"\s+", "", node.text()) for node in tree.css("a[name]")]
    assert set(titles) == {_seen(hostile)}
    if " " not in hostile.strip() or len(hostile) < 60:
        assert _seen(hostile) in re.sub(r"\s+", "", filled(mail.text))


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(title=st.text(max_size=1500), excerpt=st.text(max_size=200))
def test_any_title_is_read_as_it_was_written(title: str, excerpt: str) -> None:
    """Verbatim (신문법 제10조②), and no line or slot can be opened by what strangers write."""
    mail = making.compose(SETTINGS, [placed(1, Role.LEAD, title=title, excerpt=excerpt)], most_read=0)
    _is_sound(mail) if clean(title) else None
    [heading] = LexborHTMLParser(filled(mail.html)).css("a[name]")
    assert re.sub(r"\s+", "", heading.text()) == _seen(title)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"{SITE}1&a=" + "x" * 3000, id="too long for a line"),
        pytest.param(f"{SITE}1" + "&a=1" * 200, id="too long once it is escaped"),
        pytest.param(f"{SITE}1 \r\nBcc: x", id="blanks and line breaks"),
        pytest.param("", id="none"),
        pytest.param(f'{SITE}1" onmouseover="x', id="quotes"),
        pytest.param(f"{SITE}가온시&제목=도서관", id="letters that are not ASCII"),
    ],
)
def test_no_link_makes_the_edition_unsendable(url: str) -> None:
    """One broken item of a feed must not stop the mail of all readers."""
    one = placed(1, Role.LEAD, with_picture=True, link=url)
    picture = one.article.text.picture
    assert picture is not None
    one = replace(one, article=replace(one.article, text=replace(one.article.text, picture=replace(picture, url=url))))
    mail = making.compose(SETTINGS, [one, placed(2, Role.HEADLINE, link=url)])
    _is_sound(mail)
    hrefs = [node.attributes["href"] for node in LexborHTMLParser(filled(mail.html)).css("a[href]")]
    assert all(hrefs)
    assert not [node for node in LexborHTMLParser(filled(mail.html)).css("*") if "onmouseover" in node.attributes]


def test_line_ends_are_put_only_where_a_blank_means_nothing() -> None:
    """No link, no attribute and no word is cut; the same mail without line ends shows the same words."""
    mail = making.compose(SETTINGS, [placed(n, subheads=("낱말 " * 400,)) for n in range(1, 4)])
    html = filled(mail.html)
    values = [value or "" for node in LexborHTMLParser(html).css("*") for value in node.attributes.values()]
    assert not [value for value in values if "\n" in value]
    assert max(len(line.encode()) for line in html.split("\r\n")) <= 998


def test_text_is_wrapped_but_links_are_whole() -> None:
    """76 columns, Hangul taking two; a link is on one line however long it is."""
    link = f"{SITE}1&path=" + "x" * 200
    mail = making.compose(SETTINGS, [placed(1, Role.LEAD, link=link, excerpt="가온시는 새 도서관을 연다. " * 12)])
    lines = filled(mail.text).split("\r\n")
    assert link in lines
    assert max(sum(2 if "가" <= char <= "힣" else 1 for char in line) for line in lines if "://" not in line) <= 76


# ── size ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _many(count: int, **changes: str | tuple[str, ...]) -> list[PlacedArticle]:
    first = placed(1, Role.LEAD, with_picture=True, **changes)
    return [first, *(placed(n, section=f"{n % 5}면", with_picture=True, **changes) for n in range(2, count + 1))]


def _composed(articles: list[PlacedArticle]) -> tuple[str, tuple[str, ...]]:
    composed = digest.compose(
        RENDERER, SETTINGS, edition=making.edition(), articles=articles, variant=Variant("ko", Format.HTML)
    )
    html = filled(composed.mail.html)
    assert len(html.encode("utf-8")) <= digest.MAX_HTML_BYTES
    assert making.links_in_html(html) == making.links_in_text(filled(composed.mail.text))
    return html, composed.warnings


def test_ordinary_day_gives_no_warning() -> None:
    """The warning must mean something."""
    assert _composed(_many(12))[1] == ()


def test_nearly_too_large_is_told_to_the_operator() -> None:
    """D23: near the limit, before anything is dropped."""
    sizes = {count: _composed(_many(count)) for count in range(22, 40)}
    near = [warnings for html, warnings in sizes.values() if len(html.encode()) >= 80_000 and html.count("<img ") > 21]
    assert near
    assert all(any("Gmail clips" in warning for warning in warnings) for warnings in near)


def test_pictures_go_first_and_from_the_end() -> None:
    """A smaller mail keeps every article with its text as long as it can."""
    count = next(
        n for n in range(20, 60) if _composed(_many(n))[1][:1] != () and "picture" in _composed(_many(n))[1][0]
    )
    html, warnings = _composed(_many(count))
    pictures = html.count("<img ")
    assert 0 < pictures < count
    assert warnings[0].startswith(f"{count - pictures} picture(s) were left out")
    assert html.count("번 기사의 첫머리") == count
    assert f"{SITE.replace('view.php?idx=', '')}" in html
    assert "https://img.gaon.example/1.jpg" in html


def test_texts_become_headlines_when_pictures_are_not_enough() -> None:
    """Every article still has its title and its link."""
    html, warnings = _composed(_many(80))
    assert "<img " not in html
    assert len(making.links_in_html(html) & {f"{SITE}{n}" for n in range(1, 81)}) == 80
    assert "1번 기사의 첫머리" in html
    assert "article(s) are only headlines" in " ".join(warnings)
    assert "only counted" not in " ".join(warnings)


def test_headlines_beyond_the_limit_are_counted_not_lost() -> None:
    """The reader sees how many there are, the operator is told."""
    html, warnings = _composed(_many(600))
    named = len(making.links_in_html(html) & {f"{SITE}{n}" for n in range(1, 601)})
    assert f"이 밖의 기사 {600 - named}건은" in html
    assert f"{600 - named} headline(s) are only counted" in " ".join(warnings)


# ── the table of kinds ───────────────────────────────────────────────────────────────────────────────────────────


def test_every_message_kind_is_in_the_table() -> None:
    """A kind without an entry could be stored and never composed."""
    assert set(KINDS) == set(MessageKind)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("kind", list(MessageKind))
def test_every_kind_composes_a_specimen(kind: MessageKind, language: str, settings: Settings) -> None:
    """`digest doctor` finds a template's mistakes this way."""
    composed = KINDS[kind].specimen(RENDERER, settings, language)
    assert composed.mail.subject
    assert composed.mail.text
    assert composed.mail.html
    assert composed.warnings == ()


def test_article_text_record_is_complete_in_the_view() -> None:
    """A field added to articles is either shown or left out knowingly."""
    assert set(ArticleText.__dataclass_fields__) == {
        "title", "link", "subheads", "section", "byline", "excerpt", "body", "picture", "registered_at", "modified_at",
        "mobile_link",  # an edition has one link for each article; a share has this one, too
    }  # fmt: skip

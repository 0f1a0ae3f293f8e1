"""The share as a friend gets it: as much of the article as its source allows, and the same in both parts."""

import re
from dataclasses import replace

import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.compose import specimens
from digest.compose.kind import MAX_HTML_BYTES
from digest.compose.kinds import KINDS, share
from digest.compose.whole import EXCERPT_LETTERS
from digest.models.articles import Article
from digest.models.deliveries import Mail, MessageKind
from digest.models.sources import Rights
from tests.compose import making
from tests.compose.making import NEVER_URL, RENDERER, filled, visible
from tests.support.settings import make_settings

SETTINGS = make_settings(
    base_url="https://news.gaon.example",
    newspaper_site="https://gaon.example",
    share_address="share@share.gaon.example",
    abuse_contact="abuse@gaon.example",
)
LINK = "https://news.example.com/news/view.php?idx=1&lang=ko"
SENTENCE = "가온시는 낡은 정수장을 고쳐 시민에게 열겠다고 밝혔다. "


def article(*, rights: Rights = Rights.FULL_TEXT_MAIL, **text: object) -> Article:
    """Return the article of the specimen; `text` are fields of its text."""
    found, _ = specimens.share("ko")
    return replace(found, rights=rights, text=replace(found.text, **text))


def compose(shared: Article, language: str = "ko", **changes: object) -> Mail:
    _, wanted = specimens.share(language)
    return share.compose(RENDERER, SETTINGS, article=shared, share=replace(wanted, **changes))


def words_of(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("rights", [Rights.EXCERPT, Rights.LINK_ONLY])
def test_t24_no_more_than_the_source_allows_is_mailed(rights: Rights) -> None:
    """T24: whole texts only where their owner has said so; a source that never was asked gives an excerpt at most."""
    body = tuple(f"{number}번째 문단입니다. {SENTENCE}" for number in range(20))
    mail = compose(article(rights=rights, body=body, excerpt="첫머리. " + SENTENCE * 20))
    for part in (filled(mail.html), filled(mail.text)):
        said = words_of(part)
        assert "번째문단입니다" not in said
        assert said.count(words_of(SENTENCE)) <= EXCERPT_LETTERS // len(SENTENCE)
        assert ("첫머리." in said) == (rights is Rights.EXCERPT)
        assert words_of(LINK) in words_of(part.replace("&amp;", "&"))


def test_whole_text_comes_with_its_section_heads() -> None:
    """What the owner allows is mailed as it stands in the newspaper, and the excerpt is not said twice."""
    body = ("첫 문단.", "◇ 정수장의 역사", SENTENCE, "□ 앞으로 할 일은 이렇다.")
    mail = compose(article(body=body, excerpt="줄인 글"))
    tree = LexborHTMLParser(filled(mail.html))
    assert [node.text() for node in tree.css("h3")] == ["◇ 정수장의 역사"]  # a sentence is none, whatever its sign
    assert all(words_of(line) in words_of(filled(mail.text)) for line in body)
    assert "줄인 글" not in filled(mail.text)


def test_text_that_would_be_clipped_is_cut_with_a_link() -> None:
    """A mail beyond Gmail's limit would hide the link that refuses further ones."""
    body = tuple(line for number in range(400) for line in (f"◇ {number}째 머리", f"{number}째 문단. {SENTENCE * 4}"))
    mail = compose(article(body=body))
    html = filled(mail.html)
    assert 0.9 * MAX_HTML_BYTES < len(html.encode()) <= MAX_HTML_BYTES
    last = LexborHTMLParser(html).css("h3")[-1].text()
    number = last.removeprefix("◇ ").removesuffix("째 머리")
    for part in (html, filled(mail.text)):
        assert "기사는신문에서이어집니다" in words_of(part)
        assert f"{number}째문단" in words_of(part)  # no head stands at the end alone
        assert f"{int(number) + 1}째문단" not in words_of(part)


def test_one_endless_paragraph_leaves_the_excerpt() -> None:
    """Some pages have no paragraphs; what cannot be cut between two is not cut within one."""
    mail = compose(article(body=(SENTENCE * 2000,), excerpt="첫머리만"))
    assert "첫머리만" in filled(mail.html)
    assert "기사는 신문에서 이어집니다" in filled(mail.text)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("rights", list(Rights))
def test_both_parts_hold_the_same_words_and_links(language: str, rights: Rights) -> None:
    """Who reads the text part misses nothing, and a filter that compares them finds no difference."""
    mail = compose(article(rights=rights), language)
    html, text = filled(mail.html), words_of(filled(mail.text))
    body = LexborHTMLParser(html).body
    assert body is not None
    shown = [words_of(node.text(deep=True)) for node in body.css("p, h1, h2, h3")]
    missing = [each for each in shown if each not in text.replace(">", "")]
    labels = {words_of(node.text()) for node in body.css("a")} - {""}
    assert [each for each in missing if each.removeprefix("–") not in text and each not in labels] == []
    assert making.links_in_html(html) == making.links_in_text(filled(mail.text))
    said = words_of(visible(html) + "".join(node.attributes["alt"] or "" for node in body.css("img")))
    for line in filled(mail.text).splitlines():
        plain = re.sub(r"https?://\S+|[=\->\[\]:]+", "", line)
        assert words_of(plain) in re.sub(r"[\->:]+", "", said), line


def test_mail_says_everything_a_stranger_may_ask() -> None:
    """Who asked for it, how long the address is kept, how to refuse, whom to tell, where the article is."""
    text = filled(compose(article()).text)
    lines = text.splitlines()
    for line in (LINK, NEVER_URL, "모바일 화면: https://m.news.example.com/news/view.php?idx=1"):
        assert line in lines  # on its own
    joined = words_of(text)
    for said in (
        "홍길동(sp***@example.com)님이", "7일뒤지워집니다", "다시받지않기/Nevermailmeagain".replace("mail", "email"),
        "abuse@gaon.example", "0123456789ab", "구독", "고유링크", "기사등록", "기사수정", "홍길동기자", "사진설명",
    ):  # fmt: skip
        assert said in joined, said
    assert "specimen@example.com" not in text
    assert "friend@example.com" not in text


def test_no_advert_and_no_picture_that_counts() -> None:
    """The only picture is the article's own, and every link leads to the article, the newspaper or us."""
    mail = compose(article())
    tree = LexborHTMLParser(filled(mail.html))
    assert [node.attributes["src"] for node in tree.css("img")] == ["https://news.example.com/picture.jpg"]
    hosts = {url.split("/")[2] for url in making.links_in_html(filled(mail.html))}
    assert hosts == {"news.example.com", "m.news.example.com", "news.gaon.example", "gaon.example"}
    assert "(광고)" not in mail.subject


def test_the_question_to_the_sender_holds_nothing_of_the_share() -> None:
    """T3: constant text, so that a stranger's address is no way to write to it."""
    mail = KINDS[MessageKind.SENDER].specimen(RENDERER, SETTINGS, "ko").mail
    again = KINDS[MessageKind.SENDER].specimen(RENDERER, SETTINGS, "ko").mail
    assert (mail.subject, mail.text, mail.html) == (again.subject, again.text, again.html)
    assert "홍길동" not in filled(mail.text)

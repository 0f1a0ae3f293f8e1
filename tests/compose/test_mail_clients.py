"""What mail programs need: complete without styles and without pictures, inline, readable in the dark (D23-D25).

The table of what is not supported is our own and small; it holds what breaks a mail somewhere, not what is merely
ignored.
"""

import re
from collections.abc import Callable

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.compose.kinds import KINDS
from digest.compose.view import SUMMARY_LETTERS, view
from digest.models.deliveries import MessageKind
from tests.compose import making
from tests.compose.making import filled, visible
from tests.support.settings import make_settings

SETTINGS = make_settings(base_url="https://news.gaon.example", newspaper_site="https://gaon.example")

FORBIDDEN_INLINE = {
    r"display:\s*(flex|grid|none)": "Outlook on Windows has no flex; none hides",
    r"visibility:\s*hidden": "hidden text",
    r"font-size:\s*0": "hidden text",
    r"max-height:\s*0|opacity:\s*0(?!\.)": "hidden text",
    r"background-image|url\(": "Gmail drops the whole style of a bad one, Outlook ignores it",
    r"\d(rem|em|vw|vh)\b": "rem is unknown to Outlook, the others differ",
    r"rgba?\(|hsl": "Gmail drops the whole style for rgb(0 0 0 / 1)",
    r"#[0-9a-f]{3}(?![0-9a-f])": "six digits everywhere",
    r"position:|float:": "stripped by webmails",
    r"margin[^;]*-\d": "no negative margins",
    r"var\(|calc\(": "unknown to Outlook and Gmail",
    r"color:\s*#(000000|ffffff)": "pure pairs break when a program inverts them",
}
FORBIDDEN_ELEMENTS = (
    "script, form, input, button, video, audio, iframe, object, embed, svg, canvas, link, base, picture"
)


def _mail_html() -> str:
    return filled(making.compose(SETTINGS).html)


def _alert_html() -> str:
    return filled(KINDS[MessageKind.ALERT].specimen(making.RENDERER, SETTINGS, "en").mail.html)


def _share_html() -> str:
    return filled(KINDS[MessageKind.SHARE].specimen(making.RENDERER, SETTINGS, "ko").mail.html)


def _sender_html() -> str:
    return filled(KINDS[MessageKind.SENDER].specimen(making.RENDERER, SETTINGS, "ko").mail.html)


READERS = [
    pytest.param(_mail_html, id="digest"),
    pytest.param(_share_html, id="share"),
    pytest.param(_sender_html, id="sender"),
]
ALL = [*READERS, pytest.param(_alert_html, id="alert")]


def _without_style_blocks(html: str) -> str:
    return re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)


def _declarations(node: LexborNode) -> dict[str, str]:
    style = node.attributes.get("style") or ""
    pairs = (one.split(":", 1) for one in style.split(";") if ":" in one)
    return {name.strip(): value.strip() for name, value in pairs}


def _inherited(node: LexborNode, name: str) -> str:
    """Return what `name` is for `node`, from inline styles alone."""
    current: LexborNode | None = node
    while current is not None:
        if name in (found := _declarations(current)):
            return found[name]
        current = current.parent
    return ""


def _text_holders(html: str) -> list[LexborNode]:
    body = LexborHTMLParser(_without_style_blocks(html)).body
    assert body is not None
    return [node for node in body.css("*") if node.text(deep=False).strip()]


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("html_of", ALL)
def test_nothing_that_breaks_somewhere(html_of: Callable[[], str]) -> None:
    """Each entry of the table breaks the mail in a program that readers use."""
    tree = LexborHTMLParser(html_of())
    assert not tree.css(FORBIDDEN_ELEMENTS)
    for node in tree.css("[style]"):
        for pattern, why in FORBIDDEN_INLINE.items():
            assert not re.search(pattern, node.attributes["style"] or "", re.IGNORECASE), (node.html, why)


@pytest.mark.parametrize("html_of", ALL)
def test_style_blocks_hold_enhancements_only(html_of: Callable[[], str]) -> None:
    """Gmail keeps 16 kB of them; no font and no sheet is fetched from anywhere."""
    styles = "".join(re.findall(r"<style.*?</style>", html_of(), flags=re.DOTALL))
    assert len(styles.encode()) < 8_000
    assert not re.search(r"@font-face|@import|url\(|display:\s*none", styles)


@pytest.mark.parametrize("html_of", READERS)
def test_mail_says_the_same_without_style_blocks(html_of: Callable[[], str]) -> None:
    """Naver, Nate and some French webmails drop them all: no word may depend on one."""
    html = html_of()
    assert visible(_without_style_blocks(html)) == visible(html)
    for holder in _text_holders(html):
        assert _inherited(holder, "font-family").startswith(
            "'Apple SD Gothic Neo','Malgun Gothic','맑은 고딕','Noto Sans KR'"
        )
        assert int(_inherited(holder, "font-size").removesuffix("px")) >= 13
        assert re.fullmatch(r"#[0-9a-f]{6}", _inherited(holder, "color"))


@pytest.mark.parametrize(("html_of", "count"), [(_mail_html, 3), (_share_html, 1)], ids=["digest", "share"])
def test_mail_says_the_same_without_pictures(html_of: Callable[[], str], count: int) -> None:
    """Most programs block pictures at first."""
    html = html_of()
    assert html.count("<img ") == count
    assert visible(re.sub(r"<img [^>]*>", "", html)) == visible(html)


def test_pictures_have_size_and_alternative_text() -> None:
    """Without a size the text jumps when they load; Outlook knows sizes from attributes only."""
    html = _mail_html()
    pictures = LexborHTMLParser(html).css("img")
    assert [(one.attributes["width"], one.attributes["height"]) for one in pictures] == [
        ("552", "345"),
        ("552", "345"),
        ("552", "auto"),
    ]
    assert [one.attributes["alt"] for one in pictures] == [f"사진: 가온시 소식 {number}번 기사" for number in (1, 2, 6)]
    assert all((one.attributes["src"] or "").startswith("https://") for one in pictures)


def test_articles_are_set_for_hangul() -> None:
    """16 px and lines of at least 1.6, or Hangul runs together."""
    excerpts = [node for node in _text_holders(_mail_html()) if "첫머리. " in node.text(deep=False)]
    assert excerpts
    for node in excerpts:
        assert _inherited(node, "font-size") == "16px"
        assert float(_inherited(node, "line-height")) >= 1.6


@pytest.mark.parametrize("html_of", ALL)
def test_layout_tables_say_that_they_are_layout(html_of: Callable[[], str]) -> None:
    """A screen reader would announce rows and columns."""
    tables = LexborHTMLParser(html_of()).css("table")
    assert tables
    assert {table.attributes.get("role") for table in tables} == {"presentation"}


@pytest.mark.parametrize("html_of", ALL)
def test_language_stands_on_html_and_on_the_outer_table(html_of: Callable[[], str]) -> None:
    """Webmails drop html and body; without a language Hangul is read and broken wrongly."""
    tree = LexborHTMLParser(html_of())
    language = tree.css_first("html").attributes["lang"]
    assert language in ("ko", "en")
    assert tree.css_first("table").attributes["lang"] == language


@pytest.mark.parametrize("html_of", READERS)
def test_mail_is_one_column_of_600_pixels(html_of: Callable[[], str]) -> None:
    """Two columns break on a telephone where media queries are dropped."""
    html = html_of()
    widths = set(re.findall(r"max-width:(\d+)px", re.sub(r"<img [^>]*>", "", _without_style_blocks(html))))
    assert widths == {"600"}
    assert "mj-column-per-50" not in html


@pytest.mark.parametrize("html_of", ALL)
def test_colours_can_be_read(html_of: Callable[[], str]) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1, for every text on the background it stands on."""
    for holder in _text_holders(html_of()):
        colour, behind = _inherited(holder, "color"), _inherited(holder, "background-color")
        assert _contrast(colour, behind) >= 4.5, holder.html


@pytest.mark.parametrize("html_of", READERS)
def test_dark_colours_can_be_read(html_of: Callable[[], str]) -> None:
    """The dark block sets text and background together, both readable."""
    dark = re.search(r"prefers-color-scheme: dark\) \{(.*?)\}\s*</style>", html_of(), re.DOTALL)
    assert dark
    backgrounds = re.findall(r"background: (#[0-9a-f]{6})", dark[1])
    colours = re.findall(r"[{ ]color: (#[0-9a-f]{6})", dark[1])
    assert len(backgrounds) == 2
    assert len(colours) == 3
    assert all(_contrast(colour, behind) >= 4.5 for colour in colours for behind in backgrounds)


@pytest.mark.parametrize("html_of", READERS)
def test_links_look_like_links(html_of: Callable[[], str]) -> None:
    """Underlined each, and with words that say where they lead."""
    for link in LexborHTMLParser(html_of()).css("a"):
        assert _declarations(link)["text-decoration"] == "underline"
        assert len(link.text().strip()) >= 4
        assert "여기" not in link.text()


def test_preheader_is_the_first_thing_to_be_read() -> None:
    """D24: what inboxes show behind the subject is a visible line, not a hidden one; it does not repeat the subject."""
    html = _mail_html()
    body = LexborHTMLParser(html).body
    assert body is not None
    first = next(node for node in body.css("p"))
    assert first.text() == " · ".join(f"가온시 소식 {number}번 기사" for number in range(2, 8))
    assert visible(html).startswith(re.sub(r"\s+", "", first.text()) + "브라우저에서보기")


def test_preheader_counts_what_it_has_no_room_for() -> None:
    """One line: more would push the news down on a telephone."""
    articles = [making.placed(number, title=f"{number}번 " + "긴 제목 " * 8) for number in range(1, 10)]
    shown = view(SETTINGS, making.edition(), articles, "ko")
    assert len(shown.summary) <= SUMMARY_LETTERS
    assert shown.summary_more == 8 - shown.summary.count("번 ")
    assert f"외 {shown.summary_more}건" in filled(making.compose(SETTINGS, articles).html)

"""Titles, excerpts and links as articles carry them; prose out of HTML."""

import unicodedata

import pytest

from digest.collect.normalize import clean_line, clean_title, excerpt, shorten, usable_link
from digest.collect.prose import read_html, read_plain

BASE = "https://paper.example/rss/all.xml"


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("가온시 &amp; 나루군", "가온시 & 나루군"), ("&#039;빅마우스&#039;", "'빅마우스'"),
        ("&lt;르포&gt; 시장", "<르포> 시장"),
        ("<르포> 시장", "<르포> 시장"), ("<상> 낡은 다리", "<상> 낡은 다리"), ("1 < 2 > 0", "1 < 2 > 0"),
        ("<b>속보</b> 다리 개통", "속보 다리 개통"), ("<b><i>속보</i></b>", "속보"),
        ("새 다리<br/>열렸다", "새 다리 열렸다"),
        ("AT&T, R&D 센터", "AT&T, R&D 센터"), ("드라마 <A>", "드라마 <A>"),
        ("a&lt;b&gt;c", "a<b>c"), ("&amp;lt;", "&lt;"),
    ],
)  # fmt: skip
def test_titles_are_what_a_reader_sees(raw: str, seen: str) -> None:
    """References once, known pairs of tags away, and the paper's own angle brackets kept."""
    assert clean_title(raw) == seen


def test_a_title_that_is_plain_text_is_left_alone() -> None:
    """Atom says so; then a tag is what the title is about."""
    assert clean_title("How to use <b>bold</b> &amp;", is_plain=True) == "How to use <b>bold</b> &amp;"


def test_characters_that_deceive_or_break_are_removed() -> None:
    """A right-to-left override lets a title end in what it does not say; NUL breaks PostgreSQL."""
    assert clean_line("가\u202e온\u2066 \x00소\x07식\ufeff\u200b\ud800 \n 끝\u00a0") == "가온 소식 끝"
    assert clean_line(unicodedata.normalize("NFD", "가온시")) == "가온시"
    assert clean_line("👨‍👩‍👧 가족") == "👨‍👩‍👧 가족"


def test_an_excerpt_is_at_most_200_letters_with_the_ellipsis() -> None:
    """The rule of the digest; shorter texts stay whole."""
    cut = excerpt(("가" * 150, "나" * 150))
    assert len(cut) == 200
    assert cut.endswith("나…")
    assert excerpt(("가" * 200,)) == "가" * 200
    assert excerpt(()) == ""


@pytest.mark.parametrize("sign", ["👨‍👩‍👧", "👍🏽", "🇰🇷", "e\u0301\u0323", "\u1112\u119e", "❤️"])
def test_a_sign_is_never_torn(sign: str) -> None:
    """Half a family emoji is another emoji, half a flag a letter."""
    for letters in range(6, 6 + len(sign)):
        cut = shorten("가나다라" + sign + "마바사아자차카타파하", letters)
        assert cut == "가나다라…" or sign in cut


@pytest.mark.parametrize(
    ("link", "absolute"),
    [
        ("https://paper.example/news/1", "https://paper.example/news/1"), ("/news/1", "https://paper.example/news/1"),
        ("news/1", "https://paper.example/rss/news/1"), ("//m.paper.example/1", "https://m.paper.example/1"),
        ("?idx=1", "https://paper.example/rss/all.xml?idx=1"), (" https://paper.example/a b\n ", "https://paper.example/a%20b"),
        ("https://가온.example/뉴스", "https://가온.example/뉴스"), ('https://p.example/"><x>', "https://p.example/%22%3E%3Cx%3E"),
    ],
)  # fmt: skip
def test_links_are_made_absolute_and_safe_to_print(link: str, absolute: str) -> None:
    """Against the address the feed came from."""
    assert usable_link(link, BASE) == absolute


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " java\nscript:alert(1)", "data:text/html,x",
        "mailto:a@b.example",
        "ftp://paper.example/x", "http://", "http://[::1/", "http://paper.example:port/", "", "vbscript:x",
        "https://paper.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_links_a_mail_cannot_carry_are_refused(link: str) -> None:
    """Half of them are attacks."""
    assert usable_link(link, BASE) == ""


def test_html_becomes_paragraphs_without_a_trace_of_markup() -> None:
    """Scripts, styles and frames leave nothing; blocks and line breaks end paragraphs; inline tags do not."""
    prose = read_html(
        "<style>p{}</style><p>첫 <b>문단</b>이다.</p>둘째<br>셋째<script>alert('x<p>')</script>"
        "<div>넷째 &amp; <a href='x'>끝</a></div><iframe>no</iframe><!-- no --><svg><text>no</text></svg>"
    )
    assert prose.paragraphs == ("첫 문단이다.", "둘째", "셋째", "넷째 & 끝")


def test_html_that_was_cut_off_leaves_no_rest_of_a_tag() -> None:
    """Systems cut descriptions by length, wherever that is."""
    assert read_html('다리가 열렸다 <img src="https://x.example/a').paragraphs == ("다리가 열렸다",)
    assert read_html("다리가 열렸다&nbs").paragraphs == ("다리가 열렸다",)
    assert read_html("가격은 3<5 이고 <르포> 다").paragraphs == ("가격은 3<5 이고 <르포> 다",)


def test_the_first_picture_to_be_seen_is_taken_with_its_caption() -> None:
    """Counting pixels and pictures drawn in by scripts are not it."""
    image = read_html(
        '<img src="https://count.example/1.gif" width="1" height="1"><figure><img src="data:image/gif;base64,xx"'
        ' data-src="/a.jpg" width="640" height="360px">'
        '<figcaption>새 다리 &lt;사진&gt;</figcaption></figure><img src="/b.jpg">'
    ).image
    assert image is not None
    assert (image.src, image.caption, image.width, image.height) == ("/a.jpg", "새 다리 <사진>", 640, 360)


def test_lines_of_plain_text_are_paragraphs() -> None:
    """Where a feed says that its text is plain, tags are text."""
    assert read_plain("가\n\n <b>나</b> \n").paragraphs == ("가", "<b>나</b>")

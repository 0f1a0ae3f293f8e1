"""HTML to paragraphs: the quick way tells the same as the standard library's parser, or nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect import prose

_PIECES = st.sampled_from(
    [
        "소식", " ", "\n", "&", "&lt;", "&amp;", "&nbsp;", "&#44032;", "<", ">", "<br>", "<br/>", "<BR />", "</br>",
        "<p>", "</p >", "<p class='가'>", "<b>", "</b>", "<!-- 광고 -->", "<!---->", "<!-- a > b -->", "<!--->", "<!",
        '<img src="https://p.example/1.jpg?a=1&amp;b=2" alt="" width=60>', "<img src=http://p.example/2/ width=60/>",
        "<img src='/3.jpg'/>", "<img src= /4.jpg>", '<img src="/5.jpg"alt="">', "<a href=/x>", "</a>", "<script>",
        "</script>", "<figure>", "<figcaption>", "</figcaption>", "<o:p>", "<![CDATA[가]]>", "<td width='5' width=6>",
        "</", "<textarea>", "<?x?>",
    ]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=12).map("".join))
@settings(max_examples=200, deadline=None)
def test_plain_tags_are_read_as_the_parser_reads_them(html: str) -> None:
    """What the pattern does not cut exactly so, it leaves alone."""
    quick, slow = prose._Reader(), prose._Reader()
    is_read = prose._read_plain_tags(html, quick)
    if not is_read:
        assert (quick.paragraphs, quick.image, quick._pieces) == ([], None, [])
        return
    slow.feed(html)
    slow.close()
    for reader in (quick, slow):
        reader.end_paragraph()
    assert (quick.paragraphs, quick.image, quick._caption) == (slow.paragraphs, slow.image, slow._caption)


def test_what_newspapers_write_is_read_quickly() -> None:
    """Without this the test above would hold for a pattern that never fits."""
    written = (
        "<table width=10 border=0><tr><td><img src=http://p.example/1.jpg width=60></td></tr></table> 소식<br />"
        "<!-- 광고 right -->둘<p><a href='/2'>기사보기</a></p>"
    )
    assert prose._read_plain_tags(written, prose._Reader())
    assert prose.read_html(written).paragraphs == ("소식", "둘", "기사보기")

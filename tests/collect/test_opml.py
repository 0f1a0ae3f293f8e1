"""OPML in and out: somebody else's list of feeds, and ours for others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from digest.collect import opml
from digest.errors import SourceUnreadableError
from digest.models.sources import Purpose, Rights, Source, SourceSpec, SourceState
from tests.collect import lists


def test_nested_outlines_are_sections_and_doubles_are_told() -> None:
    """The nearest group is the section; what cannot be fetched is left out with a word."""
    read = opml.read(lists.OPML.encode())

    assert [(one.title, one.section) for one in read.feeds] == [("가온일보", "가온"), ("나루신문", "")]
    assert len(read.doubts) == 2
    assert "twice" in read.doubts[0]


def test_what_is_written_is_read_again_the_same() -> None:
    """Types of our own included; markup in names is text."""
    specs = [
        SourceSpec("gaon", "feed", "https://gaon.example/rss?a=1&b=2", section="시정 <1>"),
        SourceSpec("naru", "listpage", "https://naru.example/list.php"),
    ]
    stored = [Source(number, spec, SourceState.ACTIVE, False) for number, spec in enumerate(specs)]

    read = opml.read(opml.write("가온일보 & 나루", stored))

    assert [(one.title, one.url, one.type, one.section) for one in read.feeds] == [
        (spec.name, spec.url, spec.type, spec.section) for spec in specs
    ]


def test_rights_and_options_go_along_where_other_readers_pass_over_them() -> None:
    """OPML 2.0 allows attributes of a namespace; without one nothing but its own may stand in a file."""
    spec = SourceSpec(
        "naru", "listpage", "https://naru.example/", purpose=Purpose.MOST_READ, rights=Rights.FULL_TEXT_MAIL,
        picture_hosts=("img.naru.example", "cdn.naru.example"), permission="나루 | 계약 '24\x07",
        options=(("links", 'a[class="title"]'), ("page.body", "#body > p")),
    )  # fmt: skip

    written = opml.write("가온일보", [Source(1, spec, SourceState.ACTIVE, False)])

    [outline] = etree.fromstring(written).iter("outline")
    assert {name for name in outline.attrib if "}" not in str(name)} == {"text", "type", "xmlUrl"}
    assert dict(opml.read(written).feeds[0].own) == {
        "rights": "full_text_mail",
        "permission": "나루 | 계약 '24",
        "purpose": "most_read",
        "pictures": "img.naru.example,cdn.naru.example",
        "links": 'a[class="title"]',
        "page.body": "#body > p",
    }


@pytest.mark.parametrize("body", [b"", b"<html/>", b"\xff\xfe", b"<opml" + b" " * 5_000_001])
def test_what_is_no_opml_is_told(body: bytes) -> None:
    """In a sentence."""
    with pytest.raises(SourceUnreadableError):
        opml.read(body)


def test_a_file_nested_without_end_is_read_as_far_as_lists_go() -> None:
    """Twenty levels are more than anybody's list has."""
    deep = "<outline text='x'>" * 200 + "<outline xmlUrl='https://gaon.example/rss'/>"

    assert opml.read(f"<opml><body>{deep}".encode()).feeds == ()


_PIECES = st.sampled_from(
    ["<opml>", "<outline ", "xmlUrl='https://gaon.example/", "'", "/>", ">", "</outline>", "text=", "&b;",
     "<!--", "\x00", "http://[", "]]>"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.lists(_PIECES, max_size=25).map(lambda parts: ("<opml>" + "".join(parts)).encode()), st.binary(max_size=300)
    )
)
def test_any_bytes_are_a_list_or_a_reason(body: bytes) -> None:
    """No exception but ours."""
    try:
        read = opml.read(body)
    except SourceUnreadableError:
        return
    assert all(one.url.startswith("http") for one in read.feeds)

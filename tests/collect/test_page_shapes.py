"""Every field of a story, out of pages in the shapes of many newspaper systems, without configuration."""

from zoneinfo import ZoneInfo

import pytest

from digest.collect.normalize import clean_line
from digest.collect.page import read_page
from tests.collect import page_shapes
from tests.collect.page_shapes import Shape

SEOUL = ZoneInfo("Asia/Seoul")
SHAPES = {one.name: one for one in page_shapes.shapes()}


@pytest.mark.parametrize("name", SHAPES)
def test_the_story_is_read_out_of_any_shape(name: str) -> None:
    """Headline and paragraphs as printed, and nothing of the rest of the page."""
    shape = SHAPES[name]
    page = read_page(shape.html.encode(), "text/html", shape.url, SEOUL)
    text = "\n".join(page.body)
    assert page.title == page_shapes.TITLE
    assert [one for one in page_shapes.PARAGRAPHS if clean_line(one) not in text] == []
    assert [word for word in page_shapes.NOT_TEXT if word in text] == []
    assert len(page.body) == len(page_shapes.PARAGRAPHS)
    assert not page.is_thin


@pytest.mark.parametrize("name", SHAPES)
def test_what_a_shape_prints_beside_the_text_is_found(name: str) -> None:
    """Sub-headlines, section, reporter, times, picture and caption, where the shape has them."""
    shape = SHAPES[name]
    assert _found(shape) == {field: _EXPECTED[field] for field in shape.fields}


_EXPECTED = {
    "subheads": page_shapes.SUBHEADS,
    "section": page_shapes.SECTION,
    "byline": "홍길동 기자",
    "address": "hong@gaon.example",
    "registered": page_shapes.REGISTERED,
    "modified": page_shapes.MODIFIED,
    "picture": page_shapes.PICTURE,
    "caption": page_shapes.CAPTION,
}


def _found(shape: Shape) -> dict[str, object]:
    page = read_page(shape.html.encode(), "text/html", shape.url, SEOUL)
    found = {
        "subheads": page.subheads,
        "section": page.section,
        "byline": page.byline,
        "address": page.byline_address,
        "registered": page.registered_at,
        "modified": page.modified_at,
        "picture": page.picture and page.picture.url,
        "caption": page.picture and page.picture.caption.lstrip("▲ "),
    }
    return {name: value for name, value in found.items() if name in shape.fields}

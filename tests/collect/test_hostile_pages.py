"""Article pages as strangers may send them: damaged anywhere, huge, nested without end. Reading ends all the same."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.collect.page import PageText, read_page
from digest.collect.pages.tree import is_parsable
from digest.collect.reader import Reader
from digest.errors import SourceUnreadableError

SEOUL = ZoneInfo("Asia/Seoul")
ADDRESS = "https://gaon.example/news/articleView.html?idxno=1"
OWN = sorted((Path(__file__).resolve().parents[1] / "support" / "pages").glob("*.html"))
SENTENCE = "<p>가온시는 23일 시청에서 설명회를 열었다고 밝혔다.</p>"
SMALL = 120_000  # bytes; larger real pages have nothing that these have not, and take longer

DAMAGE = st.tuples(
    st.floats(0, 1),  # where, of the whole
    st.integers(0, 2000),  # so many bytes are lost there
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b"<", b"</div>", b"<div>" * 50, b"<script>", b"<!--", b"\x00", b"&#x110000;", b'"', b"<table><tr>", b"]]>"]
        ),
    ),
)


def damaged(body: bytes, damages: list[tuple[float, int, bytes]]) -> bytes:
    for where, lost, put in damages:
        at = int(where * len(body))
        body = body[:at] + put + body[at + lost :]
    return body


def read(body: bytes) -> PageText | None:
    """The page; None where it is said to be none. Anything else that is raised fails the test."""
    try:
        return read_page(body, "text/html", ADDRESS, SEOUL)
    except SourceUnreadableError:
        return None


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(OWN), st.lists(DAMAGE, min_size=1, max_size=5))
def test_no_damage_to_our_own_pages_raises_anything_unforeseen(
    path: Path, damages: list[tuple[float, int, bytes]]
) -> None:
    """Anywhere in the page, several times."""
    page = read(damaged(path.read_bytes(), damages))
    assert page is None or page.is_thin or page.body


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_to_real_pages_raises_anything_unforeseen(samples: Path, data: st.DataObject) -> None:
    """Real pages have scripts, data and comments in places that ours have not."""
    paths = [path for path in sorted((samples / "pages" / "html").glob("*.html")) if path.stat().st_size < SMALL]
    path = data.draw(st.sampled_from(paths))
    page = read(damaged(path.read_bytes(), data.draw(st.lists(DAMAGE, min_size=1, max_size=5))))
    assert page is None or page.is_thin or page.body


HOSTILE = {
    "five megabytes of sentences": SENTENCE * 70_000,
    "fifty thousand paragraphs that are not closed": "<p>가온시는 23일" * 50_000,
    "tables in tables": "<table><tr><td>" * 50_000,
    "tables in tables, just deep enough to be parsed": "<table><tr><td>" * 2_900,
    "formatting that is opened again in every paragraph": "<b><p>" * 2_900,
    "scripts that are not closed": "<script>" * 50_000,
    "comments that are not closed": "<!--" * 500_000,
    "data nested without end": "<script type='application/ld+json'>" + "[" * 200_000 + "</script>",
    "one line of five megabytes": "<p>" + "가" * 1_700_000,
    "pictures": "<article>" + "<img src=x.jpg>" * 250_000,
    "a class of four megabytes": "<div class='" + "a " * 2_000_000 + "'>",
}


@pytest.mark.anyio
async def test_reading_hostile_pages_ends_within_the_limits_of_its_process() -> None:
    """Whatever comes: an answer or `SourceUnreadableError`, and the next page is read."""
    unread = {}
    async with Reader() as reader:
        for name, html in HOSTILE.items():
            try:
                await reader.read_page(f"<html><body>{html}".encode(), "text/html; charset=utf-8", ADDRESS, SEOUL)
            except SourceUnreadableError as error:
                unread[name] = str(error)
        page = await reader.read_page(f"<article>{SENTENCE * 5}".encode(), "text/html", ADDRESS, SEOUL)
    assert page.body
    assert not [name for name, why in unread.items() if "not foreseen" in why]


def test_what_stands_in_scripts_and_comments_opens_no_elements() -> None:
    """Papers keep whole templates in scripts; their articles are read all the same."""
    template = "var row = '<div><div><ul>';" * 5_000
    hidden = f"<script>{template}</script><STYLE>{template}</STYLE><!-- {template} -->"
    assert is_parsable(f"<html><head>{hidden}</head><body>{SENTENCE}</body></html>")
    page = read(f"<html><head>{hidden}</head><body><article>{SENTENCE * 5}</article></body></html>".encode())
    assert page is not None
    assert page.body


@pytest.mark.parametrize("before", ["", "<script>var x = 1;</script>", "<!-- x -->", "<title>x</title>"])
def test_elements_that_are_never_closed_are_counted(before: str) -> None:
    """Also after a script."""
    assert not is_parsable(f"<html><body>{before}{'<div>' * 3_100}")

"""What a source is called where nobody says."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect.names import propose_name, romanised


@pytest.mark.parametrize(
    ("url", "title", "name"),
    [
        ("https://www.gaon.co.kr/rss", "가온일보", "gaon-2"),
        ("https://news.naru.example/rss", "나루", "naru"),
        ("https://24news.example/", "24뉴스", "paper-24news"),
        ("https://naru.tistory.com/rss", "나루터", "naru"),
        ("https://rss.blog.naver.com/naru.xml", "나루터 소식", "naruteo-sosik"),
        ("https://xn--o39a190c.kr/", "", "gaon-2"),
        ("http://10.0.3.7/rss", "한빛읍 신문 - 전체기사 RSS", "hanbideup-sinmun"),
        ("http://10.0.3.7:8080/rss", "", "paper-10-0-3-7"),
        ("http://[fd00::7]/rss", "가온", "gaon-2"),
        ("http://10.0.3.7/rss", "!!!", "paper-10-0-3-7"),
        ("http://10.0.3.7/rss", "naru-news", "naru-news"),
    ],
)
def test_a_name_is_proposed_that_an_editor_recognises(url: str, title: str, name: str) -> None:
    """Of the host, of the title where that is a number or houses many, and one that is not taken."""
    assert propose_name(url, {"gaon"}, title) == name


def test_hangul_is_written_as_it_is_spoken() -> None:
    """Near enough to find a paper again."""
    assert [romanised(one) for one in ("경기일보", "속초 알림", "달라", "BBC뉴스")] == [
        "gyeonggiilbo", "sokcho allim", "dalla", "BBCnyuseu",
    ]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_address_and_title_give_a_name(host: str, title: str) -> None:
    """As long as names may be."""
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,31}", propose_name(f"https://{host}/rss", {"paper", "gaon"}, title))

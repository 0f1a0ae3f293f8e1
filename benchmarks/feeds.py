"""Feeds as Korean newspapers write them, of our own words: fifty articles, 41 kB, the same at every run.

A newspaper writes all its feeds in one of seven ways. Six are those of the newspapers in `../shared/samples/feeds/real`
(a title, link, guid, time and `content:encoded`: plain text; a picture and text; lines ended by `<br />`; a table with
a picture, and a link at the end; a linked picture and paragraphs; a picture, `<br>` and comments of the paper's own
system), the seventh is that of the CMS most local newspapers run (marked sections, an author, a time without a zone).
How much HTML is in an entry decides how long feedparser takes over it: 0.4 to 1.7 ms for those of the samples.
"""

import functools
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

ENTRIES = 50
A_PAPER = 20  # feeds
_ENTRY_BYTES = 810
_WORDS = (
    "가온시", "시의회", "예산", "주민", "설명회", "개최", "도로", "정비", "사업", "축제",
    "봄꽃", "학교", "급식", "지원", "복지관", "어르신", "청년", "창업", "농산물", "직거래",
    "장터", "하천", "산책로", "준공식", "체육관", "개관", "버스", "노선", "개편", "조례",
    "심의", "의결", "시장", "간담회", "협약", "체결", "나눔", "봉사", "안전", "점검",
)  # fmt: skip
_BEGAN = datetime(2026, 11, 23, tzinfo=UTC)


def _plain(_number: int, _link: str, text: str) -> str:
    return text


def _picture(number: int, _link: str, text: str) -> str:
    address = f"//img.paper.example/content/image/2026/11/23/{number}.jpg"
    return f'<img src="{address}" align="left" vspace="10" hspace="10">  {text}'


def _lines(_number: int, _link: str, text: str) -> str:
    blank = "<br />\n        " * 4
    words = text.split()
    return f"{' '.join(words[:4])}{blank}{' '.join(words[4:12])}{blank[:30]}{' '.join(words[12:])}"


def _table(number: int, link: str, text: str) -> str:
    picture = f"<img src=http://photo.paper.example/mobile/rss/{number}.jpg width=60>"
    table = f"<table width=10 cellspacing=5 border=0 align=left><tr><td>{picture}</td></tr></table>"
    return f"{table} [가온일보 홍길동 기자] {text}...<a href={link}>기사보기</a>"


def _paragraphs(number: int, _link: str, text: str) -> str:
    address = f"http://image.paper.example/2026/11/23/{number}_web.jpg?rnd=20261123165323"
    words = text.split()
    return (
        f'<p><a href="{address}"><img border="0" src="{address}" width="130" /></a></p><br />[가온=통신] '
        + "<br /><br />".join(" ".join(words[at : at + 8]) for at in range(0, len(words), 8))
    )


def _comments(number: int, _link: str, text: str) -> str:
    words = text.split()
    return (
        f"<img src='https://img.paper.example/upload/2026/11/23/{number}_V.jpg' width=100px align=left>"
        f"<!-- 그림 {number} -->{' '.join(words[:8])}<br><!-- MobileAdNew center -->"
        f"{' '.join(words[8:16])}<br>{' '.join(words[16:])}<!-- 광고 right -->"
    )


_CONTENTS = (_plain, _picture, _lines, _table, _paragraphs, _comments)


@functools.cache
def entry(feed: int, number: int) -> str:
    """Write one article of a feed, always the same."""
    chance = random.Random(feed * 100_003 + number)
    title = " ".join(chance.choice(_WORDS) for _ in range(8))
    words = [chance.choice(_WORDS) for _ in range(90)]
    shortest = _written(feed, number, title, "")
    left = _ENTRY_BYTES - len(shortest.encode())
    while len(" ".join(words).encode()) > left:
        words.pop()
    return _written(feed, number, title, " ".join(words))


def _written(feed: int, number: int, title: str, text: str) -> str:
    paper, at = feed // A_PAPER, _BEGAN + timedelta(minutes=number)
    kind = paper % (len(_CONTENTS) + 1)
    link = f"https://paper{paper}.example/news/articleView.html?idxno={feed * 1000 + number}"
    if kind == len(_CONTENTS):
        return (
            f"<item>\n<title><![CDATA[{title}]]></title>\n<link>{link}</link>\n<description><![CDATA[{text}]]>"
            f"</description>\n<author>홍길동 기자</author>\n<pubDate>{at:%Y-%m-%d %H:%M:%S}</pubDate>\n</item>\n"
        )
    content = escape(_CONTENTS[kind](number, link, text))
    dated = format_datetime(at) if kind % 2 else at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        f"    <item>\n      <title>{title}</title>\n      <link>{link}</link>\n      <guid>{link}</guid>\n"
        f"      <pubDate>{dated}</pubDate>\n      <content:encoded>{content}</content:encoded>\n    </item>\n"
    )


def document(feed: int, state: int) -> bytes:
    """Return a feed as it stands after `state` times two new articles."""
    newest = ENTRIES + 2 * state
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/">\n  <channel>\n'
        f"    <title>가온일보 - {feed}</title>\n    <link>https://paper.example/</link>\n"
        "    <description>가온일보 - 전체기사</description>\n"
        f"    <lastBuildDate>{format_datetime(_BEGAN + timedelta(hours=state))}</lastBuildDate>\n"
    )
    entries = "".join(entry(feed, n) for n in range(newest, newest - ENTRIES, -1))
    return f"{head}{entries}  </channel>\n</rss>".encode()

"""How people come to a share page and what it shows them: the newspaper's button, the own edition, the preview."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from digest.config import Settings
from digest.database import Database
from digest.database.identity import link_key
from digest.database.tables import articles, messages, sources, subscribers
from digest.models.deliveries import MessageKind
from digest.models.readers import SubscriberState
from digest.models.sources import Rights
from digest.share import words
from digest.share.mailto import MAX_BYTES, mailto
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.web.conftest import browser
from tests.web.test_share_pages import FRIEND, fields, link_of, make_article, queued

pytestmark = pytest.mark.anyio

READER = "kim@reader.example"
LINK = "https://www.gaon.example/news/1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    sharing = {"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"}
    return settings.model_copy(update=sharing)


@pytest.fixture
async def path(database: Database, clock: StoppedClock) -> str:
    """The share page of one article."""
    return f"/articles/{await make_article(database, clock)}/share"


@pytest.fixture
async def token(database: Database, settings: Settings, clock: StoppedClock) -> str:
    """What stands in the link `친구에게 보내기` of a reader's edition."""
    async with database.begin() as connection:
        reader = await rows.add_subscriber(connection, READER, at=clock())
    return settings.keyring.make(TokenPurpose.SHARER, reader)


# ── the newspaper's button ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "written",
    [
        "https://www.gaon.example/news/0",
        "http://www.gaon.example/news/0",
        "https://WWW.gaon.example:443/news/0#comments",
        "https://www.gaon.example/news/0?utm_source=kakao&fbclid=x",
        "https://www.gaon.example/news/0?utm_source=kakao",
    ],
)
async def test_every_way_of_writing_an_articles_address_leads_to_it(
    client: httpx2.AsyncClient,
    path: str,
    written: str,
) -> None:
    """Readers come with the marks of campaigns, and systems write addresses into links unencoded."""
    encoded = await client.get("/share", params={"url": written})
    plain = await client.get(f"/share?url={written.partition('#')[0]}")
    assert {(each.status_code, each.headers["location"]) for each in (encoded, plain)} == {(303, path)}


async def test_address_an_article_asks_to_be_cited_by_leads_to_it(
    client: httpx2.AsyncClient, database: Database, path: str
) -> None:
    """고유링크: readers have copied that one, and the one of the mobile site where the system is a known one."""
    cited = "https://www.gaon.example/news/articleView.html?idxno=71428"
    async with database.begin() as connection:
        await connection.execute(sa.update(articles).values(cited_key=link_key(cited)))
    for written in (cited, f"{cited}&sc_section_code=S1N1", cited.replace("www.", "m."), f"{cited}&utm_medium=app"):
        found = await client.get("/share", params={"url": written})
        assert (found.status_code, found.headers["location"]) == (303, path), written
    assert found.headers["cache-control"] == "no-store"


async def test_the_page_that_a_button_stands_in_is_the_article_it_sends(
    client: httpx2.AsyncClient,
    path: str,
) -> None:
    """So the code to copy is the same for all articles; whatever else the browser tells leads nowhere."""
    found = await client.get("/share", headers={"Referer": "https://www.gaon.example/news/0?utm_source=x"})
    assert (found.status_code, found.headers["location"]) == (303, path)
    for other in ("https://www.gaon.example/", "https://evil.example/news/0", ""):
        assert (await client.get("/share", headers={"Referer": other})).status_code == 404


async def test_code_to_copy_is_one_link_that_loads_nothing(client: httpx2.AsyncClient) -> None:
    """A plain link, whose window is small where a script may open one."""
    page = LexborHTMLParser((await client.get("/share/embed")).text)
    code = LexborHTMLParser(page.css("pre")[0].text())
    [link] = code.css("a")
    assert (link.attributes["href"] or "").endswith("/share")
    assert link.attributes["referrerpolicy"] == "no-referrer-when-downgrade"
    assert "width=500,height=600" in (link.attributes["onclick"] or "")
    assert code.css("script, iframe, img, link") == []


# ── the own edition ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_link_of_the_own_edition_fills_in_the_address_and_shows_it_to_nobody(
    client: httpx2.AsyncClient,
    path: str,
    token: str,
) -> None:
    """An edition is passed on: who opens its link sees the address as a share would show it."""
    page = (await client.get(path, params={"from": token})).text
    assert "ki***@reader.example" in page
    assert READER not in page
    assert 'name="sender"' not in page


async def test_forwarded_edition_sends_nothing_in_the_readers_name(
    client: httpx2.AsyncClient,
    database: Database,
    settings: Settings,
    clock: StoppedClock,
    *,
    path: str,
    token: str,
) -> None:
    """Whoever else has the link can only have the reader be asked; the reader's own browser is asked once."""
    filled = {**await fields(client, f"{path}?from={token}", clock), "from": token, "sender": "other@gaon.example"}
    assert (await client.post(path, data=filled)).status_code == 200
    assert [(kind, to) for kind, to, _, _ in await queued(database)] == [(MessageKind.SENDER, READER)]

    await client.post(await link_of(database, settings, TokenPurpose.SHARE))  # in the reader's browser
    again = {**await fields(client, f"{path}?from={token}", clock), "from": token, "friend": "two@naru.example"}
    await client.post(path, data=again)
    async with browser(database, settings, clock) as elsewhere:
        clock.advance(hours=2)
        third = {**await fields(elsewhere, f"{path}?from={token}", clock), "from": token, "friend": "x@naru.example"}
        await elsewhere.post(path, data=third)

    assert [(kind, to) for kind, to, _, _ in await queued(database)][1:] == [
        (MessageKind.SHARE, FRIEND),
        (MessageKind.SHARE, "two@naru.example"),
        (MessageKind.SENDER, READER),
    ]


@pytest.mark.parametrize("kind", ["changed", "another purpose", "left"])
async def test_link_that_is_no_readers_any_more_opens_an_empty_form(
    client: httpx2.AsyncClient,
    database: Database,
    settings: Settings,
    path: str,
    token: str,
    *,
    kind: str,
) -> None:
    """T16: the article can still be sent, by whoever gives an address of their own."""
    if kind == "changed":
        token = ("a" if token[0] != "a" else "b") + token[1:]
    elif kind == "another purpose":
        token = settings.keyring.make(TokenPurpose.LEAVE, 1)
    else:
        async with database.begin() as connection:
            await connection.execute(sa.update(subscribers).values(state=SubscriberState.LEFT))
    page = (await client.get(path, params={"from": token})).text
    assert 'name="sender"' in page
    assert "reader.example" not in page


# ── the preview ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_preview_is_the_mail_and_changes_nothing(
    client: httpx2.AsyncClient,
    database: Database,
    settings: Settings,
    clock: StoppedClock,
    path: str,
) -> None:
    """By the same template, word for word, but for the number of the report and the link that refuses."""
    filled = await fields(client, path, clock, name="홍길동", note="<b>같이</b> & 읽어요")
    before = await rows.everything(database)
    shown = await client.post(f"{path}/preview", data=filled)
    assert await rows.everything(database) == before

    await client.post(path, data=filled)
    await client.post(await link_of(database, settings, TokenPurpose.SHARE))
    async with database.read() as connection:
        html = await connection.scalar(sa.select(messages.c.html).order_by(messages.c.id.desc()).limit(1))
    said = [re.sub(r"\b[0-9a-f]{12}\b|\s+", "", _words(each)) for each in (shown.text, (html or b"").decode())]
    assert said[0] == said[1]
    assert "<b>같이</b>&읽어요" in said[0]


async def test_preview_has_an_origin_of_its_own_and_no_script(
    client: httpx2.AsyncClient,
    clock: StoppedClock,
    path: str,
) -> None:
    """T17: inline styles are allowed there, so nothing else is."""
    answer = await client.post(f"{path}/preview", data=await fields(client, path, clock, is_solved=False))
    policy = answer.headers["content-security-policy"]
    assert "sandbox allow-popups" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    page = (await client.get(path)).headers["content-security-policy"]
    assert "frame-src 'self'" in page
    assert "unsafe-inline" not in page


@pytest.mark.parametrize(("field", "value"), [("note", "www.spam.example"), ("name", "{{7*7}}")])
async def test_preview_shows_no_words_that_could_not_be_sent(
    client: httpx2.AsyncClient,
    clock: StoppedClock,
    path: str,
    *,
    field: str,
    value: str,
) -> None:
    """T1: it says what is wrong instead, and does not repeat it."""
    filled = await fields(client, path, clock, is_solved=False, **{field: value})
    answer = await client.post(f"{path}/preview", data=filled)
    assert answer.status_code == 200
    assert "아직 보낼 수 없습니다" in answer.text
    assert value not in answer.text


async def test_another_sites_page_gets_no_preview(
    client: httpx2.AsyncClient,
    clock: StoppedClock,
    path: str,
) -> None:
    """T22: nobody builds a page of ours with words of theirs."""
    filled = await fields(client, path, clock, is_solved=False)
    answer = await client.post(f"{path}/preview", data=filled, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


async def test_t24_neither_page_nor_preview_shows_more_than_the_rights_allow(
    client: httpx2.AsyncClient,
    database: Database,
    clock: StoppedClock,
    path: str,
) -> None:
    """T24: what a source lets us link to only is a headline everywhere."""
    async with database.begin() as connection:
        await connection.execute(sa.update(sources).values(rights=Rights.LINK_ONLY))
    page = (await client.get(path)).text
    preview = await client.post(f"{path}/preview", data=await fields(client, path, clock, is_solved=False))
    assert "첫 문장입니다" not in page + preview.text
    assert "기사 0" in preview.text


# ── one's own mail program ───────────────────────────────────────────────────────────────────────────────────────


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=900), st.text(max_size=2500))
def test_mailto_is_one_short_ascii_address(newspaper: str, title: str, link: str) -> None:
    """RFC 6068: whatever stands in a title, it stays subject and body, and no program finds it too long."""
    address = mailto(newspaper.replace("\ud800", ""), title, link)
    assert len(address) <= MAX_BYTES
    assert re.fullmatch(r"mailto:\?subject=[!-~]*&body=[!-~]*", address)
    assert set(parse_qs(urlsplit(address).query, keep_blank_values=True)) == {"subject", "body"}


def test_mailto_keeps_the_link_whole_and_ends_lines_with_cr_lf() -> None:
    """The title may be cut; a cut link leads nowhere."""
    said = parse_qs(urlsplit(mailto("가온일보", "긴 제목 " * 100, f"{LINK}?a=1&b=2")).query)
    assert said["body"][0].endswith(f"…\r\n\r\n{LINK}?a=1&b=2\r\n")
    assert said["subject"][0].startswith("[가온일보] 긴 제목")


def test_counter_and_server_count_alike() -> None:
    """A letter typed in parts is one; a line end counts once, as the page's counter has it."""
    composed, parts = "가" * words.NOTE_LETTERS, "\u1100\u1161" * words.NOTE_LETTERS
    assert words.note(parts) == (composed, None)
    assert words.note("가" * (words.NOTE_LETTERS - 2) + "\r\n나")[1] is None


async def test_when_off_no_new_way_is_open(
    database: Database,
    settings: Settings,
    clock: StoppedClock,
    path: str,
) -> None:
    """T11: the preview, the code to copy and the edition's page tell nothing of it either."""
    off = settings.model_copy(update={"abuse_contact": ""})
    async with database.begin() as connection:
        edition = await rows.add_edition(connection, at=clock())
        source = await rows.add_source(connection, at=clock(), name="naru")
        await rows.place_article(connection, edition, source, "다리 개통", at=clock(), position=7)
    async with browser(database, off, clock) as visitor:
        assert (await visitor.post(f"{path}/preview", data={"note": "x"})).status_code == 404
        assert (await visitor.get("/share/embed")).status_code == 404
        assert "친구에게 보내기" not in (await visitor.get(f"/editions/{edition}")).text
    async with browser(database, settings, clock) as visitor:
        assert "친구에게 보내기" in (await visitor.get(f"/editions/{edition}")).text


def _words(html: str) -> str:
    body = LexborHTMLParser(html).body
    assert body is not None
    return body.text(deep=True)

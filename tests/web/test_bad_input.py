"""Noise in every field of every form, and every token where it does not belong: a clear word, and nothing changes.

Each piece of noise holds a mark that no honest text has, so one look at the database and at the mails tells whether it
got anywhere. The single forms' own tests tell what is answered to which mistake.
"""

from urllib.parse import quote

import httpx2
import pytest
import sqlalchemy as sa
from selectolax.lexbor import LexborHTMLParser

from digest import links
from digest.config import Settings
from digest.database import Database
from digest.database.tables import messages
from digest.share import words as share_words
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.web.conftest import browser
from tests.web.test_preferences_page import FORM, asked_link
from tests.web.test_share_pages import fields as share_fields
from tests.web.test_subscribe_pages import fields

pytestmark = pytest.mark.anyio

MARK = "zqx"
NOISE = {
    "controls": "zqx\0\x07\x1b[31m",
    "later controls": "zqx\x85\x9b",
    "bidi marks": "\u202ezqx\u2066\u200f",
    "invisible": "zqx\u200b\u2060\ufeff\U000e0041",
    "10 kB": MARK + "x" * 10_000,
    "markup": "<b>zqx</b>\"><script>alert('zqx')</script><img src=x onerror=alert(1)>",
    "template": "zqx{{7*7}}{% for each in paper %}${7*7}%(paper)s%s{0}",
    "line ends": "zqx\r\nBcc: zqx@gaon.example\r\n\r\nzqx",
    "unicode line ends": "zqx\u2028Bcc: a@gaon.example\u2029\x0b\x0c",
    "sql": "zqx'; DROP TABLE subscribers; --",
    "quoted": '"zqx zqx"@gaon.example',
    "two addresses": "zqx@gaon.example,zqy@gaon.example;zqz@gaon.example",
    "local part beyond ASCII": "홍길동zqx@gaon.example",
    "no such day": "zqx-99-99",
}
SUBSCRIBE = ["address", "slot", "section", "agree", "advert", "age", "ticket", "how", "proof", "meant", "website"]
CHOOSE = [
    "slot", "days.morning", "hour.morning", "sections.morning", "words", "headlines", "format", "language",
    "paused_until", "nothing",
]  # fmt: skip
LINK = ["act", "sure", "address"]
SHARE = ["sender", "name", "friend", "note", "ticket", "proof", "website", "from", "unknown"]


def check(answer: httpx2.Response, language: str) -> None:
    """The answer is a page with a heading in the language, without the noise's markup, signs or headers."""
    assert answer.status_code in (200, 400, 404, 413, 422), answer.status_code
    page = LexborHTMLParser(answer.text)
    assert page.css_first("html").attributes["lang"] == language  # type: ignore[union-attr]
    assert page.css("h1")
    assert not page.css("img, b, [onerror], script:not([src^='/static/'])")
    assert ">49<" not in answer.text
    assert "zqx49" not in answer.text
    assert not [sign for sign in answer.text if not sign.isprintable() and sign != "\n"]
    assert "bcc" not in answer.headers


async def check_nothing_kept(database: Database) -> None:
    """The mark stands in no row and in no mail."""
    assert MARK not in await rows.everything(database)
    async with database.read() as connection:
        for mail in await connection.execute(sa.select(messages)):
            assert MARK.encode() not in mail.headers + mail.text + mail.html


@pytest.fixture
async def reader(database: Database, clock: StoppedClock) -> int:
    async with database.begin() as connection:
        return await rows.add_subscriber(connection, at=clock())


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
async def test_noise_in_any_field_gets_nowhere(  # noqa: PLR0917 (fixtures)
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock, reader: int, noise: str
) -> None:
    """Every field of the three forms, in both languages by turns; the reader is still there, with their choices."""
    for number, field in enumerate(SUBSCRIBE):
        language = ("ko", "en")[number % 2]
        given = await fields(client, clock)
        check(await client.post(f"/subscribe?lang={language}", data={**given, field: noise}), language)
        clock.advance(days=1)  # each a day of its own, so that no limit answers instead
    await check_nothing_kept(database)

    choosing = f"/preferences/{settings.keyring.make(TokenPurpose.CHOOSE, reader)}"
    link = await asked_link(client, database, settings, choosing)
    for number, field in enumerate(CHOOSE):
        own = {**FORM, "language": ("ko", "en")[number % 2]}
        answer = await client.post(f"{choosing}?lang={own['language']}", data={**own, field: noise})
        check(answer, own["language"])
    await check_nothing_kept(database)

    before = await rows.everything(database)
    for number, field in enumerate(LINK):
        for act in ("erase", "address", "nothing"):
            language = ("ko", "en")[number % 2]
            form = {"act": act, "address": "", field: noise}
            check(await client.post(f"{link}?lang={language}", data=form), language)
    assert await rows.everything(database) == before


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
async def test_noise_in_any_field_of_a_share_gets_nowhere(
    database: Database, settings: Settings, clock: StoppedClock, noise: str
) -> None:
    """T1, T4, T6, T17: the form, its preview and the addresses that lead to it; a mark in no row and in no mail."""
    on = {"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"}
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
    path = f"/articles/{article_id}/share"
    async with browser(database, settings.model_copy(update=on), clock) as client:
        for number, field in enumerate(SHARE):
            if field == "note" and share_words.note(noise)[1] is None:
                continue  # these are words that somebody may write: T17 shows them to be no markup
            language = ("ko", "en")[number % 2]
            given = {
                **await share_fields(client, path, clock, is_solved=False, sender=f"s{number}@gaon.example"),
                field: noise,
            }
            check(await client.post(f"{path}?lang={language}", data=given), language)
            clock.advance(days=1)
        before = await rows.everything(database)
        for field in ("name", "note", "sender", "from"):
            answer = await client.post(f"{path}/preview", data={field: noise})
            assert answer.status_code in (200, 413)
            assert not LexborHTMLParser(answer.text).css("script, b, [onerror]")
        for found in (
            await client.get("/share", params={"url": noise}),
            await client.get(f"/share/{quote(noise[:2000], safe='')}"),
            await client.post(f"/share/{quote(noise[:2000], safe='')}"),
            await client.get(f"/never/{quote(noise[:2000], safe='')}"),
            await client.post(f"/never/{quote(noise[:2000], safe='')}"),
            await client.get(f"/articles/{quote(noise[:2000], safe='')}/share"),
        ):
            assert found.status_code in (404, 405)
            assert "zqx" not in found.text
        page = await client.get(path, params={"from": noise[:2000], "lang": noise[:2000]})
        check(page, "ko")
        assert await rows.everything(database) == before
    await check_nothing_kept(database)


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
async def test_noise_for_a_language_or_in_the_path_is_a_page(client: httpx2.AsyncClient, noise: str) -> None:
    """What comes in the address is as foreign as what comes in a form."""
    noise = noise[:2000]
    for path in ("/", "/subscribe", "/privacy"):
        check(await client.get(path, params={"lang": noise}), "ko")
    for place in ("/u/", "/preferences/", "/link/", "/confirm/", "/editions/"):
        wrong = place + quote(noise, safe="")
        for method in ("GET", "POST"):
            answer = await client.request(method, wrong)
            assert answer.status_code in (404, 405)
            assert "zqx" not in answer.text


async def test_every_token_works_at_its_own_place_only(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock, reader: int
) -> None:
    """T16: all purposes at all places, each token also with any one letter changed, by every method."""
    make = settings.keyring.make
    link = await asked_link(client, database, settings, f"/preferences/{make(TokenPurpose.CHOOSE, reader)}")
    places = {
        TokenPurpose.LEAVE: [links.unsubscribe_url("", "{}")],
        TokenPurpose.CHOOSE: [links.preferences_url("", "{}"), links.preferences_url("", "{}") + "/link"],
        TokenPurpose.FRESH: ["/link/{}"],
        TokenPurpose.CONFIRM: [links.confirm_url("", "{}"), links.confirm_url("", "{}") + "/latest"],
    }
    before = await rows.everything(database)
    for own, paths in places.items():
        right = link.rpartition("/")[2] if own is TokenPurpose.FRESH else make(own, reader)
        letters = [f"{right[:at]}{'a' if one != 'a' else 'b'}{right[at + 1 :]}" for at, one in enumerate(right)]
        others = [make(purpose, reader) for purpose in TokenPurpose if purpose is not own]
        for token in [*letters, *others, right[:-1], right + "a", ""]:
            for path in paths:
                for method in ("GET", "HEAD", "OPTIONS", "POST"):
                    answer = await client.request(method, path.format(token))
                    assert answer.status_code in (404, 405), (own, method, token)
    assert await rows.everything(database) == before

"""The pages for choosing over HTTP: looking changes nothing, tokens open what they were made for, and nothing more."""

import re

import httpx2
import pytest
import sqlalchemy as sa
from selectolax.lexbor import LexborHTMLParser

from digest import addresses, splice
from digest.compose.kinds import link as link_mail
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, choices, suppressions
from digest.database.tables import consents, deliveries, fresh_links, subscribers
from digest.hashes import address_hash
from digest.models.consents import SuppressionReason
from digest.models.readers import Format, LinkMatter, SubscriberState
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

FORM = {"slot": "morning", "words": "도서관", "headlines": "yes", "format": "text", "language": "en"}


@pytest.fixture
async def reader(database: Database, clock: StoppedClock) -> int:
    async with database.begin() as connection:
        return await rows.add_subscriber(connection, at=clock())


@pytest.fixture
def path(settings: Settings, reader: int) -> str:
    return f"/preferences/{settings.keyring.make(TokenPurpose.CHOOSE, reader)}"


async def asked_link(client: httpx2.AsyncClient, database: Database, settings: Settings, path: str) -> str:
    """Ask for a fresh link and return its path, as the delivery room makes it."""
    await client.post(f"{path}/link")
    return await newest_link(database, settings)


async def newest_link(database: Database, settings: Settings) -> str:
    async with database.read() as connection:
        delivery_id = await connection.scalar(sa.select(sa.func.max(fresh_links.c.delivery_id)))
    assert delivery_id is not None
    return f"/link/{settings.keyring.make(TokenPurpose.FRESH, delivery_id)}"


async def count(database: Database, table: sa.Table) -> int:
    async with database.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
async def test_only_post_changes_a_row(
    client: httpx2.AsyncClient, database: Database, settings: Settings, path: str, method: str
) -> None:
    """Scanners follow every link of a mail before its reader does (T15)."""
    link = await asked_link(client, database, settings, path)
    before = await rows.everything(database)
    for each in (path, link):
        answer = await client.request(method, each)
        assert answer.status_code == (200 if method in ("GET", "HEAD") else 405)
    assert (await client.request(method, f"{path}/link")).status_code in (404, 405)
    assert await rows.everything(database) == before


async def test_page_masks_the_address_and_is_small(client: httpx2.AsyncClient, path: str) -> None:
    """Who was forwarded an edition learns no address; a phone on a train loads it at once."""
    answer = await client.get(path)
    assert "ho***@naver.example" in answer.text
    assert "hong@" not in answer.text
    assert len(answer.content) < 30_000
    page = LexborHTMLParser(answer.text)
    named = {node.attributes.get("for") for node in page.css("label")}
    for field in page.css("input, select"):
        parent = field.parent
        assert field.attributes.get("id") in named or (parent is not None and parent.tag == "label")
    assert answer.headers["cache-control"] == "no-store"


async def test_saving_stores_what_was_chosen(
    client: httpx2.AsyncClient, database: Database, path: str, reader: int
) -> None:
    """The answer speaks the language that was chosen."""
    answer = await client.post(path, data=FORM)
    assert answer.status_code == 200
    assert '<html lang="en">' in answer.text
    async with database.read() as connection:
        stored = await choices.load(connection, reader)
    assert (stored.language, stored.format, stored.headlines, stored.words) == ("en", Format.TEXT, True, ("도서관",))


@pytest.mark.parametrize(
    "change",
    [
        {"words": "<script>alert(1)</script>"},
        {"words": "{{7*7}}"},
        {"words": "\u202e뒤집힌"},
        {"words": "가" * 1000},
        {"language": "ko\r\nX-Evil: 1"},
        {"paused_until": "yesterday"},
    ],
)
async def test_bad_input_is_answered_with_a_word_and_changes_nothing(
    client: httpx2.AsyncClient, database: Database, path: str, change: dict[str, str]
) -> None:
    """What was typed stands in the form again, escaped."""
    before = await rows.everything(database)
    answer = await client.post(path, data={**FORM, **change})
    assert answer.status_code == 422
    assert "바뀐 것은 없습니다" in answer.text
    assert "<script>" not in answer.text
    assert ">49<" not in answer.text
    assert await rows.everything(database) == before


async def test_bodies_that_are_no_form_change_nothing(
    client: httpx2.AsyncClient, database: Database, path: str
) -> None:
    """Noise, other encodings and other sites' forms."""
    before = await rows.everything(database)
    assert (await client.post(path, content=b"\xff\x00")).status_code == 422
    assert (await client.post(path, content=b"&".join([b"slot=x"] * 2000))).status_code == 422
    assert (await client.post(path, content=b"slot=%FF")).status_code == 422
    assert (await client.post(path, content=b"a" * 1_000_000)).status_code == 413
    assert (await client.post(path, data=FORM, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert await rows.everything(database) == before


async def test_tokens_open_what_they_were_made_for(
    client: httpx2.AsyncClient, database: Database, settings: Settings, reader: int
) -> None:
    """A link that leaves chooses nothing and the other way round; nor does one flipped in a letter (T16)."""
    before = await rows.everything(database)
    make = settings.keyring.make
    for purpose in TokenPurpose:
        for place, own in (
            ("/preferences/", TokenPurpose.CHOOSE),
            ("/link/", TokenPurpose.FRESH),
            ("/u/", TokenPurpose.LEAVE),
        ):
            if purpose is not own:
                assert (await client.post(f"{place}{make(purpose, reader)}", data=FORM)).status_code == 404
                assert (await client.get(f"{place}{make(purpose, reader)}")).status_code == 404
    token = make(TokenPurpose.CHOOSE, reader)
    for at in range(0, len(token), 4):
        flipped = token[:at] + ("a" if token[at] != "a" else "b") + token[at + 1 :]
        assert (await client.post(f"/preferences/{flipped}", data=FORM)).status_code == 404
        assert (await client.post(f"/preferences/{flipped}/link")).status_code == 404
    assert await rows.everything(database) == before


async def test_link_of_one_who_left_opens_no_choices(
    client: httpx2.AsyncClient, database: Database, path: str, reader: int
) -> None:
    """They may only come back by asking anew."""
    async with database.begin() as connection:
        await connection.execute(sa.update(subscribers).values(state=SubscriberState.LEFT))
    before = await rows.everything(database)
    answer = await client.post(path, data=FORM)
    assert answer.status_code == 200
    assert "hong" not in answer.text
    assert await rows.everything(database) == before


async def test_who_has_left_is_told_in_their_own_language(
    client: httpx2.AsyncClient, database: Database, path: str
) -> None:
    """Their mails were in it; the browser may be borrowed."""
    async with database.begin() as connection:
        await connection.execute(sa.update(subscribers).values(state=SubscriberState.LEFT, language="en"))
    answers = [await client.get(path), await client.post(path, data=FORM), await client.post(f"{path}/link")]
    assert [answer.headers["content-language"] for answer in answers] == ["en", "en", "en"]


async def test_fresh_links_are_three_a_day_and_the_answer_is_always_the_same(
    client: httpx2.AsyncClient, database: Database, path: str
) -> None:
    """Who was forwarded an edition can neither flood its reader nor learn anything."""
    answers = {(await client.post(f"{path}/link")).text for _ in range(5)}
    assert len(answers) == 1
    assert await count(database, fresh_links) == 3
    async with database.read() as connection:
        recipients = set((await connection.execute(sa.select(deliveries.c.recipient))).scalars())
    assert recipients == {"hong@naver.example"}


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_link_that_is_over_speaks_its_mails_language(
    client: httpx2.AsyncClient, database: Database, settings: Settings, path: str, language: str
) -> None:
    """The page knows nobody any more, so the link says it; the browser may be borrowed."""
    mail = link_mail.compose(Renderer(None), settings, LinkMatter.MANAGE, language)
    link = await asked_link(client, database, settings, path)
    await client.post(link, data={"act": "erase", "sure": "yes"})
    for part in (mail.text, mail.html or b""):
        mailed = part.replace(splice.marker(splice.FRESH_URL).encode(), b"<" + link.encode())
        [spoken] = set(re.findall(rb"<(/link/[^\s\"<]+)", mailed))
        other = {"ko": "en", "en": "ko"}[language]
        answer = await client.get(spoken.decode(), headers={"Accept-Language": other})
        assert (answer.status_code, answer.headers["content-language"]) == (410, language)


async def test_fresh_link_is_over_after_half_an_hour(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """An old mail in a borrowed mailbox opens nothing."""
    link = await asked_link(client, database, settings, path)
    clock.advance(minutes=30)
    before = await rows.everything(database)
    assert (await client.get(link)).status_code == 410
    assert (await client.post(link, data={"act": "erase", "sure": "yes"})).status_code == 410
    assert await rows.everything(database) == before


async def test_data_are_downloaded_and_nothing_changes(
    client: httpx2.AsyncClient, database: Database, settings: Settings, path: str
) -> None:
    """All that is held, as JSON."""
    link = await asked_link(client, database, settings, path)
    before = await rows.everything(database)
    answer = await client.post(link, data={"act": "export"})
    assert answer.json()["address"] == "hong@naver.example"
    assert [each["slot"] for each in answer.json()["slots"]] == ["morning"]
    assert answer.headers["content-disposition"].startswith("attachment")
    assert await rows.everything(database) == before


async def test_erasing_leaves_the_address_nowhere_and_works_once(
    client: httpx2.AsyncClient, database: Database, settings: Settings, path: str
) -> None:
    """It needs the box ticked; afterwards no row holds the address."""
    link = await asked_link(client, database, settings, path)
    assert (await client.post(link, data={"act": "erase"})).status_code == 422
    assert await count(database, subscribers) == 1
    assert (await client.post(link, data={"act": "erase", "sure": "yes"})).status_code == 200
    assert "hong@" not in await rows.everything(database)
    assert (await client.post(link, data={"act": "erase", "sure": "yes"})).status_code == 410


async def test_new_address_holds_when_it_is_confirmed_there_and_not_before(
    client: httpx2.AsyncClient, database: Database, settings: Settings, path: str, reader: int
) -> None:
    """What waits goes there too; the ledger tells of it; the link works once."""
    link = await asked_link(client, database, settings, path)
    await client.post(link, data={"act": "address", "address": "kim@daum.example"})
    confirm = await newest_link(database, settings)
    assert confirm != link
    assert "ki***@daum.example" in (await client.get(confirm)).text
    async with database.read() as connection:
        assert await connection.scalar(sa.select(subscribers.c.address)) == "hong@naver.example"

    assert (await client.post(confirm)).status_code == 200

    async with database.read() as connection:
        row = (await connection.execute(sa.select(subscribers))).one()
    assert (row.address, row.address_key, row.domain) == ("kim@daum.example", "kim@daum.example", "daum.example")
    assert row.address_hash == address_hash(settings, addresses.parse("kim@daum.example"))
    assert await count(database, consents) == 2
    assert (await client.post(confirm)).status_code == 410


async def test_a_new_address_ends_the_links_in_the_old_mailbox(
    client: httpx2.AsyncClient, database: Database, settings: Settings, path: str
) -> None:
    """Who can read the old mailbox could download everything, or take the subscription back, for half an hour more."""
    link = await asked_link(client, database, settings, path)
    await client.post(link, data={"act": "address", "address": "kim@daum.example"})
    await client.post(await newest_link(database, settings))
    before = await rows.everything(database)
    assert (await client.get(link)).status_code == 410
    assert (await client.post(link, data={"act": "address", "address": "hong@daum.example"})).status_code == 410
    assert await rows.everything(database) == before


async def test_who_was_mistyped_first_cannot_confirm_after_another_address_was_asked_for(
    client: httpx2.AsyncClient, database: Database, settings: Settings, path: str
) -> None:
    """A stranger would be sent the reader's editions, up to 72 hours later."""
    link = await asked_link(client, database, settings, path)
    await client.post(link, data={"act": "address", "address": "mistyped@daum.example"})
    mistyped = await newest_link(database, settings)
    await client.post(link, data={"act": "address", "address": "kim@daum.example"})
    assert (await client.post(mistyped)).status_code == 410
    assert (await client.post(await newest_link(database, settings))).status_code == 200


@pytest.mark.parametrize(
    ("meant", "mailed"), [({}, []), ({"meant": "offered"}, ["kim@naver.com"]), ({"meant": "typed"}, ["kim@naver.con"])]
)
async def test_mistyped_domain_of_a_new_address_is_offered_back(
    client: httpx2.AsyncClient, database: Database, settings: Settings, *, path: str, meant: dict[str, str],
    mailed: list[str],
) -> None:  # fmt: skip
    """A stranger's mailbox, or none, would get the link; only the reader knows which address is right."""
    link = await asked_link(client, database, settings, path)

    answer = await client.post(link, data={"act": "address", "address": "kim@naver.con", **meant})

    assert ("kim@naver.com" in answer.text) is (not meant)
    async with database.read() as connection:
        links = await connection.execute(sa.select(fresh_links.c.new_address).where(fresh_links.c.new_address != ""))
    assert list(links.scalars()) == mailed


async def test_new_address_that_was_suppressed_meanwhile_is_not_taken(
    client: httpx2.AsyncClient, database: Database, settings: Settings, *, clock: StoppedClock, path: str
) -> None:
    """Whoever reads it said no after the mail had gone there; the button in that mail must not undo it."""
    link = await asked_link(client, database, settings, path)
    await client.post(link, data={"act": "address", "address": "kim@daum.example"})
    async with database.begin() as connection:
        forbidden = address_hash(settings, addresses.parse("kim@daum.example"))
        await suppressions.suppress(connection, forbidden, SuppressionReason.COMPLAINED, at=clock())

    assert (await client.post(await newest_link(database, settings))).status_code == 410

    async with database.read() as connection:
        assert await connection.scalar(sa.select(subscribers.c.address)) == "hong@naver.example"


@pytest.mark.parametrize("other", ["free@daum.example", "taken@daum.example", "suppressed@daum.example"])
async def test_new_address_is_answered_the_same_and_mailed_only_if_it_may_be(
    client: httpx2.AsyncClient,
    database: Database,
    settings: Settings,
    *,
    clock: StoppedClock,
    path: str,
    other: str,
) -> None:
    """Neither whether somebody subscribes nor whether they forbade it is told (T14)."""
    async with database.begin() as connection:
        await rows.add_subscriber(connection, "taken@daum.example", at=clock())
        forbidden = address_hash(settings, addresses.parse("suppressed@daum.example"))
        await suppressions.suppress(connection, forbidden, SuppressionReason.COMPLAINED, at=clock())
    link = await asked_link(client, database, settings, path)
    answer = await client.post(link, data={"act": "address", "address": other})
    assert "새 메일함을 확인해 주세요" in answer.text
    assert "daum" not in answer.text
    assert await count(database, fresh_links) == (2 if other.startswith("free") else 1)


@pytest.mark.parametrize(
    "wrong",
    ['"a b"@daum.example', "a@b.example, c@d.example", "홍길동@daum.example", "a@b.example\r\nBcc: c@d.example",
     "<script>@daum.example", "{{7*7}}", "a\u202e@daum.example", "a" * 10_000],
)  # fmt: skip
async def test_addresses_that_are_none_are_refused_with_a_word(
    client: httpx2.AsyncClient, database: Database, settings: Settings, path: str, wrong: str
) -> None:
    """Nothing is queued for them."""
    link = await asked_link(client, database, settings, path)
    before = await rows.everything(database)
    answer = await client.post(link, data={"act": "address", "address": wrong})
    assert answer.status_code == 422
    assert "메일을 보낼 수 있는 주소가 아닙니다" in answer.text
    assert await rows.everything(database) == before


async def test_no_row_holds_the_token_of_a_link(
    client: httpx2.AsyncClient, database: Database, settings: Settings, path: str
) -> None:
    """Whoever reads the database cannot open what was mailed."""
    link = await asked_link(client, database, settings, path)
    token = link.rpartition("/")[2]
    assert re.fullmatch(r"[a-z2-7]{37}", token)
    assert token not in await rows.everything(database)

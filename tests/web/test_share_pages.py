"""기사 메일전송 over HTTP: the form, the sender's button, the cookie, the limits, and 다시 받지 않기."""

import base64
import json
import re

import altcha
import httpx2
import pytest
import sqlalchemy as sa
from selectolax.lexbor import LexborHTMLParser

from digest import addresses, links
from digest.config import Settings
from digest.database import Database, shares
from digest.database.tables import articles, deliveries, messages, revisions, share_refusals
from digest.database.tables import shares as share_rows
from digest.hashes import address_hash
from digest.models.deliveries import Lane, MessageKind
from digest.share import request, words
from digest.share.request import Released
from digest.subscribe.personal import SHARE_KEPT
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.web.conftest import BASE_URL, browser

pytestmark = pytest.mark.anyio

SENDER, FRIEND = "hong@gaon.example", "friend@naru.example"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"}
    )


async def make_article(database: Database, clock: StoppedClock) -> int:
    """Store one more article and return its id."""
    async with database.begin() as connection:
        number = int((await connection.execute(sa.select(sa.func.count()).select_from(articles))).scalar_one())
        return await rows.add_article(connection, str(number), at=clock())


@pytest.fixture
async def path(database: Database, clock: StoppedClock) -> str:
    """The share page of one article."""
    article_id = await make_article(database, clock)
    return f"/articles/{article_id}/share"


def proof_of(page: LexborHTMLParser) -> str:
    """What the form's script works out."""
    form = page.css_first("form.signup")
    written = json.loads(form.attributes["data-challenge"] or "")  # type: ignore[union-attr]
    solution = altcha.solve_challenge(altcha.Challenge.from_dict(written))
    assert solution is not None
    solved = {"challenge": written, "solution": {"counter": solution.counter, "derivedKey": solution.derived_key}}
    return base64.b64encode(json.dumps(solved).encode()).decode()


async def fields(
    client: httpx2.AsyncClient, path: str, clock: StoppedClock, *, is_solved: bool = True, **changes: str
) -> dict[str, str]:
    """What a browser sends of the filled-in form five seconds after it was opened, its challenge solved or not."""
    page = LexborHTMLParser((await client.get(path)).text)
    ticket = page.css_first("input[name=ticket]").attributes["value"] or ""  # type: ignore[union-attr]
    clock.advance(seconds=5)
    given = {"sender": SENDER, "name": "홍길동", "friend": FRIEND, "note": "같이 읽고 싶습니다."}
    return {**given, "ticket": ticket, "website": "", **changes, "proof": proof_of(page) if is_solved else ""}


async def ask(
    client: httpx2.AsyncClient, path: str, clock: StoppedClock, *, is_solved: bool = True, **changes: str
) -> httpx2.Response:
    return await client.post(path, data=await fields(client, path, clock, is_solved=is_solved, **changes))


async def queued(database: Database) -> list[tuple[str, str, bytes, bytes]]:
    """Kind, recipient, headers and text of everything that waits, in order."""
    query = sa.select(messages.c.kind, deliveries.c.recipient, messages.c.headers, messages.c.text)
    query = query.join(messages, messages.c.id == deliveries.c.message_id).order_by(deliveries.c.id)
    async with database.read() as connection:
        return [tuple(row) for row in (await connection.execute(query)).all()]  # type: ignore[misc]


async def link_of(database: Database, settings: Settings, purpose: TokenPurpose) -> str:
    """The path of a link in the newest mail."""
    async with database.read() as connection:
        newest = (await connection.execute(sa.select(sa.func.max(deliveries.c.id)))).scalar_one()
    token = settings.keyring.make(purpose, newest)
    url = links.release_url if purpose is TokenPurpose.SHARE else links.never_url
    return url(BASE_URL, token).removeprefix(BASE_URL)


async def test_nothing_reaches_the_friend_before_the_sender_has_pressed_the_button(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """T8, T15: looking at the link sends nothing, pressing sends once, to exactly the friend."""
    assert (await ask(client, path, clock)).status_code == 200
    assert [(kind, to) for kind, to, _, _ in await queued(database)] == [(MessageKind.SENDER, SENDER)]
    link = await link_of(database, settings, TokenPurpose.SHARE)
    before = await rows.everything(database)
    for method, status in (("GET", 200), ("HEAD", 200), ("OPTIONS", 405)):
        assert (await client.request(method, link)).status_code == status
    assert await rows.everything(database) == before

    assert (await client.post(link)).status_code == 200
    assert (await client.post(link)).status_code == 404

    mails = await queued(database)
    assert [(kind, to) for kind, to, _, _ in mails][1:] == [(MessageKind.SHARE, FRIEND)]
    headers, text = mails[1][2].decode(), mails[1][3].decode()
    assert f"Reply-To: {SENDER}\r\n" in headers
    assert "share@share.gaon.example" in headers
    assert "> 같이 읽고 싶습니다." in text
    assert "ho***@gaon.example" in text
    assert SENDER not in text


async def test_no_word_of_a_visitor_stands_in_the_confirmation(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, path: str
) -> None:
    """T3: that mail is a constant, so it carries nobody's advert."""
    await ask(client, path, clock, name="마커이름", note="마커노트")
    (kind, _, headers, text) = (await queued(database))[0]
    assert kind == MessageKind.SENDER
    assert "마커" not in text.decode()
    assert FRIEND not in text.decode()
    assert base64.b64encode("마커".encode()).decode()[:4] not in headers.decode()


async def test_a_browser_remembers_a_confirmed_sender_and_nobody_else(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """The cookie sends at once for the address that confirmed; with another one the sender is asked again."""
    await ask(client, path, clock)
    await client.post(await link_of(database, settings, TokenPurpose.SHARE))

    await ask(client, path, clock, friend="second@naru.example")
    await ask(client, path, clock, sender="other@gaon.example", friend="third@naru.example")
    async with browser(database, settings, clock) as elsewhere:
        clock.advance(hours=2)
        await ask(elsewhere, path, clock, friend="fourth@naru.example")

    assert [(kind, to) for kind, to, _, _ in await queued(database)][2:] == [
        (MessageKind.SHARE, "second@naru.example"),
        (MessageKind.SENDER, "other@gaon.example"),
        (MessageKind.SENDER, SENDER),
    ]


async def test_a_remembered_browser_that_worked_nothing_out_has_its_sender_asked(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """A stolen cookie alone sends nothing: without the proof of work a program could use it a thousand times."""
    await ask(client, path, clock)
    await client.post(await link_of(database, settings, TokenPurpose.SHARE))
    clock.advance(hours=2)

    await ask(client, path, clock, is_solved=False, friend="second@naru.example")

    assert [(kind, to) for kind, to, _, _ in await queued(database)][2:] == [(MessageKind.SENDER, SENDER)]


async def test_a_share_is_released_in_its_time_only(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, path: str
) -> None:
    """Whoever presses the button while its time runs out has seen it waiting; the update decides."""
    await ask(client, path, clock)
    async with database.begin() as connection:
        waits = (await connection.execute(sa.select(share_rows.c.id))).scalar_one()
        assert not await shares.release(connection, waits, at=clock() + request.WAITS)
        assert await shares.release(connection, waits, at=clock())


async def test_whoever_wants_none_gets_none_and_nobody_sees_it(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """T14, T16: the answer and the rows are the same; the claim drops it. The digest of that person goes on."""
    await ask(client, path, clock)
    await client.post(await link_of(database, settings, TokenPurpose.SHARE))
    never = await link_of(database, settings, TokenPurpose.NEVER)
    before = await rows.everything(database)
    assert (await client.get(never)).status_code == 200
    assert await rows.everything(database) == before
    one_click = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://mail.example"}
    assert (await client.post(never, content="List-Unsubscribe=One-Click", headers=one_click)).status_code == 200
    async with database.begin() as connection:
        await connection.run_sync(lambda plain: shares.drop_refused(plain, now=clock()))

    other = path.replace(path.split("/")[2], str(await make_article(database, clock)))
    answers = {(await ask(client, other, clock, friend=each)).text for each in (FRIEND, "unknown@naru.example")}
    async with database.begin() as connection:
        await connection.run_sync(lambda plain: shares.drop_refused(plain, now=clock()))

    assert len(answers) == 1
    async with database.read() as connection:
        found = await connection.execute(sa.select(deliveries.c.recipient, deliveries.c.state))
        states = {row.recipient: row.state for row in found}
        refused = (await connection.execute(sa.select(share_refusals.c.address_hash))).scalars().all()
    assert refused == [address_hash(settings, addresses.parse(FRIEND))]
    assert states[FRIEND] == "dropped"
    assert states["unknown@naru.example"] == "queued"


async def test_one_person_gets_three_a_day_whoever_sends(
    database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """T2: eight senders from eight networks, and three mails reach the friend."""
    for number in range(8):
        article_id = await make_article(database, clock)
        page = f"/articles/{article_id}/share"
        async with browser(database, settings, clock, address=f"192.0.2.{number}") as visitor:
            await ask(visitor, page, clock, is_solved=False, sender=f"sender{number}@gaon.example")
            await visitor.post(await link_of(database, settings, TokenPurpose.SHARE))
    kinds = [kind for kind, _, _, _ in await queued(database)]
    assert kinds.count(MessageKind.SHARE) == 3


async def test_one_address_is_asked_once_an_hour(
    database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """T3: eight requests in the name of one address are one mail to it, and every answer is the same."""
    answers = set()
    for number in range(8):
        async with browser(database, settings, clock, address=f"192.0.2.{number}") as visitor:
            answers.add((await ask(visitor, path, clock, is_solved=False, friend=f"friend{number}@naru.example")).text)
    assert len(answers) == 1
    assert len(await queued(database)) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sender", "a@b.example,c@d.example"),
        ("friend", "a@b.example;c@d.example"),
        ("friend", '"quoted"@b.example'),
        ("friend", "grp:a@b.example;"),
        ("friend", "a@b.example\r\nBcc: c@d.example"),
        ("name", "www.spam.example"),
        ("name", "{{7*7}}"),
        ("note", "http://spam.example"),
        ("note", "보세요 스팸．com"),
        ("note", "광고점컴 으로"),
        ("note", "연락 010-1234-5678"),
        ("note", "숨은\u202e글"),
        ("note", "가" * 201),
        ("note", "1\n2\n3\n4\n5"),
    ],
)
async def test_what_could_carry_an_advert_or_a_second_address_is_refused_with_a_word(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, *, path: str, field: str, value: str
) -> None:
    """T1, T4, T6: the field is named, what was typed comes back escaped, and nothing is stored."""
    answer = await ask(client, path, clock, **{field: value})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert await queued(database) == []


@pytest.mark.parametrize(
    "said", ["좋은 기사네요. 읽어 보세요!", "J. Kim 드림", "3.1절 기사입니다.", "내일 오후 2시 30분에 봐요"]
)
def test_people_can_still_write(said: str) -> None:
    """A filter that refuses ordinary sentences would close the feature as surely as spam."""
    assert words.note(said)[1] is None


async def test_an_article_is_found_by_its_address_and_never_fetched(
    client: httpx2.AsyncClient, database: Database, path: str
) -> None:
    """T9, T10: our own link leads to its page; anybody else's is a 404."""
    async with database.read() as connection:
        link = (await connection.execute(sa.select(revisions.c.link))).scalar_one()
    found = await client.get("/share", params={"url": link})
    assert (found.status_code, found.headers["location"]) == (303, path)
    for other in ("https://evil.example/?idx=1", "http://127.0.0.1/", "", "javascript:alert(1)", "x" * 9000):
        assert (await client.get("/share", params={"url": other})).status_code == 404


async def test_a_withdrawn_article_cannot_be_shared(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """T9: not from the page, and not by a button that was mailed before."""
    await ask(client, path, clock)
    link = await link_of(database, settings, TokenPurpose.SHARE)
    async with database.begin() as connection:
        await connection.execute(sa.update(articles).values(withdrawn_at=clock()))
    assert (await client.get(path)).status_code == 404
    assert (await client.post(link)).status_code == 404


async def test_sharing_is_off_until_sender_and_abuse_contact_are_set(
    database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """T11: off means off on every way in, not a hidden button."""
    off = settings.model_copy(update={"abuse_contact": ""})
    async with browser(database, off, clock) as visitor:
        for way in (path, "/share?url=x", "/share/x", "/never/x"):
            assert (await visitor.get(way)).status_code == 404
            assert (await visitor.post(way)).status_code == 404


async def test_a_week_later_no_address_is_left(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock, path: str
) -> None:
    """The mail promises it; the hashes stay, so that its link goes on working."""
    await ask(client, path, clock)
    await client.post(await link_of(database, settings, TokenPurpose.SHARE))
    never = await link_of(database, settings, TokenPurpose.NEVER)
    clock.advance(days=7, seconds=1)
    async with database.begin() as connection:
        assert await shares.forget(connection, before=clock() - SHARE_KEPT) == 1
    async with database.read() as connection:
        row = (await connection.execute(sa.select(share_rows))).mappings().one()
    assert (row["sender"], row["recipient"], row["sender_name"], row["note"]) == (None, None, "", "")
    assert (await client.post(never)).status_code == 200


async def test_shares_go_in_their_own_lane(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, path: str
) -> None:
    """T21: ahead of the editions, and apart from what other people wait for."""
    await ask(client, path, clock)
    async with database.read() as connection:
        assert (await connection.execute(sa.select(deliveries.c.lane))).scalars().all() == [Lane.SHARE]


async def test_the_page_offers_link_and_own_program_first(
    client: httpx2.AsyncClient, clock: StoppedClock, path: str
) -> None:
    """In the order of the specification; the mailto is one address of RFC 6068 that every program takes."""
    page = (await client.get(path)).text
    mailto = re.search(r'href="(mailto:[^"]+)"', page)
    assert mailto is not None
    assert len(mailto[1]) < 2000
    assert "%0D%0A" in mailto[1]
    assert page.index("링크 복사") < page.index("내 메일 프로그램") < page.index("신문사가 대신")
    assert len(page.encode()) < 30_000
    assert 'role="alert"' not in page  # nothing is wrong with a form that nobody has filled in yet


@pytest.mark.parametrize("is_known", [False, True])
async def test_where_only_some_friends_are_written_to_the_page_says_so(
    database: Database, settings: Settings, clock: StoppedClock, path: str, *, is_known: bool
) -> None:
    """A limit between two friends: the sender must know that one of them gets nothing."""
    few = settings.model_copy(update={"share_friends": 2, "shares_per_day": 2 if is_known else 1})
    async with browser(database, few, clock) as opened:
        if is_known:
            await ask(opened, path, clock)
            await opened.post(await link_of(database, few, TokenPurpose.SHARE))
            path = f"/articles/{await make_article(database, clock)}/share"
        given = await fields(opened, path, clock)
        answer = await opened.post(path, data={**given, "friend": [FRIEND, "other@naru.example"]})
        if not is_known:
            answer = await opened.post(await link_of(database, few, TokenPurpose.SHARE))

    head = LexborHTMLParser(answer.text).css_first("h1")
    assert head is not None
    assert head.text() == "일부 친구에게만 기사를 보내고 있습니다"
    assert "한도에 이르렀" in answer.text
    assert [to for kind, to, _, _ in await queued(database) if kind == MessageKind.SHARE][-1:] == [FRIEND]


@pytest.mark.parametrize(
    ("rest", "says", "status"),
    [
        ({"sent": 3}, ("기사를 보내고 있습니다",), 200),
        ({"sent": 1, "refused": 2}, ("1명이 곧", "2명에게는 보내지 못했습니다"), 200),
        ({"sent": 1, "waiting": 2}, ("1명이 곧", "2명에게는 아직 보내지 않았고"), 200),
        ({"sent": 2, "withheld": 1}, ("2명이 곧", "1명에게는 보내지 않았습니다", "abuse@gaon.example"), 200),
        ({"refused": 1}, ("이 기사를 보내지 않았습니다", "한도에"), 200),
        ({"waiting": 1}, ("기사 보내기를 잠시 멈추었습니다",), 503),
        ({"withheld": 1}, ("이 기사를 보내지 않았습니다", "abuse@gaon.example"), 403),
    ],
)
async def test_every_end_of_a_share_has_its_words(
    client: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    rest: dict[str, int],
    says: tuple[str, ...],
    status: int,
) -> None:
    """A stop between two friends is a matter of microseconds, so what came of it is given here."""

    async def released(*_args: object, **_named: object) -> Released:
        return Released("hash", **{"sent": 0, "refused": 0, **rest})

    monkeypatch.setattr(request, "release", released)
    answer = await client.post("/share/any?lang=ko")

    assert answer.status_code == status
    assert [each for each in says if each not in answer.text] == []
    assert answer.text.count("<h1>") == 1

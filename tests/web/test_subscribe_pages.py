"""Signing up over HTTP: the form, its guards, the button of the mail, and what others may do with our links."""

import base64
import html
import json
import re

import altcha
import httpx2
import pytest
import sqlalchemy as sa
from selectolax.lexbor import LexborHTMLParser

from digest import addresses, links
from digest.config import Settings
from digest.database import Database, suppressions
from digest.database.tables import consents, deliveries, messages, signups, subscribers
from digest.hashes import address_hash
from digest.models.consents import ConsentAct, ConsentWay, SuppressionReason
from digest.models.deliveries import MessageKind
from digest.models.readers import SubscriberState
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.web.conftest import BASE_URL, browser

pytestmark = pytest.mark.anyio

SLOT = "morning"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    editions = "morning | 아침 소식 | 0 7 * * * | sections=시정,의회,*"
    return Settings.model_validate({**settings.model_dump(exclude={"editions"}), "editions": editions})


async def fields(client: httpx2.AsyncClient, clock: StoppedClock, **changes: str) -> dict[str, str]:
    """What a browser sends of the filled-in form, five seconds after it was opened."""
    page = LexborHTMLParser((await client.get("/subscribe")).text)
    ticket = page.css_first("input[name=ticket]").attributes["value"] or ""  # type: ignore[union-attr]
    clock.advance(seconds=5)
    given = {"address": "hong@gaon.example", "slot": SLOT, "agree": "yes", "age": "yes", "ticket": ticket}
    return {**given, "how": "page", "website": "", "proof": "", **changes}


async def sign_up(client: httpx2.AsyncClient, clock: StoppedClock, **changes: str) -> httpx2.Response:
    return await client.post("/subscribe", data=await fields(client, clock, **changes))


async def count(database: Database, table: sa.Table) -> int:
    async with database.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


async def confirm_path(database: Database, settings: Settings) -> str:
    """The path in the newest confirmation mail."""
    async with database.read() as connection:
        newest = (await connection.execute(sa.select(sa.func.max(signups.c.delivery_id)))).scalar_one()
    url = links.confirm_url(BASE_URL, settings.keyring.make(TokenPurpose.CONFIRM, newest))
    return url.removeprefix(BASE_URL)


async def kinds(database: Database) -> list[str]:
    async with database.read() as connection:
        return sorted((await connection.execute(sa.select(messages.c.kind))).scalars())


async def test_address_ruled_out_since_it_asked_is_not_confirmed(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The operator took it off for good while the mail lay there: its old button must not bring it back."""
    await sign_up(client, clock)
    path = await confirm_path(database, settings)
    async with database.begin() as connection:
        hashed = (await connection.execute(sa.select(signups.c.address_hash))).scalar_one()
        await suppressions.suppress(connection, hashed, SuppressionReason.PERSON, at=clock())

    await client.post(path)

    assert await count(database, subscribers) == 0


async def test_address_that_was_ruled_out_is_asked_nothing(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """A mail that asks whether they want mails is one too many; the page does not tell it (T14)."""
    async with database.begin() as connection:
        hashed = address_hash(settings, addresses.parse("hong@gaon.example"))
        await suppressions.suppress(connection, hashed, SuppressionReason.PERSON, at=clock())

    assert (await sign_up(client, clock)).status_code == 200

    assert (await count(database, signups), await count(database, deliveries)) == (0, 0)


async def test_who_confirms_anew_is_written_to_again(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Their own word takes back what a bounce or a complaint had ended; else their notice and editions never go out."""
    hashed = address_hash(settings, addresses.parse("hong@gaon.example"))
    async with database.begin() as connection:
        await suppressions.suppress(connection, hashed, SuppressionReason.COMPLAINED, at=clock())
    await sign_up(client, clock)

    await client.post(await confirm_path(database, settings))

    async with database.read() as connection:
        assert not await suppressions.is_suppressed(connection, hashed)


async def test_signing_up_confirms_by_button_only(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Double opt-in: nobody is a reader before the POST, and whoever looks at the link changes nothing."""
    assert (await sign_up(client, clock, section="의회", advert="yes")).status_code == 200
    assert await count(database, subscribers) == 0
    path = await confirm_path(database, settings)
    before = await rows.everything(database)
    for method, status in (("GET", 200), ("HEAD", 200), ("OPTIONS", 405)):
        assert (await client.request(method, path)).status_code == status
    assert await rows.everything(database) == before

    answer = await client.post(path)

    assert answer.status_code == 200
    async with database.read() as connection:
        reader = (await connection.execute(sa.select(subscribers))).one()
        acts = (await connection.execute(sa.select(consents.c.act).order_by(consents.c.id))).scalars().all()
        hashes = (await connection.execute(sa.select(consents.c.text_hash))).scalars().all()
    assert (reader.state, reader.advert_consent_at) == (SubscriberState.ACTIVE, clock())
    assert acts == [ConsentAct.ASKED, ConsentAct.GIVEN, ConsentAct.ADVERT_GIVEN]
    assert all(len(each) == 64 for each in hashes)
    assert await kinds(database) == [MessageKind.CONFIRM, MessageKind.NOTICE]


async def test_wrong_links_are_all_answered_alike(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Used, expired, changed in any place, of another purpose: the same page, and nothing changes."""
    await sign_up(client, clock)
    path = await confirm_path(database, settings)
    token = path.rpartition("/")[2]
    changed = [f"{token[:at]}{'a' if one != 'a' else 'b'}{token[at + 1 :]}" for at, one in enumerate(token)]
    wrong = [*changed, "x", settings.keyring.make(TokenPurpose.LEAVE, 1), settings.keyring.make(TokenPurpose.FORM, 1)]
    before = await rows.everything(database)
    answers = {(await client.post(f"/confirm/{each}")).text for each in wrong}
    assert await rows.everything(database) == before
    await client.post(path)
    after = await rows.everything(database)
    answers.add((await client.post(path)).text)
    answers.add((await client.get(path)).text)
    assert await rows.everything(database) == after
    assert len(answers) == 1

    await sign_up(client, clock, address="late@gaon.example")
    late = await confirm_path(database, settings)
    clock.advance(hours=72)
    assert (await client.post(late)).text in answers
    assert await count(database, subscribers) == 1


async def test_answer_does_not_tell_whether_an_address_is_known(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """T14: new, subscribed, gone and waiting are answered with the same bytes."""
    async with database.begin() as connection:
        await rows.add_subscriber(connection, "hong@gaon.example", at=clock())
        await rows.add_subscriber(connection, "gone@gaon.example", at=clock(), state=SubscriberState.LEFT)
    answers = []
    for name in ("hong", "gone", "new", "new"):
        async with browser_of(client, name):
            answer = await sign_up(client, clock, address=f"{name}@gaon.example")
        answers.append((answer.status_code, answer.text.replace(f"{name}@", "name@")))
        clock.advance(days=1)
    assert len(set(answers)) == 1


class browser_of:  # noqa: N801 (reads as a phrase)
    """Nothing but a name for a step; the client keeps no state."""

    def __init__(self, client: httpx2.AsyncClient, name: str) -> None:
        self.client, self.name = client, name

    async def __aenter__(self) -> None:
        self.client.cookies.clear()

    async def __aexit__(self, *_: object) -> None:
        assert not self.client.cookies


async def test_thousand_sign_ups_from_a_thousand_networks_are_three_mails(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """T3: a stranger's mailbox cannot be filled with our confirmations."""
    async with browser(database, settings, clock) as client:
        given = await fields(client, clock)
        for number in range(1000):
            client._transport.client = (f"10.{number // 250}.{number % 250}.1", 1)  # type: ignore[attr-defined]
            assert (await client.post("/subscribe", data=given)).status_code == 200
            clock.advance(seconds=40)
    assert 1 <= await count(database, deliveries) <= 3


async def test_networks_without_proof_are_limited(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """Three a day without a script; the fourth is told so, and no address a stranger forwards changes that (T12)."""
    given = await fields(client, clock)
    client._transport.client = ("198.51.100.77", 1)  # type: ignore[attr-defined]  # no proxy of TRUSTED_PROXIES
    answers = [
        await client.post(
            "/subscribe",
            data={**given, "address": f"n{number}@gaon.example"},
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
        )
        for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 86_400
    assert await count(database, signups) == 3


async def test_solved_challenge_counts_once(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """T13: a solution that is brought again, or changed, is refused, and nothing is stored."""
    page = LexborHTMLParser((await client.get("/subscribe")).text)
    written = json.loads(page.css_first("form").attributes["data-challenge"] or "")  # type: ignore[union-attr]
    asked = altcha.Challenge.from_dict(written)
    solution = altcha.solve_challenge(asked)
    assert solution is not None
    solved = {"challenge": written, "solution": {"counter": solution.counter, "derivedKey": solution.derived_key}}
    payload = base64.b64encode(json.dumps(solved).encode()).decode()
    assert (await sign_up(client, clock, proof=payload)).status_code == 200
    assert await count(database, signups) == 1
    for wrong in (payload, payload[:-8], "e30=", "x" * 9000, base64.b64encode(b"[" * 3000).decode()):
        answer = await sign_up(client, clock, proof=wrong, address="other@gaon.example")
        assert answer.status_code == 422
    assert await count(database, signups) == 1


async def test_form_of_another_site_creates_nothing_and_is_filled_in(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """The copied form leads to our page: consent is given there, and nothing is agreed to beforehand."""
    given = await fields(client, clock, advert="yes")
    before = await rows.everything(database)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://www.gaon.example"}):
        answer = await client.post("/subscribe", data=given, headers=headers)
        page = LexborHTMLParser(answer.text)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert page.css_first("#address").attributes["value"] == "hong@gaon.example"  # type: ignore[union-attr]
        assert page.css_first("input[name=how]").attributes["value"] == ConsentWay.SITE_FORM  # type: ignore[union-attr]
        assert not [box for box in page.css("[name=agree], [name=advert], [name=age]") if "checked" in box.attributes]
    assert await rows.everything(database) == before


async def test_consents_are_apart_and_unticked(client: httpx2.AsyncClient) -> None:
    """개인정보 보호법 제22조: two boxes with four items each, none ticked for the reader."""
    page = LexborHTMLParser((await client.get("/subscribe")).text)
    assert not [box for box in page.css("[name=agree], [name=advert], [name=age]") if "checked" in box.attributes]
    assert [len(each.css("dt")) >= 4 for each in page.css(".items")] == [True, True]


@pytest.mark.parametrize(
    "address",
    [
        "", "hong", "hong@", '"a b"@gaon.example', "a@gaon.example,b@gaon.example", "a@gaon.example;b@gaon.example",
        "홍길동@gaon.example", "a@gaon.example\r\nBcc: b@gaon.example", "a\0@gaon.example", "a\u202e@gaon.example",
        "<script>alert(1)</script>@gaon.example", "{{7*7}}@x", "a" * 10_000 + "@gaon.example", "a@b%0ac@d",
        "a\u2028@gaon.example", "a\x85b@gaon.example", "grp:a@gaon.example;",
    ],
)  # fmt: skip
async def test_bad_address_is_answered_with_a_word_and_stores_nothing(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, address: str
) -> None:
    """Point 10: each is said in the reader's language, beside the field, and comes back escaped."""
    before = await rows.everything(database)
    answer = await sign_up(client, clock, address=address)
    assert answer.status_code == 422
    assert LexborHTMLParser(answer.text).css("#address-mistake")
    assert "<script>alert" not in answer.text
    assert "\u202e" not in html.unescape(answer.text)
    assert await rows.everything(database) == before


@pytest.mark.parametrize("field", ["slot", "section", "agree", "advert", "age", "ticket", "how", "proof", "meant"])
@pytest.mark.parametrize("value", ["\0\r\n\u202e", "x" * 10_000, "<b>{{7*7}}</b>", "yes\r\nBcc: a@b"])
async def test_noise_in_any_field_reaches_no_mail(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, field: str, value: str
) -> None:
    """Nothing that was typed stands in a mail's header or body: it is constant."""
    answer = await sign_up(client, clock, **{field: value})
    assert answer.status_code in (200, 422)
    assert "<b>{{7*7}}" not in answer.text
    async with database.read() as connection:
        for mail in await connection.execute(sa.select(messages)):
            assert b"7*7" not in mail.headers + mail.text + mail.html
            assert b"Bcc" not in mail.headers


async def test_mistyped_domain_is_offered_back(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """naver.con becomes naver.com if the reader says so, and stays if not."""
    given = await fields(client, clock, address="hong@naver.con")
    asked = await client.post("/subscribe", data=given)
    assert asked.status_code == 422
    assert "hong@naver.com" in asked.text
    assert await count(database, signups) == 0
    await client.post("/subscribe", data={**given, "meant": "offered"})
    await client.post("/subscribe", data={**given, "meant": "typed"})
    async with database.read() as connection:
        stored = (await connection.execute(sa.select(signups.c.address).order_by(signups.c.id))).scalars().all()
    assert stored == ["hong@naver.com", "hong@naver.con"]


@pytest.mark.parametrize("missing", ["slot", "agree", "age"])
async def test_nothing_is_taken_without_a_slot_the_consent_and_the_age(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, missing: str
) -> None:
    """Each is asked for again, with what was filled in kept."""
    answer = await sign_up(client, clock, **{missing: ""})
    assert answer.status_code == 422
    assert "hong@gaon.example" in answer.text
    assert await count(database, signups) == 0


async def test_programs_are_kept_out(client: httpx2.AsyncClient, database: Database, clock: StoppedClock) -> None:
    """A filled trap, a form sent in no time, one without or with an old ticket: nothing is stored."""
    await sign_up(client, clock, website="https://spam.example")
    given = await fields(client, clock)
    clock.advance(seconds=-4)
    assert (await client.post("/subscribe", data=given)).status_code == 422
    await client.post("/subscribe", data={**given, "ticket": ""})
    clock.advance(hours=13)
    await client.post("/subscribe", data=given)
    assert await count(database, signups) == 0


async def test_body_of_a_megabyte_and_broken_forms_change_nothing(
    client: httpx2.AsyncClient, database: Database
) -> None:
    """T23, and whatever else is no form."""
    before = await rows.everything(database)
    assert (await client.post("/subscribe", content=b"a" * 1_000_000)).status_code == 413
    broken = {"Content-Type": "multipart/form-data"}
    assert (await client.post("/subscribe", content=b"\xff\x00", headers=broken)).status_code in (200, 400)
    assert await rows.everything(database) == before


async def test_page_has_our_script_only_and_is_small(client: httpx2.AsyncClient, settings: Settings) -> None:
    """The one page with a script: ours, from a file, under a policy without exceptions."""
    answer = await client.get("/subscribe")
    policy = answer.headers["content-security-policy"]
    page = LexborHTMLParser(answer.text)
    assert "script-src 'self'; worker-src 'self'" in policy
    assert "unsafe" not in policy
    scripts = page.css("script")
    assert [bool(re.match(r"/static/subscribe\.js\?v=", each.attributes["src"] or "")) for each in scripts] == [True]
    assert page.css("style, [style]") == []
    assert len(answer.content) < 30_000
    solver = page.css_first("form").attributes["data-solver"] or ""  # type: ignore[union-attr]
    assert (await client.get(solver)).headers["content-type"].startswith("text/javascript")
    assert '<html lang="en">' in (await client.get("/subscribe?lang=en")).text

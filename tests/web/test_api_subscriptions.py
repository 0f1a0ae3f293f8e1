"""Signing up over the JSON API: the same act as behind the form, the same answer to everybody, bad input by field."""

import base64
import copy
import json
from typing import Any

import altcha
import httpx2
import pytest
import sqlalchemy as sa

from digest import links
from digest.config import Settings
from digest.database import Database, suppressions
from digest.database.tables import consents, messages, signups, subscribers
from digest.hashes import address_hash
from digest.models.consents import ConsentAct, ConsentWay, SuppressionReason
from digest.models.readers import SubscriberState
from digest.subscribe import consent
from digest.tokens import TokenPurpose
from digest.web.api_problems import STATUSES
from digest.web.templating import Templates
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.web.conftest import BASE_URL, browser
from tests.web.test_api import SITE, URL, add_key, asked, bearer, key, problem

__all__ = ["asked", "key"]  # fixtures

pytestmark = pytest.mark.anyio

VISITOR = "203.0.113.7"


async def count(database: Database, table: sa.Table) -> int:
    async with database.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


def changed(asked: dict[str, Any], pointer: str, value: object) -> dict[str, Any]:
    """Return the body with another value at a JSON pointer."""
    body: Any = copy.deepcopy(asked)
    *way, last = pointer.strip("/").split("/")
    place = body
    for name in way:
        place = place[name]
    place[int(last) if isinstance(place, list) else last] = value
    return body


async def mistakes(answer: httpx2.Response) -> list[tuple[str, str]]:
    said = await problem(answer, "invalid")
    assert all(each["detail"] for each in said["errors"])
    return [(each["pointer"], each["word"]) for each in said["errors"]]


async def test_reader_of_a_site_confirms_by_mail_and_the_ledger_holds_what_they_saw(
    client: httpx2.AsyncClient, database: Database, settings: Settings, key: str, asked: dict[str, Any]
) -> None:
    """Double opt-in: nothing but the button of the mail subscribes; the texts are those of GET /api/consents."""
    offer = (await client.get("/api/consents")).json()
    texts = {each["kind"]: each for each in offer["consents"] if each["language"] == "ko"}
    for kind, text in texts.items():
        asked["consents"][kind] = {"agreed": True, "text_hash": text["hash"]}
    answer = await client.post(URL, json={**asked, "sections": ["의회"]}, headers=bearer(key, Origin=SITE))
    assert (answer.status_code, answer.json()["next"]) == (202, "confirm")
    assert await count(database, subscribers) == 0
    async with database.read() as connection:
        delivery_id = (await connection.execute(sa.select(signups.c.delivery_id))).scalar_one()
    url = links.confirm_url(BASE_URL, settings.keyring.make(TokenPurpose.CONFIRM, delivery_id))

    assert (await client.post(url)).status_code == 200

    async with database.read() as connection:
        ledger = (await connection.execute(sa.select(consents).order_by(consents.c.id))).all()
        reader = (await connection.execute(sa.select(subscribers))).one()
    assert reader.state == SubscriberState.ACTIVE
    assert {(each.how, each.source, each.network) for each in ledger} == {
        (ConsentWay.SITE_FORM, "api:site", "127.0.0.0/24")
    }
    newsletter, advert = ((texts[kind]["version"], texts[kind]["hash"]) for kind in ("newsletter", "advert"))
    assert [(each.act, (each.text_version, each.text_hash)) for each in ledger] == [
        (ConsentAct.ASKED, newsletter),
        (ConsentAct.GIVEN, newsletter),
        (ConsentAct.ADVERT_GIVEN, advert),
    ]
    assert ledger[0].details["sections"] == ["의회"]


async def test_texts_are_given_whole_in_both_languages(client: httpx2.AsyncClient, settings: Settings) -> None:
    """A site can show exactly what our own page shows: title and four items, none of it in code."""
    offer = (await client.get("/api/consents")).json()
    assert offer["slots"] == [{"name": "morning", "title": "아침 소식"}]
    assert "의회" in offer["sections"]
    given = {(each["kind"], each["language"]): each for each in offer["consents"]}
    assert len(given) == 4
    for (kind, language), each in given.items():
        text = consent.text(consent.ConsentKind(kind), language, settings)
        assert (each["hash"], each["version"], each["title"]) == (text.hash, text.version, text.title)
        assert [(item["name"], item["words"]) for item in each["items"]] == list(text.items)
        assert len(each["items"]) >= 4
        assert each["is_required"] == (kind == "newsletter")


async def test_answer_is_the_same_for_every_address(
    database: Database, settings: Settings, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """T14: new, subscribed, gone, waiting, not to be written to: the same bytes and headers."""
    async with database.begin() as connection:
        await rows.add_subscriber(connection, "hong@gaon.example", at=clock())
        await rows.add_subscriber(connection, "gone@gaon.example", at=clock(), state=SubscriberState.LEFT)
        for name, reason in (("never", SuppressionReason.PERSON), ("bounced", SuppressionReason.BOUNCED)):
            hashed = address_hash(settings, rows.parse(f"{name}@gaon.example"))
            await suppressions.suppress(connection, hashed, reason, at=clock())
    answers = set()
    for number, name in enumerate(("hong", "gone", "never", "bounced", "new", "new")):
        async with browser(database, settings, clock, address=f"198.51.100.{number}") as client:
            answer = await client.post(URL, json={**asked, "address": f"{name}@gaon.example"}, headers=bearer(key))
        answers.add((answer.status_code, answer.text, tuple(sorted(answer.headers.items()))))
    assert len(answers) == 1
    assert await count(database, signups) == 4


async def test_address_gets_three_mails_a_day_whatever_sends(
    database: Database, settings: Settings, clock: StoppedClock, asked: dict[str, Any]
) -> None:
    """T3: a server that was broken into cannot fill a mailbox either, nor hide behind invented visitors."""
    server = await add_key(database, clock, "server")
    async with browser(database, settings, clock) as client:
        for number in range(60):
            body = {**asked, "visitor_address": f"10.0.{number}.1"}
            assert (await client.post(URL, json=body, headers=bearer(server))).status_code == 202
            clock.advance(minutes=20)
    assert await count(database, messages) == 3


async def test_readers_network_is_limited_as_on_the_form(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """Three a day without a challenge solved, with one more; a server's readers are counted by where they are."""
    server = await add_key(database, clock, "server")

    async def ask(number: int, key: str, **more: str) -> httpx2.Response:
        body = {**asked, "address": f"n{number}@gaon.example", **more}
        return await client.post(URL, json=body, headers=bearer(key))

    assert [(await ask(number, key)).status_code for number in range(4)] == [202, 202, 202, 429]
    clock.advance(hours=1)
    refused = await ask(4, key)
    await problem(refused, "too_many")
    assert refused.headers["retry-after"] == str(23 * 3600)
    assert (await ask(5, key, proof=await solved(client))).status_code == 202
    of_server = [(await ask(10 + number, server, visitor_address=VISITOR)).status_code for number in range(11)]
    assert of_server == [202] * 10 + [429]
    assert (await ask(30, server, visitor_address="2001:db8::1")).status_code == 202
    async with database.read() as connection:
        networks = set((await connection.execute(sa.select(signups.c.network))).scalars())
    assert networks == {"127.0.0.0/24", "203.0.113.0/24", "2001:db8::/48"}


async def solved(client: httpx2.AsyncClient) -> str:
    """Solve a challenge as a browser does."""
    answer = (await client.get("/api/challenge")).json()
    found = altcha.solve_challenge(altcha.Challenge.from_dict(answer))
    assert found is not None
    solution = {"counter": found.counter, "derivedKey": found.derived_key}
    return base64.b64encode(json.dumps({"challenge": answer, "solution": solution}).encode()).decode()


async def test_solved_challenge_counts_once(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any]
) -> None:
    """T13: brought again, or changed, it is a mistake of its field."""
    proof = await solved(client)
    assert (await client.post(URL, json={**asked, "proof": proof}, headers=bearer(key))).status_code == 202
    for wrong in (proof, proof[:-8], "e30=", "홍"):
        answer = await client.post(URL, json={**asked, "proof": wrong}, headers=bearer(key))
        assert await mistakes(answer) == [("/proof", "proof")]
    assert await count(database, signups) == 1


async def test_where_the_reader_is_may_be_said_by_servers_only(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """A key that everybody can read must not choose which network is counted."""
    server = await add_key(database, clock, "server")
    cases: list[tuple[str, object, str]] = [
        (key, VISITOR, "only_servers"),
        (server, None, "missing"),
        (server, "", "visitor"),
        (server, "203.0.113.0/24", "visitor"),
        (server, "naver.com\r\n", "visitor"),
    ]
    for each, visitor, word in cases:
        answer = await client.post(URL, json={**asked, "visitor_address": visitor}, headers=bearer(each))
        assert await mistakes(answer) == [("/visitor_address", word)]
    assert await count(database, signups) == 0


BAD_ADDRESSES = [
    "", " ", "hong", "hong@", "@gaon.example", '"a b"@gaon.example', '"a"@gaon.example', "홍길동@gaon.example",
    "a@gaon.example,b@gaon.example", "a@gaon.example;b@gaon.example", "a@gaon.example b@gaon.example", "é@gaon.example",
    "a@gaon.example\r\nBcc: b@gaon.example", "a\0@gaon.example", "a\u202e@gaon.example", "a@gaon\u200f.example",
    "<script>alert(1)</script>@gaon.example", "Hong <a@gaon.example>", "{{7*7}}@x", "a" * 10_000 + "@gaon.example",
    "a@b%0ac@d", "a\u2028@gaon.example", "a\x85b@gaon.example", "grp:a@gaon.example;", "a@[127.0.0.1]",
    "a(b)@gaon.example",
]  # fmt: skip


async def test_bad_address_is_a_mistake_of_its_field_and_is_not_said_again(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any]
) -> None:
    """Point 10, in both languages; the answer holds nothing of what was sent."""
    said = {"ko": set[str](), "en": set[str]()}
    for address in BAD_ADDRESSES:
        for language, answers in said.items():
            body = {**asked, "address": address}
            answer = await client.post(f"{URL}?lang={language}", json=body, headers=bearer(key))
            assert await mistakes(answer) == [("/address", "address")], address
            assert answer.headers["content-language"] == language
            answers.add(answer.text)
    assert [len(answers) for answers in said.values()] == [1, 1]
    assert said["ko"] != said["en"]
    assert await count(database, signups) == 0


# Half of a pair of surrogates can be written in JSON, and is no text.
NOISE = ["\0\r\n\u202e", "x" * 10_000, "<b>{{7*7}}</b>", "yes\r\nBcc: a@b", 7, None, {}, [[]], "\ud800"]
POINTERS = [
    "/slots", "/slots/0", "/sections", "/language", "/consents", "/consents/advert", "/consents/newsletter/agreed",
    "/consents/advert/agreed", "/consents/advert/text_hash", "/is_14_or_older", "/is_address_checked",
    "/visitor_address", "/proof", "/website", "/<b>{{7*7}}<b>",
]  # fmt: skip


async def test_noise_in_any_field_is_a_mistake_there(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """Each field, whatever it holds: an answer with a word for it, no other field blamed, nothing stored or echoed."""
    headers = bearer(key, **{"Content-Type": "application/json"})
    for pointer in POINTERS:
        clock.advance(hours=1)
        for value in NOISE:
            if pointer == "/visitor_address" and value is None:
                continue  # as good as left out
            content = json.dumps(changed(asked, pointer, value))
            answer = await client.post(URL, content=content, headers=headers)
            root = "" if "<" in pointer else f"/{pointer.split('/')[1]}"
            found = await mistakes(answer)
            assert {f"/{place.split('/')[1]}" if place else "" for place, _ in found} == {root}, (pointer, value)
            assert len(answer.content) < 1000
            assert "7*7" not in answer.text
    assert await count(database, signups) == 0


@pytest.mark.parametrize("missing", ["address", "slots", "language", "consents", "is_14_or_older"])
async def test_what_is_missing_is_named(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any], missing: str
) -> None:
    """By its place, in the language of the request."""
    del asked[missing]
    answer = await client.post(URL, json=asked, headers=bearer(key, **{"Accept-Language": "en"}))
    assert await mistakes(answer) == [(f"/{missing}", "missing")]
    if missing == "language":
        assert answer.json()["errors"][0]["detail"] == "This is missing."


async def test_consent_and_age_are_never_assumed(
    client: httpx2.AsyncClient, database: Database, settings: Settings, key: str, asked: dict[str, Any]
) -> None:
    """Refused, agreed to in a text that is not ours, not the present one, or in another language."""
    other = consent.text(consent.NEWSLETTER, "en", settings).hash
    advert = asked["consents"]["advert"]["text_hash"]
    cases: list[tuple[str, object, str]] = [
        ("/consents/newsletter/agreed", False, "agree"),
        ("/is_14_or_older", False, "age"),
        ("/consents/newsletter/text_hash", "0" * 64, "other_text"),
        ("/consents/newsletter/text_hash", other, "other_text"),
        ("/consents/newsletter/text_hash", advert, "other_text"),
        ("/consents/advert/text_hash", "", "other_text"),
        ("/slots/0", "evening", "not_offered"),
        ("/slots", [], "choose_one"),
        ("/sections", ["없음"], "not_offered"),
    ]
    for pointer, value, word in cases:
        answer = await client.post(URL, json=changed(asked, pointer, value), headers=bearer(key))
        [(place, said)] = await mistakes(answer)
        assert place.startswith(pointer)
        assert said == word
    assert await count(database, signups) == 0


async def test_mistyped_domain_is_offered_back(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any]
) -> None:
    """naver.con is stored only if the person keeps it."""
    body = {**asked, "address": "hong@naver.con"}
    answer = await client.post(URL, json=body, headers=bearer(key))
    assert await mistakes(answer) == [("/address", "mistyped")]
    assert answer.json()["errors"][0]["offered"] == "hong@naver.com"
    assert "hong@naver.com" in answer.json()["errors"][0]["detail"]
    kept = await client.post(URL, json={**body, "is_address_checked": True}, headers=bearer(key))
    assert kept.status_code == 202


def test_every_word_has_a_sentence(settings: Settings) -> None:
    """A problem without one would be answered with a fault."""
    templates = Templates(settings)
    fields = ["missing", "unknown_field", "not_offered", "choose_one", "too_long", "wrong_type", "address", "mistyped"]
    fields += ["agree", "age", "other_text", "visitor", "only_servers", "proof", "statement", "sender_stopped"]
    fields += ["unknown_article", "one_of", "out_of_range", "leads_away", "lines", "not_a_name", "invisible"]
    words = [
        "received",
        "shared",
        "shares_stopped",
        "too_many_shares",
        *STATUSES,
        *(f"{word}.title" for word in STATUSES),
        *(f"field.{word}" for word in fields),
    ]
    for word in words:
        said = {
            templates.render("api/words.txt", {"language": language, "word": word, "offered": "a@b.example"}).strip()
            for language in ("ko", "en")
        }
        assert len(said) == 2, word
        assert "" not in said

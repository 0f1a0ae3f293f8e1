"""Adverts in editions: who gets them, what such a mail must show, and what may carry none."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.compose import adverts, composer, editor
from digest.compose.kinds import KINDS, digest
from digest.compose.render import Renderer, template_folders
from digest.config import Settings
from digest.database import Database, alerts, blocks, editions
from digest.database.tables import deliveries, messages
from digest.errors import AdvertNotReadyError, TemplateError
from digest.models.deliveries import Mail, MessageKind
from digest.models.editions import Block, BlockKind, Edition, EditionState, NewBlock
from digest.models.readers import Format, Variant
from tests.compose import making
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom
from tests.support.settings import make_settings

RENDERER = Renderer(None)
AGREED = Variant("ko", Format.HTML, adverts=True)
NEW = NewBlock(
    BlockKind.AD,
    "가온전자 겨울 <b>할인</b> {{ 7*7 }}",
    making.AT - timedelta(days=1),
    making.AT + timedelta(days=1),
    text="첫 줄입니다.\n둘째 줄 & 끝.",
    link="https://shop.example/?a=1&b=2",
    picture="https://shop.example/winter.jpg",
)


def carrying(*kinds: BlockKind) -> Edition:
    """This morning's edition with a block of each of these kinds."""
    carried = tuple(Block(number, replace(NEW, kind=kind), making.AT) for number, kind in enumerate(kinds, 1))
    return replace(making.edition(), blocks=carried)


def mail_of(settings: Settings, edition: Edition, variant: Variant, renderer: Renderer = RENDERER) -> Mail:
    return digest.compose(renderer, settings, edition=edition, articles=making.full_day(), variant=variant).mail


# ── one mail ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["ko", "en"])
def test_mail_with_an_advert_is_marked_and_names_its_sender(settings: Settings, language: str) -> None:
    """정보통신망법 제50조④: the mark at the very start, name, mail, phone, address, and refusal in both languages."""
    mail = mail_of(settings, carrying(BlockKind.AD), replace(AGREED, language=language))

    assert str(making.headers_of(mail)["Subject"]).startswith("(광고) [가온일보]")
    assert re.search(rb"(?m)^Subject: =\?utf-8\?b\?KOq0keqzoCkg", mail.headers)  # the bytes: "(광고) "
    for part in (making.filled(mail.text), making.visible(making.filled(mail.html))):
        plain = re.sub(r"\s+", "", part)
        for wanted in ("가온일보", "desk@gaon.example", "02-0000-0000", "(12345)가온시큰길1,2층", "수신거부"):
            assert wanted in plain
        assert "unsubscribe" in plain.lower()


def test_what_an_operator_typed_is_shown_as_it_is(settings: Settings) -> None:
    """Markup of an advert is words in both parts; its link and picture stand whole."""
    mail = mail_of(settings, carrying(BlockKind.AD), AGREED)
    text, html = making.filled(mail.text), making.filled(mail.html)

    assert "가온전자 겨울 <b>할인</b> {{ 7*7 }}" in text
    assert "할인</b>" not in html
    assert "49" not in making.visible(html)[: making.visible(html).index("가온전자")]
    assert NEW.link in making.links_in_html(html) & making.links_in_text(text)
    assert NEW.picture in html
    assert "광고" in making.visible(html)


def test_reader_without_consent_gets_the_same_edition_without_the_advert(settings: Settings) -> None:
    """정보통신망법 제50조①: not a trace of it in the mail, no mark in the subject; a notice of the paper stays."""
    both = carrying(BlockKind.EDITORIAL, BlockKind.AD)
    bare = mail_of(settings, both, replace(AGREED, adverts=False))

    assert bare == mail_of(settings, carrying(BlockKind.EDITORIAL), replace(AGREED, adverts=False))
    assert bare.subject.startswith("[가온일보]")


@pytest.mark.parametrize(("counts", "marked"), [(True, True), (False, False)])
def test_own_offer_counts_as_advert_as_the_setting_says(settings: Settings, counts: bool, marked: bool) -> None:
    """In doubt it does; a newspaper that knows better says so."""
    own = make_settings(house_blocks_are_adverts="yes" if counts else "no")
    mail = mail_of(own, carrying(BlockKind.HOUSE), AGREED)

    assert mail.subject.startswith("(광고)") is marked
    assert adverts.shown_to(carrying(BlockKind.HOUSE), replace(AGREED, adverts=False), own) == (
        () if counts else carrying(BlockKind.HOUSE).blocks
    )


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"phone": "000-0000-0000"}, ("PHONE",)),
        ({"postal_address": "(00000) 가온시"}, ("POSTAL_ADDRESS",)),
        ({"phone": "전화 없음", "postal_address": "(00000)"}, ("PHONE", "POSTAL_ADDRESS")),
        ({}, ()),
    ],
)
def test_particulars_that_say_nothing_are_missing(changes: dict[str, str], missing: tuple[str, ...]) -> None:
    """The example's zeros are no sender whom anybody could reach."""
    assert adverts.missing_particulars(make_settings(**changes)) == missing


def test_template_that_hides_the_sender_cannot_carry_an_advert(settings: Settings, tmp_path: Path) -> None:
    """Whatever templates an operator has: no advert goes out without what the law asks for."""
    ours = (template_folders(None)[0] / "digest" / "body.txt").read_text(encoding="utf-8")
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "body.txt").write_text(ours.replace("{{ line }}", ""), encoding="utf-8")

    with pytest.raises(TemplateError, match="02-0000-0000"):
        mail_of(settings, carrying(BlockKind.AD), AGREED, Renderer(tmp_path))
    assert mail_of(settings, carrying(), AGREED, Renderer(tmp_path))


# ── what may carry none ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block", ["ad", "house"])
@pytest.mark.parametrize("part", ["subject.txt", "body.txt", "body.mjml"])
@pytest.mark.parametrize("kind", [kind for kind in MessageKind if kind is not MessageKind.DIGEST])
def test_no_other_kind_of_mail_carries_an_advert(
    kind: MessageKind, part: str, block: str, settings: Settings, tmp_path: Path
) -> None:
    """Confirmations, notices, links and alerts go to people who agreed to no advert: such a template is a mistake."""
    ours = (template_folders(None)[0] / kind / part).read_text(encoding="utf-8")
    call = f"{{{{ block('{block}') }}}}"
    changed = ours.replace("</mj-text>", f"{call}</mj-text>", 1) if part == "body.mjml" else ours + call
    assert call in changed
    (tmp_path / kind).mkdir()
    (tmp_path / kind / part).write_text(changed, encoding="utf-8")

    with pytest.raises(TemplateError, match=rf"{kind}/{part}.*'{block}'"):
        KINDS[kind].specimen(Renderer(tmp_path), settings, "ko")


def test_digest_of_readers_without_consent_carries_none_either(settings: Settings, tmp_path: Path) -> None:
    """An advert written straight into a template would reach everybody."""
    ours = (template_folders(None)[0] / "digest" / "body.txt").read_text(encoding="utf-8")
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "body.txt").write_text(ours + "{{ block('ad') }}", encoding="utf-8")

    with pytest.raises(TemplateError, match="was not composed as an advert"):
        mail_of(settings, carrying(), AGREED, Renderer(tmp_path))


# ── whole editions ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def newsroom(database: Database, clock: StoppedClock) -> Newsroom:
    return Newsroom(database, clock)


async def release(database: Database, settings: Settings, clock: StoppedClock) -> Edition:
    """Open, compose and release (or hold) the morning's edition."""
    opened = await editor.open_now(database, settings, settings.editions[0], clock=clock)
    assert opened is not None
    await editor.advance(database, settings, RENDERER, clock=clock)
    async with database.read() as connection:
        return await editions.get_edition(connection, opened.id)


async def subjects(database: Database) -> dict[str, str]:
    """The subject of each reader's delivery."""
    async with database.read() as connection:
        rows = await connection.execute(
            sa.select(deliveries.c.recipient, messages.c.subject, messages.c.text).join(
                messages, messages.c.id == deliveries.c.message_id
            )
        )
        found = {}
        for recipient, subject, text in rows:
            assert ("가온전자" in text.decode()) is subject.startswith("(광고)")
            found[recipient.partition("@")[0]] = subject[:4]
        return found


@pytest.mark.anyio
async def test_advert_goes_only_to_those_who_agreed(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """The others get the edition without; there are two messages, however many readers, and the edition adds up."""
    kim, lee, _park, choi = await newsroom.subscribe("kim", "lee", "park", "choi")
    await newsroom.agree_to_adverts(kim, lee, choi)
    await newsroom.publish("다리 개통")
    await newsroom.add_block()

    edition = await release(database, settings, clock)

    assert edition.state is EditionState.RELEASED
    assert await subjects(database) == {"kim": "(광고)", "lee": "(광고)", "choi": "(광고)", "park": "[가온일"}
    async with database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(messages)) == 2
    assert await newsroom.eligible(edition.id) == 4


@pytest.mark.anyio
@pytest.mark.parametrize("change", [{"slot": "evening"}, {"kind": BlockKind.EDITORIAL}, None])
async def test_edition_without_adverts_has_one_message(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock, change: dict[str, str] | None
) -> None:
    """Consent to adverts splits nobody's message where there is none: another slot's, or a notice of the paper."""
    kim, _lee = await newsroom.subscribe("kim", "lee")
    await newsroom.agree_to_adverts(kim)
    await newsroom.publish("다리 개통")
    if change is not None:
        await newsroom.add_block(**change)  # type: ignore[arg-type]  # either is one of its parameters

    await release(database, settings, clock)

    async with database.read() as connection:
        [subject] = (await connection.execute(sa.select(messages.c.subject))).scalars()
    assert subject.startswith("[가온일보]")


@pytest.mark.anyio
async def test_block_is_carried_from_its_first_to_its_last_day(
    database: Database, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """By the planned time of the edition; one that was ended is in none."""
    block_id = await newsroom.add_block()
    planned: Callable[[int], Edition] = lambda hours: replace(  # noqa: E731
        making.edition(), planned_at=clock() + timedelta(hours=hours)
    )
    async with database.begin() as connection:
        carried = [bool(await blocks.of_edition(connection, planned(hours))) for hours in (-25, -24, 0, 23, 24)]
        assert carried == [False, True, True, True, False]
        assert await blocks.end(connection, block_id, at=clock())
        assert not await blocks.end(connection, block_id, at=clock())
        assert await blocks.of_edition(connection, planned(0)) == ()


@pytest.mark.anyio
async def test_edition_with_an_advert_and_no_sender_is_held_and_says_why(
    database: Database, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """Nothing with an advert starts; a person hears which setting, and may take the advert out instead."""
    settings = make_settings(phone="000-0000-0000")
    await newsroom.subscribe("kim")  # who agreed to nothing: it is held all the same, before anybody agrees
    await newsroom.publish("다리 개통")
    block_id = await newsroom.add_block()

    edition = await release(database, settings, clock)

    assert edition.state is EditionState.HELD
    assert "PHONE does not say who sends it" in edition.reason
    async with database.read() as connection:
        [told] = await alerts.list_open(connection)
        assert await connection.scalar(sa.select(sa.func.count()).select_from(messages)) == 0
    assert (told.matter, "PHONE" in told.text) == (f"edition:{edition.id}", True)
    with pytest.raises(AdvertNotReadyError, match="PHONE"):
        await editor.release(database, settings, RENDERER, edition.id, clock=clock)

    async with database.begin() as connection:
        await blocks.end(connection, block_id, at=clock())
    released = await editor.release(database, settings, RENDERER, edition.id, clock=clock)
    assert released.state is EditionState.RELEASED


@pytest.mark.anyio
async def test_advert_that_is_ended_is_out_of_what_still_waits(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """Nothing with it goes out any more, and nobody misses the edition for it."""
    from digest.compose import renewal

    kim, _lee = await newsroom.subscribe("kim", "lee")
    await newsroom.agree_to_adverts(kim)
    await newsroom.publish("다리 개통")
    block_id = await newsroom.add_block()
    edition = await release(database, settings, clock)

    async with database.begin() as connection:
        await blocks.end(connection, block_id, at=clock())
    assert await renewal.renew_stale(database, settings, RENDERER, clock=clock) == [edition.id]

    assert await subjects(database) == {"kim": "[가온일", "lee": "[가온일"}


@pytest.mark.anyio
async def test_copies_and_the_latest_edition_on_request_hold_no_advert(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """Whoever has just subscribed, or is nobody, has agreed to nothing."""
    await newsroom.publish("다리 개통")
    await newsroom.subscribe("kim")
    await newsroom.add_block()
    edition = await release(database, settings, clock)

    shown = await composer.preview(database, settings, RENDERER, edition.id, Variant("ko", Format.HTML))

    assert "가온전자" not in shown.html.decode() + shown.text.decode() + shown.subject

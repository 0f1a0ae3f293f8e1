"""Erasing: after it the address stands nowhere; what the periods end is gone, and nothing else."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from digest.addresses import Address, parse
from digest.config import Settings
from digest.database import Database, audit, consents, leaving, subscribers, suppressions
from digest.database import kept_mails as kept_copies
from digest.database.tables import (
    attempts,
    deliveries,
    fresh_links,
    kept_mails,
    messages,
    metadata,
    raw_mails,
    shares,
    signups,
)
from digest.database.tables import consents as consent_table
from digest.database.tables import subscribers as reader_table
from digest.hashes import address_hash
from digest.models.consents import ConsentAct, ConsentWay, NewConsent, SuppressionReason
from digest.models.deliveries import DeliveryState
from digest.models.editions import EditionState
from digest.models.inbound import Door, Outcome
from digest.models.readers import Format, LinkMatter, SubscriberState
from digest.models.shares import ShareState
from digest.operate.prove import find_everywhere
from digest.subscribe import retention
from digest.subscribe.personal import COPY_KEPT, PERSONAL
from tests.support import ledger, rows
from tests.support.clock import StoppedClock
from tests.support.rows import add_article, add_delivery, state_of
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

KIM, LEE = parse("Kim.Gaon@naver.example"), parse("lee@naver.example")


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return make_settings(data_dir=tmp_path / "var", database_url=database_url)


async def plant(database: Database, settings: Settings, address: Address, clock: StoppedClock) -> tuple[int, int]:
    """Put an address into every column and folder that may hold it; return reader and delivery."""
    hashed, text = address_hash(settings, address), str(address)
    async with database.begin() as connection:
        reader = await subscribers.add(
            connection, address, slots=["morning"], language="ko", format=Format.HTML,
            consent=f"a mail of {text}", at=clock(), address_hash=hashed,
        )  # fmt: skip
        await connection.execute(
            sa.update(reader_table).where(reader_table.c.id == reader.id).values(words=f"다리,{text}")
        )
        delivery_id = await add_delivery(connection, reader.id, at=clock(), state=DeliveryState.ACCEPTED)
        which = deliveries.c.id == delivery_id
        await connection.execute(
            sa.update(deliveries)
            .where(which)
            .values(recipient=text, recipient_key=address.key, reply_text=f"<{text}> ok", settled_at=clock())
        )
        await connection.execute(
            sa.update(messages)
            .where(messages.c.id == sa.select(deliveries.c.message_id).where(which).scalar_subquery())
            .values(subject=f"{text}: 확인", headers=text.encode(), text=text.encode(), html=text.encode())
        )
        await connection.execute(
            sa.insert(attempts).values(
                delivery_id=delivery_id, ended_at=clock(), outcome=DeliveryState.ACCEPTED, charged=True, detail=text
            )
        )
        await connection.execute(
            sa.insert(kept_mails).values(delivery_id=delivery_id, content=f"To: {text}\r\n".encode(), kept_at=clock())
        )
        await connection.execute(
            sa.insert(signups).values(
                address=text, address_hash=hashed, slots="morning", language="ko", advert=False, how=ConsentWay.PAGE,
                texts={}, created_at=clock(), expires_at=clock() + timedelta(hours=72),
            )
        )  # fmt: skip
        await connection.execute(
            sa.insert(fresh_links).values(
                delivery_id=delivery_id, subscriber_id=reader.id, matter=LinkMatter.NEW_ADDRESS, new_address=text,
                asked_at=clock(), expires_at=clock() + timedelta(minutes=30),
            )
        )  # fmt: skip
        await connection.execute(
            sa.insert(shares).values(
                article_id=await add_article(connection, hashed, at=clock()), state=ShareState.RELEASED, language="ko",
                sender=text, sender_hash=hashed, sender_name=text, recipient=text, recipient_hash=hashed, note=text,
                report_id=hashed[:12], created_at=clock(), expires_at=clock(), released_at=clock(),
            )
        )  # fmt: skip
        await connection.execute(
            sa.insert(raw_mails).values(
                door=Door.LMTP, recipient=f"to {text}", envelope_from=text, sender=text, received_at=clock(),
                content=f"From: {text}\r\n\r\n해지".encode(), print=hashed, outcome=Outcome.PERSON, due_at=clock(),
            )
        )  # fmt: skip
        await consents.append(
            connection,
            NewConsent(
                address, hashed, ConsentAct.GIVEN, ConsentWay.DESK, clock(), subscriber_id=reader.id,
                source=f"by telephone, {text}", network="203.0.113.0/24",
            ),
        )  # fmt: skip
    folder = settings.data_dir / "outbox"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{clock():%Y%m%dT%H%M%S%f}Z-{hashed[:8]}"
    (folder / f"{name}.eml").write_bytes(f"To: {text}\r\n\r\n".encode())
    (folder / f"{name}.json").write_text(json.dumps({"recipient": text}))
    return reader.id, delivery_id


async def test_after_erasing_the_address_stands_nowhere(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Not in a row, not in a page of SQLite that nobody uses, not in its log, not in a file; others keep theirs."""
    await plant(database, settings, KIM, clock)
    await plant(database, settings, LEE, clock)
    before = await find_everywhere(database, settings, KIM)

    erased = await retention.erase(database, settings, KIM, how=ConsentWay.PAGE, now=clock())

    assert erased.rows == 4
    assert {each.partition(" ")[0] for each in before} >= {
        row.where
        for row in PERSONAL
        if "." in row.where and not row.where.endswith((".network", ".who", ".from_where"))
    }
    assert await find_everywhere(database, settings, KIM) == []
    assert len(await find_everywhere(database, settings, LEE)) == len(before)


async def test_erasing_leaves_the_proof_and_the_suppression(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """An inquiry names the address; its hash finds the consent and that it was erased. No list brings it back."""
    _, delivery_id = await plant(database, settings, KIM, clock)
    hashed = address_hash(settings, KIM)

    await retention.erase(database, settings, KIM, how=ConsentWay.PAGE, now=clock())

    async with database.read() as connection:
        acts = await consents.of_address(connection, hashed)
        suppressed = await suppressions.find(connection, hashed)
    assert [(each.act, each.address) for each in acts] == [(ConsentAct.GIVEN, None), (ConsentAct.ERASED, None)]
    assert suppressed is not None
    assert suppressed.reason is SuppressionReason.ERASED
    assert await state_of(database, deliveries, delivery_id) == DeliveryState.ACCEPTED


async def test_nobody_is_erased_under_a_mail_on_the_wire(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """It would come back to a row without an address. The next pass finishes what was asked for."""
    reader_id, delivery_id = await plant(database, settings, KIM, clock)
    async with database.begin() as connection:
        which = sa.update(deliveries).where(deliveries.c.id == delivery_id)
        await connection.execute(which.values(state=DeliveryState.ATTEMPTING))

    erased = await retention.erase(database, settings, KIM, how=ConsentWay.PAGE, now=clock())

    assert erased.on_the_wire
    assert await state_of(database, reader_table, reader_id) == SubscriberState.STOPPED
    async with database.begin() as connection:
        await connection.execute(which.values(state=DeliveryState.ACCEPTED))
    await retention.keep_periods(database, settings, now=clock())
    async with database.read() as connection:
        assert await subscribers.find(connection, KIM) is None


async def test_who_left_is_kept_for_thirty_days_and_then_by_hash_alone(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """개인정보 보호법 제21조; the second pass has nothing to do."""
    reader_id, _ = await plant(database, settings, KIM, clock)
    async with database.begin() as connection:
        await connection.run_sync(leaving.leave, [reader_id], at=clock())

    early = await retention.keep_periods(database, settings, now=clock() + timedelta(days=29))
    done = await retention.keep_periods(database, settings, now=clock() + timedelta(days=30))
    again = await retention.keep_periods(database, settings, now=clock() + timedelta(days=30))

    assert (early.people, done.people, again) == (0, 1, retention.Done())
    async with database.read() as connection:
        suppressed = await suppressions.find(connection, address_hash(settings, KIM))
    assert suppressed is not None
    assert suppressed.reason is SuppressionReason.LEFT_FOR_GOOD
    assert not [each for each in await find_everywhere(database, settings, KIM) if each[0] != "/"]
    async with database.read() as connection:  # the ledger must not say that the operator did it
        acts = sa.select(consent_table.c.how).where(consent_table.c.act == ConsentAct.ERASED)
        assert list((await connection.execute(acts)).scalars()) == [ConsentWay.PERIOD]


async def test_what_is_not_confirmed_is_gone_after_72_hours(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The request, the address of its mail, and no suppression: they never were readers."""
    async with database.begin() as connection:
        delivery_id = await add_delivery(connection, 999, at=clock(), state=DeliveryState.ACCEPTED)
        await connection.execute(
            sa.insert(signups).values(
                address="hong@naver.example", address_hash="1" * 64, slots="morning", language="ko", advert=False,
                how=ConsentWay.PAGE, texts={}, delivery_id=delivery_id, created_at=clock(),
                expires_at=clock() + timedelta(hours=72),
            )
        )  # fmt: skip
    hong = parse("hong@naver.example")

    await retention.keep_periods(database, settings, now=clock() + timedelta(hours=71))
    assert await find_everywhere(database, settings, hong)
    await retention.keep_periods(database, settings, now=clock() + timedelta(hours=72))

    assert await find_everywhere(database, settings, hong) == []
    async with database.read() as connection:
        assert not await suppressions.is_suppressed(connection, "1" * 64)


async def test_networks_ended_mails_and_the_audit_go_by_their_age(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """A reader who stays keeps the proof of consent; from where it came is kept three months."""
    await plant(database, settings, KIM, clock)
    async with database.begin() as connection:
        await connection.execute(sa.delete(kept_mails))
        await audit.note(connection, at=clock(), who="desk", from_where="here", what="subscribers.export")

    await retention.keep_periods(database, settings, now=clock() + timedelta(days=93))
    await retention.keep_periods(database, settings, now=clock() + timedelta(days=732))

    async with database.read() as connection:
        kept = (await connection.execute(sa.select(consent_table.c.address, consent_table.c.network))).one()
        assert (await connection.execute(sa.select(deliveries.c.recipient))).scalar_one() == ""
        assert (await connection.execute(sa.select(messages.c.text))).scalar_one() == b""
        assert await connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables["audit"])) == 0
    assert kept == (str(KIM), None)


async def test_an_edition_is_kept_as_it_was_sent_for_six_months_without_addresses(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """언론중재법 제15조⑧: what was sent, with its order and its times. To whom goes after thirty days."""
    made = await ledger.make_edition(database, at=clock(), readers=2)
    async with database.begin() as connection:
        source = await rows.add_source(connection, at=clock())
        for position, title in enumerate(("다리 개통", "추경 의결")):
            await rows.place_article(connection, made.id, source, title, at=clock(), position=position)
    await ledger.set_deliveries(database, state=DeliveryState.ACCEPTED, settled_at=clock(), reply_text="ok")
    await ledger.set_edition(database, made.id, state=EditionState.DONE, done_at=clock())
    e = metadata.tables["editions"].c
    times = sa.select(e.title, e.planned_at, e.released_at, e.done_at)
    shown: tuple[sa.Select[*tuple[Any, ...]], ...] = (
        messages.select(),
        metadata.tables["edition_articles"].select(),
        times,
    )
    async with database.read() as connection:
        before = [(await connection.execute(query)).all() for query in shown]

    for day in range(0, COPY_KEPT.days + 1, 8):
        await retention.keep_periods(database, settings, now=clock() + timedelta(days=day))

    async with database.read() as connection:
        after = [(await connection.execute(query)).all() for query in shown]
        recipients = (await connection.execute(sa.select(deliveries.c.recipient).distinct())).scalars().all()
    assert after == before
    assert recipients == [""]
    assert kept_copies.KEPT == COPY_KEPT


async def test_an_earlier_address_goes_too_unless_it_is_somebody_elses_now(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Who changed their address asks for all of it to be erased; who got the old mailbox asked for nothing."""
    reader_id, _ = await plant(database, settings, KIM, clock)
    await plant(database, settings, LEE, clock)
    old = parse("old.kim@naver.example")
    for address in (old, LEE):
        async with database.begin() as connection:
            act = NewConsent(
                address, address_hash(settings, address), ConsentAct.CHANGED_ADDRESS, ConsentWay.PAGE, clock(),
                subscriber_id=reader_id,
            )  # fmt: skip
            await consents.append(connection, act)
    before = await find_everywhere(database, settings, LEE)

    await retention.erase(database, settings, KIM, how=ConsentWay.PAGE, now=clock())

    assert await find_everywhere(database, settings, old) == []
    assert await find_everywhere(database, settings, LEE) == before
    async with database.read() as connection:
        assert await suppressions.is_suppressed(connection, address_hash(settings, old))
        assert not await suppressions.is_suppressed(connection, address_hash(settings, LEE))


# Columns of text that hold no address: tables about articles and about how mail goes, and single columns of the others.
IMPERSONAL_TABLES = frozenset((
    "sources", "robots", "articles", "revisions", "pages", "most_read", "picture_hosts", "signatures",
    "story_members", "slots", "editions", "edition_articles", "corrections",
    "consent_texts", "suppressions", "audit_ends", "counters", "settings_marks", "paces", "refusals", "put_offs",
    "domains", "alerts", "subscriptions", "blocks", "site_keys", "share_refusals", "share_stops", "notices",
))  # fmt: skip
IMPERSONAL = frozenset((
    "subscribers.domain", "subscribers.provider", "subscribers.language", "subscribers.address_hash",
    "consents.address_hash", "consents.text_version", "consents.text_hash", "consents.details", "audit.whose",
    "audit.what", "audit.details", "audit.chain", "signups.address_hash", "signups.slots", "signups.sections",
    "shares.sender_hash", "shares.recipient_hash", "shares.language", "shares.report_id",
    "signups.source", "signups.language", "signups.texts",
    "messages.key", "messages.variant", "messages.language", "deliveries.domain",
    "deliveries.provider", "deliveries.lease_owner", "deliveries.reply_status", "attempts.reply_status",
    "raw_mails.print", "raw_mails.detail", "raw_mails.lease_owner",
))  # fmt: skip


def test_every_column_of_text_is_known_to_name_a_person_or_not() -> None:
    """A new table or column is put into one of the three lists before anything is written to it."""
    texts = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sa.String | sa.JSON | sa.LargeBinary) and not isinstance(column.type, sa.Enum)
    }
    known = {row.where for row in PERSONAL} | IMPERSONAL

    assert {each for each in texts - known if each.partition(".")[0] not in IMPERSONAL_TABLES} == set()
    assert texts >= IMPERSONAL
    assert {each.partition(".")[0] for each in texts} >= IMPERSONAL_TABLES


def test_the_table_of_personal_columns_names_real_ones() -> None:
    """A column that was renamed would silently be in no one's care."""
    columns = {f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.columns}

    assert {row.where for row in PERSONAL if not row.where.endswith("/")} <= columns

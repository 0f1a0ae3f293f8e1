"""What readers are told about articles that were changed or withdrawn after they had been mailed.

A correction is noted once per slot whose editions showed the article in an older state. The slot's next edition takes
it (`edition_id`) and tells of it only those readers who were sent a message that showed the older state: which message
showed what is in `message_articles`. A later change of the same article takes the place of one that is not told yet; if
it says again what a reader was sent, there is nothing to tell that reader.
(신문법 제10조④; DESIGN: 지난 호 기사 수정·삭제 알림.)
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.layers import substantial_change
from digest.database.once import insert_once
from digest.database.revisions import text_of
from digest.database.tables import articles, corrections, editions, message_articles, messages, revisions
from digest.models.articles import CorrectionKind
from digest.models.editions import Correction, Edition, Told
from digest.models.readers import Variant

MOST_TOLD = 5
TOLD_AGAIN = timedelta(days=8)  # a week, and the day of the edition

_c = corrections.c


async def note_change(connection: Connection, article_id: int, revision: int, *, at: datetime) -> None:
    """Note that `revision` corrects what editions have shown of an article, where any have."""
    wrong = message_articles.c.revision.in_(await _wrong_revisions(connection, article_id, revision))
    await _note(connection, article_id, CorrectionKind.CHANGED, wrong, at=at)


async def note_withdrawal(connection: Connection, article_id: int, *, at: datetime) -> None:
    """Note that an article was withdrawn which editions have shown, where any have."""
    await _note(connection, article_id, CorrectionKind.WITHDRAWN, sa.true(), at=at)


async def forget_withdrawal(connection: Connection, article_id: int, *, at: datetime) -> None:
    """Forget the withdrawal of an article that is back, as far as nobody has been told; its changes stay to tell."""
    forgotten = await connection.execute(
        sa.delete(corrections).where(
            _c.article_id == article_id, _c.kind == CorrectionKind.WITHDRAWN, _c.edition_id.is_(None)
        )
    )
    if forgotten.rowcount > 0:
        found = await connection.execute(sa.select(articles.c.revision).where(articles.c.id == article_id))
        latest: int = found.scalar_one()
        await note_change(connection, article_id, latest, at=at)


async def _wrong_revisions(connection: Connection, article_id: int, revision: int) -> list[int]:
    """Return the revisions before `revision` that were shown and say something else in substance.

    One is right again where `revision` says what it said. Where only one of the two has the whole text they cannot be
    compared, and what changed between them counts.
    """
    _r = revisions.c
    shown = sa.select(message_articles.c.revision).where(
        message_articles.c.article_id == article_id, message_articles.c.revision < revision
    )
    rows = await connection.execute(
        sa.select(_r.revision, _r.title, _r.link, _r.text).where(
            _r.article_id == article_id, sa.or_(_r.revision == revision, _r.revision.in_(shown))
        )
    )
    texts = {row.revision: text_of(row.title, row.link, row.text) for row in rows}
    last_change = await connection.scalar(
        sa.select(sa.func.max(_r.revision)).where(
            _r.article_id == article_id, _r.revision <= revision, _r.substantial != ""
        )
    )
    now = texts.pop(revision)
    return [
        number
        for number, text in texts.items()
        if number < (last_change or 0) and (bool(text.body) != bool(now.body) or substantial_change(text, now))
    ]


async def _note(
    connection: Connection, article_id: int, kind: CorrectionKind, which: sa.ColumnElement[bool], *, at: datetime
) -> None:
    await connection.execute(
        sa.delete(corrections).where(_c.article_id == article_id, _c.edition_id.is_(None), _c.noticed_at <= at)
    )
    slots = (
        sa.select(
            articles.c.id,
            articles.c.revision,
            editions.c.slot,
            sa.literal(kind, _c.kind.type),
            sa.literal(at, _c.noticed_at.type),
        )
        .join(message_articles, message_articles.c.article_id == articles.c.id)
        .join(messages, messages.c.id == message_articles.c.message_id)
        .join(editions, editions.c.id == messages.c.edition_id)
        .where(articles.c.id == article_id, which)
        .distinct()
    )
    columns = ["article_id", "revision", "slot", "kind", "noticed_at"]
    await connection.execute(insert_once(connection, corrections).from_select(columns, slots))


async def take(connection: Connection, edition: Edition) -> int:
    """Have an edition tell of what is noted for its slot, the newest few; return how many. The rest waits for another.

    Few, because each may double the number of variants.
    """
    newest = (
        sa.select(_c.id)
        .where(_c.slot == edition.slot, _c.edition_id.is_(None))
        .order_by(_c.noticed_at.desc(), _c.id.desc())
        .limit(MOST_TOLD)
    )
    taken = await connection.execute(
        sa.update(corrections)
        .where(_c.id.in_(newest.scalar_subquery()), _c.edition_id.is_(None))
        .values(edition_id=edition.id)
    )
    return taken.rowcount


async def give_back(connection: Connection, edition_id: int) -> None:
    """Leave what a cancelled edition would have told to the slot's next one."""
    await connection.execute(sa.update(corrections).where(_c.edition_id == edition_id).values(edition_id=None))


async def of_edition(connection: Connection, edition_id: int) -> tuple[list[Correction], list[Told]]:
    """Return what an edition tells of, and who has to be told of each.

    It tells of its own corrections whoever has the wrong version, and of those that the slot's earlier editions told,
    for a week, whom these did not reach: a reader of Mondays, one for whom nothing else was left.
    """
    found: list[Correction] = []
    told: list[Told] = []
    for row in await _rows_for(connection, edition_id):
        is_again = row.edition_id != edition_id
        showed = await _showed(connection, row, edition_id)
        if showed:
            shown_at = max(one.planned_at for one in showed)
            found.append(Correction(row.id, row.article_id, row.kind, row.title, row.link, shown_at, is_again))
            telling = await _telling(connection, row, edition_id) if is_again else []
            ids, edition_ids = _ids(showed)
            told.append(Told(row.id, ids, edition_ids, *_ids(telling)))
    return found, told


async def _rows_for(connection: Connection, edition_id: int) -> Sequence[sa.Row[Any]]:
    """The edition's corrections, and the newest few of its slot's that still hold, as noticed."""
    edition = (await connection.execute(sa.select(editions).where(editions.c.id == edition_id))).one_or_none()
    if edition is None:
        return []
    newer = corrections.alias("newer")
    is_settled = sa.exists().where(newer.c.article_id == _c.article_id, newer.c.slot == _c.slot, newer.c.id > _c.id)
    is_undone = sa.and_(_c.kind == CorrectionKind.WITHDRAWN, articles.c.withdrawn_at.is_(None))
    is_recent = _c.noticed_at >= edition.planned_at - TOLD_AGAIN
    again = sa.and_(_c.slot == edition.slot, _c.edition_id < edition_id, is_recent, ~is_settled, ~is_undone)
    query = (
        sa.select(_c.id, _c.article_id, _c.slot, _c.kind, _c.edition_id, revisions.c.title, revisions.c.link)
        .add_columns(articles.c.revision)
        .join(articles, articles.c.id == _c.article_id)
        .join(
            revisions,
            sa.and_(revisions.c.article_id == articles.c.id, revisions.c.revision == articles.c.revision),
        )
        .where(sa.or_(_c.edition_id == edition_id, again))
        .order_by((_c.edition_id == edition_id).desc(), _c.id.desc())
        .limit(MOST_TOLD)
    )
    rows = await connection.execute(query)
    return sorted(rows, key=lambda row: int(row.id))


async def _showed(connection: Connection, row: sa.Row[Any], edition_id: int) -> Sequence[sa.Row[Any]]:
    """The messages of the slot that showed the article otherwise than it reads now."""
    which: sa.ColumnElement[bool] = sa.true()
    if row.kind is CorrectionKind.CHANGED:
        which = message_articles.c.revision.in_(await _wrong_revisions(connection, row.article_id, row.revision))
    found = await connection.execute(
        sa.select(messages.c.id, messages.c.edition_id, editions.c.planned_at)
        .join(message_articles, message_articles.c.message_id == messages.c.id)
        .join(editions, editions.c.id == messages.c.edition_id)
        .where(
            message_articles.c.article_id == row.article_id,
            which,
            editions.c.slot == row.slot,
            editions.c.id != edition_id,
        )
        .order_by(messages.c.id)
    )
    return found.all()


async def _telling(connection: Connection, row: sa.Row[Any], edition_id: int) -> Sequence[sa.Row[Any]]:
    """The messages of earlier editions that told of a correction; their variant says so."""
    found = await connection.execute(
        sa.select(messages.c.id, messages.c.edition_id, messages.c.variant)
        .join(editions, editions.c.id == messages.c.edition_id)
        .where(
            editions.c.slot == row.slot,
            editions.c.id >= row.edition_id,
            editions.c.id < edition_id,
            messages.c.variant.contains(f"c{row.id}"),
        )
        .order_by(messages.c.id)
    )
    return [one for one in found if row.id in Variant.of_key(one.variant).told]


def _ids(rows: Sequence[sa.Row[Any]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids of messages, and of their editions."""
    return tuple(one.id for one in rows), tuple(sorted({one.edition_id for one in rows}))

"""Which articles tell the same story: their signatures, and who put them together, why and with which score.

Every placed article is in exactly one story; a story's id is that of its first article. An article joins a story
only if it is like that first one, not like just any member: a chain of small changes would end at another story.
Candidates are found by the bands of the signatures, an index over keys that texts alike share. Placing is one at a time
(SQLite's writer lock; on PostgreSQL an advisory lock until the transaction ends), or two workers with the two halves of
a story would found it twice. What a person joined or separated stays: the machine moves no article a person has placed,
and puts none into a story that holds one it was separated from.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.database import tables
from digest.database.connection import Connection
from digest.database.identity import site_of
from digest.database.once import insert_once
from digest.errors import NotFoundError
from digest.models.editions import Role
from digest.models.stories import Facts, JoinedBy, Likeness, Signature, Story, StoryMember

WINDOW = timedelta(days=3)
"""How far apart the first sight of an article and of its story's first article may lie."""
BY_A_PERSON = "a person's word"
_ADVISORY_LOCK = 7_041_526_003
_PER_QUERY = 400

_s, _b, _m, _x = (
    tables.signatures.c, tables.signature_bands.c, tables.story_members.c, tables.story_separations.c,
)  # fmt: skip
_a, _r, _e = tables.articles.c, tables.revisions.c, tables.edition_articles.c


async def place(
    connection: Connection,
    article_id: int,
    revision: int,
    signature: Signature,
    *,
    compare: Callable[[Signature, Signature], Likeness],
    now: datetime,
    window: timedelta = WINDOW,
) -> StoryMember:
    """Keep the signature of an article's revision and put the article into the story it is most like, or a new one.

    Placing the same revision again changes nothing; a later one is looked at anew: an article leaves a story that it is
    no longer like, and one that stood alone may join. Best in a transaction of its own: others wait for its end.
    """
    await _one_at_a_time(connection)
    member = await _member(connection, article_id)
    kept = await connection.scalar(sa.select(_s.revision).where(_s.article_id == article_id))
    if member is not None and kept is not None and kept >= revision:
        return member
    await _keep(connection, article_id, revision, signature, now=now)
    if member is not None and (member.joined_by is JoinedBy.PERSON or await _is_followed(connection, article_id)):
        return member
    found = await _most_alike(connection, article_id, signature, compare, window)
    if found is None:
        placed = StoryMember(article_id, article_id, None, "the first", JoinedBy.MACHINE, now)
    else:
        placed = StoryMember(article_id, found[0], found[1].score, found[1].reason, JoinedBy.MACHINE, now)
    if member is not None and member.story_id == placed.story_id and member.reason == placed.reason:
        return member
    await _put(connection, placed)
    return placed


async def join(connection: Connection, article_ids: Sequence[int], *, at: datetime) -> int:
    """Make one story of the stories of these articles, as a person says; return its id, that of its first article.

    It is the story of the first named. Who was in the others with them comes along. `NotFoundError`: no such article.
    """
    await _one_at_a_time(connection)
    ids = list(dict.fromkeys(article_ids))
    members = {article_id: await _member_of_any(connection, article_id, at=at) for article_id in ids}
    story_id = members[ids[0]].story_id
    stories = {member.story_id for member in members.values()}
    joined = list(await connection.scalars(sa.select(_m.article_id).where(_m.story_id.in_(stories))))
    await connection.execute(
        sa.delete(tables.story_separations).where(_x.article_id.in_(joined), _x.other_id.in_(joined))
    )
    await connection.execute(sa.update(tables.story_members).where(_m.story_id.in_(stories)).values(story_id=story_id))
    await connection.execute(
        sa.update(tables.story_members)
        .where(_m.article_id.in_(ids))
        .values(score=None, reason=BY_A_PERSON, joined_by=JoinedBy.PERSON, joined_at=at)
    )
    return story_id


async def separate(connection: Connection, article_id: int, *, at: datetime) -> bool:
    """Make an article a story of its own, as a person says; False if it is one already. It stays apart from the others.

    Where it was the first, the earliest of the others becomes the first. Editions that held them as one story count
    anew, and what they did not show is free for the slot's next one. `NotFoundError`: there is no such article.
    """
    await _one_at_a_time(connection)
    member = await _member_of_any(connection, article_id, at=at)
    others = sorted(
        await connection.scalars(
            sa.select(_m.article_id).where(_m.story_id == member.story_id, _m.article_id != article_id)
        )
    )
    if not others:
        return False
    pairs = [{"article_id": min(article_id, each), "other_id": max(article_id, each)} for each in others]
    await connection.execute(insert_once(connection, tables.story_separations), pairs)
    if member.story_id == article_id:
        await connection.execute(
            sa.update(tables.story_members).where(_m.article_id.in_(others)).values(story_id=others[0])
        )
    await _put(connection, StoryMember(article_id, article_id, None, BY_A_PERSON, JoinedBy.PERSON, at))
    await _part_in_editions(connection, [article_id, *others], at=at)
    return True


async def _part_in_editions(connection: Connection, article_ids: Sequence[int], *, at: datetime) -> None:
    """Count anew in the editions that hold some of these articles, and free those that repeat a shown one no more."""
    rows = (
        await connection.execute(
            sa.select(_e.edition_id, _e.slot, _e.article_id, _e.role, _m.story_id, _a.source_id)
            .join(tables.story_members, _m.article_id == _e.article_id)
            .join(tables.articles, _a.id == _e.article_id)
            .where(_e.article_id.in_(article_ids), _e.given_back_at.is_(None), _e.role != Role.LEFT_OUT)
        )
    ).all()
    shown = [row for row in rows if row.role is not Role.REPEATED]
    repeated = [row for row in rows if row.role is Role.REPEATED]
    for row in shown:
        same = {one.source_id for one in repeated if (one.edition_id, one.story_id) == (row.edition_id, row.story_id)}
        await connection.execute(
            sa.update(tables.edition_articles)
            .where(_e.edition_id == row.edition_id, _e.article_id == row.article_id)
            .values(same_sources=len(same - {row.source_id}))
        )
    told = {(row.slot, row.story_id) for row in shown}
    for row in repeated:
        if (row.slot, row.story_id) not in told:
            await connection.execute(
                sa.update(tables.edition_articles)
                .where(_e.edition_id == row.edition_id, _e.article_id == row.article_id)
                .values(given_back_at=at)
            )


async def members(connection: Connection, story_id: int) -> list[StoryMember]:
    """Return the articles of a story, its first one first, then as they joined; empty if there is no such story."""
    is_first = sa.case((_m.article_id == story_id, 0), else_=1)
    rows = await connection.execute(
        sa.select(tables.story_members).where(_m.story_id == story_id).order_by(is_first, _m.joined_at, _m.article_id)
    )
    return [_story_member(row) for row in rows.mappings()]


async def story_of(connection: Connection, article_ids: Collection[int]) -> Mapping[int, Story]:
    """Return the story of each of these articles, by its id; an article that was never placed is missing."""
    found: dict[int, Story] = {}
    ids = sorted(set(article_ids))
    for start in range(0, len(ids), _PER_QUERY):
        some = ids[start : start + _PER_QUERY]
        wanted = sa.select(_m.story_id).where(_m.article_id.in_(some))
        rows = await connection.execute(
            sa.select(_m.story_id, _m.article_id, _m.joined_by, _a.source_id)
            .join(tables.articles, _a.id == _m.article_id)
            .where(_m.story_id.in_(wanted))
            .order_by(_m.story_id, sa.case((_m.article_id == _m.story_id, 0), else_=1), _m.article_id)
        )
        found |= _stories(rows.all(), some)
    return found


async def forget_signatures(connection: Connection, *, before: datetime) -> int:
    """Delete signatures made before then, and return how many; the stories stay. Keep twice the window."""
    old = sa.select(_s.article_id).where(_s.made_at < before)
    await connection.execute(sa.delete(tables.signature_bands).where(_b.article_id.in_(old)))
    return (await connection.execute(sa.delete(tables.signatures).where(_s.made_at < before))).rowcount


async def _one_at_a_time(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))


async def _member(connection: Connection, article_id: int) -> StoryMember | None:
    row = (await connection.execute(sa.select(tables.story_members).where(_m.article_id == article_id))).mappings()
    found = row.one_or_none()
    return _story_member(found) if found is not None else None


async def _member_of_any(connection: Connection, article_id: int, *, at: datetime) -> StoryMember:
    """Return an article's place in its story; one that was never placed gets a story of its own."""
    member = await _member(connection, article_id)
    if member is not None:
        return member
    if await connection.scalar(sa.select(_a.id).where(_a.id == article_id)) is None:
        raise NotFoundError("article", article_id)
    alone = StoryMember(article_id, article_id, None, "the first", JoinedBy.MACHINE, at)
    await _put(connection, alone)
    return alone


async def _put(connection: Connection, member: StoryMember) -> None:
    values = {
        "story_id": member.story_id,
        "score": member.score,
        "reason": member.reason,
        "joined_by": member.joined_by,
        "joined_at": member.joined_at,
    }
    mine = _m.article_id == member.article_id
    changed = await connection.execute(sa.update(tables.story_members).where(mine).values(values))
    if changed.rowcount == 0:
        await connection.execute(
            insert_once(connection, tables.story_members).values(article_id=member.article_id, **values)
        )


async def _keep(connection: Connection, article_id: int, revision: int, signature: Signature, *, now: datetime) -> None:
    """Store the signature instead of that of an earlier revision."""
    await connection.execute(sa.delete(tables.signature_bands).where(_b.article_id == article_id))
    await connection.execute(sa.delete(tables.signatures).where(_s.article_id == article_id))
    facts = signature.facts
    await connection.execute(
        sa.insert(tables.signatures).values(
            article_id=article_id,
            revision=revision,
            title=signature.title,
            lead=signature.lead,
            minhash=signature.minhash,
            shingles=signature.shingles,
            facts=[sorted(facts.title), sorted(facts.lead), sorted(facts.whole)],
            made_at=now,
        )
    )
    rows = [{"band": band, "article_id": article_id} for band in sorted(set(signature.bands))]
    if rows:
        await connection.execute(sa.insert(tables.signature_bands), rows)


async def _is_followed(connection: Connection, article_id: int) -> bool:
    """Whether others joined the story of this article because they are like it: the first of a story stays."""
    others = sa.select(_m.article_id).where(_m.story_id == article_id, _m.article_id != article_id).limit(1)
    return await connection.scalar(others) is not None


async def _most_alike(
    connection: Connection,
    article_id: int,
    signature: Signature,
    compare: Callable[[Signature, Signature], Likeness],
    window: timedelta,
) -> tuple[int, Likeness] | None:
    """Return the story whose first article is most like this one, if any is like it; of equals the earlier."""
    seen_at = await connection.scalar(sa.select(_a.first_seen_at).where(_a.id == article_id))
    if seen_at is None:
        raise NotFoundError("article", article_id)
    touched = (
        sa.select(_m.story_id)
        .join(tables.signature_bands, _b.article_id == _m.article_id)
        .where(_b.band.in_(signature.bands), _m.article_id != article_id, _m.story_id != article_id)
    )
    rows = await connection.execute(
        sa.select(tables.signatures, _r.link)
        .join(tables.articles, _a.id == _s.article_id)
        .join(tables.revisions, sa.and_(_r.article_id == _a.id, _r.revision == _a.revision))
        .where(_s.article_id.in_(touched), _a.first_seen_at.between(seen_at - window, seen_at + window))
        .order_by(_s.article_id)
    )
    apart = await _apart_from(connection, article_id)
    likenesses = ((row["article_id"], compare(_signature(row), signature)) for row in rows.mappings())
    alike = [(story_id, likeness) for story_id, likeness in likenesses if likeness.is_same and story_id not in apart]
    return max(alike, key=lambda found: found[1].score, default=None)


async def _apart_from(connection: Connection, article_id: int) -> set[int]:
    """Return the stories that hold an article which a person separated from this one."""
    separated = sa.union(
        sa.select(_x.other_id).where(_x.article_id == article_id),
        sa.select(_x.article_id).where(_x.other_id == article_id),
    )
    return set(await connection.scalars(sa.select(_m.story_id).where(_m.article_id.in_(separated))))


def _stories(rows: Iterable[Any], wanted: Collection[int]) -> dict[int, Story]:  # Any: rows
    ids: dict[int, list[int]] = {}
    sources: dict[int, set[int]] = {}
    by_person: set[int] = set()
    for row in rows:
        if row.article_id == row.story_id and row.joined_by is JoinedBy.PERSON:
            by_person.add(row.story_id)
        ids.setdefault(row.story_id, []).append(row.article_id)
        sources.setdefault(row.story_id, set()).add(row.source_id)
    stories = [Story(one, tuple(some), len(sources[one]), one in by_person) for one, some in ids.items()]
    by_article = {article_id: story for story in stories for article_id in story.article_ids}
    return {article_id: by_article[article_id] for article_id in wanted if article_id in by_article}


def _signature(row: Any) -> Signature:  # Any: a row mapping
    title, lead, whole = (frozenset(facts) for facts in row["facts"])
    return Signature(
        title=row["title"],
        lead=row["lead"],
        minhash=row["minhash"],
        shingles=row["shingles"],
        facts=Facts(title, lead, whole),
        bands=(),
        site=site_of(row["link"]),
    )


def _story_member(row: Any) -> StoryMember:  # Any: a row mapping
    return StoryMember(
        article_id=row["article_id"],
        story_id=row["story_id"],
        score=row["score"],
        reason=row["reason"],
        joined_by=JoinedBy(row["joined_by"]),
        joined_at=row["joined_at"],
    )

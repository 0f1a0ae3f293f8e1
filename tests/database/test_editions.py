"""What the rows of editions guarantee by themselves, whatever the code above them does."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from digest.database import Database, editions
from digest.errors import NotFoundError
from digest.models.articles import MostRead
from digest.models.editions import Edition, EditionState, Placement, Role, Slot
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom

pytestmark = pytest.mark.anyio

MORNING = Slot("morning", "아침 소식", "0 7 * * *")
EVENING = Slot("evening", "저녁 소식", "0 18 * * *")


@pytest.fixture
def newsroom(database: Database, clock: StoppedClock) -> Newsroom:
    return Newsroom(database, clock)


async def chosen(newsroom: Newsroom, *article_ids: int, slot: Slot = MORNING) -> Edition:
    """An edition planned a minute after the one before, with these articles in it."""
    now = newsroom.clock.advance(minutes=1)
    async with newsroom.database.begin() as connection:
        edition_id = await editions.open_edition(connection, slot, planned_at=now, cutoff_at=now)
        assert edition_id is not None
        edition = await editions.take_open(connection, edition_id, now=now)
        assert edition is not None
        places = [Placement(each, 1, Role.ARTICLE, "시정", position) for position, each in enumerate(article_ids)]
        if places:
            await editions.place(connection, edition, places, [MostRead("많이 본", "https://gaon.example/1")])
    return edition


async def test_article_cannot_be_in_two_editions_of_a_slot(newsroom: Newsroom) -> None:
    """The last line of defence: even a mistake in choosing cannot mail an article twice."""
    (article_id,) = await newsroom.publish("예산안")
    await chosen(newsroom, article_id)
    with pytest.raises(IntegrityError):
        await chosen(newsroom, article_id)
    assert await newsroom.count_editions() == 1
    await chosen(newsroom, article_id, slot=EVENING)


async def test_article_given_back_can_be_placed_again_once(database: Database, newsroom: Newsroom) -> None:
    """Giving back frees the place, and the freed place is again for one."""
    (article_id,) = await newsroom.publish("예산안")
    first = await chosen(newsroom, article_id)
    async with database.begin() as connection:
        assert await editions.give_back(connection, first.id, at=newsroom.clock()) == 1
        assert await editions.give_back(connection, first.id, at=newsroom.clock()) == 0
    second = await chosen(newsroom, article_id)
    with pytest.raises(IntegrityError):
        await chosen(newsroom, article_id)
    async with database.read() as connection:
        found = await editions.editions_of_article(connection, article_id)
    assert [(edition.id, role) for edition, role in found] == [(second.id, Role.ARTICLE), (first.id, Role.ARTICLE)]


async def test_planned_time_of_a_slot_has_one_edition(database: Database, clock: StoppedClock) -> None:
    """The unique key decides who opens, on any number of machines."""
    async with database.begin() as connection:
        first = await editions.open_edition(connection, MORNING, planned_at=clock(), cutoff_at=clock())
        assert await editions.open_edition(connection, MORNING, planned_at=clock(), cutoff_at=clock()) is None
        assert await editions.open_edition(connection, EVENING, planned_at=clock(), cutoff_at=clock()) is not None
        edition = await editions.left_open(connection, "morning")
    assert edition is not None
    assert (edition.id, edition.state) == (first, EditionState.OPEN)


@pytest.mark.parametrize(
    ("state", "fitting"),
    [
        (EditionState.OPEN, {"cancel"}),
        (EditionState.CHOSEN, {"cancel", "hold", "release"}),
        (EditionState.HELD, {"cancel", "release"}),
        (EditionState.RELEASED, {"cancel", "hold"}),
        (EditionState.SENDING, {"cancel", "hold"}),
        (EditionState.DONE, set()),
        (EditionState.CANCELLED, set()),
    ],
)
async def test_state_changes_only_as_the_chart_says(
    database: Database, newsroom: Newsroom, state: EditionState, fitting: set[str]
) -> None:
    """The condition is in the UPDATE: whoever comes too late changes nothing and is told so."""
    now = newsroom.clock()
    for act in ("cancel", "hold", "release"):
        edition = await chosen(newsroom)
        await newsroom.set_state(edition.id, state)
        async with database.begin() as connection:
            if act == "cancel":
                changed = await editions.mark_cancelled(connection, edition.id, reason="")
            elif act == "hold":
                changed = await editions.mark_held(connection, edition.id, states=editions.HOLDABLE, reason="")
            else:
                changed = await editions.mark_released(
                    connection, edition.id, states=editions.RELEASABLE, at=now, deadline_at=now
                )
            after = (await editions.get_edition(connection, edition.id)).state
        assert (act, changed, after is state) == (act, act in fitting, act not in fitting)


async def test_released_edition_is_not_composed_a_second_time(database: Database, newsroom: Newsroom) -> None:
    """Held in the middle of being sent, it has deliveries: only `mark_released_again` fits, and only then."""
    edition = await chosen(newsroom)
    later = newsroom.clock() + timedelta(hours=1)
    held = editions.RELEASABLE
    async with database.begin() as connection:
        assert not await editions.mark_released_again(connection, edition.id, deadline_at=later)
        assert await editions.mark_released(connection, edition.id, states=held, at=later, deadline_at=later)
        await editions.note_eligible(connection, edition.id, 7)
    await newsroom.set_state(edition.id, EditionState.HELD)
    async with database.begin() as connection:
        assert not await editions.mark_released(connection, edition.id, states=held, at=later, deadline_at=later)
        assert await editions.mark_released_again(connection, edition.id, deadline_at=later)


async def test_editions_are_listed_latest_first(database: Database, newsroom: Newsroom) -> None:
    """The newest is what people ask about."""
    first, second = await chosen(newsroom), await chosen(newsroom)
    evening = await chosen(newsroom, slot=EVENING)
    async with database.read() as connection:
        listed = await editions.list_editions(connection, limit=2)
        mornings = await editions.list_editions(connection, limit=10, slot="morning")
        latest = await editions.latest_for_slot(connection, "morning")
        waiting = await editions.list_in_state(connection, EditionState.CHOSEN)
        assert await editions.latest_for_slot(connection, "weekly") is None
        with pytest.raises(NotFoundError, match="There is no edition 999"):
            await editions.get_edition(connection, 999)
    assert [edition.id for edition in listed] == [evening.id, second.id]
    assert [edition.id for edition in mornings] == [second.id, first.id]
    assert latest is not None
    assert latest.id == second.id
    assert [edition.id for edition in waiting] == [first.id, second.id, evening.id]


async def test_only_released_editions_are_public(database: Database, newsroom: Newsroom) -> None:
    """A page of an edition that may still be cancelled must not be found by its number."""
    edition = await chosen(newsroom)
    public = []
    for state in EditionState:
        await newsroom.set_state(edition.id, state)
        async with database.read() as connection:
            if editions.is_public(await editions.get_edition(connection, edition.id)):
                public.append(state)
    assert public == [EditionState.RELEASED, EditionState.SENDING, EditionState.DONE]

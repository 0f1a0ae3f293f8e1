"""The limit of a test's time, which nothing else would notice missing until something hangs."""

import asyncio

import pytest

from tests.support.patience import cancelled_after

pytestmark = pytest.mark.anyio


async def test_a_test_that_hangs_fails_and_ends_in_order() -> None:
    """It is cancelled where it waits, so whatever it has opened is closed."""
    closed = []

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append("the database")

    with pytest.raises(TimeoutError, match=r"more than 0\.01 s"):
        await cancelled_after(0.01, hangs)()
    assert closed == ["the database"]


async def test_a_tests_own_timeout_stays_what_it_is() -> None:
    """Else the one who reads the failure would look for something that hangs."""

    async def gives_up() -> None:
        raise TimeoutError("no answer from the relay")

    with pytest.raises(TimeoutError, match="no answer from the relay"):
        await cancelled_after(60, gives_up)()

"""Where a command gets its settings and its database from.

`with_database` is the frame of nearly every command: read the settings, open the database, make sure that its schema is
this release's, act, close. Errors pass through; `digest.operate.cli` turns them into a line and an exit code. Logs of
commands show warnings only, on standard error: the command's own words are the report.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from digest.errors import NotFoundError, SettingsError
from digest.operate.cli.terminal import note

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models.editions import Slot

Result = TypeVar("Result")

_JSON_LINES = {"auto": None, "lines": False, "json": True}


def load_settings(*, as_service: bool = False, overrides: Mapping[str, str] | None = None) -> "Settings":
    """Read the settings and set up the logs: as loud as the settings say for services, else warnings only.

    `overrides` are settings given on the command line. Raises `SettingsError` with every mistake.
    """
    from digest import config, events

    try:
        settings = config.load(overrides=overrides)
    except SettingsError:
        if not config.has_secret():
            note(f"There is no .env in {Path.cwd()}. Go to the folder that has it, or write one with: digest init")
        raise
    events.configure(json_lines=_JSON_LINES[settings.log_format], level=settings.log_level if as_service else "warning")
    return settings


def with_database(act: "Callable[[Settings, Database], Awaitable[Result]]") -> Result:
    """Return what `act` returns, called with the settings and the open database.

    Raises `DatabaseNotReadyError` when the schema is not this release's, `DatabaseUnavailableError` when there is none,
    `FixSetupError` when `SUPPRESSION_KEY` is not the key of the stored hashes.
    """
    return asyncio.run(_acted(load_settings(), act))


def slot_of(settings: "Settings", name: str) -> "Slot":
    """Return the slot of that name from the settings, or raise `NotFoundError` that lists those there are."""
    found = settings.slot(name)
    if found is None:
        known = ", ".join(slot.name for slot in settings.editions) or "none"
        raise NotFoundError("slot", f"{name!r} in EDITIONS (there: {known})")
    return found


async def _acted(settings: "Settings", act: "Callable[[Settings, Database], Awaitable[Result]]") -> Result:
    from digest import clock
    from digest.database import Database, marks, migrate
    from digest.hashes import fingerprint

    database = Database.open(settings.database_url.get_secret_value(), pool_size=2)
    try:
        await migrate.require_current(database)
        await marks.require_key(database, fingerprint(settings), now=clock.utc_now())
        return await act(settings, database)
    finally:
        await database.close()

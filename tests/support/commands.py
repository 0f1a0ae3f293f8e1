"""The command line as an operator uses it, inside the test's process: words in; exit code, words and JSON out."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog
from typer.testing import CliRunner, Result

from digest.database import Database
from digest.operate.cli import app
from tests.support.settings import SECRET

Value = TypeVar("Value")

SETTINGS = {
    "NEWSPAPER_NAME": "가온일보",
    "NEWSPAPER_SITE": "https://gaon.example",
    "SENDER_ADDRESS": "news@gaon.example",
    "POSTAL_ADDRESS": "(12345) 가온시 큰길 1, 2층",
    "PHONE": "02-0000-0000",
    "PRIVACY_OFFICER": "박가온 privacy@gaon.example",
    "SECRET_KEY": SECRET,
    "EDITIONS": "morning | 아침 소식 | 0 7 * * * | sections=시정,의회,* deadline=3h",
}


class Commands:
    """Runs commands with settings from the environment only; `settings` may be changed between two of them."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self.settings = {**SETTINGS, "DATABASE_URL": database_url, "DATA_DIR": str(folder / "var")}

    def __call__(self, *words: str, code: int = 0, typed: str | None = None) -> Result:
        """Run one command and check its exit code. `typed` is what the operator answers to questions."""
        try:
            result = CliRunner().invoke(app, list(words), env=self.settings, input=typed)
        finally:
            structlog.reset_defaults()  # the runner's standard error is closed now
        unforeseen = result.exception if not isinstance(result.exception, SystemExit) else None
        assert unforeseen is None, result.stdout + result.stderr + repr(unforeseen)
        assert result.exit_code == code, f"{result.exit_code}: {result.stdout}{result.stderr}"
        return result

    def json(self, *words: str, code: int = 0) -> Any:
        """Run one command with --json and return the document that is all of its standard output."""
        return json.loads(self(*words, "--json", code=code).stdout)

    def act(self, what: Callable[[Database], Awaitable[Value]]) -> Value:
        """Do something to the database between two commands."""

        async def opened() -> Value:
            database = Database.open(self.database_url)
            try:
                return await what(database)
            finally:
                await database.close()

        return asyncio.run(opened())

"""`digest`, `init`, `secret`, `migrate`, `doctor`: words, exit codes, and what must never be touched."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands


def test_help_answers_at_once_and_names_the_exit_codes(commands_on_sqlite: Commands) -> None:
    """Scripts rely on the codes, so the list stands where an operator looks first."""
    shown = " ".join(commands_on_sqlite("--help").stdout.split())

    for words in ("0 done", "1 the answer is no", "2 wrong usage", "3 a setting", "4 the database", "5 not now"):
        assert words in shown


def test_help_loads_nothing_heavy() -> None:
    """A command line that takes seconds to say what it can do is not asked twice."""
    heavy = "{'sqlalchemy', 'aiohttp', 'jinja2', 'mjml', 'starlette', 'pydantic', 'aiosmtplib'}"
    program = f"import sys; import digest.operate.cli; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_every_wrong_setting_is_told_on_a_line_of_its_own(commands_on_sqlite: Commands) -> None:
    """Repairing one mistake after the other takes as many starts as there are mistakes."""
    commands_on_sqlite.settings |= {"SMTP_PORT": "many", "SENDER_ADDRESS": "nobody", "PHONE": ""}

    result = commands_on_sqlite("editions", "list", code=3)

    lines = result.stderr.strip().splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == ["PHONE", "SENDER_ADDRESS", "SMTP_PORT"]
    assert result.stdout == ""


def test_env_file_in_another_encoding_is_a_wrong_setting(commands_on_sqlite: Commands) -> None:
    """An editor on a Korean Windows saves CP949; a traceback would not tell."""
    (commands_on_sqlite.folder / ".env").write_bytes("NEWSPAPER_NAME=가온일보\n".encode("cp949"))

    assert "UTF-8" in commands_on_sqlite("sources", "list", code=3).stderr


def test_database_without_schema_says_what_to_run(commands_on_sqlite: Commands) -> None:
    """The first mistake of every new installation."""
    commands_on_sqlite.settings["DATABASE_URL"] = f"sqlite:///{commands_on_sqlite.folder}/new.sqlite3"

    assert "digest migrate" in commands_on_sqlite("editions", "list", code=4).stderr


@pytest.mark.parametrize(
    "url",
    ["postgresql://digest@127.0.0.1:1/digest", "postgresql://digest@/x?host=/nowhere"],
    ids=["refused", "no socket"],
)
def test_database_that_is_away_is_one_line(commands_on_sqlite: Commands, url: str) -> None:
    """A refused connection and a missing socket are told alike, without a traceback."""
    commands_on_sqlite.settings["DATABASE_URL"] = url

    result = commands_on_sqlite("editions", "list", code=4)

    assert len(result.stderr.strip().splitlines()) == 1


def test_database_address_that_cannot_be_read_does_not_show_the_password(commands_on_sqlite: Commands) -> None:
    """What is printed on a terminal ends in tickets."""
    commands_on_sqlite.settings["DATABASE_URL"] = "postgresql://digest:hush@ha@host:port/x"

    result = commands_on_sqlite("editions", "list", code=3)

    assert "DATABASE_URL" in result.stderr
    assert "hush" not in result.stderr


def test_migrate_brings_an_empty_database_to_the_schema_and_can_be_repeated(commands_on_sqlite: Commands) -> None:
    """Deployments run it every time."""
    commands_on_sqlite.settings["DATABASE_URL"] = f"sqlite:///{commands_on_sqlite.folder}/new.sqlite3"

    first, second = commands_on_sqlite("migrate").stdout, commands_on_sqlite("migrate").stdout

    assert "none →" in first
    assert "as before" in second
    commands_on_sqlite("editions", "list")


def test_unknown_command_is_wrong_usage(commands_on_sqlite: Commands) -> None:
    """Exit code 2, like every command line."""
    assert "publish" in commands_on_sqlite("publish", code=2).stderr


def test_init_writes_settings_that_work_with_a_secret_of_their_own(commands_on_sqlite: Commands) -> None:
    """`make run` on a fresh machine begins with it: readable by the owner only, and no two alike."""
    first, second = commands_on_sqlite.folder / "a", commands_on_sqlite.folder / "b"
    first.mkdir()
    second.mkdir()

    for folder in (first, second):
        commands_on_sqlite("init", "--folder", str(folder))

    assert (first / ".env").stat().st_mode & 0o777 == 0o600
    assert _secret(first / ".env") != _secret(second / ".env")
    assert len(_secret(first / ".env")) >= 32


def test_init_leaves_an_existing_file_alone(commands_on_sqlite: Commands) -> None:
    """It holds the relay's password and the secret of every link that was ever mailed."""
    (commands_on_sqlite.folder / ".env").write_text("NEWSPAPER_NAME=mine\n")

    result = commands_on_sqlite("init")

    assert "stays as it is" in result.stdout
    assert (commands_on_sqlite.folder / ".env").read_text() == "NEWSPAPER_NAME=mine\n"


def test_secret_prints_a_fresh_one_each_time(commands_on_sqlite: Commands) -> None:
    """Nothing but the secret, so that it can be written into a file."""
    first, second = (commands_on_sqlite("secret").stdout.strip() for _ in range(2))

    assert first != second
    assert len(first) >= 32


def test_doctor_without_settings_says_each_mistake_and_fails(commands_on_sqlite: Commands) -> None:
    """The one command that must work when nothing else does."""
    commands_on_sqlite.settings |= {"SECRET_KEY": "short", "PHONE": ""}

    found = commands_on_sqlite.json("doctor", code=1)

    assert found["ok"] is False
    assert {check["says"].partition(":")[0] for check in found["checks"] if check["name"] == "settings"} == {
        "SECRET_KEY",
        "PHONE",
    }


def test_doctor_finds_a_healthy_installation_healthy(commands: Commands) -> None:
    """No check fails where mails would go out, on either database."""
    found = commands.json("doctor")

    assert found["ok"] is True
    verdicts = {check["name"]: check["verdict"] for check in found["checks"]}
    assert {"settings", "database", "templates", "relay", "editions", "pages", "clock", "data folder"} <= set(verdicts)
    assert verdicts["database"] == verdicts["templates"] == "ok"


def _secret(env_file: Path) -> str:
    lines = env_file.read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("SECRET_KEY=") for line in lines if line.startswith("SECRET_KEY="))

"""Nobody reads what the program says: a full disk, closed streams, a wrong folder, a number too large."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands

_DIGEST = f"exec {sys.executable} -m digest"


def _sh(line: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=60, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", ["secret", "--help", "doctor --json"])
def test_output_onto_a_full_disk_is_one_line_and_not_a_traceback(words: str) -> None:
    """A script that keeps the answer in a file must see that it is not there."""
    done = _sh(f"{_DIGEST} {words} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["The output cannot be written: No space left on device."]


def test_a_closed_standard_error_changes_no_exit_code() -> None:
    """Some process managers start programs without streams."""
    assert _sh(f"{_DIGEST} secret 2>&-").returncode == 0
    assert _sh(f"cd / && {_DIGEST} editions list 2>&- >&-").returncode == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """Mail must not wait because a log file's disk is full, or the terminal it was started from is closed."""
    program = (
        "from digest import events; events.configure(json_lines=True); events.event('worker.started'); "
        "events.failure('sender.fault', exc_info=ValueError('something')); print('it went on')"
    )
    done = _sh(f'{sys.executable} -c "{program}" 2> /dev/full')
    assert done.stdout == b"it went on\n"


def test_ctrl_c_before_the_command_has_begun_is_no_traceback() -> None:
    """Its modules take a third of a second to load: time enough to see that it was the wrong one."""
    program = (
        "import sys; from signal import SIGINT, raise_signal; from digest.__main__ import main; "
        "sys.meta_path.insert(0, type('Slow', (), {'find_spec': lambda *_: raise_signal(SIGINT)})); main()"
    )
    done = _sh(f'exec {sys.executable} -c "{program}"')
    assert (done.returncode, done.stderr) == (130, b"")


def test_a_folder_without_settings_is_named(commands_on_sqlite: Commands) -> None:
    """Most often it is the wrong folder, and not seven settings that are missing."""
    commands_on_sqlite.settings = {}
    told = commands_on_sqlite("editions", "list", code=3).stderr
    assert f"There is no .env in {commands_on_sqlite.folder}" in " ".join(told.split())
    assert "digest init" in told
    checks = commands_on_sqlite.json("doctor", code=1)["checks"]
    assert checks[0]["name"] == ".env"


@pytest.mark.parametrize(
    "words", ["editions show", "editions prove", "editions release", "editions watch --json", "articles show"]
)
def test_a_number_larger_than_any_row_has_is_wrong_usage(commands: Commands, words: str) -> None:
    """Neither database can be asked for it."""
    commands(*words.split(), "9" * 20, code=2)


def test_a_number_that_no_row_has_yet_is_told(commands: Commands) -> None:
    """The largest number there can be is still a question."""
    assert "no edition" in commands("editions", "show", str(2**63 - 1), code=1).stderr
    assert "no slot" in commands("editions", "preview", "9" * 20, code=1).stderr

"""What the operator wrote, before it is checked: the lines of `.env`, the environment, and secrets kept in files.

The environment wins over the file. A secret may come from a file of its own, `NAME_FILE=/path` (systemd credentials,
container secrets). Unknown names in `.env` are mistakes; the environment also holds names that are not ours, so there
only near misses count. The merging is ours and not pydantic-settings', because that lets python-dotenv expand `${…}`
even inside quotes, which silently changes passwords that hold it.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values

from digest.errors import SettingMistake, SettingsError

_MAY_COME_FROM_FILE = (
    "SECRET_KEY",
    "RETIRED_SECRET_KEYS",
    "DATABASE_URL",
    "SMTP_USER",
    "SMTP_PASSWORD",
    "DKIM_PRIVATE_KEY",
    "METRICS_TOKEN",
    "INBOUND_IMAP_USER",
    "INBOUND_IMAP_PASSWORD",
)


def read(environ: Mapping[str, str], env_file: Path, known: set[str]) -> tuple[dict[str, str], list[SettingMistake]]:
    """Return the values given for the `known` names (empty ones left out), and the mistakes in what was written.

    Raises `SettingsError` for an `env_file` that is there and cannot be read.
    """
    in_file = read_env_file(env_file)
    mistakes = _unknown(in_file, known) + _near_misses(environ, known)
    given = {**in_file, **{key: value for key, value in environ.items() if key in known or _is_file_name(key)}}
    values, unreadable = _with_secrets_from_files(given)
    return {key: value for key, value in values.items() if key in known}, mistakes + unreadable


def read_env_file(env_file: Path) -> dict[str, str]:
    """Return the lines of `env_file`, nothing expanded; none if there is no such file. Raises `SettingsError`."""
    try:
        return {key: value or "" for key, value in dotenv_values(env_file, interpolate=False).items()}
    except UnicodeDecodeError as error:
        instead = "Save it as UTF-8 (an editor on Windows may have written CP949)."
        raise SettingsError([SettingMistake(str(env_file), "it is no UTF-8 text", instead)]) from error
    except OSError as error:
        instead = "Let the user who runs this read it."
        raise SettingsError(
            [SettingMistake(str(env_file), f"it cannot be read ({error.strerror})", instead)]
        ) from error


def read_secret(path: Path) -> str:
    """Return what a file of a secret holds, without blanks around it. Raises `OSError` or `UnicodeDecodeError`."""
    return path.read_text(encoding="utf-8").strip()


def _is_file_name(key: str) -> bool:
    return key.endswith("_FILE") and key.removesuffix("_FILE") in _MAY_COME_FROM_FILE


def _unknown(in_file: Iterable[str], known: set[str]) -> list[SettingMistake]:
    mistakes = []
    for key in in_file:
        if key in known or _is_file_name(key):
            continue
        near = difflib.get_close_matches(key.upper(), sorted(known), n=1, cutoff=0.6)
        hint = f"Did you mean {near[0]}?" if near else "Remove the line."
        mistakes.append(SettingMistake(key, "there is no such setting", hint))
    return mistakes


def _near_misses(environ: Iterable[str], known: set[str]) -> list[SettingMistake]:
    """Find mistyped names in the environment, which also holds names that are not ours: only very near ones count."""
    mistakes = []
    for key in environ:
        if key in known or _is_file_name(key) or "_" not in key:
            continue
        near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.9)
        if near:
            mistakes.append(SettingMistake(key, "there is no such setting", f"Did you mean {near[0]}?"))
    return mistakes


def _with_secrets_from_files(given: Mapping[str, str]) -> tuple[dict[str, str], list[SettingMistake]]:
    values = {key: value for key, value in given.items() if value != "" and not _is_file_name(key)}
    mistakes = []
    for key, path in given.items():
        if not _is_file_name(key) or not path:
            continue
        name = key.removesuffix("_FILE")
        if name in values:
            mistakes.append(SettingMistake(key, f"{name} is set as well", "Keep one of the two."))
            continue
        try:
            values[name] = read_secret(Path(path))
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(SettingMistake(key, f"{path} cannot be read ({error})", "Name a file this user may read."))
    return values, mistakes

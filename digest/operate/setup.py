"""The first settings of a new newspaper: a copy of the example with secrets of its own.

The example travels inside the wheel (`digest/config.example.env`); in a checkout it lies at the top. The copy is made
readable for its owner only, because it will hold the relay's password, and an existing file is never touched.
"""

import os
import re
import secrets
from pathlib import Path

from digest.errors import FixSetupError

_PACKED = Path(__file__).resolve().parents[1] / "config.example.env"
_IN_CHECKOUT = Path(__file__).resolve().parents[2] / "config.example.env"
_SECRET_LINES = re.compile(r"^(SECRET_KEY|SUPPRESSION_KEY)=.*$", re.MULTILINE)


def fresh_secret() -> str:
    """Return a new secret for `SECRET_KEY`: 256 random bits in 43 letters that need no quotes."""
    return secrets.token_urlsafe(32)


def initialise(folder: Path) -> Path | None:
    """Write `folder/.env` from the example with fresh secrets and return its path; None if there is one already.

    Raises `FixSetupError` if the example is missing or the folder cannot be written to.
    """
    target = folder / ".env"
    text, replaced = _SECRET_LINES.subn(lambda found: f"{found[1]}={fresh_secret()}", _example())
    if replaced != 2:
        raise FixSetupError(
            "config.example.env has no single lines SECRET_KEY= and SUPPRESSION_KEY=. Take the one of this release."
        )
    try:
        # O_EXCL: of two that start at once, one makes the file and the other finds it.
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    except OSError as error:
        raise FixSetupError(f"{target} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return target


def _example() -> str:
    for path in (_PACKED, _IN_CHECKOUT):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise FixSetupError("config.example.env is not part of this installation. Install the package again.")

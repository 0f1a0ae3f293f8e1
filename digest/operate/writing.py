"""Files of people's data that commands write: readable for their owner alone, and never in place of another file."""

import os
from pathlib import Path
from typing import TextIO

from digest.errors import FixSetupError


def private_file(path: Path) -> TextIO:
    """Open a new file for writing (UTF-8 with a BOM, as Excel wants it). Raises `FixSetupError` if it is there."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise FixSetupError(f"{path} is there already. Name another file, or remove it first.") from error
    except OSError as error:
        raise FixSetupError(f"{path} cannot be written: {error.strerror}.") from error
    return os.fdopen(handle, "w", encoding="utf-8-sig", newline="")

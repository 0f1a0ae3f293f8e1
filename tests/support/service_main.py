"""What a forked process of the service runs (see `service`). Imported beforehand: what the journeys' commands need."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import digest.operate.cli
import digest.operate.run
import digest.operate.worker  # noqa: F401
from digest.__main__ import main


def run(words: list[str], folder: Path, environment: Mapping[str, str], output: Path, errors: Path) -> None:
    """Be `digest WORDS` in `folder`; what it writes is appended to the two files."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, path in ((sys.stdout, output), (sys.stderr, errors)):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(opened, stream.fileno())
        os.close(opened)
        stream.reconfigure(encoding="utf-8", line_buffering=stream is sys.stderr)  # type: ignore[union-attr]
    sys.argv = ["digest", *words]
    main()

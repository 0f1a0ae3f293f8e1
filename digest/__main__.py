"""The command `digest` and `python -m digest`.

Everything is behind the guard: worker processes that are started by "spawn" import this module again.
"""

import errno
import os
import sys
from pathlib import Path

_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main() -> None:
    """Run the command line. What the terminal's encoding cannot show is written as an escape, not a crash."""
    # A process manager may start us without standard streams.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (for good)
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (for good)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    try:
        from digest.operate.cli import app

        app(prog_name="digest")
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in _NOT_WRITTEN:
            raise
        print(f"The output cannot be written: {error.strerror}.", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered would fail again at the very end
        sys.exit(1)
    except KeyboardInterrupt:  # before the command had begun; afterwards it ends with the same code
        sys.exit(130)


if __name__ == "__main__":
    main()

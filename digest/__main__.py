"""The command `digest` and `python -m digest`.

Everything is behind the guard: worker processes that are started by "spawn" import this module again.
"""

import sys


def main() -> None:
    """Run the command line. What the terminal's encoding cannot show is written as an escape, not a crash."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    from digest.operate.cli import app

    app(prog_name="digest")


if __name__ == "__main__":
    main()

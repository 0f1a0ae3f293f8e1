"""Where the tests keep their files: in memory, where this machine has a folder for that with room enough.

Thousands of small databases are made, synced and thrown away. On a disk much of the time of a run goes into syncs and
into taking files away again (measured: 2 ms for each `unlink`). What a test proves is the same: a killed process loses
nothing of what it has written in either place, and no test cuts the power. A folder named in TMPDIR is used instead.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2_000_000_000


def keep_in_memory() -> None:
    """Have temporary files of this process and of those it starts made in memory, if there is such a place."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        return
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None  # it is looked for again

"""A Python process of our own, for what must not hold up, fill or crash the one that starts it.

The parent starts a module's `serve_stdin` and speaks with it in frames over pipes: nothing is pickled, so neither side
has to trust the other. The child ends when its input ends, so it does not outlive a killed parent, and it leaves
signals to its parent. `multiprocessing` is not used: it would import the program's main module again in the child, its
pipes would need a thread, and its children wait for ever once their parent is gone.
"""

import asyncio
import json
import signal
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import BinaryIO

_LENGTH = struct.Struct(">Q")
_CODE = (
    "import sys, json, importlib; sys.path[:] = json.loads(sys.argv[1]); "
    "importlib.import_module(sys.argv[2]).serve_stdin()"
)


async def start(module: str, *words: str) -> Process:
    """Start `module`'s `serve_stdin` in a process of its own, with `words` in `sys.argv[3:]`. Raises `OSError`."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", _CODE, json.dumps(sys.path), module, *words, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )


async def end(child: Process) -> None:
    """Kill the child, if it has not ended, and let go of its pipes."""
    if child.returncode is None:
        child.kill()
    if child.stdin is not None:
        child.stdin.close()
    await child.communicate()  # until its pipes are closed too


def framed(content: bytes) -> bytes:
    """Return what `read_frame` and `next_frame` read as `content`."""
    return _LENGTH.pack(len(content)) + content


def frames(content: bytes) -> list[bytes]:
    """Return what was `framed` one behind the other in `content`."""
    found, at = [], 0
    while at < len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size + length
        found.append(content[at - length : at])
    return found


async def read_frame(stream: asyncio.StreamReader) -> bytes:
    """Read a frame from a child. Raises `asyncio.IncompleteReadError` when it has ended."""
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    return await stream.readexactly(length)


def pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the child's questions and the place of its answers, and leave signals to the parent. In the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group of processes,
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # and systemd stops each of them at once
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints must not get among the answers
    return questions, answers


def next_frame(stream: BinaryIO) -> bytes:
    """Read the next frame, empty at the end. In the child."""
    length = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(length)[0]) if len(length) == _LENGTH.size else b""


def answer(stream: BinaryIO, content: bytes) -> None:
    """Write a frame. In the child."""
    stream.write(framed(content))
    stream.flush()

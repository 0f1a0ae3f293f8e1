"""Logs are events with a stable name and fields.

    event("delivery.deferred", delivery_id=7, reply_code=451)

Names are listed in ARCHITECTURE.md and are what alerts and searches match; the sentence is for eyes only. No address
and no token is ever a field: use ids, or `Address.masked` where a person must recognise it. On a terminal events are
lines to read; elsewhere one JSON object a line, UTF-8. A log that cannot be written (full disk, closed terminal) loses
its lines and stops nothing.
"""

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog


def configure(*, json_lines: bool | None = None, level: str = "info") -> None:
    """Set up logging once per process. `json_lines` None: JSON unless standard error is a terminal."""
    if json_lines is None:
        json_lines = not sys.stderr.isatty()
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json_lines
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=26)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if json_lines else "%H:%M:%S", utc=json_lines),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Unfailing(sys.stderr))),
        cache_logger_on_first_use=False,
    )


class _Unfailing:
    """A stream whose trouble stays its own: a pass must not fail because its log line could not be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):  # ValueError: it was closed
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def event(name: str, /, **fields: object) -> None:
    """Log that something happened."""
    structlog.get_logger().info(name, **fields)


def warning(name: str, /, **fields: object) -> None:
    """Log something an operator may want to look into."""
    structlog.get_logger().warning(name, **fields)


def failure(name: str, /, *, exc_info: BaseException | bool = False, **fields: object) -> None:
    """Log something that went wrong and was not foreseen; `exc_info` adds the traceback."""
    structlog.get_logger().error(name, exc_info=exc_info, **fields)

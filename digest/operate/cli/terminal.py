"""What commands print, and the exit codes they end with.

Words for the operator go to standard output through `say` and `table`, what went wrong to standard error through
`problem`; with `--json` the only thing on standard output is one JSON document. Titles, replies of relays and other
foreign text pass `printable` first: a feed must not be able to write escape sequences to the operator's terminal, nor
rich's markup. Times are shown in the newspaper's zone and written to JSON in UTC.
"""

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from digest.addresses import Address

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of words.")]

LARGEST_ID = 2**63 - 1  # what a row's number can be; larger ones would be an error of the database's driver
_PIPE_WIDTH = 200  # columns where no terminal says how many it has
_TURNS_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class ExitCode(IntEnum):
    """How a command ended, for scripts. The same list stands in `digest --help` and in the README.

    One that Ctrl-C broke off ends with 130 (128 + SIGINT), as programs do in a shell.
    """

    DONE = 0
    NO = 1
    USAGE = 2
    SETTINGS = 3
    DATABASE = 4
    LATER = 5


def say(text: str = "") -> None:
    """Print a sentence."""
    _console().print(printable(text), soft_wrap=True)


def note(text: str) -> None:
    """Print what a person may want to know beside the answer, on standard error, where no script reads it."""
    _console(stderr=True).print(printable(text), style="yellow", soft_wrap=True)


def problem(text: str) -> None:
    """Print what went wrong, on standard error."""
    _console(stderr=True).print(printable(text), style="red", soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print rows under column heads; `None` is an empty cell, columns of numbers stand to the right."""
    from rich import box
    from rich.table import Table

    cells = [list(row) for row in rows]
    shown = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numbers = bool(cells) and all(isinstance(row[index], int | None) for row in cells)
        shown.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        shown.add_row(*("" if cell is None else printable(str(cell)) for cell in row))
    _console().print(shown)


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line, without those that have no value."""
    present = [(name, value) for name, value in rows if value not in (None, "")]
    width = max((len(name) for name, _ in present), default=0)
    for name, value in present:
        say(f"{name:<{width}}  {value}")


def print_json(value: object) -> None:
    """Print `value` as one JSON document: letters as they are, times in UTC, addresses as text."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """Return a time as the newspaper's clock shows it; empty for None."""
    return "" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def printable(text: str) -> str:
    """Return `text` with � for everything that could steer the terminal; line ends and tabs stay."""
    return "".join("�" if _steers(char) else char for char in text)


def steps(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Yield `items` while a bar on the terminal shows how many are done; elsewhere just yield them."""
    from rich.progress import track

    console = _console(stderr=True)
    hidden = not console.is_terminal
    yield from track(items, description=what, console=console, transient=True, disable=hidden)


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many more are done, and show a bar on a terminal meanwhile."""
    from rich.progress import Progress

    console = _console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda number: bar.advance(task, number)


def waiting(what: str) -> AbstractContextManager[object]:
    """Show on a terminal that something goes on as long as the block runs; elsewhere show nothing."""
    console = _console(stderr=True)
    return console.status(what) if console.is_terminal else nullcontext()


def _steers(char: str) -> bool:
    return char not in "\n\t" and (unicodedata.category(char) in {"Cc", "Cs"} or char in _TURNS_DIRECTION)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, Address):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _console(*, stderr: bool = False) -> "Console":
    """Make a console that takes every text literally and is as wide as it likes where no terminal is."""
    from rich.console import Console

    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console

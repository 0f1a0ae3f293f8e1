"""The sample newspaper: its articles, and which of them stand at a given time.

In: the start of the service, and the time somebody asks. Out: frozen records.

The articles are written in `newspaper.toml` and `articles.toml`, with times relative to the start, so that
the newspaper is fresh whenever it is tried: about twenty articles of the last twenty hours, two older than
a day (a first fetch must not mail these), and two that appear a minute after the start (a second edition).
All times follow from the start alone, so they do not move while the process runs. They are whole minutes,
as an editorial system shows them.

The files are ours and trusted; a mistake in them is a fault of the release, met by `NewspaperError`.
Pure but for reading the package's own files: no clock, no network, no settings.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

TIME_ZONE = ZoneInfo("Asia/Seoul")
MOST_READ_COUNT = 5
_DAY_MARK = re.compile(r"\{day([+-]\d+)?\}")


class NewspaperError(ValueError):
    """The sample's own files contradict themselves; only a change of them helps."""


class BlockKind(Enum):
    """What a block of an article's body is."""

    PARAGRAPH = "paragraph"
    HEAD = "head"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a `◇` section head, or the `▲` lines of a list, each with its sign."""

    kind: BlockKind
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who wrote an article."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of an article; width and height in pixels."""

    name: str
    caption: str
    alt: str
    width: int
    height: int
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Article:
    """One article. `registered_at` and `modified_at` are what the page prints, in Korean time.

    `appears_at` is when it can first be read; `most_read` its rank, 1 the highest, None without one.
    """

    idx: int
    section: str
    title: str
    subtitles: tuple[str, ...]
    body: tuple[Block, ...]
    reporter: Reporter
    picture: Picture | None
    registered_at: datetime
    modified_at: datetime | None
    appears_at: datetime
    most_read: int | None

    @property
    def text(self) -> str:
        """The words of the body without section heads and lists, on one line."""
        return " ".join(line for block in self.body if block.kind is BlockKind.PARAGRAPH for line in block.lines)


@dataclass(frozen=True, slots=True)
class Newspaper:
    """Who the newspaper is, and every article it will have; `articles` is newest first."""

    name: str
    city: str
    slogan: str
    description: str
    most_read_title: str
    publisher: str
    editor: str
    registration: str
    postal_address: str
    phone: str
    sections: tuple[str, ...]
    started_at: datetime
    articles: tuple[Article, ...]


def read_newspaper(started_at: datetime) -> Newspaper:
    """Read the sample newspaper as it is for a service started at this aware time.

    Raises `NewspaperError` when the packaged files are wrong.
    """
    if started_at.tzinfo is None:
        raise ValueError("started_at has no time zone; pass an aware time.")
    identity, articles = _read_toml("newspaper.toml"), _read_toml("articles.toml")["articles"]
    reporters = {key: Reporter(**values) for key, values in identity.pop("reporters").items()}
    sections = tuple(identity.pop("sections"))
    made = [_make_article(values, started_at.astimezone(TIME_ZONE), reporters) for values in articles]
    if len({article.idx for article in made}) != len(made):
        raise NewspaperError("articles.toml gives one idx to two articles.")
    if strangers := {article.section for article in made} - set(sections):
        raise NewspaperError(f"newspaper.toml does not list the section {', '.join(sorted(strangers))}.")
    made.sort(key=lambda article: (article.registered_at, article.idx), reverse=True)
    return Newspaper(**identity, sections=sections, started_at=started_at, articles=tuple(made))


def visible_articles(newspaper: Newspaper, at: datetime) -> tuple[Article, ...]:
    """Choose the articles that can be read at this time, newest first."""
    return tuple(article for article in newspaper.articles if article.appears_at <= at)


def find_article(newspaper: Newspaper, idx: str, at: datetime) -> Article | None:
    """Find a readable article by the `idx` of its address; None for any other text."""
    return next((article for article in visible_articles(newspaper, at) if str(article.idx) == idx), None)


def find_picture(newspaper: Newspaper, name: str) -> Picture | None:
    """Find a picture by its file name, whether or not its article has appeared."""
    pictures = (article.picture for article in newspaper.articles)
    return next((picture for picture in pictures if picture is not None and picture.name == name), None)


def most_read_articles(newspaper: Newspaper, at: datetime) -> tuple[Article, ...]:
    """Choose the five most read of the readable articles, the most read first."""
    ranked = [(article.most_read, article) for article in visible_articles(newspaper, at) if article.most_read]
    ranked.sort(key=lambda pair: pair[0])
    return tuple(article for _, article in ranked[:MOST_READ_COUNT])


def last_changed_at(newspaper: Newspaper, at: datetime) -> datetime:
    """Tell when the newspaper as read at this time came to be: the start, or the latest article after it.

    Never later than `at` itself (RFC 9110, section 8.8.2.1), even when the clock was set back.
    """
    appeared = [article.appears_at for article in visible_articles(newspaper, at)]
    return min(at, max([newspaper.started_at, *appeared]))


def excerpt(article: Article, max_letters: int) -> str:
    """Cut the beginning of the article to at most this many letters, between words where it can, with `…`."""
    text = article.text
    if len(text) <= max_letters:
        return text
    kept = text[: max_letters - 1]
    return (kept.rsplit(" ", 1)[0] if " " in kept else kept).rstrip(" ,.·") + "…"


# TOML gives values of any type; they are checked by the records they go into and by the tests.
def _read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / name).read_text(encoding="utf-8"))


def _make_article(values: Mapping[str, Any], started_at: datetime, reporters: Mapping[str, Reporter]) -> Article:
    registered_at, modified_at, appears_at = _article_times(values, started_at)
    if modified_at is not None and modified_at <= registered_at:
        raise NewspaperError(f"Article {values['idx']} is modified before it is registered.")
    return Article(
        idx=values["idx"],
        section=values["section"],
        title=_fill_days(values["title"], registered_at),
        subtitles=tuple(_fill_days(line, registered_at) for line in values["subtitles"]),
        body=_split_body(_fill_days(values["body"], registered_at)),
        reporter=reporters[values["reporter"]],
        picture=_make_picture(values["picture"]) if "picture" in values else None,
        registered_at=registered_at,
        modified_at=modified_at,
        appears_at=appears_at,
        most_read=values.get("most_read"),
    )


def _article_times(values: Mapping[str, Any], started_at: datetime) -> tuple[datetime, datetime | None, datetime]:
    """Work out when an article is registered, modified and first readable."""
    if "seconds_after_start" in values:
        appears_at = started_at + timedelta(seconds=values["seconds_after_start"])
        return _whole_minute(appears_at), None, appears_at
    registered_at = _whole_minute(started_at - timedelta(minutes=values["minutes_before_start"]))
    if "modified_minutes_before_start" not in values:
        return registered_at, None, registered_at
    modified_at = _whole_minute(started_at - timedelta(minutes=values["modified_minutes_before_start"]))
    return registered_at, modified_at, registered_at


def _whole_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _make_picture(values: Mapping[str, Any]) -> Picture:
    name = values["name"]
    return Picture(
        name=name,
        caption=values["caption"],
        alt=values["alt"],
        width=640,
        height=400,
        media_type="image/png" if name.endswith(".png") else "image/jpeg",
        content=(files(__package__) / "pictures" / name).read_bytes(),
    )


def _fill_days(text: str, registered_at: datetime) -> str:
    """Write `{day+3}` as a Korean newspaper does: "8일", or "다음 달 2일", "지난달 30일" across a month's end."""

    def name_day(mark: re.Match[str]) -> str:
        day = registered_at + timedelta(days=int(mark[1] or 0))
        if (day.year, day.month) == (registered_at.year, registered_at.month):
            return f"{day.day}일"
        return f"{'다음 달' if day > registered_at else '지난달'} {day.day}일"

    return _DAY_MARK.sub(name_day, text)


def _split_body(body: str) -> tuple[Block, ...]:
    return tuple(_make_block(part.strip()) for part in body.strip().split("\n\n"))


def _make_block(part: str) -> Block:
    if part.startswith("◇"):
        return Block(BlockKind.HEAD, (part,))
    if part.startswith("▲"):
        return Block(BlockKind.LIST, tuple(part.splitlines()))
    return Block(BlockKind.PARAGRAPH, (part.replace("\n", " "),))

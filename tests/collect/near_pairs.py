"""Our own labelled pairs for near-duplicates, read from `near_pairs.toml` (its head tells how it is written).

The benchmark and the tests measure on the same pairs. A third of the families is held out from setting the marks.
"""

import tomllib
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from digest.collect.near import signature
from digest.collect.normalize import excerpt
from digest.models.stories import Signature

_FILE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Text:
    """One paper's text of a story."""

    name: str
    story: str
    title: str
    body: tuple[str, ...]

    def signature(self) -> Signature:
        return signature(self.title, self.body)


@dataclass(frozen=True)
class Pair:
    """Two texts of one family; `is_same` is what a person says of them."""

    one: Text
    other: Text
    held_out: bool

    @property
    def is_same(self) -> bool:
        return self.one.story == self.other.story


def load() -> list[Pair]:
    """Return every pair of texts within a family."""
    pairs = []
    for number, family in enumerate(tomllib.loads(_FILE.read_text("utf-8"))["family"]):
        texts: dict[str, Text] = {}
        for row in family["text"]:
            texts[row["key"]] = _text(family["name"], row, texts)
        pairs += [Pair(one, other, number % 3 == 2) for one, other in combinations(texts.values(), 2)]
    return pairs


def _text(family: str, row: dict[str, Any], earlier: dict[str, Text]) -> Text:
    body = list(row.get("body") or (earlier[row["of"]].body if "of" in row else ()))
    if "body" not in row and "take" in row:
        body = [body[at] for at in row["take"]]
    for change in row.get("change", ()):
        old, new = change.split("=>")
        if not any(old in paragraph for paragraph in body):
            raise ValueError(f"{family}, {row['key']}: {old!r} is in no paragraph")
        body = [paragraph.replace(old, new) for paragraph in body]
    body += row.get("add", ())
    if row.get("excerpt"):
        body = [excerpt(tuple(body))]
    return Text(f"{family}: {row['key']}", f"{family}: {row['story']}", row["title"], tuple(body))

"""Blocks beside the articles as templates see them: what an operator typed, cleaned like the words of strangers.

In: the blocks of an edition that its readers may be shown (`digest.compose.adverts`). Out: a `BlockView` each. The text
is cut into paragraphs at its line ends; escaping is the renderer's. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from digest.compose import adverts
from digest.compose.plain import clean, short_link
from digest.config import Settings
from digest.models.editions import Block, BlockKind


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block beside the articles. `is_advert`: it is marked as one (신문법 제6조③). `link`, `picture` may be empty."""

    kind: BlockKind
    is_advert: bool
    title: str
    paragraphs: tuple[str, ...]
    link: str
    picture: str


def views(blocks: Iterable[Block], settings: Settings) -> tuple[BlockView, ...]:
    """Prepare blocks for the templates."""
    return tuple(
        BlockView(
            kind=each.block.kind,
            is_advert=adverts.is_advert(each.block.kind, settings),
            title=clean(each.block.title),
            paragraphs=tuple(line for line in map(clean, each.block.text.splitlines()) if line),
            link=short_link(each.block.link, settings) if each.block.link else "",
            picture=each.block.picture,
        )
        for each in blocks
    )

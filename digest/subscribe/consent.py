"""The texts that people agree to: one file per kind and language, with a version, and the hash of what was shown.

In: `templates/consent/KIND.LANGUAGE.txt` (an operator's own folder is looked in first), lines of `name: words`; the
first two are `version` and `title`, the others what the law asks for (개인정보 보호법 제15조②: purpose, items, period,
right to refuse). `$newspaper` stands for the newspaper's name. Out: the text as shown, and its SHA-256, which
the ledger keeps with each consent; the wording itself is kept once per hash (`keep_texts`, at each start), so that it
can be shown years later. Whoever changes a text gives it a new version; the hash differs by itself.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from string import Template

from digest.compose.render import template_folders
from digest.config import Settings
from digest.database import Database, consents
from digest.errors import TemplateError
from digest.languages import LANGUAGES


class ConsentKind(StrEnum):
    """What is agreed to. Each has a file of texts per language."""

    NEWSLETTER = "newsletter"
    ADVERT = "advert"


NEWSLETTER, ADVERT = ConsentKind.NEWSLETTER, ConsentKind.ADVERT
KINDS = (NEWSLETTER, ADVERT)


@dataclass(frozen=True, slots=True)
class ConsentText:
    """A text of consent as it is shown. `items` are pairs of a name and its words, in the order of the file."""

    kind: ConsentKind
    language: str
    version: str
    title: str
    items: tuple[tuple[str, str], ...]

    @property
    def body(self) -> str:
        """The whole text, one line an item: what the hash is made of."""
        return "\n".join([self.title, *(f"{name}: {says}" for name, says in self.items)])

    @property
    def hash(self) -> str:
        """SHA-256 of the text as shown, 64 hexadecimal digits."""
        return hashlib.sha256(self.body.encode()).hexdigest()


def text(kind: ConsentKind, language: str, settings: Settings) -> ConsentText:
    """Return the text of `kind` in a language we speak. Raises `TemplateError` for a file that lacks something.

    Read once, as pages are: what is shown, and what the ledger says was shown, has the wording kept at the start.
    """
    return _text(kind, language, settings.templates_dir, settings.newspaper_name)


@lru_cache(maxsize=16)
def _text(kind: ConsentKind, language: str, templates_dir: Path | None, newspaper: str) -> ConsentText:
    name = f"consent/{kind}.{language}.txt"
    lines = [line.strip() for line in _read(name, templates_dir).splitlines() if line.strip()]
    pairs = [(key.strip(), says.strip()) for key, _, says in (line.partition(":") for line in lines)]
    heads = [key for key, _ in pairs[:2]]
    if heads != ["version", "title"] or len(pairs) < 6 or not all(says for _, says in pairs):
        raise TemplateError(name, "it needs a line version:, a line title:, and four more of the form name: words")
    version = pairs[0][1]
    if len(version) > 40:
        raise TemplateError(name, "its version is longer than 40 letters")
    try:
        filled = [(key, Template(says).substitute(newspaper=newspaper)) for key, says in pairs[1:]]
    except (KeyError, ValueError) as error:
        raise TemplateError(name, "only $newspaper can be filled in; a dollar sign is written $$") from error
    return ConsentText(kind, language, version, filled[0][1], tuple(filled[1:]))


async def keep_texts(database: Database, settings: Settings, *, now: datetime) -> None:
    """Keep the wording of every text that can be shown with these settings."""
    texts = [text(kind, language, settings) for kind in KINDS for language in LANGUAGES]
    async with database.read() as connection:
        missing = [each for each in texts if await consents.text_of(connection, each.hash) is None]
    if not missing:
        return
    async with database.begin() as connection:
        for each in missing:
            await consents.keep_text(
                connection,
                text_hash=each.hash,
                version=each.version,
                language=each.language,
                body=each.body,
                at=now,
            )


def _read(name: str, templates_dir: Path | None) -> str:
    for folder in template_folders(templates_dir):
        try:
            return (folder / name).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(name, f"it cannot be read: {error}") from error
    raise TemplateError(name, "there is no such template")

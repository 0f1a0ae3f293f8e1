"""The contract of a message kind: what a module of `kinds/` brings.

A kind is a module with a folder of templates of the same name (`templates/NAME/subject.txt`, `body.mjml`,
`body.txt`). Each has a `compose` of its own, because each is made of other things (an edition, alerts); what they
share is that they end in a `Mail` before it is addressed, and that they can compose a specimen of themselves. The
tests and `digest doctor` run over the specimens of all kinds, so a mistake in an operator's template is found before
an edition needs it.
"""

from dataclasses import dataclass
from typing import Protocol

from digest.compose.render import Renderer
from digest.config import Settings
from digest.models.deliveries import Mail

MAX_HTML_BYTES = 90_000
"""Gmail clips a mail near 102 kB and hides its end, the link that leaves included."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail, and what the operator should know about it (in English, a sentence each)."""

    mail: Mail
    warnings: tuple[str, ...] = ()


class Kind(Protocol):
    """A module of `kinds/`."""

    def specimen(self, renderer: Renderer, settings: Settings, language: str) -> Composed:
        """Compose a mail of this kind from invented values. Raises `TemplateError`."""
        ...

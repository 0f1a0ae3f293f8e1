"""The keys of the JSON API, as the ledger keeps them: which of the newspaper's sites may ask for what."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class KeyScope(StrEnum):
    """What a key allows."""

    SUBSCRIPTIONS = "subscriptions"
    SHARES = "shares"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key before it is stored. `origins` empty: the key of a server; else of pages in browsers, from there only."""

    name: str
    key_id: str
    key_hash: str
    scopes: tuple[KeyScope, ...]
    origins: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SiteKey:
    """A stored key. `revoked_at` None: it works."""

    id: int
    key: NewKey
    revoked_at: datetime | None = None

    @property
    def is_for_browsers(self) -> bool:
        """Whether it stands in pages, where everybody can read it."""
        return bool(self.key.origins)

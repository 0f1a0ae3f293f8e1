"""What the bodies of the JSON API have in common: how strictly they are read, languages, and where a reader is.

The network that is counted is that of the reader. A key in pages is used by the reader's own browser; a server must say
where its reader is (`visitor_address`), and only a server may.
"""

import ipaddress
from typing import Literal

from pydantic import BaseModel, ConfigDict

from digest.models.keys import SiteKey
from digest.web.api_operation import Call
from digest.web.api_problems import Mistake

Language = Literal["ko", "en"]
VISITOR = "The reader's IP address: required of a server's key, refused with a key for pages."


class Taken(BaseModel):
    """What is sent to us: no other fields than these, no text where a number belongs."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Given(BaseModel):
    """What we answer."""

    model_config = ConfigDict(frozen=True)


def mistakes_of_place(key: SiteKey, visitor_address: str | None) -> list[Mistake]:
    """Say what is wrong with where the reader is said to be."""
    if key.is_for_browsers:
        return [] if visitor_address is None else [Mistake("/visitor_address", "only_servers")]
    try:
        ipaddress.ip_address(visitor_address or "")
    except ValueError:
        return [Mistake("/visitor_address", "missing" if visitor_address is None else "visitor")]
    return []


def place_of(call: Call, visitor_address: str | None) -> str | None:
    """Return the address of the reader, once there is no mistake in it."""
    return call.host if call.key is not None and call.key.is_for_browsers else visitor_address

"""What the house wants of a provider's webhook: say whether a post may be kept, prove who sent it, read what it tells.

`look` is cheap and runs at the door, before anything is stored: shape, topic, age. `prove` may ask the network (for a
certificate) and runs afterwards, beside the act. What it lets through is the provider's word about mails of ours, so
`read` gives notices like those of mails, known by our tokens (`deliver.feedback`). The adapters are in `webhooks/`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from digest.config import Settings
from digest.models.notices import Notice

MAX_BYTES = 262_144  # Amazon SNS sends at most 256 kB

Fetch = Callable[[str], Awaitable[bytes]]
"""Fetch an address through the guarded client. Raises `SourceUnreachableError` or `AddressRefusedError`."""


@dataclass(frozen=True, slots=True)
class Post:
    """What was posted: the header fields an adapter asked for, in small letters, and the body as it came."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Means:
    """What proving works with."""

    settings: Settings
    fetch: Fetch
    now: datetime


class Webhook(Protocol):
    """One provider. `HEADERS` are the fields to be kept beside the body."""

    @property
    def HEADERS(self) -> tuple[str, ...]: ...  # noqa: N802 (a constant of the module)

    def is_on(self, settings: Settings) -> bool:
        """Whether the settings ask for it."""
        ...

    def look(self, settings: Settings, post: Post, now: datetime) -> None:
        """Raise `HookRefusedError` for what need not be kept."""
        ...

    async def prove(self, means: Means, post: Post) -> None:
        """Raise `HookRefusedError` unless the provider wrote this; `FixSetupError` where the library is missing."""
        ...

    async def read(self, means: Means, post: Post) -> list[Notice]:
        """Return what it tells of our mails; nothing for what is none of our matter."""
        ...


def pack(post: Post) -> bytes:
    """Return a post as it is kept: the fields, a blank line, the body."""
    lines = [f"{name}: {value}\r\n" for name, value in post.headers.items()]
    return "".join(lines).encode("latin-1", "replace") + b"\r\n" + post.body


def unpack(content: bytes) -> Post:
    """Return what `pack` has packed."""
    head, _, body = content.partition(b"\r\n\r\n") if not content.startswith(b"\r\n") else (b"", b"", content[2:])
    fields = (line.partition(": ") for line in head.decode("latin-1").split("\r\n") if line)
    return Post({name: value for name, _, value in fields}, body)

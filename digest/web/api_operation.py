"""What the JSON API can do, said once: the routes and the OpenAPI document are both made from these rows.

An `Operation` names its address, what it takes and gives (pydantic models), which problems it may be answered with,
and the act. One with a `scope` is for whoever brings a key that allows it; `api_door` has looked at the key, counted
the request and read the body before the act is called, so an act holds nothing about either.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request

from digest.models.keys import KeyScope, SiteKey


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in. `key` None: the operation needs none. `language`: what the request asks for."""

    request: Request
    language: str
    key: SiteKey | None = None

    @property
    def host(self) -> str | None:
        """The address of the peer."""
        return self.request.client.host if self.request.client else None


# Any: the body, an instance of the model that the operation takes; None where it takes none.
Act = Callable[[Call, Any], Awaitable[BaseModel | dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for. `gives` None: a document that its own standard describes."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    act: Act
    gives: type[BaseModel] | None
    status: int = 200
    takes: type[BaseModel] | None = None
    scope: KeyScope | None = None
    problems: tuple[str, ...] = ()

    @property
    def all_problems(self) -> tuple[str, ...]:
        """Its own problems, and those of every operation with a key or a body."""
        keyed = ("unauthorized", "forbidden", "too_many") if self.scope else ()
        bodied = ("malformed", "too_slow", "too_large", "not_json", "invalid") if self.takes else ()
        return tuple(dict.fromkeys((*keyed, *bodied, *self.problems, "not_now")))

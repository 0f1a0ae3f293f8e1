"""Reading the JSON that strangers send: strictly, into a model.

In: the bytes of a body, at most as many as the guard lets through. Out: a model, or `RefusedError`: `malformed` for
what is no JSON object of RFC 8259 with each name once (two readers of one document must not see different things), or
`invalid` with the mistakes of all fields. Depth is bounded by the number of brackets, before anything is read. Texts
are taken literally; what they may hold is for the act to say.
"""

import json
import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from digest.web.api_problems import Mistake, RefusedError

Body = TypeVar("Body", bound=BaseModel)

MAX_BRACKETS = 100  # ours need six; how deep Python reads differs between its releases
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_WORDS = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "literal_error": "not_offered",
    "too_short": "choose_one",
    "too_long": "too_long",
    "string_too_long": "too_long",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
}


def read(content: bytes, model: type[Body]) -> Body:
    """Return the model that `content` is, or raise `RefusedError`."""
    if content.count(b"{") + content.count(b"[") > MAX_BRACKETS:
        raise RefusedError("malformed")
    try:
        given = json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise RefusedError("malformed") from error
    if not isinstance(given, dict):
        raise RefusedError("malformed")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = [_mistake(each["loc"], each["type"]) for each in error.errors(include_url=False, include_input=False)]
        raise RefusedError("invalid", mistakes=list(dict.fromkeys(found)), language=_language(given)) from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _mistake(place: tuple[int | str, ...], kind: str) -> Mistake:
    """Say where and what; a name we do not know is said again only where it is a plain one."""
    names = [str(each) for each in place]
    if kind == "extra_forbidden" and not _NAME.fullmatch(names[-1]):
        names = names[:-1]
    return Mistake("/" + "/".join(names) if names else "", _WORDS.get(kind, "wrong_type"))


def _language(given: dict[str, object]) -> str:
    language = given.get("language")
    return language if isinstance(language, str) else ""

"""What the JSON API says when it does not do as asked: `application/problem+json` (RFC 9457).

In: a word for the problem and, for a body that is not right, one mistake per field (a JSON pointer, RFC 6901, and a
word). Out: an answer in the asked language; its sentences stand in `templates/web/api/words.txt`, by those words. The
words are stable, for programs; the sentences are for people. Nothing that was sent is said again, except an address
that was probably meant. `type` leads into our own OpenAPI document, where each problem is described.

Refusals of the guard and of the router get the same form below `/api/`, and a page everywhere else. They hold nothing
but these words, and are made before anybody knows whose key it is, so a page of any origin may read them (CORS):
without that, a developer's browser would tell of a CORS mistake where the body was too large.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import jinja2
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from digest.events import failure, warning
from digest.web.pages import Pages
from digest.web.templating import Templates

API = "/api/"
MEDIA_TYPE = "application/problem+json"
NOT_KEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Vary": "Accept-Language, Origin"}
_READ_BY_ALL = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
_RETRY_SECONDS = 60

# Every problem there is: its word, and the status it is answered with.
STATUSES: Mapping[str, int] = {
    "malformed": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_slow": 408,
    "too_large": 413,
    "not_json": 415,
    "invalid": 422,
    "too_many": 429,
    "fault": 500,
    "not_now": 503,
}
_WORDS = {status: word for word, status in STATUSES.items()}


class FieldMistake(BaseModel):
    """What is wrong with one field."""

    model_config = ConfigDict(frozen=True)

    pointer: str = Field(description="Where it stands in what was sent (JSON pointer, RFC 6901).")
    word: str = Field(description="What is wrong, for programs.")
    detail: str = Field(description="What is wrong, for the person who filled in the form, in their language.")
    offered: str | None = Field(None, description="The address that was probably meant, with the word `mistyped`.")


class Problem(BaseModel):
    """Why nothing was done (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="The place in this document that describes the problem.")
    title: str
    status: int
    detail: str
    word: str = Field(description="The same problem in one word, for programs.")
    errors: list[FieldMistake] = Field([], description="One entry per field, with the word `invalid` only.")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in one field, before it is put in a language."""

    pointer: str
    word: str
    offered: str = ""


class RefusedError(Exception):
    """A request cannot be done; the door answers with the problem. `said`: another sentence than that of the word."""

    def __init__(
        self,
        word: str,
        *,
        mistakes: Sequence[Mistake] = (),
        headers: Mapping[str, str] = {},
        language: str = "",
        said: str = "",
    ) -> None:
        super().__init__(word)
        self.word, self.mistakes, self.headers, self.language = word, tuple(mistakes), headers, language
        self.said = said or word


@dataclass(frozen=True, slots=True)
class Problems:
    """Makes the answers."""

    templates: Templates

    def answer(self, request: Request, refused: RefusedError, headers: Mapping[str, str] = {}) -> Response:
        """Answer with a problem, in the language of the body if there was one, else in that of the request."""
        language = self.templates.language_of(request, refused.language)
        status = STATUSES[refused.word]
        problem = Problem(
            type=f"{self.templates.settings.base_url}/api/openapi.json#/components/responses/{refused.word}",
            title=self.say(f"{refused.word}.title", language),
            status=status,
            detail=self.say(refused.said, language),
            word=refused.word,
            errors=[
                FieldMistake(
                    pointer=each.pointer,
                    word=each.word,
                    detail=self.say(f"field.{each.word}", language, each.offered),
                    offered=each.offered or None,
                )
                for each in refused.mistakes
            ],
        )
        fixed = {**NOT_KEPT, "Content-Language": language, **refused.headers, **headers}
        return JSONResponse(problem.model_dump(exclude_none=True), status, fixed, MEDIA_TYPE)

    def say(self, word: str, language: str, offered: str = "") -> str:
        """Return the sentence for a word."""
        return self.templates.render("api/words.txt", {"language": language, "word": word, "offered": offered}).strip()


@dataclass(frozen=True, slots=True)
class Refusals:
    """Answers what the guard, the router or the database refused: as a problem below `/api/`, elsewhere as a page."""

    pages: Pages
    problems: Problems = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "problems", Problems(self.pages.templates))

    def refuse(self, request: Request, status: int) -> Response:
        """Answer with `status`, in general words."""
        if not _is_asked(request):
            return self.pages.refuse(request, status)
        try:
            return self.problems.answer(request, RefusedError(_WORDS.get(status, "fault")), _READ_BY_ALL)
        except jinja2.TemplateError as error:
            failure("web.template_broken", exc_info=error)
            bare = {"title": HTTPStatus(status).phrase, "status": status}
            return JSONResponse(bare, status, {**NOT_KEPT, **_READ_BY_ALL}, MEDIA_TYPE)

    async def refuse_politely(self, request: Request, error: Exception) -> Response:
        """Answer what the router or a page refused."""
        if not (_is_asked(request) and isinstance(error, HTTPException)):
            return await self.pages.refuse_politely(request, error)
        refused = RefusedError(_WORDS.get(error.status_code, "fault"), headers=error.headers or {})
        return self.problems.answer(request, refused, _READ_BY_ALL)

    async def not_now(self, request: Request, error: Exception) -> Response:
        """Answer while the database is locked or gone."""
        if not _is_asked(request):
            return await self.pages.not_now(request, error)
        warning("web.not_now", why=str(error))
        refused = RefusedError("not_now", headers={"Retry-After": str(_RETRY_SECONDS)})
        return self.problems.answer(request, refused, _READ_BY_ALL)


def _is_asked(request: Request) -> bool:
    """Whether the API was asked, and not a page."""
    return str(request.scope["path"]).startswith(API)

"""The OpenAPI 3.1 document of the JSON API, made from the rows and models that answer the requests.

In: the operations (`api_operation`) and the English sentences of the problems. Out: one document. Nothing stands here
that is not taken from there, so the document cannot say anything else than the routes do; a test compares them anyway.
Schemas are pydantic's (JSON Schema 2020-12, which OpenAPI 3.1 takes as it is).
"""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

import digest
from digest.web.api_operation import Operation
from digest.web.api_problems import MEDIA_TYPE, STATUSES, Problem

Document = dict[str, Any]  # Any: JSON
_SCHEMA = "#/components/schemas/"
_KEY = "key"
_HEADERS = {
    "unauthorized": {"WWW-Authenticate": {"schema": {"type": "string"}}},
    "too_many": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}},
    "not_now": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}},
}


def write(operations: Sequence[Operation], *, base_url: str, title: str, say: Callable[[str], str]) -> Document:
    """Return the document. `say` gives the English sentence of a problem's word."""
    taken = [(each.takes, "validation") for each in operations if each.takes]
    given = [(each.gives, "serialization") for each in operations if each.gives]
    _, schemas = models_json_schema(
        [*taken, *given, (Problem, "serialization")],  # type: ignore[list-item]  # the literals are widened to str
        ref_template=f"{_SCHEMA}{{model}}",
    )
    paths: dict[str, Document] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": digest.__version__},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "responses": {word: _problem(word, say) for word in STATUSES},
            "securitySchemes": {_KEY: {"type": "http", "scheme": "bearer", "description": "digest keys add NAME"}},
        },
    }


def _operation(operation: Operation) -> Document:
    schema = {"$ref": f"{_SCHEMA}{operation.gives.__name__}"} if operation.gives else {"type": "object"}
    answers: Document = {
        str(operation.status): {
            "description": operation.summary,
            "content": {"application/json": {"schema": schema}},
        }
    }
    answers |= {str(STATUSES[word]): {"$ref": f"#/components/responses/{word}"} for word in operation.all_problems}
    written: Document = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [
            {
                "name": "lang",
                "in": "query",
                "description": "The language of sentences for people, `ko` or `en`; else that of the body or "
                "Accept-Language.",
                "schema": {"type": "string", "examples": ["ko", "en"]},
            }
        ],
        "responses": answers,
    }
    if operation.takes:
        body = {"application/json": {"schema": {"$ref": f"{_SCHEMA}{operation.takes.__name__}"}}}
        written["requestBody"] = {"required": True, "content": body}
    if operation.scope:
        # OpenAPI 3.1 takes the roles of a bearer key here (before, these were for OAuth only).
        written["security"] = [{_KEY: [operation.scope.value]}]
    return written


def _problem(word: str, say: Callable[[str], str]) -> Document:
    written: Document = {
        "description": f"{say(f'{word}.title')}. {say(word)}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMA}{Problem.__name__}"}}},
    }
    if word in _HEADERS:
        written["headers"] = _HEADERS[word]
    return written

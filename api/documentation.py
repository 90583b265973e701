"""What OpenAPI says of each route."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from api.endpoint import Endpoint
from api.listing import JSON, MEDIA_TYPES
from api.parameters import Parameter
from api.problems import MEDIA_TYPE
from api.schemas import PROBLEM_EXAMPLES, STREAM_EXAMPLE, Problem

DESCRIPTION: Final = (
    "Environmental indicators of cities, each with its warrant: coverage, stations, state, "
    "revision. Read-only. Lists are `{items, next}`, errors are RFC 9457 problem documents, times "
    "are RFC 3339."
)

_MEANINGS: Final = {
    404: "No such city, zone, rule or series; `detail` says which.",
    409: "How this came about cannot be told; `detail` says what is in the way.",
    422: "A query parameter is unknown or unreadable; `errors` says which, and what was expected.",
    503: "The database is away, and why; come again.",
    504: "The question took longer than one may; `detail` says what to do.",
}
_CITY: Final = {
    "name": "city",
    "in": "path",
    "required": True,
    "description": "The city's id.",
    "schema": {"type": "string"},
    "example": "beijing",
}
_RULE: Final = {
    "name": "rule",
    "in": "path",
    "required": True,
    "description": "The rule's id.",
    "schema": {"type": "string"},
    "example": "air.pm2_5.hour",
}
_SENSOR: Final = {
    "name": "sensor",
    "in": "path",
    "required": True,
    "description": "The sensor's id.",
    "schema": {"type": "string"},
    "example": "aotizhongxin",
}
_QUANTITY: Final = {
    "name": "quantity",
    "in": "path",
    "required": True,
    "description": "What it measures.",
    "schema": {"type": "string"},
    "example": "pm2_5",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of a route."""
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in statuses}


def stream_answers() -> dict[int | str, dict[str, Any]]:
    """The live stream's answers."""
    content = {"text/event-stream": {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}}
    good = {"description": "Events, until either side ends it.", "content": content}
    return {200: good, **problems(404, 422, 503)}


def parameters(path: str, query: Sequence[Parameter]) -> dict[str, Any]:
    """The parameters of a route, of its path and of its query."""
    in_path = [
        shown for shown in (_CITY, _RULE, _SENSOR, _QUANTITY) if f"{{{shown['name']}}}" in path
    ]
    return {"parameters": [*in_path, *(parameter.document() for parameter in query)]}


def answers(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    """The answers of a route beside the good one, and the good one's other formats."""
    found = problems(*endpoint.problems)
    if endpoint.method == "GET":
        found[304] = {"description": "What `If-None-Match` names is still so."}
    if endpoint.formats:
        text = {"schema": {"type": "string"}}
        found[endpoint.status] = {
            "content": {MEDIA_TYPES[name]: text for name in endpoint.formats},
        }
    return found


def described(endpoint: Endpoint) -> dict[str, Any]:
    """What FastAPI does not find out by itself: parameters."""
    return parameters(endpoint.path, endpoint.query)


def document(app: FastAPI, endpoints: Sequence[Endpoint]) -> None:
    """Have the app's OpenAPI complete: examples with their nulls, problems by their media type.

    FastAPI drops nulls from examples and gives models no other media type than JSON's.
    """
    generate = app.openapi
    examples = {endpoint.model.__name__: endpoint.example for endpoint in endpoints}

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(generate(), examples)
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(found: dict[str, Any], examples: Mapping[str, Any]) -> None:
    for item in found["paths"].values():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                _complete_answer(int(status), answer.get("content", {}), examples)


def _complete_answer(status: int, content: dict[str, Any], examples: Mapping[str, Any]) -> None:
    if status >= HTTPStatus.BAD_REQUEST:
        content.clear()
        schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
        content[MEDIA_TYPE] = {"schema": schema, "example": PROBLEM_EXAMPLES[status]}
    elif JSON in content:
        name = content[JSON]["schema"]["$ref"].rpartition("/")[2]
        content[JSON]["example"] = examples[name]

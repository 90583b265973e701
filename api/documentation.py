"""What OpenAPI says of each route."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from api.endpoint import READ, Endpoint
from api.listing import JSON, MEDIA_TYPES
from api.parameters import Parameter
from api.problem_examples import PROBLEM_EXAMPLES
from api.problems import MEDIA_TYPE
from api.schemas import STREAM_EXAMPLE, Problem

DESCRIPTION: Final = (
    "Environmental indicators of cities, each with its warrant: coverage, stations, state, "
    "revision. Whoever changes something needs a token. Lists are `{items, next}`, errors are "
    "RFC 9457 problem documents, times are RFC 3339."
)

_MEANINGS: Final = {
    400: "What was sent is no JSON.",
    401: "A token is needed, or the one that was sent is not in force.",
    403: "The token does not allow this, or not of this city.",
    404: "No such city, zone, rule, series or alert; `detail` says which.",
    408: "What was sent did not arrive in time.",
    409: "How this came about cannot be told; `detail` says what is in the way.",
    413: "What was sent is more than may be.",
    415: "What was sent is not said to be JSON.",
    422: "A query parameter is unknown or unreadable; `errors` says which, and what was expected.",
    429: "This client asks too often; `Retry-After` says when it may again.",
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
_ALERT: Final = {
    "name": "alert",
    "in": "path",
    "required": True,
    "description": "The alert's number.",
    "schema": {"type": "integer", "minimum": 1},
    "example": 42,
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


ALWAYS: Final = (401, 403, 429)
"""What every listed route may answer."""
SENDING: Final = (400, 408, 413, 415)
"""What a route may answer that takes something."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of a route."""
    every = sorted({*ALWAYS, *statuses})
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in every}


def stream_answers() -> dict[int | str, dict[str, Any]]:
    """The live stream's answers."""
    content = {"text/event-stream": {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}}
    good = {"description": "Events, until either side ends it.", "content": content}
    return {200: good, **problems(404, 422, 503)}


def parameters(path: str, query: Sequence[Parameter], scope: str = READ) -> dict[str, Any]:
    """The parameters of a route, of its path and of its query, and the scope that it takes."""
    in_path = [
        shown
        for shown in (_CITY, _RULE, _SENSOR, _QUANTITY, _ALERT)
        if f"{{{shown['name']}}}" in path
    ]
    shown = [*in_path, *(parameter.document() for parameter in query)]
    needed = {"token": [scope]}
    return {"parameters": shown, "security": [{}, needed] if scope == READ else [needed]}


def answers(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    """The answers of a route beside the good one, and the good one's other formats."""
    found = problems(*endpoint.problems, *(SENDING if endpoint.body else ()))
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
    found = parameters(endpoint.path, endpoint.query, endpoint.scope)
    if endpoint.body is not None:
        schema = endpoint.body.model_json_schema(ref_template="#/components/schemas/{model}")
        inner = schema.pop("$defs", {})
        found["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": inlined(schema, inner)}},
        }
    return found


def inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with its references replaced by what they refer to."""
    if isinstance(schema, list):
        return [inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: inlined(one, definitions) for name, one in schema.items()}


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
    found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
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

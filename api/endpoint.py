"""One route: what it is called, who may call it, what it answers. The app is a list of these."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.parameters import Parameter

Handler = Callable[[Request], Awaitable[Response]]

READ: Final = "read"
"""The scope that every listed route takes at least."""
USUAL: Final = (404, 422, 503, 504)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A documented route.

    Attributes:
        model: of its answer as JSON.
        example: of that, which the model takes.
        query: its query parameters.
        problems: statuses that it answers with a problem document, beside those of all.
        formats: media types that it answers in beside JSON.
        method: of HTTP.
        scope: what a token must allow.
        body: model of what is sent, None where nothing is.
        status: of a good answer.
    """

    path: str
    handler: Handler
    model: type[BaseModel]
    example: dict[str, Any]
    query: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = USUAL
    formats: tuple[str, ...] = ()
    method: str = "GET"
    scope: str = READ
    body: type[BaseModel] | None = None
    status: int = 200

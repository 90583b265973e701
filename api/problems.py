"""Errors as RFC 9457 problem documents: what went wrong, where, and why."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.parameters import BadParameters
from api.refusals import Refused
from cityvitals.errors import (
    BadRegistry,
    CannotExplain,
    NotFound,
    StoreConflict,
    StoreTimeout,
    StoreUnavailable,
    UnfitServer,
)

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_SECONDS: Final = "2"
_log = structlog.get_logger()


def problem(
    request: Request,
    status: HTTPStatus,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **extensions: Any,
) -> Response:
    """A problem document; its type is a URN by the status' name."""
    body = {
        "type": f"urn:cityvitals:problem:{status.phrase.lower().replace(' ', '-')}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.url.path,
        **extensions,
    }
    shown = {**(headers or {}), "Cache-Control": "no-store"}
    return Response(msgspec.json.encode(body), int(status), shown, MEDIA_TYPE)


def _bad_parameters(request: Request, error: Exception) -> Response:
    faults = error.faults if isinstance(error, BadParameters) else ()
    return problem(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        str(error),
        errors=[{"parameter": name, "detail": why} for name, why in faults],
    )


def _not_found(request: Request, error: Exception) -> Response:
    return problem(request, HTTPStatus.NOT_FOUND, str(error))


def _cannot_explain(request: Request, error: Exception) -> Response:
    return problem(request, HTTPStatus.CONFLICT, str(error))


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        return _unexpected(request, error)
    return problem(request, error.status, str(error), headers=error.headers)


def _bad_entry(request: Request, error: Exception) -> Response:
    """An item of what was sent cannot be taken."""
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error), errors=[])


def _unfit(request: Request, error: Exception) -> Response:
    return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, f"the API may not do this: {error}")


def _store_unavailable(request: Request, error: Exception) -> Response:
    return problem(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"the database is away: {error}",
        headers={"Retry-After": _RETRY_SECONDS},
    )


def _store_timeout(request: Request, error: Exception) -> Response:
    return problem(
        request,
        HTTPStatus.GATEWAY_TIMEOUT,
        f"{error}: ask for less at once (a shorter stretch by `from` and `to`, a lower `limit`), "
        "or have the operator raise CITYVITALS_API__STATEMENT_TIMEOUT_SECONDS",
    )


def _store_conflict(request: Request, error: Exception) -> Response:
    return problem(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"others held up the database: {error}: come again",
        headers={"Retry-After": _RETRY_SECONDS},
    )


def _http(request: Request, error: Exception) -> Response:
    """What the router itself refuses: unknown paths and methods."""
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    headers = error.headers if isinstance(error, HTTPException) else None
    detail = {
        HTTPStatus.NOT_FOUND: f"nothing is served at {request.url.path}; see /openapi.json",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not taken here; see /openapi.json",
    }.get(status, str(getattr(error, "detail", error)))
    return problem(request, status, detail, headers=headers)


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request failed", path=request.url.path, exc_info=error)
    return problem(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"answering {request.method} {request.url.path} failed: {type(error).__name__}; "
        "the log of the API has the details",
    )


def install_problems(app: FastAPI) -> None:
    """Answer every error with a problem document."""
    app.add_exception_handler(BadParameters, _bad_parameters)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(CannotExplain, _cannot_explain)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(BadRegistry, _bad_entry)
    app.add_exception_handler(UnfitServer, _unfit)
    app.add_exception_handler(StoreUnavailable, _store_unavailable)
    app.add_exception_handler(StoreTimeout, _store_timeout)
    app.add_exception_handler(StoreConflict, _store_conflict)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)

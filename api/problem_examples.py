"""An example of each problem, for the documentation; tests hold them against the model."""

from http import HTTPStatus
from typing import Any, Final


def _example(status: HTTPStatus, detail: str, path: str) -> dict[str, Any]:
    return {
        "type": f"urn:cityvitals:problem:{status.phrase.lower().replace(' ', '-')}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": path,
    }


_FACTS: Final = "/v1/cities/beijing/facts"
PROBLEM_EXAMPLES: Final[dict[int, dict[str, Any]]] = {
    400: _example(HTTPStatus.BAD_REQUEST, "expected JSON: Input data was truncated", _FACTS),
    401: _example(
        HTTPStatus.UNAUTHORIZED,
        "expected the header `Authorization: Bearer TOKEN`; `cityvitals token create` makes one",
        _FACTS,
    ),
    403: _example(
        HTTPStatus.FORBIDDEN, "token 3f9a61c2d7 is not for city 'beijing'", "/v1/cities/beijing"
    ),
    408: _example(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive within 10 s", _FACTS),
    413: _example(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "expected at most 1048576 bytes (CITYVITALS_API__BODY_BYTES)",
        _FACTS,
    ),
    415: _example(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "expected `Content-Type: application/json`, got 'text/csv'",
        _FACTS,
    ),
    429: _example(
        HTTPStatus.TOO_MANY_REQUESTS,
        "192.0.2.7 asks too often: come again in 0.4 s",
        "/v1/cities",
    ),
    404: {
        "type": "urn:cityvitals:problem:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no city 'bejing'",
        "instance": "/v1/cities/bejing/indicators",
    },
    409: {
        "type": "urn:cityvitals:problem:conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "rule air.pm2_5.hour revision 1 was stored by a build that kept no definition "
        "of it",
        "instance": "/v1/cities/beijing/indicators/air.pm2_5.hour/explain",
    },
    422: {
        "type": "urn:cityvitals:problem:unprocessable-entity",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "page: unknown query parameter, expected one of as_of, cursor, format, "
        "from, limit, points, to, zone",
        "instance": "/v1/cities/beijing/indicators/air.pm2_5.hour/history",
        "errors": [
            {
                "parameter": "page",
                "detail": "unknown query parameter, expected one of as_of, cursor, format, "
                "from, limit, points, to, zone",
            }
        ],
    },
    503: {
        "type": "urn:cityvitals:problem:service-unavailable",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "the database is away: reaching the database: ConnectionRefusedError",
        "instance": "/v1/cities",
    },
    504: {
        "type": "urn:cityvitals:problem:gateway-timeout",
        "title": "Gateway Timeout",
        "status": 504,
        "detail": "reading the history of air.pm2_5.hour in beijing: the database ended the query: "
        "canceling statement due to statement timeout: ask for less at once (a shorter stretch by "
        "`from` and `to`, a lower `limit`), or have the operator raise "
        "CITYVITALS_API__STATEMENT_TIMEOUT_SECONDS",
        "instance": "/v1/cities/beijing/indicators/air.pm2_5.hour/history",
    },
}

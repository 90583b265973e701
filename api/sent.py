"""What a request sends: JSON, in time, and no more than may be."""

import asyncio
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request

from api.refusals import NotJson, TooLarge, TooSlow, WrongType

_JSON: Final = "application/json"
_SECONDS: Final = 10.0


async def take_json(request: Request, most_bytes: int) -> Any:
    """The body of a request, decoded.

    Raises:
        WrongType: it is said to be something else than JSON.
        TooLarge: it is longer than `most_bytes`.
        TooSlow: it did not arrive in ten seconds.
        NotJson: it is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise WrongType(f"expected `Content-Type: {_JSON}`, got {kind!r}")
    try:
        async with asyncio.timeout(_SECONDS):
            body = await _take(request, most_bytes)
    except TimeoutError:
        raise TooSlow(f"the body did not arrive within {_SECONDS:g} s") from None
    except ClientDisconnect:
        raise TooSlow("the client went away before the body had arrived") from None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(f"expected JSON: {error}") from None


async def _take(request: Request, most: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise TooLarge(f"expected at most {most} bytes (CITYVITALS_API__BODY_BYTES)")
    return bytes(body)

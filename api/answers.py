"""Good answers: JSON that says by its ETag what it is, so that nobody is sent the same twice."""

from typing import Final
from zlib import crc32

from starlette.requests import Request
from starlette.responses import Response

CACHE: Final = "no-cache"
"""It may be kept, and is asked for again each time: no answer is older than its question."""


def etag_of(body: bytes) -> str:
    """A weak tag of a body: its length and checksum; equal bodies have equal tags."""
    return f'W/"{len(body):x}-{crc32(body):08x}"'


def answer(
    request: Request, body: bytes, media_type: str = "application/json", etag: str = ""
) -> Response:
    """A good answer, or 304 where whoever asks has it already.

    Args:
        request: what is answered.
        body: encoded.
        media_type: what it is.
        etag: of the body, where it is known already.
    """
    headers = {"Cache-Control": CACHE, "ETag": etag or etag_of(body), "Vary": "Accept"}
    if headers["ETag"] in _known(request):
        return Response(None, 304, headers)
    return Response(body, 200, headers, media_type)


def _known(request: Request) -> set[str]:
    return {each.strip() for each in request.headers.get("if-none-match", "").split(",")}

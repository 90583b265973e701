"""The page's files, served from memory, under a policy that lets nothing in from elsewhere."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from cityvitals.errors import NotFound

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Asked for again at every load, answered 304 unless a new build is running.
    "Cache-Control": "no-cache",
}


class PageFile(NamedTuple):
    """One file of the page."""

    body: bytes
    media_type: str
    etag: str


def load_page() -> dict[str, PageFile]:
    """Every file of `api/page`, by name."""
    return {
        entry.name: _page_file(entry.name, entry.read_bytes())
        for entry in (files("api") / "page").iterdir()
        if _suffix(entry.name) in _TYPES
    }


def _page_file(name: str, body: bytes) -> PageFile:
    return PageFile(body, _TYPES[_suffix(name)], f'"{sha256(body).hexdigest()[:16]}"')


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]


class PageRoutes:
    """Handlers of the page's routes; nothing outside `found` can be reached."""

    def __init__(self, found: Mapping[str, PageFile]) -> None:
        self._files = found

    async def index(self, request: Request) -> Response:
        """The page."""
        return _answer(request, self._files["index.html"])

    async def static(self, request: Request) -> Response:
        """One of the page's files."""
        name = request.path_params["name"]
        if name not in self._files:
            raise NotFound(f"the page has no file {name!r}")
        return _answer(request, self._files[name])


def _answer(request: Request, file: PageFile) -> Response:
    headers = {**_HEADERS, "ETag": file.etag}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.media_type)

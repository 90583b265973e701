"""The dashboard's files, served from memory, under a policy that lets nothing in from elsewhere."""

import re
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
    ".woff2": "font/woff2",
}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_HASHED: Final = re.compile(r"-[A-Z0-9]{8}\.\w+$")
_ABSENT: Final = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>CityVitals</title>
<p>The dashboard has not been built here: <code>make dashboard</code> does it, then start the API
again. It needs Node 20 or newer, or the one that <code>make up</code> installs.</p>
<p>The data itself: <a href="/v1/cities">/v1/cities</a>.</p></html>
"""


class PageFile(NamedTuple):
    """One file of the dashboard.

    Attributes:
        caching: a file whose name holds a hash of it is kept for good; others are asked for again
            at every load, and answered 304 unless a new build is running.
    """

    body: bytes
    media_type: str
    etag: str
    caching: str


def load_page() -> dict[str, PageFile]:
    """Every file of the built dashboard, by name; where it is not built, a page that says so."""
    built = files("api") / "dashboard" / "dist"
    found = {
        entry.name: _page_file(entry.name, entry.read_bytes())
        for entry in (built.iterdir() if built.is_dir() else ())
        if _suffix(entry.name) in _TYPES
    }
    return found if "index.html" in found else {"index.html": _page_file("index.html", _ABSENT)}


def _page_file(name: str, body: bytes) -> PageFile:
    caching = "public, max-age=31536000, immutable" if _HASHED.search(name) else "no-cache"
    etag = f'"{sha256(body).hexdigest()[:16]}"'
    return PageFile(body, _TYPES[_suffix(name)], etag, caching)


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
    headers = {**_HEADERS, "ETag": file.etag, "Cache-Control": file.caching}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.media_type)

"""The service's API, as far as the check asks it."""

import http.client
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from cityvitals.errors import CityVitalsError, SettingsError

_PATIENCE_S: Final = 60.0
_TRIES: Final = 3


class ApiAway(CityVitalsError):
    """The API cannot be reached, or does not answer as it should."""


class Api:
    """One connection to the API of a service.

    Args:
        base: its address, such as http://127.0.0.1:8080.

    Raises:
        SettingsError: `base` is no address.
    """

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingsError(
                f"simulate: --check: expected an address like http://127.0.0.1:8080, got {base!r}"
            )
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self.base = base.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._connection = kind(parts.hostname, parts.port, timeout=_PATIENCE_S)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def get(self, *path: str, **query: str | int) -> Any:
        """What a path below /v1 answers, decoded; None where there is no such thing.

        Raises:
            ApiAway: it does not answer, or with a problem.
        """
        place = "/".join(["/v1", *(quote(part, safe="") for part in path)])
        status, body = self._fetched(
            self._prefix + place + (f"?{urlencode(query)}" if query else "")
        )
        if status == http.HTTPStatus.NOT_FOUND:
            return None
        if status != http.HTTPStatus.OK:
            raise ApiAway(f"{self.base}{place}: {status}: {body[:300].decode(errors='replace')}")
        return msgspec.json.decode(body)

    def items(self, *path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """All items of a list, page after page.

        Raises:
            ApiAway: as `get`.
        """
        following = dict(query)
        while True:
            page = self.get(*path, **following)
            if page is None:
                return
            yield from page["items"]
            if page["next"] is None:
                return
            following = {**query, "cursor": page["next"]}

    def _fetched(self, place: str) -> tuple[int, bytes]:
        for tried in range(_TRIES):
            try:
                self._connection.request("GET", place)
                answer = self._connection.getresponse()
                status, body = answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()  # one that idled too long is closed by the server
                if tried == _TRIES - 1:
                    raise ApiAway(f"{self.base}: {type(error).__name__}: {error}") from None
                time.sleep(0.2)
            else:
                return status, body
        raise AssertionError

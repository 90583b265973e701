"""What every answer has, and what no client may: headers, and how often one may ask."""

import time
from collections import OrderedDict
from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}
_BURST_SECONDS: Final = 4.0
_CLIENTS: Final = 10_000


class Turnstile:
    """How often each client may ask: a bucket of tokens that fills at a rate.

    Bounded: the ten thousand clients that asked last; who is forgotten begins with a full bucket.

    Args:
        per_second: requests for long; four seconds of them at once. 0 for no limit.
    """

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._most = max(per_second * _BURST_SECONDS, 1.0)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_for(self, client: str, now: float) -> float:
        """Seconds until a client may ask again; 0 lets it in."""
        if not self._rate:
            return 0.0
        left, since = self._left.get(client, (self._most, now))
        left = min(self._most, left + (now - since) * self._rate)
        waits = 0.0 if left >= 1 else (1 - left) / self._rate
        self._left[client] = (left if waits else left - 1), now
        self._left.move_to_end(client)
        if len(self._left) > _CLIENTS:
            self._left.popitem(last=False)
        return waits


class Shield:
    """ASGI middleware that adds headers of security and turns away who asks too often.

    Clients on this machine are never turned away.
    """

    def __init__(self, app: ASGIApp, turnstile: Turnstile) -> None:
        self._app = app
        self._turnstile = turnstile

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 429."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        client = scope["client"][0] if scope.get("client") else ""
        waits = 0.0 if _is_here(client) else self._turnstile.wait_for(client, time.monotonic())
        if waits:
            answer = problem(
                Request(scope),
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{client} asks too often: come again in {waits:.1f} s",
                headers={"Retry-After": str(int(waits) + 1)},
            )
            return await answer(scope, receive, shielded)
        return await self._app(scope, receive, shielded)


def _is_here(client: str) -> bool:
    return client.startswith("127.") or client in {"", "::1"}

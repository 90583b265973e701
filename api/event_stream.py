"""The response that carries a live stream."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.event import Event, comment, position_mark
from api.live import Live, Subscription
from api.metrics import TAKES_NOTHING, ApiMetrics

_RETRY: Final = b"retry: 2000\n\n"


class EventStream(Response):
    """Sends a subscription's opening, then what comes, until client, server or slowness ends it."""

    media_type = "text/event-stream"

    def __init__(self, live: Live, subscription: Subscription, metrics: ApiMetrics) -> None:
        # X-Accel-Buffering: a proxy that collects the answer first would never show any of it.
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._live = live
        self._subscription = subscription
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and leave the subscription whatever happens."""
        del scope
        self._metrics.clients.inc()
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._until_gone(receive, send)
        finally:
            self._metrics.clients.dec()
            await self._live.leave(self._subscription)

    async def _until_gone(self, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send_all(send), name="live stream")
            watching = group.create_task(_gone(receive), name="live client")
            await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            watching.cancel()

    async def _send_all(self, send: Send) -> None:
        try:
            await self._follow(send)
        except TimeoutError:
            self._metrics.disconnected.labels(TAKES_NOTHING).inc()
        except OSError:
            pass  # the client is gone; it knows how to come back

    async def _follow(self, send: Send) -> None:
        subscription = self._subscription
        await self._write(send, subscription.opening, _RETRY)
        done = position_mark(subscription.number)
        await self._part(send, comment(f"up to date at {subscription.number}") + done)
        outbox = subscription.outbox
        while True:
            events = await outbox.take(self._live.timing.heartbeat)
            if events:
                await self._write(send, events)
            elif outbox.closed is not None:
                self._metrics.disconnected.labels(outbox.closed).inc()
                return await self._part(send, comment(outbox.closed), more=False)
            else:
                await self._part(send, comment("still here") + _place(subscription))

    async def _write(self, send: Send, events: Sequence[Event], head: bytes = b"") -> None:
        await self._part(send, head + b"".join(event.wire for event in events))
        for kind, count in Counter(event.kind for event in events).items():
            self._metrics.events.labels(kind).inc(count)

    async def _part(self, send: Send, body: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self._live.timing.send):
            await send({"type": "http.response.body", "body": body, "more_body": more})


def _place(subscription: Subscription) -> bytes:
    """Where a client stands to whom nothing is told: all up to there is of no interest to it.

    Nothing may wait: what came since `take` gave up must not be passed over.
    """
    outbox = subscription.outbox
    if len(outbox):
        return b""
    return position_mark(max(outbox.after, subscription.feed.position))


async def _gone(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass

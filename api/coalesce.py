"""One read for all who ask at the same time; no answer is older than its question."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Coalesced(Generic[Answer]):
    """Shares reads: callers who come while one runs all wait for the one that starts after it.

    Joining the running read would be cheaper and wrong: it may have seen the database before a
    commit that the caller already knows of. Bounded: at most two reads for a key, one running.

    Args:
        read: what to share, by key.
    """

    def __init__(self, read: Callable[[str], Awaitable[Answer]]) -> None:
        self._read = read
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def get(self, key: str) -> Answer:
        """The answer of a read that began after this call.

        Raises:
            Exception: what the read raised, for each who shared it.
        """
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
            future.add_done_callback(_retrieved)
            if key not in self._running:
                self._running[key] = asyncio.create_task(self._serve(key), name=f"read {key}")
        # One caller's cancellation must not take the answer from the others.
        return await asyncio.shield(future)

    async def _serve(self, key: str) -> None:
        try:
            while (future := self._waiting.pop(key, None)) is not None:
                await self._answer(key, future)
        finally:
            del self._running[key]

    async def _answer(self, key: str, future: asyncio.Future[Answer]) -> None:
        try:
            future.set_result(await self._read(key))
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the callers, who get it as it is
            future.set_exception(error)

    async def close(self) -> None:
        """Cancel reads that still run, and wait until they are gone."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()
        await asyncio.gather(*tasks, return_exceptions=True)


def _retrieved(future: "asyncio.Future[Answer]") -> None:
    """Look at an error that no caller stayed for, so that asyncio does not report it as lost."""
    if not future.cancelled():
        future.exception()

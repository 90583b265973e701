"""Turns among tasks: who has one may end it early."""

import asyncio
from typing import Self


class Turn:
    """Until it ends, or is ended before, nobody else has one."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._has_it = False

    async def __aenter__(self) -> Self:
        await self._lock.acquire()
        self._has_it = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let the next one have it."""
        if self._has_it:
            self._has_it = False
            self._lock.release()

"""Keeps parts running: one that ends is told and started again, later each time."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from cityvitals.errors import CityVitalsError

_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 30.0
_LASTED_S: Final = 60.0
"""A part that ran that long is a part that works: its next delay is the first one again."""


class Part(Protocol):
    """Something that runs until it ends or is stopped, and can be started again."""

    async def start(self) -> None:
        """Start it; returns when it works as far as can be seen at once."""

    async def ended(self) -> int:
        """Wait for its end; returns its exit code."""

    async def stop(self) -> None:
        """End it, whatever it takes; nothing where it does not run."""

    def last_words(self) -> str:
        """The end of its log."""


class Supervisor:
    """Parts by name, and how often each was started again.

    Args:
        say: where to tell what happened.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.restarts: dict[str, int] = {}
        self._say = say
        self._parts: dict[str, Part] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def start(self, name: str, part: Part) -> None:
        """Start a part, and keep it running from now on.

        Raises:
            CityVitalsError: it does not start even once.
        """
        self._parts[name] = part
        self.restarts[name] = 0
        await part.start()
        self._keepers[name] = asyncio.create_task(self._keep(name, part), name=f"keep {name}")

    async def stop(self, order: Iterable[str]) -> None:
        """Stop parts one after the other, each for good before the next; then any others."""
        for name in dict.fromkeys((*order, *reversed(self._parts))):
            part = self._parts.get(name)
            keeper = self._keepers.pop(name, None)
            if keeper is not None:
                keeper.cancel()
                await asyncio.wait([keeper])
            if part is not None:
                await part.stop()

    def last_words(self, name: str) -> str:
        """The end of a part's log."""
        return self._parts[name].last_words()

    async def _keep(self, name: str, part: Part) -> None:
        delay = _FIRST_DELAY_S
        while True:
            begun = time.monotonic()
            code = await part.ended()
            if time.monotonic() - begun > _LASTED_S:
                delay = _FIRST_DELAY_S
            said = part.last_words()
            why = f" (it said: {said})" if said else ""
            self._say(f"{name} {_ending(code)}; starting it again in {delay:g} s{why}")
            runs = False
            while not runs:
                await asyncio.sleep(delay)
                delay = min(2 * delay, _LONGEST_DELAY_S)
                runs = await self._again(name, part)

    async def _again(self, name: str, part: Part) -> bool:
        self.restarts[name] += 1
        try:
            await part.stop()  # takes away whatever it left behind
            await part.start()
        except CityVitalsError as error:
            self._say(f"{name} does not start: {error}")
            return False
        return True


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

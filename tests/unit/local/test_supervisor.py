"""What ends is told and started again; what is stopped stays stopped, in order."""

import asyncio
from collections.abc import Callable

import pytest

from cityvitals.errors import SettingsError
from deploy.local.supervisor import Supervisor


class Fragile:
    """A part that ends when told, and may refuse to start."""

    def __init__(self, name: str, events: list[str], refusals: int = 0) -> None:
        self.name, self.events, self.refusals = name, events, refusals
        self.fall = asyncio.Event()

    async def start(self) -> None:
        self.fall.clear()
        if self.refusals:
            self.refusals -= 1
            raise SettingsError("no room")
        self.events.append(f"{self.name} started")

    async def ended(self) -> int:
        await self.fall.wait()
        return -9

    async def stop(self) -> None:
        self.events.append(f"{self.name} stopped")

    def last_words(self) -> str:
        return f"alas, {self.name}"


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 (the supervisor tells by a callback)
            await asyncio.sleep(0.01)


def test_a_part_that_ends_is_told_with_its_last_words_and_started_again() -> None:
    async def scenario() -> None:
        events: list[str] = []
        supervisor = Supervisor(events.append)
        part = Fragile("api", events)
        await supervisor.start("api", part)
        part.fall.set()
        await _until(lambda: len(events) > 1)
        assert events[1] == (
            "api was ended by signal 9; starting it again in 0.5 s (it said: alas, api)"
        )
        await _until(lambda: events.count("api started") == 2)
        await supervisor.stop(["api"])
        assert events[2:] == ["api stopped", "api started", "api stopped"]

    asyncio.run(scenario())


def test_a_part_that_does_not_start_again_is_told_and_tried_later() -> None:
    async def scenario() -> None:
        events: list[str] = []
        supervisor = Supervisor(events.append)
        part = Fragile("broker", events)
        await supervisor.start("broker", part)
        part.refusals = 1
        part.fall.set()
        await _until(lambda: events.count("broker started") == 2)
        assert "broker does not start: no room" in events
        assert supervisor.restarts["broker"] == 2
        await supervisor.stop([])

    asyncio.run(scenario())


def test_the_first_start_must_work() -> None:
    async def scenario() -> None:
        supervisor = Supervisor(lambda _: None)
        with pytest.raises(SettingsError, match="no room"):
            await supervisor.start("api", Fragile("api", [], refusals=1))
        await supervisor.stop([])

    asyncio.run(scenario())


def test_parts_stop_in_the_order_given_then_the_others() -> None:
    async def scenario() -> None:
        events: list[str] = []
        supervisor = Supervisor(events.append)
        for name in ("postgres", "broker", "ingest", "extra"):
            await supervisor.start(name, Fragile(name, events))
        events.clear()
        await supervisor.stop(["ingest", "broker", "postgres"])
        assert list(dict.fromkeys(events)) == [
            f"{name} stopped" for name in ("ingest", "broker", "postgres", "extra")
        ]

    asyncio.run(scenario())

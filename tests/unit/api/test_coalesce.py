import asyncio

import pytest

from api.coalesce import Coalesced


class Source:
    """A read that waits until it is let go, and counts."""

    def __init__(self) -> None:
        self.reads = 0
        self.go = asyncio.Event()

    async def read(self, key: str) -> str:
        self.reads += 1
        number = self.reads
        await self.go.wait()
        if key == "bad":
            raise ValueError(key)
        return f"{key}{number}"


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_comes_while_a_read_runs_shares_the_next_one() -> None:
    async def main() -> tuple[list[str], int]:
        source = Source()
        shared = Coalesced(source.read)
        first = asyncio.create_task(shared.get("a"))
        await settle()
        later = [asyncio.create_task(shared.get("a")) for _ in range(50)]
        await settle()
        source.go.set()
        return await asyncio.gather(first, *later), source.reads

    answers, reads = asyncio.run(main())
    assert answers == ["a1"] + ["a2"] * 50
    assert reads == 2


def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    async def main() -> str:
        source = Source()
        shared = Coalesced(source.read)
        leaving = asyncio.create_task(shared.get("a"))
        staying = asyncio.create_task(shared.get("a"))
        await settle()
        leaving.cancel()
        await settle()
        source.go.set()
        return await staying

    assert asyncio.run(main()) == "a1"


def test_error_reaches_everybody_and_the_next_read_is_new() -> None:
    async def main() -> None:
        source = Source()
        shared = Coalesced(source.read)
        source.go.set()
        found = await asyncio.gather(shared.get("bad"), shared.get("bad"), return_exceptions=True)
        assert [type(error) for error in found] == [ValueError, ValueError]
        with pytest.raises(ValueError, match="bad"):
            await shared.get("bad")
        assert source.reads == 2

    asyncio.run(main())


def test_close_ends_what_waits() -> None:
    async def main() -> None:
        source = Source()
        shared = Coalesced(source.read)
        running = asyncio.create_task(shared.get("a"))
        await settle()
        waiting = asyncio.create_task(shared.get("a"))
        await settle()
        await shared.close()
        found = await asyncio.gather(running, waiting, return_exceptions=True)
        assert [type(error) for error in found] == [asyncio.CancelledError] * 2

    asyncio.run(main())

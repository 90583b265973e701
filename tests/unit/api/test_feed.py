import asyncio
from collections.abc import Callable

from api.feed import Feed, Timing, follows
from api.latest import Snapshot
from api.outbox import Outbox
from cityvitals.errors import StoreUnavailable
from cityvitals.store.views import Change, Changes

FAST = Timing(poll=0.005, retry=0.005)


class Store:
    """Changes of one city, that can go away."""

    def __init__(self, oldest: int, newest: int) -> None:
        self.oldest = oldest
        self.newest = newest
        self.away = False

    async def read(self, _city: str, after: int, limit: int) -> Changes:
        if self.away:
            raise StoreUnavailable("gone")
        numbers = range(max(after + 1, self.oldest), self.newest + 1)
        return Changes(self.newest, [Change(n, "status", "{}") for n in numbers[:limit]])

    async def latest(self, _city: str) -> Snapshot:
        return Snapshot(self.newest, (), b"{}", "", {})


async def watched(
    store: Store, position: int, act: Callable[[], None], until: Callable[[list[str]], bool]
) -> list[str]:
    """What a client sees of a feed: after each event `act` is called, `until` it is enough."""
    feed = Feed("city", position, store.read, store.latest, FAST)
    outbox = Outbox(1000)
    feed.outboxes.add(outbox)
    seen: list[str] = []
    running = asyncio.create_task(feed.run())
    try:
        async with asyncio.timeout(5):
            while not until(seen):
                act()
                taken = await outbox.take(0.02)
                seen.extend(f"{event.kind} {event.number}" for event in taken)
    finally:
        running.cancel()
    return seen


def test_changes_follow_only_without_a_gap() -> None:
    change = Change(5, "value", "{}")
    assert follows(4, Changes(5, [change]))
    assert follows(5, Changes(5, []))
    assert not follows(3, Changes(5, [change]))
    assert not follows(9, Changes(5, []))  # the numbers began anew
    assert not follows(4, Changes(5, []))  # its changes were pruned


def test_feed_hands_out_every_change_in_order() -> None:
    store = Store(1, 3)

    def more() -> None:
        store.newest = min(6, store.newest + 1)

    seen = asyncio.run(watched(store, 0, more, lambda seen: len(seen) == 6))
    assert seen == [f"status {n}" for n in range(1, 7)]


def test_gap_becomes_a_snapshot() -> None:
    store = Store(50, 60)
    seen = asyncio.run(watched(store, 10, lambda: None, bool))
    assert seen == ["snapshot 60"]


def test_database_away_and_back_is_told_once_each_and_nothing_is_lost() -> None:
    store = Store(1, 1)

    async def main() -> list[str]:
        def act() -> None:
            store.away = store.newest < 5
            store.newest += store.away

        return await watched(
            store, 0, act, lambda seen: "status 5" in seen and "status None" in seen[1:]
        )

    seen = asyncio.run(main())
    assert seen.count("status None") == 2
    assert [one for one in seen if one != "status None"] == [f"status {n}" for n in range(1, 6)]

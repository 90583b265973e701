import asyncio

from api.event import Event, Window
from api.interest import Interest
from api.latest import AlertItem, Item, Snapshot
from api.outbox import Outbox


def step(number: int, rule: str = "air.pm2_5.hour") -> Event:
    window = Window(rule, None, "2026-11-23T09:00:00Z")
    return Event(number, "value", b"%d" % number, window, is_step=True)


def final(number: int, rule: str = "air.pm2_5.hour") -> Event:
    return step(number, rule)._replace(is_step=False)


def taken(outbox: Outbox) -> list[int | None]:
    return [event.number for event in asyncio.run(outbox.take(0.01))]


def test_events_come_out_in_order_and_once() -> None:
    outbox = Outbox(10)
    outbox.offer([step(1), step(2)])
    outbox.offer([final(3)])
    assert taken(outbox) == [1, 2, 3]
    assert taken(outbox) == []


def test_nothing_is_dropped_while_there_is_room() -> None:
    outbox = Outbox(10)
    outbox.offer([step(n) for n in range(10)])
    assert taken(outbox) == list(range(10))


def test_full_outbox_keeps_only_the_newest_step_of_each_window() -> None:
    outbox = Outbox(4)
    outbox.offer([step(1), step(2, "other"), step(3), step(4), step(5)])
    assert taken(outbox) == [2, 5]


def test_once_full_a_step_takes_the_place_of_the_one_before() -> None:
    outbox = Outbox(3)
    outbox.offer([step(n) for n in range(1, 100)])
    assert taken(outbox) == [99]
    outbox.offer([step(100), step(101)])
    assert taken(outbox) == [100, 101]  # caught up: every step again


def test_final_and_corrected_values_are_never_dropped() -> None:
    outbox = Outbox(4)
    outbox.offer([step(1), final(2), step(3, "other"), final(4, "other"), final(5)])
    assert taken(outbox) == [2, 4, 5]


def test_step_after_which_nothing_of_its_window_came_is_kept() -> None:
    outbox = Outbox(3)
    outbox.offer([step(1, "a"), step(2, "b"), step(3, "b"), final(4, "c")])
    assert taken(outbox) == [1, 3, 4]


def test_too_slow_even_so_closes_and_holds_nothing() -> None:
    outbox = Outbox(3)
    outbox.offer([final(n) for n in range(5)])
    assert outbox.closed == "too slow"
    assert len(outbox) == 0
    outbox.offer([final(6)])
    assert len(outbox) == 0


def test_outbox_never_holds_more_than_its_limit() -> None:
    outbox = Outbox(7)
    for n in range(200):
        outbox.offer([step(n, f"rule{n % 6}")])
        assert len(outbox) <= 7
    assert outbox.closed is None


def test_a_city_may_have_more_open_windows_than_the_limit() -> None:
    outbox = Outbox(3)
    for first in (0, 100):
        outbox.offer([step(first + n, f"rule{n}") for n in range(20)])
    assert outbox.closed is None
    outbox.offer([final(200), final(201)])
    assert taken(outbox) == [*range(100, 120), 200, 201]
    outbox.offer([step(300 + n, f"rule{n}") for n in range(20)])
    outbox.offer([final(400 + n) for n in range(3)])
    assert outbox.closed is None
    outbox.offer([final(500)])
    assert outbox.closed == "too slow"


def test_skip_to_forgets_what_the_client_has_but_not_what_has_no_number() -> None:
    outbox = Outbox(10)
    away = Event(None, "status", b"away")
    outbox.offer([step(1), away, step(3)])
    outbox.skip_to(2)
    outbox.offer([step(2), step(4)])
    assert taken(outbox) == [None, 3, 4]


def test_restart_replaces_what_waits_even_by_a_lower_number() -> None:
    outbox = Outbox(10)
    outbox.skip_to(50)
    outbox.offer([step(51)])
    outbox.restart(Snapshot(7, (), b"{}", "", {}))
    outbox.offer([step(8)])
    assert taken(outbox) == [7, 8]


def test_take_wakes_when_something_comes() -> None:
    async def main() -> list[Event]:
        outbox = Outbox(10)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(outbox.take(10))
            await asyncio.sleep(0)
            outbox.offer([step(1)])
        return waiting.result()

    assert [event.number for event in asyncio.run(main())] == [1]


def test_closed_outbox_gives_what_waits_and_then_nothing_at_once() -> None:
    outbox = Outbox(10)
    outbox.offer([step(1)])
    outbox.close("the API is stopping")
    assert taken(outbox) == [1]
    assert [event.number for event in asyncio.run(outbox.take(60))] == []


def test_only_what_is_of_interest_is_kept() -> None:
    outbox = Outbox(10, Interest(rules=("air.*",), kinds=frozenset({"value"})))
    other = final(2, "water.supplied.day")
    correction = final(3)._replace(kind="correction")
    database = Event(None, "status", b"away")
    outbox.offer([final(1), other, correction, database])
    assert taken(outbox) == [1, None]


def test_a_full_outbox_counts_what_is_of_interest_alone() -> None:
    outbox = Outbox(2, Interest(zones=frozenset({"north"})))
    outbox.offer([final(number) for number in range(100)])
    assert outbox.closed is None and taken(outbox) == []


def test_a_snapshot_has_what_is_of_interest() -> None:
    items = (
        Item("air.pm2_5.hour", "", "air", b'{"a":1}'),
        Item("air.pm2_5.hour", "north", "air", b'{"b":1}'),
        Item("water.supplied.day", "north", "water", b'{"c":1}'),
    )
    alerts = (
        AlertItem("air.pm2_5.hour", "north", "warning", "active", b'{"d":1}'),
        AlertItem("air.pm2_5.hour", "", "warning", "active", b'{"e":1}'),
    )
    snapshot = Snapshot(7, items, b'{"all":1}', "", {"city": "town"}, alerts)
    told = Interest(zones=frozenset({"north"}), domains=frozenset({"air"})).snapshot(snapshot)
    assert told.wire == (
        b'id: 7\nevent: snapshot\ndata: {"alerts":[{"d":1}],"city":"town",'
        b'"items":[{"b":1}],"next":null}\n\n'
    )
    whole = Interest().snapshot(snapshot).wire
    assert b'data: {"alerts":[{"d":1},{"e":1}],"all":1}' in whole

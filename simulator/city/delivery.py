"""What becomes of packs on their way: outages, wrong clocks, revisions, repeats, delays. Pure."""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from cityvitals.domain.times import US
from simulator.city.scenario import Delivery, Outage, Revision, Scenario, WrongClock
from simulator.city.stations import Station
from simulator.feed import Device, Pack, Sample
from simulator.signals import chance, key_of

_DIGITS: Final = 6


def delivered(
    packs: Iterable[Pack],
    scenario: Scenario,
    stations: Mapping[Device, Station],
    seed: int,
    begin_us: int,
) -> Iterator[Pack]:
    """Packs as they arrive, in this order: what a scenario makes of those that sensors say.

    Args:
        packs: in order of time, each of one device.
        scenario: what befalls them.
        stations: by their devices.
        seed: what chance follows from.
        begin_us: when the scenario begins.
    """
    for outage in scenario.outage:
        packs = _held(packs, outage, stations, scenario.span_us(outage, begin_us))
    for clock in scenario.wrong_clock:
        packs = _shifted(packs, clock, stations, scenario.span_us(clock, begin_us))
    for number, revision in enumerate(scenario.revision):
        span = scenario.span_us(revision, begin_us)
        packs = _revised(packs, revision, stations, span, key_of(seed, "revision", str(number)))
    return _disturbed(packs, scenario.delivery, key_of(seed, "delivery"))


def _held(
    packs: Iterable[Pack], outage: Outage, stations: Mapping[Device, Station], span: tuple[int, int]
) -> Iterator[Pack]:
    """What is said in the span comes when it is over, or at the end of all."""
    kept: dict[Device, deque[Pack]] = defaultdict(deque)
    for pack in packs:
        if kept and pack.samples[0][0] >= span[1]:
            yield from _emptied(kept, outage.keeps)
        if outage.chooses(stations[pack.device]):
            within, outside = _cut(pack, span)
            if within is not None:
                kept[pack.device].append(within)
            if outside is None:
                continue
            pack = outside  # noqa: PLW2901 - what is left of it
        yield pack
    yield from _emptied(kept, outage.keeps)


def _emptied(kept: dict[Device, deque[Pack]], keeps: int | None) -> Iterator[Pack]:
    for packs in kept.values():
        if keeps is not None:
            spare = sum(len(pack.samples) for pack in packs) - keeps
            while packs and spare > 0:
                oldest = packs.popleft()
                rest = oldest.samples[spare:]
                spare -= len(oldest.samples)
                if rest:
                    packs.appendleft(oldest._replace(samples=rest))
        yield from packs
    kept.clear()


def _shifted(
    packs: Iterable[Pack], clock: WrongClock, stations: Mapping[Device, Station],
    span: tuple[int, int],
) -> Iterator[Pack]:  # fmt: skip
    ahead_us = round(clock.ahead_s * US)
    for pack in packs:
        if not clock.chooses(stations[pack.device]):
            yield pack
            continue
        within, outside = _cut(pack, span)
        if within is not None:
            samples = [(us + ahead_us, index, value) for us, index, value in within.samples]
            yield within._replace(samples=samples)
        if outside is not None:
            yield outside


def _revised(
    packs: Iterable[Pack], revision: Revision, stations: Mapping[Device, Station],
    span: tuple[int, int], key: int,
) -> Iterator[Pack]:  # fmt: skip
    """Each pack, and of some a second word, up to `within` packs later."""
    queue: list[tuple[int, int, Pack]] = []
    for number, pack in enumerate(packs):
        yield pack
        happens, delay = chance(key, np.array([2 * number, 2 * number + 1])).tolist()
        if happens < revision.share and revision.chooses(stations[pack.device]):
            within, _ = _cut(pack, span)
            if within is not None:
                due = number + 1 + int(delay * revision.within)
                heapq.heappush(queue, (due, number, _second_word(within, revision)))
        while queue and queue[0][0] <= number:
            yield heapq.heappop(queue)[2]
    yield from (pack for _, _, pack in sorted(queue, key=lambda one: one[:2]))


def _second_word(pack: Pack, revision: Revision) -> Pack:
    samples = [
        (us, index, round(value * revision.times + revision.plus, _DIGITS))
        for us, index, value in pack.samples
    ]
    return pack._replace(samples=samples, rev=pack.rev + 1)


def _disturbed(packs: Iterable[Pack], way: Delivery, key: int) -> Iterator[Pack]:
    """Some come late, some come twice."""
    if not way.twice and not way.late:
        yield from packs
        return
    queue: list[tuple[int, int, Pack]] = []
    order = 0
    for number, pack in enumerate(packs):
        late, twice, delay, again = chance(key, np.arange(4 * number, 4 * number + 4)).tolist()
        due = number + (1 + int(delay * way.within) if late < way.late else 0)
        heapq.heappush(queue, (due, order, pack))
        if twice < way.twice:
            heapq.heappush(queue, (due + 1 + int(again * way.within), order + 1, pack))
        order += 2
        while queue and queue[0][0] <= number:
            yield heapq.heappop(queue)[2]
    yield from (pack for _, _, pack in sorted(queue, key=lambda one: one[:2]))


def _cut(pack: Pack, span: tuple[int, int]) -> tuple[Pack | None, Pack | None]:
    """A pack's readings within a span, and the others; None where there are none."""
    begin, end = span
    within: list[Sample] = [one for one in pack.samples if begin <= one[0] < end]
    if len(within) == len(pack.samples):
        return pack, None
    if not within:
        return None, pack
    outside = [one for one in pack.samples if not begin <= one[0] < end]
    return pack._replace(samples=within), pack._replace(samples=outside)

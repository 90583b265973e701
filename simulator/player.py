"""A feed played against the clock, counted, and told about."""

import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from time import monotonic, time
from typing import Any, Final

import structlog

from cityvitals.domain.times import US, iso
from simulator.feed import Feed, Pack
from simulator.publisher import Publisher
from simulator.truth import Truth

_TELL_SECONDS: Final = (5.0, 10.0, 20.0, 60.0)
_STEP_SECONDS: Final = 0.25
"""Wall time that a paced pack may cover: none is sent before its last reading is due."""

_log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """What was sent so far.

    Attributes:
        truth: is told of each pack, too.
        first_us: earliest observed time sent; None before the first.
        last_us: latest one.
        seconds: from the first message to the last acknowledgement, or to the end.
    """

    truth: Truth | None = None
    readings: int = 0
    messages: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_us: int | None = None
    last_us: int | None = None
    seconds: float = 0.0

    def add(self, pack: Pack) -> None:
        """Count a pack."""
        if self.truth is not None:
            self.truth.take(pack, round(time() * US))
        self.readings += len(pack.samples)
        self.messages += 1
        first, last = pack.samples[0][0], pack.samples[-1][0]
        self.first_us = first if self.first_us is None else min(self.first_us, first)
        self.last_us = last if self.last_us is None else max(self.last_us, last)
        for index, count in Counter([index for _, index, _ in pack.samples]).items():
            self.counts[pack.device.id, pack.device.series[index].q] += count


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run sent, all of it acknowledged unless `unacknowledged` says otherwise."""

    city: str
    clock: str
    devices: int
    gateways: int
    readings: int
    messages: int
    by_quantity: dict[str, int]
    by_device: dict[str, int]
    first: str | None
    last: str | None
    seconds: float
    readings_per_s: float
    sent_again: int
    sent_again_readings: int
    unheard: int
    unacknowledged: int
    complete: bool

    def words(self) -> dict[str, Any]:
        """The summary as JSON takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Pace:
    """When an observed time is due, in seconds since 1970 by the wall.

    Attributes:
        speed: event seconds per wall second; None is at once, but never before its own time
            where `is_live`.
        begin: wall time of the start.
    """

    speed: float | None
    is_live: bool
    begin: float

    def due(self, us: int, first_us: int) -> float:
        """When to send what was observed at `us`, if what came first was at `first_us`."""
        if self.is_live:
            return us / US
        if self.speed is None:
            return self.begin
        return self.begin + (us - first_us) / US / self.speed

    @property
    def span_us(self) -> int | None:
        """Event time that a pack may cover; None is as much as the feed likes."""
        if self.speed is None or self.is_live:
            return None
        return max(1, round(self.speed * _STEP_SECONDS * US))


async def stream(
    feed: Feed, publisher: Publisher, pace: Pace, tally: Tally, limit: int | None
) -> None:
    """Send a feed's packs when they are due, up to `limit` readings; returns when acknowledged."""
    begin = monotonic()
    try:
        await _send_all(_limited(feed.packs(pace.span_us), limit), publisher, pace, tally)
        await publisher.drain()
    finally:
        tally.seconds = monotonic() - begin


async def _send_all(packs: Iterator[Pack], publisher: Publisher, pace: Pace, tally: Tally) -> None:
    first_us: int | None = None
    for pack in packs:
        first_us = pack.samples[0][0] if first_us is None else first_us
        wait = pace.due(pack.samples[-1][0], first_us) - time()
        if wait > 0:
            await asyncio.sleep(wait)
        await publisher.send(pack)
        tally.add(pack)


def _limited(packs: Iterator[Pack], limit: int | None) -> Iterator[Pack]:
    left = limit
    for pack in packs:
        if left is None:
            yield pack
        elif left > 0:
            yield Pack(pack.device, pack.samples[:left])
            left -= len(pack.samples)
        if left is not None and left <= 0:
            return


async def tell(tally: Tally) -> None:
    """Say how far it is: every second on a terminal, else as log lines, ever rarer."""
    on_terminal = sys.stderr.isatty()
    intervals = itertools.chain(_TELL_SECONDS, itertools.repeat(_TELL_SECONDS[-1]))
    before, moment = tally.readings, monotonic()
    for interval in itertools.repeat(1.0) if on_terminal else intervals:
        await asyncio.sleep(interval)
        rate = (tally.readings - before) / (monotonic() - moment)
        before, moment = tally.readings, monotonic()
        event_time = None if tally.last_us is None else iso(tally.last_us)
        if on_terminal:
            line = f"{tally.readings:,} readings, {rate:,.0f}/s, at {event_time}"
            sys.stderr.write(f"\r{line:<72}")
            sys.stderr.flush()
        else:
            _log.info("sent", readings=tally.readings, per_s=round(rate), at=event_time)


def summed(feed: Feed, publisher: Publisher, tally: Tally, *, complete: bool) -> Summary:
    """The summary of a run."""
    quantities: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    for (device, quantity), count in sorted(tally.counts.items()):
        quantities[quantity] += count
        devices[device] += count
    return Summary(
        city=feed.city,
        clock=feed.meta.clock,
        devices=len(feed.devices),
        gateways=len({device.gateway for device in feed.devices}),
        readings=tally.readings,
        messages=tally.messages,
        by_quantity=dict(quantities),
        by_device=dict(devices),
        first=None if tally.first_us is None else iso(tally.first_us),
        last=None if tally.last_us is None else iso(tally.last_us),
        seconds=round(tally.seconds, 3),
        readings_per_s=round(tally.readings / tally.seconds, 1) if tally.seconds else 0.0,
        sent_again=sum(link.sent_again for link in publisher.links),
        sent_again_readings=sum(link.readings_again for link in publisher.links),
        unheard=sum(link.unheard for link in publisher.links),
        unacknowledged=publisher.outstanding,
        complete=complete,
    )

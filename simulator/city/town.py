"""A seeded city as a feed: its history, then live; pure functions of seed, sensor and time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Clock, Kind
from cityvitals.domain.times import BUCKET_US, US
from cityvitals.wire.meta import CityMeta, SeriesMeta
from simulator.city.changes import Changes
from simulator.city.registers import Register
from simulator.city.signal import Courses
from simulator.city.spec import CitySpec
from simulator.city.stations import QUIET_S, Station, stations_of
from simulator.feed import Pack
from simulator.signals import LocalTimes, Numbers, local_times

MINUTE_US: Final = 60 * US
LIVE_US: Final = 10 * US
"""Gauges speak every 10 s when live, and every minute in the history: both within reporting."""
TICK_US: Final = US
"""Devices take turns: each has its own second of the ten."""
SPAN_US: Final = 30 * MINUTE_US
_QUIET_US: Final = round(QUIET_S) * US
_MOST: Final = 400
"""Readings of a message at most: 64 KiB hold half as many again."""


@dataclass(frozen=True, slots=True)
class Play:
    """What of a city is played.

    Attributes:
        now_us: where history ends and live begins, cut to the minute.
        history_us: event time before that.
        live: whether anything follows.
        scale: stations, as a multiple of the file's.
        city: play as this id.
        clock: whether time runs with the wall.
        changes: what a scenario does to values.
        step_us: between a gauge's readings in the history.
    """

    now_us: int
    history_us: int
    live: bool = True
    scale: int = 1
    city: str | None = None
    clock: Clock = Clock.LIVE
    changes: Changes = field(default_factory=Changes)
    step_us: int = MINUTE_US


class Town:
    """The seeded city: history up to now, then live without end.

    Args:
        seed: what values follow from.
    """

    def __init__(self, spec: CitySpec, seed: int, play: Play) -> None:
        self.city = play.city or spec.city.id
        self.meta = CityMeta(spec.city.name, spec.city.time_zone, play.clock)
        self.stations = stations_of(spec, seed, play.scale)
        self.devices = tuple(one.device for one in self.stations)
        self._spec, self._seed, self._changes = spec, seed, play.changes
        self._zone = ZoneInfo(self.meta.time_zone)
        self._now_us = play.now_us // MINUTE_US * MINUTE_US
        self._begin_us = self._now_us - play.history_us // MINUTE_US * MINUTE_US
        self._live, self._step_us = play.live, play.step_us
        self._registers: dict[tuple[str, str], Register] = {}
        self._past: dict[tuple[int, int], _Sampled] = {}

    def packs(self, span_us: int | None = None) -> Iterator[Pack]:
        """History in packs of half an hour (or `span_us`), then a pack per device as it speaks."""
        span = max(MINUTE_US, (min(span_us or SPAN_US, SPAN_US)) // MINUTE_US * MINUTE_US)
        for begin in range(self._begin_us, self._now_us, span):
            yield from self.between(begin, min(begin + span, self._now_us), self._step_us)
        begin = self._now_us
        while self._live:
            yield from self.between(begin, begin + TICK_US, LIVE_US)
            begin += TICK_US

    def between(self, begin_us: int, end_us: int, step_us: int) -> Iterator[Pack]:
        """What each device says in [begin, end), gauges every `step_us`.

        A whole minute is sampled at the same instants whatever the step, so that live goes on
        where history ends, and what is sent again is the same.
        """
        courses: dict[tuple[int, int], _Sampled] = {}  # ten turns, however many devices
        for number, station in enumerate(self.stations):
            first, step = _turn(station, number, begin_us, step_us)
            if first >= end_us:
                continue
            if (first, step) not in courses:
                courses[first, step] = self._sampled(first, end_us, step)
            yield from self._packs(station, courses[first, step])

    def _sampled(self, first_us: int, end_us: int, step_us: int) -> "_Sampled":
        times = local_times(np.arange(first_us, end_us, step_us, dtype=np.int64), self._zone)
        changes = self._changes

        def changed(name: str, values: Numbers) -> Numbers:
            return changes.of_city(name, values, times.us)

        return _Sampled(times, Courses(self._spec.signal, self._seed, times, changed))

    def _packs(self, station: Station, sampled: "_Sampled") -> Iterator[Pack]:
        us = sampled.times.us
        speaks = self._changes.speaks(station, us) & (us > station.since_us)
        columns = [self._values(station, one, sampled) for one in station.device.series]
        samples = [
            (at, index, value)
            for at, said, *row in zip(us.tolist(), speaks.tolist(), *columns, strict=True)
            if said
            for index, value in enumerate(row)
            if value or at % _QUIET_US == 0 or station.device.series[index].kind is not Kind.EVENT
        ]
        for begin in range(0, len(samples), _MOST):
            yield Pack(station.device, samples[begin : begin + _MOST])

    def _values(self, station: Station, one: SeriesMeta, sampled: "_Sampled") -> list[float]:
        """What a station sends of one of its series, in the unit that it declares."""
        us = sampled.times.us
        if one.kind is not Kind.COUNTER:
            sent: list[float] = self._shown(station, one, sampled).tolist()
            return sent
        first, end = max(int(us[0]), station.since_us + BUCKET_US), int(us[-1]) + BUCKET_US
        before = [0.0] * min((first - int(us[0])) // BUCKET_US, len(us))
        if first >= end:
            return before

        def rises(begin_us: int, end_us: int) -> Numbers:
            return self._shown(station, one, self._of_the_past(begin_us, end_us))

        key = (station.device.id, one.q)
        if key not in self._registers:
            digits = self._spec.signal[one.q].digits
            self._registers[key] = Register(station.since_us, digits, one.modulus)
        return before + self._registers[key].shown(first, end, rises)

    def _of_the_past(self, begin_us: int, end_us: int) -> "_Sampled":
        """Quarter hours, which all counters ask for in turn: the two newest stretches are kept."""
        stretch = (begin_us, end_us)
        if stretch not in self._past:
            while len(self._past) > 1:
                self._past.pop(next(iter(self._past)))
            self._past[stretch] = self._sampled(begin_us, end_us, BUCKET_US)
        return self._past[stretch]

    def _shown(self, station: Station, one: SeriesMeta, sampled: "_Sampled") -> Numbers:
        """What an instrument shows of its signal; of a counter by how much it rises."""
        us, courses, name = sampled.times.us, sampled.courses, station.device.id
        seen = self._changes.of_sensor(one.q, station, courses.sensor(one.q, name), us)
        shown = courses.shown(one.q, name, seen, _unit(one))
        sent = self._changes.of_instrument(one.q, station, shown, us)
        return np.maximum(sent, 0.0) if one.kind is Kind.COUNTER else sent


class _Sampled:
    """Times, and the courses of all signals at them."""

    __slots__ = ("courses", "times")

    def __init__(self, times: LocalTimes, courses: Courses) -> None:
        self.times, self.courses = times, courses


def _turn(station: Station, number: int, begin_us: int, step_us: int) -> tuple[int, int]:
    """When a station first speaks from `begin_us` on, and how often."""
    kind = station.device.series[0].kind
    if kind is Kind.GAUGE:
        phase = number * TICK_US % LIVE_US
        return begin_us + (phase - begin_us) % step_us, step_us
    step = BUCKET_US if kind is Kind.COUNTER else MINUTE_US
    return begin_us + -begin_us % step, step


def _unit(one: SeriesMeta) -> tuple[float, float]:
    """How a number in the unit of a series becomes canonical: scale and offset."""
    conversion = load_catalogue().conversion(one.q, one.unit)
    return (1.0, 0.0) if conversion is None else (conversion.scale, conversion.offset)

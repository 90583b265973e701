"""Vitalia: a small seeded city in four domains, always the same for the same seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Clock, Domain, Kind, Stamp
from cityvitals.domain.times import US
from cityvitals.wire.meta import CityMeta, SeriesMeta
from simulator.feed import Device, Gateway, Pack
from simulator.signals import LocalTimes, Profile, Register, Signal, local_times

ZONES: Final = ("altstadt", "hafen", "nordfeld", "weinberg")
MINUTE_US: Final = 60 * US
LIVE_US: Final = 10 * US
"""Gauges speak every 10 s when live, and every minute in the history: both within reporting."""
TICK_US: Final = US
"""Devices take turns: each has its own second of the ten."""
SPAN_US: Final = 30 * MINUTE_US

_REPORTING_S: Final = 60.0
_MINUTES_PER_HOUR: Final = 60

_FLAT: Final = Profile((1.0,) * 24, (1.0,) * 24)
_RUSH: Final = Profile(
    (0.5, 0.4, 0.35, 0.35, 0.4, 0.6, 1.0, 1.6, 1.8, 1.4, 1.1, 1.0,
     1.0, 1.0, 1.1, 1.2, 1.5, 1.8, 1.7, 1.3, 1.0, 0.9, 0.8, 0.6),
    (0.7, 0.6, 0.5, 0.4, 0.4, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
     1.0, 1.0, 1.0, 1.0, 1.0, 1.1, 1.1, 1.0, 0.9, 0.9, 0.8, 0.8),
)  # fmt: skip
_FREE_FLOW: Final = Profile(
    (1.25, 1.25, 1.25, 1.25, 1.25, 1.2, 1.05, 0.75, 0.65, 0.85, 1.0, 1.0,
     1.0, 1.0, 1.0, 0.95, 0.8, 0.65, 0.7, 0.9, 1.05, 1.1, 1.2, 1.25),
    (1.25, 1.25, 1.25, 1.25, 1.25, 1.25, 1.2, 1.2, 1.15, 1.1, 1.05, 1.05,
     1.05, 1.05, 1.05, 1.05, 1.05, 1.0, 1.0, 1.05, 1.1, 1.15, 1.2, 1.25),
)  # fmt: skip
_SUN: Final = Profile(
    (0.5, 0.45, 0.4, 0.4, 0.4, 0.4, 0.4, 0.5, 0.7, 0.9, 1.2, 1.4,
     1.6, 1.7, 1.75, 1.7, 1.5, 1.3, 1.1, 0.9, 0.8, 0.7, 0.6, 0.5),
    (0.6, 0.55, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.8, 1.0, 1.3, 1.5,
     1.7, 1.8, 1.85, 1.8, 1.6, 1.4, 1.2, 1.0, 0.9, 0.8, 0.7, 0.6),
)  # fmt: skip
_HOME: Final = Profile(
    (0.6, 0.5, 0.45, 0.45, 0.5, 0.7, 1.2, 1.5, 1.3, 1.1, 1.0, 1.0,
     1.1, 1.0, 0.95, 0.95, 1.0, 1.2, 1.5, 1.6, 1.5, 1.2, 1.0, 0.8),
    (0.7, 0.6, 0.5, 0.45, 0.45, 0.5, 0.7, 1.0, 1.4, 1.5, 1.4, 1.3,
     1.3, 1.2, 1.1, 1.1, 1.1, 1.2, 1.4, 1.5, 1.4, 1.2, 1.0, 0.8),
)  # fmt: skip

_SIGNALS: Final[dict[str, Signal | Register]] = {
    "pm2_5": Signal(14.0, _RUSH, 0.45, 0.2, 0.25, 0.8, 0.0, 1),
    "pm10": Signal(24.0, _RUSH, 0.45, 0.2, 0.25, 1.2, 0.0, 1),
    "no2": Signal(26.0, _RUSH, 0.3, 0.2, 0.3, 1.0, 0.0, 1),
    "so2": Signal(4.0, _FLAT, 0.4, 0.2, 0.3, 0.4, 0.0, 1),
    "o3": Signal(55.0, _SUN, 0.2, 0.1, 0.15, 1.5, 0.0, 1),
    "co": Signal(320.0, _RUSH, 0.3, 0.15, 0.2, 12.0, 0.0, 0),
    # kWh a minute of a substation that feeds some 2,000 homes
    "electricity_energy": Signal(14.0, _HOME, 0.1, 0.12, 0.3, 0.3, 0.0, 3),
    "water_flow": Signal(22.0, _HOME, 0.08, 0.12, 0.3, 0.4, 0.0, 2),
    "traffic_speed": Signal(42.0, _FREE_FLOW, 0.06, 0.15, 0.2, 2.5, 1.0, 1),
    # m3 an hour through the main meter of some 1,000 homes, which begins anew at 1,000 m3
    "water_volume": Register(15.0, _HOME.workday, 0.3, 1000.0, 1000),
}


@dataclass(frozen=True, slots=True)
class _Type:
    """A kind of station.

    Attributes:
        gateways: what they are reached through: the first half of the zones by the first.
    """

    name: str
    domain: Domain
    count: int
    gateways: tuple[str, ...]
    quantities: tuple[str, ...]


_TYPES: Final = (
    _Type("air", Domain.AIR, 8, ("air-west", "air-east"),
          ("pm2_5", "pm10", "no2", "so2", "o3", "co")),
    _Type("meter", Domain.ENERGY, 12, ("grid",), ("electricity_energy",)),
    _Type("inflow", Domain.WATER, 6, ("waterworks",), ("water_flow",)),
    _Type("speed", Domain.TRAFFIC, 12, ("roads-west", "roads-east"), ("traffic_speed",)),
    _Type("main", Domain.WATER, 4, ("waterworks",), ("water_volume",)),
)  # fmt: skip


class Vitalia:
    """The seeded city: history up to `now_us`, then live without end.

    Args:
        seed: what values follow from.
        now_us: where history ends and live begins, cut to the minute.
        history_us: event time before that.
        live: whether anything follows.
        scale: sensors, as a multiple of 42.
    """

    def __init__(
        self,
        seed: int,
        now_us: int,
        history_us: int,
        *,
        live: bool = True,
        scale: int = 1,
        city: str = "vitalia",
    ) -> None:
        self.city = city
        self.meta = CityMeta("Vitalia", "Europe/Vienna", Clock.LIVE)
        self.devices = tuple(
            _device(kind, number, kind.count * scale)
            for kind in _TYPES
            for number in range(kind.count * scale)
        )
        self._seed = seed
        self._zone = ZoneInfo(self.meta.time_zone)
        self._now_us = now_us // MINUTE_US * MINUTE_US
        self._begin_us = self._now_us - history_us // MINUTE_US * MINUTE_US
        self._live = live

    def packs(self, span_us: int | None = None) -> Iterator[Pack]:
        """History in packs of half an hour (or `span_us`), then a pack per device as it speaks."""
        span = max(MINUTE_US, (min(span_us or SPAN_US, SPAN_US)) // MINUTE_US * MINUTE_US)
        for begin in range(self._begin_us, self._now_us, span):
            yield from self.between(begin, min(begin + span, self._now_us), MINUTE_US)
        begin = self._now_us
        while self._live:
            yield from self.between(begin, begin + TICK_US, LIVE_US)
            begin += TICK_US

    def between(self, begin_us: int, end_us: int, step_us: int) -> Iterator[Pack]:
        """What each device says in [begin, end), gauges every `step_us`.

        A whole minute is sampled at the same instants whatever the step, so that live goes on
        where history ends, and what is sent again is the same.
        """
        times: dict[tuple[int, int], LocalTimes] = {}  # ten turns, however many devices
        for number, device in enumerate(self.devices):
            phase = number * TICK_US % LIVE_US
            if device.series[0].kind is Kind.INTERVAL_TOTAL:
                first, step = begin_us + -begin_us % MINUTE_US, MINUTE_US
            else:
                first, step = begin_us + (phase - begin_us) % step_us, step_us
            if first >= end_us:
                continue
            if (first, step) not in times:
                us = np.arange(first, end_us, step, dtype=np.int64)
                times[first, step] = local_times(us, self._zone)
            yield self._pack(device, times[first, step])

    def _pack(self, device: Device, times: LocalTimes) -> Pack:
        columns = [
            _SIGNALS[series.q].values(self._seed, series.q, device.id, times).tolist()
            for series in device.series
        ]
        return Pack(
            device,
            [
                (us, index, value)
                for us, *row in zip(times.us.tolist(), *columns, strict=True)
                for index, value in enumerate(row)
            ],
        )


def _device(kind: _Type, number: int, total: int) -> Device:
    place = number * len(ZONES) // total
    gateway = kind.gateways[place * len(kind.gateways) // len(ZONES)]
    return Device(
        Gateway(kind.domain, gateway),
        f"{kind.name}-{number + 1:02d}",
        ZONES[place],
        _declared(kind.quantities),
    )


def _declared(quantities: Sequence[str]) -> tuple[SeriesMeta, ...]:
    return tuple(_series(name) for name in quantities)


def _series(name: str) -> SeriesMeta:
    unit, signal = load_catalogue().quantities[name].unit, _SIGNALS[name]
    if isinstance(signal, Register):
        return SeriesMeta(
            name, kind=Kind.COUNTER, reporting_s=_REPORTING_S, unit=unit, modulus=signal.modulus
        )
    if load_catalogue().quantities[name].kind is Kind.INTERVAL_TOTAL:
        return SeriesMeta(
            name, kind=Kind.INTERVAL_TOTAL, period_s=_REPORTING_S, stamp=Stamp.END,
            reporting_s=_REPORTING_S, unit=unit,
        )  # fmt: skip
    return SeriesMeta(name, kind=Kind.GAUGE, reporting_s=_REPORTING_S, unit=unit)

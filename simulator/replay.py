"""A recorded city as a feed: the stations of a file, merged by time."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Clock, Domain, is_identifier
from cityvitals.errors import SettingsError
from cityvitals.wire.meta import CityMeta
from simulator.feed import Device, Gateway, Pack, Sample
from simulator.mapping import Layout, Mapping
from simulator.table import Station, read_table

PACK: Final = 200
"""Readings in a message at most: 64 KiB hold more than three times as many."""


class Replay:
    """A recorded file, played as its mapping says."""

    def __init__(self, path: Path, mapping: Mapping, city: str | None = None) -> None:
        self.city = city or mapping.city.id
        self.meta = CityMeta(mapping.city.name, mapping.city.time_zone, Clock.REPLAY)
        stations = [_used(station, mapping) for station in read_table(path, mapping)]
        self.devices = tuple(_device(station, mapping, self.city) for station in stations)
        for station in stations:
            station.samples.sort(key=_instant)
        self._samples = [station.samples for station in stations]

    def packs(self, span_us: int | None = None) -> Iterator[Pack]:
        """What is sent, merged by time: all devices finish a span before any begins the next."""
        span = _span_us(self._samples)
        return merged(self.devices, self._samples, min(span, span_us or span))


def merged(
    devices: Sequence[Device], samples: Sequence[Sequence[Sample]], span_us: int
) -> Iterator[Pack]:
    """Packs of at most `PACK` readings, span by span; spans in which nobody speaks are passed."""
    positions = [0] * len(samples)
    while True:
        waiting = [own[at][0] for own, at in zip(samples, positions, strict=True) if at < len(own)]
        if not waiting:
            return
        end_us = (min(waiting) // span_us + 1) * span_us
        for number, own in enumerate(samples):
            begin = positions[number]
            positions[number] = end = bisect_left(own, end_us, begin, key=_instant)
            for at in range(begin, end, PACK):
                yield Pack(devices[number], list(own[at : min(at + PACK, end)]))


def _instant(sample: Sample) -> int:
    return sample[0]


def _span_us(samples: Sequence[Sequence[Sample]]) -> int:
    """Event time in which the busiest device has a pack of readings, its gaps allowed for."""
    fill = PACK * 9 // 10
    spans = [(own[-1][0] - own[0][0]) * fill // len(own) for own in samples if own]
    return max(1, min(spans, default=1))


def _used(station: Station, mapping: Mapping) -> Station:
    """The station with the series it has; in a file of one value a row, the others are no holes."""
    if mapping.file.layout is Layout.WIDE or mapping.file.quantity_column is None:
        return station
    used = sorted({index for _, index, _ in station.samples})
    place = {index: new for new, index in enumerate(used)}
    station.series = tuple(station.series[index] for index in used)
    station.samples = [(us, place[index], value) for us, index, value in station.samples]
    return station


def _device(station: Station, mapping: Mapping, city: str) -> Device:
    own = {"station": station.id, "zone": station.zone or city, "city": city}
    name = mapping.gateway.prefix + own[mapping.gateway.by]
    if not is_identifier(name):
        raise SettingsError(f"gateway.prefix: expected one that gives ids, but {name!r} is none")
    return Device(
        Gateway(_domain(station, mapping), name), station.id, station.zone, station.series
    )


def _domain(station: Station, mapping: Mapping) -> Domain:
    if mapping.station.domain is not None:
        return mapping.station.domain
    quantities = load_catalogue().quantities
    domains = {quantities[series.q].domain for series in station.series}
    if len(domains) != 1:
        found = ", ".join(sorted(domains))
        raise SettingsError(f"station.domain: expected, since {station.id!r} has {found}")
    return domains.pop()

"""Where a seeded city's streets, buildings and stations lie; pure, by seed, as GeoJSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from simulator.city.spec import CitySpec, Point, RoadSection, StationSection, ZoneSection
from simulator.signals import chance, key_of

_DIGITS: Final = 5
"""Of degrees: about a metre."""
_STEPS: Final = 24
"""Places of a road, for each stretch of it, at which a station may stand."""
_GOLDEN: Final = 0.618034
"""Multiples of it, taken modulo one, keep away from each other."""
_BUILT: Final = 0.7
"""Share of a block's quarters that have a building."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a station can stand, and on which road."""

    point: Point
    road: str = ""


def inside(point: Point, ring: Sequence[Point]) -> bool:
    """Whether a point lies in a closed ring: a ray crosses it an odd number of times."""
    x, y = point
    within = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (x2 - x1) * (y - y1) / (y2 - y1):
            within = not within
    return within


def streets(zone: ZoneSection) -> list[tuple[Point, Point]]:
    """The zone's streets: straight ones that cross it from west to east and from south to north."""
    west, south, east, north = _box(zone.outline)
    found = []
    for number in range(1, zone.blocks + 1):
        share = number / (zone.blocks + 1)
        x, y = west + share * (east - west), south + share * (north - south)
        across = _crossings([(b, a) for a, b in zone.outline], x)
        along = _crossings(zone.outline, y)
        found += [((x, low), (x, high)) for low, high in _pairs(across)]
        found += [((low, y), (high, y)) for low, high in _pairs(along)]
    return [(_rounded(begin), _rounded(end)) for begin, end in found]


def buildings(zone: ZoneSection, seed: int) -> list[list[Point]]:
    """Closed rings of buildings in the quarters of the blocks between the zone's streets."""
    west, south, east, north = _box(zone.outline)
    across, up = (east - west) / (zone.blocks + 1), (north - south) / (zone.blocks + 1)
    found = []
    for block in range((zone.blocks + 1) ** 2):
        row, column = divmod(block, zone.blocks + 1)
        luck = chance(key_of(seed, zone.id, "block"), np.arange(block * 12, block * 12 + 12))
        for quarter in range(4):
            is_built, wide, deep = luck[quarter * 3 : quarter * 3 + 3].tolist()
            x = west + across * (column + 0.12 + 0.42 * (quarter % 2))
            y = south + up * (row + 0.12 + 0.42 * (quarter // 2))
            ring = _rectangle(x, y, across * (0.15 + 0.2 * wide), up * (0.15 + 0.2 * deep))
            if is_built < _BUILT and all(inside(corner, zone.outline) for corner in ring):
                found.append(ring)
    return found


def spots(spec: CitySpec, zone: ZoneSection, kind: StationSection, seed: int) -> Iterator[Spot]:
    """Places for stations in a zone, without end and ever new; on its roads as far as there are."""
    if kind.on_road:
        yield from _along(spec.road, zone)
    west, south, east, north = _box(zone.outline)
    key, number = key_of(seed, zone.id, kind.id, "spot"), 0
    while True:
        x, y = chance(key, np.arange(number, number + 2)).tolist()
        point = (west + x * (east - west), south + y * (north - south))
        number += 2
        if inside(point, zone.outline):
            yield Spot(_rounded(point))


def _along(roads: Sequence[RoadSection], zone: ZoneSection) -> Iterator[Spot]:
    """Places of roads within a zone, the roads in turn, each place far from the ones before."""
    waiting = [_spaced(list(_places(road, zone))) for road in roads]
    while any(waiting):
        for own in waiting:
            if own:
                yield own.pop()


def _spaced(places: list[Spot]) -> list[Spot]:
    numbers = sorted(range(len(places)), key=lambda number: -(number * _GOLDEN % 1.0))
    return [places[number] for number in numbers]


class _Stretch(NamedTuple):
    """A road, or a part of one."""

    id: str
    line: tuple[Point, ...]


def _places(road: RoadSection | _Stretch, zone: ZoneSection) -> Iterator[Spot]:
    for (x1, y1), (x2, y2) in pairwise(road.line):
        for step in range(_STEPS):
            share = (step + 0.5) / _STEPS
            point = (x1 + share * (x2 - x1), y1 + share * (y2 - y1))
            if inside(point, zone.outline):
                yield Spot(_rounded(point), road.id)


def roads_within(roads: Sequence[RoadSection], zone: ZoneSection) -> list[tuple[Point, Point]]:
    """The stretches of major roads that lie in a zone, to a twenty-fourth of a stretch."""
    found = []
    for road in roads:
        for begin, end in pairwise(road.line):
            lies = [spot.point for spot in _places(_Stretch(road.id, (begin, end)), zone)]
            if len(lies) > 1:
                found.append((lies[0], lies[-1]))
    return found


def zone_geometry(spec: CitySpec, zone: ZoneSection, seed: int) -> dict[str, Any]:
    """A zone as GeoJSON: its outline, and as members of its own its roads, streets and buildings.

    RFC 7946 (6.1) allows such members: who does not know them sees a polygon.
    """
    return {
        "type": "Polygon",
        "coordinates": [zone.outline],
        "roads": {"type": "MultiLineString", "coordinates": roads_within(spec.road, zone)},
        "streets": {"type": "MultiLineString", "coordinates": streets(zone)},
        "buildings": {
            "type": "MultiPolygon",
            "coordinates": [[ring] for ring in buildings(zone, seed)],
        },
    }


def _box(ring: Sequence[Point]) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    return min(xs), min(ys), max(xs), max(ys)


def _crossings(ring: Sequence[Point], y: float) -> list[float]:
    """Where a line from west to east crosses a ring, ascending."""
    return sorted(
        x1 + (x2 - x1) * (y - y1) / (y2 - y1)
        for (x1, y1), (x2, y2) in pairwise(ring)
        if (y1 > y) != (y2 > y)
    )


def _pairs(edges: Sequence[float]) -> list[tuple[float, float]]:
    return list(zip(edges[::2], edges[1::2], strict=True))


def _rectangle(x: float, y: float, width: float, depth: float) -> list[Point]:
    corners = [(x, y), (x + width, y), (x + width, y + depth), (x, y + depth), (x, y)]
    return [_rounded(corner) for corner in corners]


def _rounded(point: Point) -> Point:
    return round(point[0], _DIGITS), round(point[1], _DIGITS)

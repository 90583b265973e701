"""Which series stand for which groups of a city: members of inputs, sensors, contributors. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from aggregator.series_table import Ints, SeriesTable
from cityvitals.domain.times import BUCKET_US, ceil_bucket
from cityvitals.store.model import SeriesRow

FOR_EVER: Final = 2**40
"""A bucket number after all others."""


@dataclass(frozen=True, slots=True)
class Members:
    """The stations that feed one input of a rule, group by group, each in natural-key order.

    Attributes:
        rows: row of the series [m].
        since, until: numbers of the buckets of each stretch in which one is placed there [s].
        of: whose stretch it is [s], ascending: who left a group and came back has several.
        starts: where each member's stretches begin [m + 1].
        offsets: where each group begins [g + 1].
        group: of each [m].
        in_city: which member of the city's group is the same series [m]; -1 for none.
    """

    rows: Ints
    since: Ints
    until: Ints
    of: Ints
    starts: Ints
    offsets: Ints
    group: Ints
    in_city: Ints

    def some(self, at: Ints) -> "Members":
        """Some of them, ascending, out of their groups."""
        stretches = np.flatnonzero(np.isin(self.of, at))
        of = np.searchsorted(at, self.of[stretches])
        place = np.full(len(self.rows) + 1, -1, np.int64)  # the last one stands for none
        place[at] = np.arange(len(at))
        return Members(
            rows=self.rows[at],
            since=self.since[stretches],
            until=self.until[stretches],
            of=of,
            starts=np.searchsorted(of, np.arange(len(at) + 1)),
            offsets=self.offsets,
            group=self.group[at],
            in_city=place[self.in_city[at]],
        )


@dataclass(frozen=True, slots=True)
class Stations:
    """The sensors of each group, for rules that evaluate at each of them.

    Attributes:
        at: per input of the rule, which member stands for each station [s]; -1 for none.
        group: of each [s].
        offsets: where each group begins [g + 1].
        in_city: which station of the city's group is the same sensor [s]; -1 for none.
    """

    at: tuple[Ints, ...]
    group: Ints
    offsets: Ints
    in_city: Ints


@dataclass(frozen=True, slots=True)
class Contributing:
    """The series that may contribute to each group's value, each once, in natural-key order.

    Attributes:
        rows: row of the series [u].
        group: of each [u].
        offsets: where each group begins [g + 1].
        at: per input, which of them each of its members is [m].
        by_sensor: them, sensor by sensor within each group [u].
        sensors: where each sensor begins among those [k].
        sensor_offsets: where each group's sensors begin [g + 1].
        is_plain: whether there is one input, and they are its members.
    """

    rows: Ints
    group: Ints
    offsets: Ints
    at: tuple[Ints, ...]
    by_sensor: Ints
    sensors: Ints
    sensor_offsets: Ints
    is_plain: bool


Placing = tuple[int, int, int]
"""The row of a series, and the numbers of the buckets [since, until) in which it stands."""
Placed = tuple[str, int, int]
"""A zone, and the numbers of the buckets [since, until) in which a series stands there."""


def placed(series: SeriesRow) -> list[Placed]:
    """Where a series stands when; a placement counts from the next quarter-hour edge on."""
    found: list[Placed] = []
    edges = [ceil_bucket(from_us) // BUCKET_US for from_us, _ in series.placements]
    for i, (_, zone) in enumerate(series.placements):
        until = edges[i + 1] if i + 1 < len(edges) else FOR_EVER
        if zone is not None and until > edges[i]:
            found.append((zone, edges[i], until))
    return found


def stations_of(members: Sequence[Members], table: SeriesTable, groups: int) -> Stations:
    """Sensors of each group in natural-key order; of several series the first stands for one."""
    many = len(table) + 1
    keys = [one.group * many + table.sensors[one.rows] for one in members]
    found = np.unique(np.concatenate([np.empty(0, np.int64), *keys]))
    at = []
    for mine in keys:
        stations, first = np.unique(mine, return_index=True)
        placed_at = np.full(len(found), -1, np.int64)
        placed_at[np.searchsorted(found, stations)] = first
        at.append(placed_at)
    group, sensor = found // many, found % many
    mine = sensor[group == 0]
    twin = np.searchsorted(mine, sensor)
    known = (group > 0) & (twin < len(mine))
    known[known] = mine[twin[known]] == sensor[known]
    return Stations(
        at=tuple(at),
        group=group,
        offsets=np.searchsorted(group, np.arange(groups + 1)).astype(np.int64),
        in_city=np.where(known, twin, -1),
    )


def contributing_of(members: Sequence[Members], table: SeriesTable, groups: int) -> Contributing:
    """Inputs have the same members or others; one that comes back to a zone is there once."""
    rows = np.concatenate([np.empty(0, np.int64), *(one.rows for one in members)])
    group = np.concatenate([np.empty(0, np.int64), *(one.group for one in members)])
    key = group * (rows.max(initial=0) + 1) + rows
    _, first, at = np.unique(key, return_index=True, return_inverse=True)
    order = np.lexsort((first, group[first]))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    taken = first[order]
    ends = np.cumsum([len(one.rows) for one in members])
    owner = group[taken] * (len(table) + 1) + table.sensors[rows[taken]]
    by_sensor = np.argsort(owner, kind="stable")
    sensors = np.flatnonzero(np.diff(owner[by_sensor], prepend=-1))
    in_group = group[taken][by_sensor[sensors]]
    return Contributing(
        rows=rows[taken],
        group=group[taken],
        offsets=np.searchsorted(group[taken], np.arange(groups + 1)).astype(np.int64),
        at=tuple(np.split(place[at], ends[:-1])) if members else (),
        by_sensor=by_sensor,
        sensors=sensors,
        sensor_offsets=np.searchsorted(in_group, np.arange(groups + 1)).astype(np.int64),
        is_plain=len(members) == 1 and len(taken) == len(rows),
    )


def members_of(groups: Sequence[Sequence[Placing]]) -> Members:
    """Members of each group, by row and the buckets' numbers [since, until) of their placements.

    A series' placements in a group stand together, oldest first.
    """
    found = [_stretches(group) for group in groups]
    members = [(g, row) for g, group in enumerate(found) for row in group]
    flat = [(m, *each) for m, (g, row) in enumerate(members) for each in found[g][row]]
    stretches = np.array(flat, np.int64).reshape(-1, 3)
    of = np.ascontiguousarray(stretches[:, 0])
    group = np.array([g for g, _ in members], np.int64)
    in_city = {row: at for at, row in enumerate(found[0])} if found else {}
    return Members(
        rows=np.array([row for _, row in members], np.int64),
        since=np.ascontiguousarray(stretches[:, 1]),
        until=np.ascontiguousarray(stretches[:, 2]),
        of=of,
        starts=np.searchsorted(of, np.arange(len(members) + 1)),
        offsets=np.searchsorted(group, np.arange(len(groups) + 1)),
        group=group,
        in_city=np.array([in_city.get(row, -1) if g else -1 for g, row in members], np.int64),
    )


def _stretches(group: Sequence[Placing]) -> dict[int, list[tuple[int, int]]]:
    """By row, when it stands in a group; stretches that touch are one."""
    found: dict[int, list[tuple[int, int]]] = {}
    for row, since, until in group:
        mine = found.setdefault(row, [])
        if mine and mine[-1][1] == since:
            mine[-1] = (mine[-1][0], until)
        else:
            mine.append((since, until))
    return found

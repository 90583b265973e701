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
        since, until: numbers of the buckets in which it is placed there [m].
        offsets: where each group begins [g + 1].
        group: of each [m].
        in_city: which member of the city's group is the same series [m]; -1 for none.
    """

    rows: Ints
    since: Ints
    until: Ints
    offsets: Ints
    group: Ints
    in_city: Ints


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
        is_plain: whether there is one input, and they are its members.
    """

    rows: Ints
    group: Ints
    offsets: Ints
    at: tuple[Ints, ...]
    is_plain: bool


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


def contributing_of(members: Sequence[Members], groups: int) -> Contributing:
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
    return Contributing(
        rows=rows[taken],
        group=group[taken],
        offsets=np.searchsorted(group[taken], np.arange(groups + 1)).astype(np.int64),
        at=tuple(np.split(place[at], ends[:-1])) if members else (),
        is_plain=len(members) == 1 and len(taken) == len(rows),
    )


def members_of(groups: Sequence[Sequence[tuple[int, int, int]]]) -> Members:
    """Members of each group: row, and the buckets' numbers [since, until) of its placement."""
    flat = np.array([one for group in groups for one in group], np.int64).reshape(-1, 3)
    group = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    in_city = {row: at for at, (row, _, _) in enumerate(groups[0])} if groups else {}
    rows_and_groups = zip(flat[:, 0].tolist(), group.tolist(), strict=True)
    return Members(
        rows=np.ascontiguousarray(flat[:, 0]),
        since=np.ascontiguousarray(flat[:, 1]),
        until=np.ascontiguousarray(flat[:, 2]),
        offsets=np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int64),
        group=group,
        in_city=np.array(
            [in_city.get(row, -1) if of else -1 for row, of in rows_and_groups], np.int64
        ),
    )

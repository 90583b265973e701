"""From stations to zones and the city: one input's numbers, or series, together. Pure."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.kernels.levels import join_counts, join_values
from aggregator.plan import How, RulePlan, combines
from aggregator.program import Floats, SeriesOf
from aggregator.series_table import Ints
from aggregator.stations import Said
from kpi_rules.words import Combine

_SUM, _USED, _SHARE, _LOW, _HIGH, _HERE = range(6)
_OUT: Final = 6


class Joining(NamedTuple):
    """How stations are put together.

    Attributes:
        how: as for the city, and as for zones.
        min_stations: so many that have a value.
        offsets: where each group's members, or stations, begin [g + 1].
    """

    how: How
    min_stations: int
    offsets: Ints


@dataclass(frozen=True, slots=True)
class Joined:
    """One input, or one rule's values, joined over stations [w, g].

    Attributes:
        value: numbers [w, g], or series [w, g, n]; nan where no station can be used.
        numerator: the sum of the stations' values.
        used: how many stations take part.
        coverage: mean over the stations placed there.
        stations: how many are placed there.
        spoken: whether any station of the city has said anything for the window [w].
        valid: which members take part [w, m].
    """

    value: Floats | SeriesOf
    numerator: Floats
    used: Floats
    coverage: Floats
    observed: Floats
    flagged: Floats
    stations: Floats
    spoken: NDArray[np.bool_]
    valid: NDArray[np.bool_]


def join(plan: RulePlan, index: int, found: Said, weights: Floats) -> Joined:
    """Join one input's stations.

    Args:
        plan: the rule in its city.
        index: of the input.
        found: what its members say.
        weights: of each group for means weighted by zones [w, g], nan where there is none.
    """
    own = plan.rule.inputs[index]
    how, least_of = combines(plan.rule, own), plan.rule.space.min_stations
    by = weights.tobytes() if Combine.POPULATION_WEIGHTED in how else b""
    key = (how, least_of, by)
    if key not in found.joints:
        join_as = Joining(how, least_of, plan.members[index].offsets)
        found.joints[key] = _join(join_as, found, weights)
    joint: Joined = found.joints[key]
    return joint


def _join(join_as: Joining, found: Said, weights: Floats) -> Joined:
    of, offsets, valid = found.of, join_as.offsets, found.valid
    numbers = np.where(valid, 1.0, np.nan) if isinstance(found.values, SeriesOf) else found.values
    out = joined(Values(numbers, of, found.placed), found.share, offsets)
    value: Floats | SeriesOf
    if isinstance(found.values, SeriesOf):
        value = _series(join_as, found.values, found, weights)
    else:
        value = combined(join_as, out, Values(numbers, of, found.placed), weights)
    counts = np.empty((2, *out.shape[:2]))
    join_counts(found.observed, found.flagged, of, found.placed, offsets, counts)
    return Joined(
        value=value,
        numerator=out[..., _SUM],
        used=out[..., _USED],
        coverage=out[..., _SHARE],
        observed=counts[0],
        flagged=counts[1],
        stations=out[..., _HERE],
        spoken=found.spoken,
        valid=valid[:, of] & found.placed,
    )


class Values(NamedTuple):
    """Numbers of members, or stations.

    Attributes:
        numbers: by column [w, c]; nan where there is none.
        of: the column of each member [m].
        placed: whether it stands there at all [w, m].
    """

    numbers: Floats
    of: Ints
    placed: NDArray[np.bool_]


def joined(values: Values, share: Floats, offsets: Ints) -> Floats:
    """What `kernels.levels.join_values` makes of members [w, m]: [w, g, 6]."""
    out = np.empty((len(values.numbers), len(offsets) - 1, _OUT))
    join_values(values.numbers, values.of, share, values.placed, offsets, out)
    return out


def combined(join_as: Joining, out: Floats, values: Values, weights: Floats) -> Floats:
    """Each group's value of its members' values [w, g], of which `joined` made `out`."""
    offsets, (city, zones) = join_as.offsets, join_as.how
    found = np.empty(out.shape[:2])
    if len(offsets) > 2:  # noqa: PLR2004 (there is more than the city)
        found[:, 1:] = _combined(zones, out[:, 1:], values, offsets[1:])
    if city is Combine.POPULATION_WEIGHTED:
        found[:, 0] = _weighted(found[:, 1:], weights[:, 1:])
    else:
        found[:, :1] = _combined(city, out[:, :1], values, offsets[:2])
    few = out[..., _USED] < join_as.min_stations
    return np.where(few, np.nan, found)


def _combined(how: Combine, out: Floats, values: Values, offsets: Ints) -> Floats:
    used = out[..., _USED]
    match how:
        case Combine.SUM:
            found = out[..., _SUM]
        case Combine.MIN:
            found = out[..., _LOW]
        case Combine.MAX:
            found = out[..., _HIGH]
        case Combine.MEDIAN:
            here = np.where(values.placed, values.numbers[:, values.of], np.nan)
            found = _medians(here, offsets)
        case _:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = out[..., _SUM] / used
    result: Floats = np.where(used > 0, found, np.nan)
    return result


def _medians(values: Floats, offsets: Ints) -> Floats:
    """The middle value of each group, or the mean of the two in the middle."""
    found = np.full((len(values), len(offsets) - 1), np.nan)
    for g, (low, high) in enumerate(pairwise(offsets.tolist())):
        for w, row in enumerate(values[:, low:high]):
            known = np.sort(row[~np.isnan(row)])
            if len(known):
                middle = len(known) // 2
                pair = known[middle - (len(known) % 2 == 0)], known[middle]
                found[w, g] = pair[1] if len(known) % 2 else pair[0] + (pair[1] - pair[0]) / 2.0
    return found


def _weighted(values: Floats, weights: Floats) -> Floats:
    """The mean of zones that have a value [w, z], each by its weight; nan where one lacks it."""
    total, by = np.zeros(len(values)), np.zeros(len(values))
    for zone in range(values.shape[1]):
        known = ~np.isnan(values[:, zone])
        total = np.where(known, total + values[:, zone] * weights[:, zone], total)
        by = np.where(known, by + weights[:, zone], by)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(by > 0, total / by, np.nan)


def _series(join_as: Joining, series: SeriesOf, found: Said, weights: Floats) -> SeriesOf:
    """Place by place, what the groups' stations come to together; all nan where there are none."""
    windows, columns, width = series.values.shape
    values = np.moveaxis(series.values, 2, 1).reshape(windows * width, columns)
    here = np.repeat(found.placed, width, axis=0)
    by = np.repeat(weights, width, axis=0)
    groups = len(join_as.offsets) - 1
    mine = Values(values, found.of, here)
    out = joined(mine, np.zeros(here.shape), join_as.offsets)
    joint = combined(join_as, out, mine, by).reshape(windows, width, groups)
    lengths = np.broadcast_to(found.places[:, None], (windows, groups))
    return SeriesOf(np.ascontiguousarray(np.moveaxis(joint, 1, 2)), np.ascontiguousarray(lengths))

"""What each station says of one input over windows: a number, or a series of numbers. Pure."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from aggregator.compiler import ROUNDING
from aggregator.folds import Columns, Folds, Held, folds_of
from aggregator.kernels.levels import (
    COUNT,
    COUNT_OF,
    ENERGY_MEAN,
    FIRST,
    INTEGRAL_OF,
    LAST,
    LEVEL_OF,
    MAX,
    MEAN,
    MEAN_OF,
    MIN,
    TOTAL,
    fold_level,
    lowest_values,
    round_all,
    same_as_city,
)
from aggregator.layers import Layer, Layers
from aggregator.members import Members
from aggregator.memo import Memo, windows_of
from aggregator.plan import RulePlan, combines
from aggregator.program import Floats, SeriesOf
from aggregator.series_table import Ints
from cityvitals.domain.coverage import least
from cityvitals.domain.times import BUCKET_US
from kpi_rules.model import Input, Rounding
from kpi_rules.words import Combine, Statistic

_STATISTICS: Final = {
    Statistic.MEAN: MEAN,
    Statistic.TOTAL: TOTAL,
    Statistic.MIN: MIN,
    Statistic.MAX: MAX,
    Statistic.COUNT: COUNT,
    Statistic.FIRST: FIRST,
    Statistic.LAST: LAST,
    Statistic.ENERGY_MEAN: ENERGY_MEAN,
    Statistic.VALUES: COUNT,
}
_LOWEST: Final = {
    Statistic.MEAN: MEAN_OF,
    Statistic.INTEGRAL: INTEGRAL_OF,
    Statistic.TOTAL: INTEGRAL_OF,
    Statistic.INCREASE: INTEGRAL_OF,
    Statistic.ENERGY_MEAN: LEVEL_OF,
    Statistic.COUNT: COUNT_OF,
}


class Source(Protocol):
    """Where buckets come from."""

    def said(self, plan: RulePlan, index: int, layers: Layers, judged: Ints, until: Ints) -> "Said":
        """What an input of a plan comes to at each member; see `said`."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Buckets in memory.

    Attributes:
        cells: CELL records [series, slots].
        at: row of `cells` by row of the shard.
        span: numbers of the buckets [first, last) that can be there, where that is known.
        memo: of what was folded, where rules share it and the buckets do not change meanwhile.
        heard: of what inputs came to, the same.
    """

    cells: "NDArray[np.void]"
    at: Ints
    span: tuple[int, int] | None = None
    memo: Memo[Folds] | None = None
    heard: "Memo[Said] | None" = None

    def said(self, plan: RulePlan, index: int, layers: Layers, judged: Ints, until: Ints) -> "Said":
        """What an input of a plan comes to at each member; see `said`."""
        members = plan.members[index]
        who = Who(plan, index, members, plan.scales[index])
        folds = self.folds(members, layers)
        if self.heard is None:
            return said(who, layers, folds, judged, until)
        how = combines(plan.rule, plan.rule.inputs[index])
        summed = (how.city is Combine.SUM, how.zones is Combine.SUM)
        key = (_asked(plan.rule.inputs[index]), summed, *windows_of(layers))
        return self.heard.get(
            (*key, judged.tobytes(), until.tobytes()),
            members,
            lambda: said(who, layers, folds, judged, until),
        )

    def folds(self, members: Members, layers: Layers) -> Folds:
        """Members' partials over an input's windows."""
        if self.memo is None:
            return self._folds(members, layers)
        return self.memo.get(windows_of(layers), members, lambda: self._folds(members, layers))

    def _folds(self, members: Members, layers: Layers) -> Folds:
        return folds_of(Held(self.cells, self.at, self.span), members, layers)


@lru_cache(maxsize=4096)
def _asked(one: Input) -> Input:
    """What of an input decides what stations say: not its name, nor what the rule makes of it."""
    return replace(one, name="", optional=False, combine=None)


@dataclass(frozen=True, slots=True)
class Said:
    """What the members of one input say over windows: by member [w, m], or by column [w, c].

    Members that are the same series mostly say the same, and share a column.

    Attributes:
        of: the column of each member [m].
        values: numbers [w, c], nan where a member takes no part; or series [w, c, n].
        places: how many places its series have, whether or not anybody has one [w]; else 1.
        share: how much of its own window each member covers, of what has passed.
        placed: whether it stands there at all during the window.
        observed, flagged: how many readings, and how many of them with a flag [w, c].
        spoken: whether any station of the city has said anything that the window reaches [w].
        valid: which columns are of members that take part [w, c].
        joints: what its members come to together, by how (`aggregator.joining`).
    """

    of: Ints
    values: Floats | SeriesOf
    places: Ints
    share: Floats
    placed: NDArray[np.bool_]
    observed: Floats
    flagged: Floats
    spoken: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    joints: dict[tuple[object, ...], Any] = field(default_factory=dict, compare=False)

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        of_values = self.values.values if isinstance(self.values, SeriesOf) else self.values
        return of_values.nbytes + 4 * self.share.nbytes


def _valid(values: Floats | SeriesOf) -> NDArray[np.bool_]:
    """Which members have any number."""
    if not isinstance(values, SeriesOf):
        return ~np.isnan(values)
    found: NDArray[np.bool_] = (~np.isnan(values.values)).max(axis=-1, initial=False)
    return found


class Who(NamedTuple):
    """Whose numbers are asked for: members of one input of a rule, or some of them."""

    plan: RulePlan
    place: int
    members: Members
    scales: Floats


def said(who: Who, layers: Layers, folds: Folds, judged: Ints, until: Ints) -> Said:
    """What an input comes to at each member.

    Args:
        who: the members.
        layers: the input's windows.
        folds: its partials.
        judged: microseconds of its own windows against which coverage counts [w, g].
        until: up to when windows count as begun, per group [g].
    """
    members, group = who.members, who.members.group
    least_of = _least(who)
    columns, at = _columns(who, layers, folds, until, least_of)
    covered = folds.whole[..., 1][:, folds.columns.of]
    passed = judged[:, group]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(passed > 0, np.minimum(1.0, covered / passed), 0.0)
    mine = group[columns.own]
    values = _values(who, layers, _Lowest(folds.lowest, at, until[mine], least_of[mine]), columns)
    return Said(
        of=columns.of,
        values=values,
        places=_places(layers),
        share=share,
        placed=placed(members, layers.begins, layers.ends),
        observed=np.ascontiguousarray(folds.whole[:, at, 2]),
        flagged=np.ascontiguousarray(folds.whole[:, at, 3]),
        spoken=folds.spoken,
        valid=_valid(values),
    )


class _Lowest(NamedTuple):
    """What columns are made of.

    Attributes:
        folded: partials over the shortest windows [n, f, 4].
        at: whose of them are each column's [c].
        until: up to when windows count as begun [c].
        minimum: share of a shortest window that must be covered [c].
    """

    folded: Floats
    at: Ints
    until: Ints
    minimum: Floats


def _least(who: Who) -> Floats:
    """Share of the shortest windows that must be covered, per group [g]."""
    plan, one = who.plan, who.plan.rule.inputs[who.place]
    lowest = one.levels[0] if one.levels else one
    found = np.full(len(plan.groups), least(lowest.min_coverage))
    if not one.levels:  # a sum takes in every station, however little of it there is
        found[combines(plan.rule, one).are(Combine.SUM, len(plan.groups))] = 0.0
    return found


def _columns(
    who: Who, layers: Layers, folds: Folds, until: Ints, minimum: Floats
) -> tuple[Columns, Ints]:
    """Whose numbers are worked out, and by which columns of the folds [c].

    Zones have mostly come further than their city. That makes another number of the same partials
    only where it decides whether a window has begun, or is covered enough.
    """
    columns, at = folds.columns, np.arange(len(folds.columns.own))
    if (until == until[:1]).all() and (minimum == minimum[:1]).all():
        return columns, at
    asked = columns.others
    group = who.members.group[asked]
    same = np.ones(len(until), np.bool_)
    for layer in layers.levels:
        begun = np.searchsorted(layer.begins, until)
        same &= begun == begun[:1]
    alike = same[group]
    same_as_city(folds.lowest, columns.of[asked], *layers.lowest, until, minimum, group, alike)
    apart = asked[~alike]
    of = columns.of.copy()
    of[apart] = len(at) + np.arange(len(apart))
    own = np.concatenate([columns.own, apart])
    return Columns(own, of), np.concatenate([at, columns.of[apart]])


def _places(layers: Layers) -> Ints:
    """How many of the longest shorter windows each window holds; 1 where there are none."""
    if not layers.levels:
        return np.ones(len(layers.begins), np.int64)
    top = layers.levels[-1]
    found: Ints = top.last - top.first
    return found


def placed(members: Members, begins: Ints, ends: Ints) -> NDArray[np.bool_]:
    """Whether each member stands in its group at all during each window [w, m]."""
    first, last = begins // BUCKET_US, ends // BUCKET_US
    there: NDArray[np.bool_] = (members.since[None, :] < last[:, None]) & (
        members.until[None, :] > first[:, None]
    )
    if len(members.since) == len(members.rows):
        return there
    found: NDArray[np.bool_] = np.logical_or.reduceat(there, members.starts[:-1], axis=1)
    return found


def _values(who: Who, layers: Layers, lowest: _Lowest, columns: Columns) -> Floats | SeriesOf:
    one, until = who.plan.rule.inputs[who.place], lowest.until
    begins, ends = layers.lowest
    values = np.empty((len(begins), len(columns.own)))
    shortest = one.levels[0] if one.levels else one
    lowest_values(
        lowest.folded, lowest.at, begins, ends, until, lowest.minimum,
        _LOWEST[shortest.statistic], values,
    )  # fmt: skip
    values = _seen(one, who.scales[columns.own], values)
    if not one.levels:
        return rounded(values, one.rounding)
    values = rounded(values, one.levels[0].rounding)
    for shorter, level in zip(layers.levels, one.levels[1:], strict=False):
        values = _fold(values, shorter, until, level.min_coverage, level.min_count, level.statistic)
        values = rounded(values, level.rounding)
    top = layers.levels[-1]
    found = _fold(values, top, until, one.min_coverage, one.min_count, one.statistic)
    if one.statistic is not Statistic.VALUES:
        return rounded(found, one.rounding)
    series = gather(rounded(values, one.rounding), top)
    return SeriesOf(np.where(np.isnan(found)[..., None], np.nan, series.values), series.lengths)


def _seen(one: Input, scale: Floats, values: Floats) -> Floats:
    """Values as the expression wants to see them: in its unit, not below the floor."""
    values = values * scale[None, :]
    if one.floor is not None:
        values = np.where(values < one.floor, one.floor, values)  # nan stays nan
    return values


def rounded(values: Floats, rounding: Rounding | None) -> Floats:
    """Numbers rounded as `kpi_rules.rounding` does."""
    if rounding is None:
        return values
    power = 10.0 ** abs(rounding.digits)
    out = np.empty_like(values)
    round_all(values.reshape(-1), ROUNDING[rounding.mode], rounding.digits, power, out.reshape(-1))
    return out


def _fold(
    values: Floats,
    shorter: Layer,
    until: Ints,
    minimum: float,
    count: int,
    statistic: Statistic,
) -> Floats:
    """Fold values of shorter windows over longer ones."""
    due = np.searchsorted(shorter.begins, until).astype(np.int64)
    out = np.empty((len(shorter.first), values.shape[1]))
    fold_level(
        values,
        shorter.first,
        shorter.last,
        due,
        least(minimum),
        count,
        _STATISTICS[statistic],
        out,
    )
    return out


def gather(values: Floats, layer: Layer) -> SeriesOf:
    """Of values of shorter windows [n, m], those that each longer one holds [w, m, places]."""
    lengths = layer.last - layer.first
    width = int(lengths.max(initial=0))
    at = layer.first[:, None] + np.arange(width)[None, :]
    inside = at < layer.last[:, None]
    taken = values[np.minimum(at, max(len(values) - 1, 0))]  # [w, places, m]
    series = np.where(inside[..., None], taken, np.nan)
    shape = (len(lengths), values.shape[1])
    return SeriesOf(
        np.ascontiguousarray(np.moveaxis(series, 1, 2)),
        np.ascontiguousarray(np.broadcast_to(lengths[:, None], shape)),
    )

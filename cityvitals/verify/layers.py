"""Windows inside windows: what each input of a rule folds, window by window. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.window import overlap_us
from cityvitals.verify.edges import (
    HOUR,
    RUNNING_DATES,
    RUNNING_HOURS,
    Cutting,
    Windows,
    date_begins,
    edges_around,
    offset,
    windows_over,
)
from cityvitals.verify.fold import Ints
from kpi_rules.expression import Calendar, Clocked, walk
from kpi_rules.model import Input, Level, Rounding, Rule
from kpi_rules.words import BelongsTo, Statistic

EVER: Final = 2**62
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Layer:
    """Windows of one length, and what each makes of the layer below.

    Attributes:
        passed: how much of each has passed by the watermark, microseconds [w].
        holds: which windows of the layer below each holds, in order of time [w]; None for the
            lowest layer, which holds quarter hours.
        begun: how many of those have begun by the watermark [w].
    """

    statistic: Statistic
    min_coverage: float
    min_count: int
    rounding: Rounding | None
    windows: Windows
    passed: Ints
    holds: tuple[Ints, ...] | None = None
    begun: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """What one input folds.

    Attributes:
        layers: from the shortest windows to the input's own.
        reached: for each of its own windows, the stretch that its layers reach over [w].
    """

    layers: tuple[Layer, ...]
    reached: tuple[Ints, Ints]

    @property
    def own(self) -> Windows:
        """The input's own windows [w]; one is empty where none ends with the rule's window."""
        return self.layers[-1].windows

    def places(self, w: int) -> Ints:
        """Begins of what stands at each place of a series."""
        layer, below = self.layers[-1], self.layers[-2]
        found: Ints = below.windows.begins[layer.holds[w]] if layer.holds else np.empty(0, np.int64)
        return found


@dataclass(frozen=True, slots=True)
class Frame:
    """A rule's windows, those of its inputs, and how far time has come.

    Attributes:
        cuts: by input.
        clocked: what the input's clock shows at places of series, by `Clocked.key` [w][place].
    """

    rule: Rule
    windows: Windows
    cuts: Mapping[str, Cut]
    clocked: Mapping[str, tuple[list[float], ...]]


def cutting_of(rule: Rule, time_zone: str) -> Cutting:
    """How a rule cuts time."""
    window = rule.window
    return Cutting(window.length, window.clock, time_zone, window.step or "")


def overlap(rule: Rule, side: BelongsTo = BelongsTo.BEGIN) -> int:
    """How far levels reach beyond the end of a rule's window at most, microseconds.

    Args:
        rule: the definition.
        side: END for how far they reach before its begin.
    """
    return max((_overlap(one.levels, side) for one in rule.inputs), default=0)


def _overlap(levels: Sequence[Level], side: BelongsTo) -> int:
    return sum(
        overlap_us(level.length, level.step or "") for level in levels if level.belongs_to is side
    )


def reach_back(rule: Rule) -> int:
    """How far inputs reach before the begin of a rule's window at most, microseconds."""
    lengths = [one.length for one in rule.inputs if one.length]
    own = max((Cutting(length, "", "").reach for length in lengths), default=0)
    return own + overlap(rule, BelongsTo.END)


def windows_of(rule: Rule, time_zone: str, instants: Ints) -> Windows:
    """The windows of a rule that instants matter to, within the dates that it is valid for."""
    cutting = cutting_of(rule, time_zone)
    found = windows_over(cutting, instants - overlap(rule), instants + reach_back(rule))
    valid = np.ones(len(found.begins), np.bool_)
    if rule.valid_from:
        valid &= found.begins >= date_begins(rule.valid_from, rule.window.clock, time_zone)
    if rule.valid_to:
        valid &= found.begins < date_begins(rule.valid_to, rule.window.clock, time_zone)
    return found.those(valid)


def frames(rule: Rule, windows: Windows, time_zone: str, at_once: int) -> Iterator[Frame]:
    """Whole windows of a rule, so many at once."""
    for first in range(0, len(windows.begins), at_once):
        some = Windows(*(each[first : first + at_once] for each in windows))
        yield frame(rule, some, time_zone)


def frame(rule: Rule, windows: Windows, time_zone: str, mark: int = EVER) -> Frame:
    """Cut the windows of a rule.

    Args:
        rule: the definition.
        windows: which of its windows.
        time_zone: the city's.
        mark: the watermark that windows are judged at, microseconds; nothing for whole ones.
    """
    cuts = {one.name: _cut(rule, one, windows, time_zone, mark) for one in rule.inputs}
    trees = [rule.tree, *(part.tree for part in rule.parts)]
    asked = {node for tree in trees for node in walk(tree) if isinstance(node, Clocked)}
    clocks = {one.name: one.clock or rule.window.clock for one in rule.inputs}
    clocked = {
        node.key: tuple(
            [_shown(node.calendar, clocks[node.name], time_zone, at) for at in places.tolist()]
            for places in map(cuts[node.name].places, range(len(windows.begins)))
        )
        for node in asked
    }
    return Frame(rule, windows, cuts, clocked)


def _shown(calendar: Calendar, clock: str, time_zone: str, at: int) -> float:
    local = _EPOCH + timedelta(microseconds=at + offset(time_zone, clock, at))
    match calendar:
        case Calendar.HOUR:
            return float(local.hour)
        case Calendar.WEEKDAY:
            return float(local.isoweekday())
        case Calendar.MONTH:
            return float(local.month)


def _cut(rule: Rule, one: Input, windows: Windows, time_zone: str, mark: int) -> Cut:
    own = _own(rule, one, windows, time_zone)
    cuttings = [
        Cutting(level.length, one.clock or rule.window.clock, time_zone, level.step or "")
        for level in one.levels
    ]
    all_windows = [own]
    for cutting in reversed(cuttings):
        above = all_windows[0]
        some = above.ends > above.begins
        all_windows.insert(0, windows_over(cutting, above.begins[some], above.ends[some] - 1))
    layers: list[Layer] = []
    for at, these in enumerate(all_windows):
        layer = _layer(one.levels[at] if at < len(one.levels) else one, these, mark)
        if at:
            level, clock = one.levels[at - 1], cuttings[at - 1]
            layer = _holding(layer, layers[-1].windows, level, clock, mark)
        layers.append(layer)
    return Cut(tuple(layers), _reached(layers))


def _own(rule: Rule, one: Input, windows: Windows, time_zone: str) -> Windows:
    """The input's own windows, which end with the rule's; empty ones where there are none."""
    if one.length is None:
        return windows
    if one.length in RUNNING_HOURS:
        begins = windows.ends - RUNNING_HOURS[one.length] * HOUR
        return Windows(begins, windows.ends, windows.opens)
    if not len(windows.ends):
        return windows
    unit, count = RUNNING_DATES.get(one.length, (one.length, 1))
    low = int(windows.ends.min()) - Cutting(one.length, "", "").reach
    edges = edges_around(unit, rule.window.clock, time_zone, low, int(windows.ends.max()))
    at = np.searchsorted(edges, windows.ends)
    ends_here = edges[at] == windows.ends
    begins = np.where(ends_here, edges[at - count], windows.ends)
    return Windows(begins, windows.ends, windows.opens)


def _layer(said: Level | Input, windows: Windows, mark: int) -> Layer:
    return Layer(
        statistic=said.statistic,
        min_coverage=said.min_coverage,
        min_count=said.min_count,
        rounding=said.rounding,
        windows=windows,
        passed=np.maximum(np.minimum(windows.ends, mark) - windows.begins, 0),
    )


def _holding(layer: Layer, below: Windows, level: Level, cutting: Cutting, mark: int) -> Layer:
    """A layer, and which windows of the level below are its."""
    fits = _begins_within(level.begins, below.begins, cutting)
    if level.belongs_to is BelongsTo.BEGIN:
        first = np.searchsorted(below.begins, layer.windows.begins, side="left")
        last = np.searchsorted(below.begins, layer.windows.ends, side="left")
    else:  # by the last instant, which is the one before the end
        first = np.searchsorted(below.ends, layer.windows.begins, side="right")
        last = np.searchsorted(below.ends, layer.windows.ends, side="right")
    holds = tuple(
        np.flatnonzero(fits[begin:end]) + begin
        for begin, end in zip(first.tolist(), last.tolist(), strict=True)
    )
    begun = tuple(int((below.begins[held] < mark).sum()) for held in holds)
    return replace(layer, holds=holds, begun=begun)


def _begins_within(
    hours: tuple[int, int] | None, begins: Ints, cutting: Cutting
) -> NDArray[np.bool_]:
    """Whether the clock shows one of these hours where each window begins."""
    if hours is None:
        return np.ones(len(begins), np.bool_)
    shown = [_shown(Calendar.HOUR, cutting.clock, cutting.time_zone, at) for at in begins.tolist()]
    return np.array([hours[0] <= hour <= hours[1] for hour in shown], np.bool_)


def _reached(layers: Sequence[Layer]) -> tuple[Ints, Ints]:
    """From where to where the quarter hours lie that the highest windows come from."""
    lows, highs = layers[0].windows.begins, layers[0].windows.ends
    for layer in layers[1:]:
        begins, ends = layer.windows.begins.copy(), layer.windows.ends.copy()
        for w, held in enumerate(layer.holds or ()):
            begins[w] = min(begins[w], lows[held].min(initial=begins[w]))
            ends[w] = max(ends[w], highs[held].max(initial=ends[w]))
        lows, highs = begins, ends
    return lows, highs

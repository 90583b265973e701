"""Which shorter windows an input's windows hold, level by level. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from aggregator.series_table import Ints
from cityvitals.domain.window import DAY_US, HOUR_US, offset_changes, spans
from kpi_rules.expression import Calendar
from kpi_rules.model import Input, Level, Rule
from kpi_rules.words import BelongsTo

_MARGIN_US: Final = 26 * HOUR_US
_THURSDAY: Final = 4
"""The weekday of 1970-01-01."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Windows of one level, ascending, and which of them each window of the next level holds.

    Attributes:
        begins, ends: microseconds [n].
        first, last: of each longer window [k] the windows [first, last) that it holds.
    """

    begins: Ints
    ends: Ints
    first: Ints
    last: Ints


@dataclass(frozen=True, slots=True)
class Layers:
    """An input's windows, and the levels inside them.

    Attributes:
        begins, ends: of the input's own window for each of the rule's [w].
        levels: from the shortest to the longest; the last one's places are the input's windows.
    """

    begins: Ints
    ends: Ints
    levels: tuple[Layer, ...]

    @property
    def lowest(self) -> tuple[Ints, Ints]:
        """Begins and ends of the windows that fold quarter hours."""
        if self.levels:
            return self.levels[0].begins, self.levels[0].ends
        return self.begins, self.ends


def layers_of(rule: Rule, one: Input, time_zone: str, begins: Ints, ends: Ints) -> Layers:
    """The windows inside windows that an input of a rule folds.

    Args:
        rule: says the clock where the input does not.
        one: the input.
        time_zone: IANA name of the city's.
        begins: of windows of the rule [w], ascending.
        ends: their ends.
    """
    clock = str(one.clock or rule.window.clock)
    if one.length is not None:
        begins = _ending_with(str(one.length), clock, time_zone, ends)
    own = begins, ends
    found: list[Layer] = []
    for level in reversed(one.levels):
        layer = _layer(level, clock, time_zone, begins, ends)
        found.append(layer)
        begins, ends = layer.begins, layer.ends
    return Layers(*own, tuple(reversed(found)))


def _ending_with(length: str, clock: str, time_zone: str, ends: Ints) -> Ints:
    """Begins of the windows of a length that end with others.

    Raises:
        ValueError: none ends there.
    """
    begins, own_ends = spans(length, clock, time_zone, int(ends.min()) - 1, int(ends.max()))
    at = np.searchsorted(own_ends, ends)
    if not (own_ends[at] == ends).all():
        raise ValueError(f"no {length} of the {clock} clock ends with each of the rule's windows")
    return begins[at]


def _layer(level: Level, clock: str, time_zone: str, begins: Ints, ends: Ints) -> Layer:
    low, high = int(begins.min()), int(ends.max()) - 1
    step = "" if level.step is None else str(level.step)
    inner_begins, inner_ends = spans(str(level.length), clock, time_zone, low, high, step)
    if level.begins is not None:
        hours = shown_at(Calendar.HOUR, inner_begins, clock, time_zone)
        taken = (hours >= level.begins[0]) & (hours <= level.begins[1])
        inner_begins, inner_ends = inner_begins[taken], inner_ends[taken]
    # Where a window is, is told by its begin or its last instant: both ascend.
    at = inner_begins if level.belongs_to is BelongsTo.BEGIN else inner_ends - 1
    first, last = np.searchsorted(at, begins), np.searchsorted(at, ends)
    return _only_held(inner_begins, inner_ends, first, last)


def _only_held(begins: Ints, ends: Ints, first: Ints, last: Ints) -> Layer:
    """Without the windows that no longer one holds: those asked for may lie years apart."""
    edges = np.zeros(len(begins) + 1, np.int64)
    np.add.at(edges, first, 1)
    np.add.at(edges, last, -1)
    held = np.cumsum(edges)[:-1] > 0
    before = np.concatenate([[0], np.cumsum(held)]).astype(np.int64)
    return Layer(begins[held], ends[held], before[first], before[last])


def shown_at(calendar: Calendar, instants: Ints, clock: str, time_zone: str) -> Ints:
    """What a clock shows at instants: the hour from 0, the weekday from 1 for Monday, the month."""
    shown = instants
    if len(instants) and clock != "utc":
        low, high = int(instants.min()) - _MARGIN_US, int(instants.max()) + _MARGIN_US
        begins, offsets = offset_changes(time_zone, clock, low, high)
        shown = instants + offsets[np.searchsorted(begins, instants, side="right") - 1]
    match calendar:
        case Calendar.HOUR:
            return shown // HOUR_US % 24
        case Calendar.WEEKDAY:
            return (shown // DAY_US + _THURSDAY - 1) % 7 + 1
        case Calendar.MONTH:
            months = (shown // DAY_US).astype("datetime64[D]").astype("datetime64[M]")
            return months.astype(np.int64) % 12 + 1

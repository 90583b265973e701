"""A chart of stored values and a twin's, as SVG: a panel for each rule and zone."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

from tests.twins.table import definition

_WIDTH: Final = 860
_PANEL: Final = 150
_LEFT: Final = 62
_TOP: Final = 34
_PLOT_WIDTH: Final = _WIDTH - _LEFT - 14
_PLOT_HEIGHT: Final = _PANEL - _TOP - 26
_MOST: Final = 1200
"""Points of a panel; of more, this many are drawn, spread over it."""
_HEAD: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"
 height="{height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
<circle cx="{left}" cy="14" r="3" fill="none" stroke="#d95f02"/>
<text x="72" y="18">stored by the service</text>
<path d="M210,14 h18" stroke="#1b4f8a" stroke-width="1.2"/>
<text x="233" y="18">pandas, from the file</text>
"""


def draw(expected: pd.DataFrame, found: pd.DataFrame, shown: Iterable[tuple[str, str]]) -> str:
    """The SVG text.

    Args:
        expected: a twin's table.
        found: what is stored.
        shown: rule and zone of each panel; a zone of "*" stands for all zones, ranked by value.
    """
    panels = [_panel(expected, found, rule, zone) for rule, zone in shown]
    height = 24 + _PANEL * len(panels)
    parts = [_HEAD.format(width=_WIDTH, height=height, left=_LEFT)]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate(0,{24 + number * _PANEL})">\n{panel}</g>\n')
    return "".join([*parts, "</svg>\n"])


def _panel(expected: pd.DataFrame, found: pd.DataFrame, rule: str, zone: str) -> str:
    both = pd.DataFrame({"twin": expected["value"], "said": found["value"]}).loc[[rule]]
    both = both.droplevel("rule")
    if zone == "*":
        both = both.drop("", level="zone").sort_values("twin", kind="stable").reset_index()
        ends = ("lowest", f"highest of {len(both)}: {both['zone'].nunique()} zones, every window")
    else:
        both = both.loc[zone].sort_index()
        ends = (f"{both.index[0]:%Y-%m-%d}", f"{both.index[-1]:%Y-%m-%d}")
    drawn = both.iloc[:: max(1, len(both) // _MOST)]
    where = {"": "city", "*": "all zones"}.get(zone, zone)
    unit = definition(rule)["unit"]
    title = f"{rule}, {where}" + ("" if unit == "1" else f" [{unit}]")
    return _frame(title, ends, drawn) + _line(drawn) + _dots(drawn)


def _frame(title: str, ends: Sequence[str], drawn: Any) -> str:
    low, high = _range(drawn)
    bottom = _TOP + _PLOT_HEIGHT
    right = _LEFT + _PLOT_WIDTH
    return (
        f'<text x="{_LEFT}" y="{_TOP - 8}" font-weight="bold">{escape(title)}</text>\n'
        f'<path d="M{_LEFT},{_TOP} V{bottom} H{right}" fill="none" stroke="#888888"/>\n'
        f'<text x="{_LEFT - 5}" y="{_TOP + 8}" text-anchor="end">{_short(high)}</text>\n'
        f'<text x="{_LEFT - 5}" y="{bottom}" text-anchor="end">{_short(low)}</text>\n'
        f'<text x="{_LEFT}" y="{bottom + 15}">{escape(ends[0])}</text>\n'
        f'<text x="{right}" y="{bottom + 15}" text-anchor="end">{escape(ends[1])}</text>\n'
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _range(drawn: Any) -> tuple[float, float]:
    """The lowest and highest value; something around it where they are one."""
    values = drawn[["twin", "said"]].to_numpy(float)
    values = values[~np.isnan(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _points(drawn: Any, column: str) -> list[tuple[float, float]]:
    """Places on the panel; nan for what is not there."""
    low, high = _range(drawn)
    across = np.linspace(_LEFT, _LEFT + _PLOT_WIDTH, max(len(drawn), 2))[: len(drawn)]
    down = _TOP + _PLOT_HEIGHT * (high - drawn[column].to_numpy(float)) / (high - low)
    return list(zip(across.tolist(), down.tolist(), strict=True))


def _line(drawn: Any) -> str:
    """The twin's values, joined where two follow each other."""
    parts = []
    for (x0, y0), (x1, y1) in pairwise(_points(drawn, "twin")):
        if not np.isnan(y0 + y1):
            parts.append(f"M{x0:.1f},{y0:.1f}L{x1:.1f},{y1:.1f}")
    return f'<path d="{"".join(parts)}" fill="none" stroke="#1b4f8a" stroke-width="1.2"/>\n'


def _dots(drawn: Any) -> str:
    radius = 2.4 if len(drawn) < _MOST // 3 else 1.6
    return "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="none" stroke="#d95f02"/>\n'
        for x, y in _points(drawn, "said")
        if not np.isnan(y)
    )

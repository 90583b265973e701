"""Lines over one axis, as SVG that reads on light and dark. Pure."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 860
HEIGHT: Final = 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 14, 22, 24
_MOST_STRETCHES: Final = 400
_TICKS: Final = 4
_LETTER: Final = 6.6
"""Width of a letter at 12 px, about."""
_LONG_S: Final = 600.0
"""From so many seconds on, the time axis shows minutes."""
_LIGHT: Final = ("#0b6e99", "#c2410c", "#4d7c0f", "#7c3aed", "#be123c", "#525252")
_DARK: Final = ("#4cb8e6", "#fb923c", "#a3e635", "#c4a7fb", "#fb7185", "#b8bec6")


class Line(NamedTuple):
    """A line of a plot: points (seconds, value), ascending."""

    name: str
    points: Sequence[tuple[float, float]]


def style() -> str:
    """CSS of plots: `paper` behind, `ink` of texts, `grid`, and lines `l0` to `l5`."""
    light = _colours("#ffffff", "#3e4c59", "#e4e7eb", _LIGHT)
    dark = _colours("#0d1117", "#c3cad2", "#30363d", _DARK)
    text = "text{font-family:sans-serif;font-size:12px}"
    return f"{text}{light}@media(prefers-color-scheme:dark){{{dark}}}"


def _colours(paper: str, ink: str, grid: str, lines: Sequence[str]) -> str:
    drawn = [
        f"polyline.l{number}{{stroke:{colour}}}text.l{number}{{fill:{colour}}}"
        for number, colour in enumerate(lines)
    ]
    return f".paper{{fill:{paper}}}text{{fill:{ink}}}.grid{{stroke:{grid}}}{''.join(drawn)}"


def plot(lines: Sequence[Line], across: str = "s") -> str:
    """Lines over one axis, as SVG; its colours are those of `style`.

    Args:
        lines: at least one, each with points.
        across: unit of the axis that they share; many seconds are shown as minutes.
    """
    points = [point for line in lines for point in line.points]
    begin, end = min(x for x, _ in points), max(x for x, _ in points)
    top = max([1e-9, *(y for _, y in points)]) * 1.05

    def x_of(x: float) -> float:
        return _LEFT + (x - begin) / max(end - begin, 1e-9) * (WIDTH - _LEFT - _RIGHT)

    def y_of(y: float) -> float:
        return HEIGHT - _BOTTOM - y / top * (HEIGHT - _BOTTOM - _TOP)

    drawn = [_levels([(y_of(value), f"{value:,.10g}") for value in ticks(0.0, top, _TICKS)])]
    drawn.append(_instants([(x_of(x), told) for x, told in _along(begin, end, across)]))
    left = _LEFT + 10.0
    for number, line in enumerate(lines):
        kind = f'class="l{number % len(_LIGHT)}"'
        way = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in thinned(line.points))
        drawn.append(f'<polyline {kind} fill="none" stroke-width="1.5" points="{way}"/>')
        drawn.append(f'<text {kind} x="{left:.0f}" y="12">{escape(line.name)}</text>')
        left += len(line.name) * _LETTER + 24
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(drawn)}</svg>'


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from `low` to `high`, at most so many steps, which are 1, 2 or 5 x 10^n."""
    least = max(high - low, 1e-12) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(one for one in (power, 2 * power, 5 * power, 10 * power) if one >= least * 0.999999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(number * step, 12) for number in range(first, last + 1)]


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The lowest and the highest of each stretch, so that no peak and no gap is lost."""
    size = -(-len(points) // _MOST_STRETCHES)
    if size <= 1:
        return list(points)
    found: list[tuple[float, float]] = []
    for at in range(0, len(points), size):
        part = sorted(points[at : at + size], key=lambda point: point[1])
        found += sorted({part[0], part[-1]})
    return found


def _along(begin: float, end: float, across: str) -> Iterator[tuple[float, str]]:
    """Places on the axis that lines share, and what is written there."""
    unit, name = (60.0, "min") if across == "s" and end >= _LONG_S else (1.0, across)
    for value in ticks(begin / unit, end / unit, 8):
        yield value * unit, f"{value:,.10g} {name}"


def _levels(places: Sequence[tuple[float, str]]) -> str:
    return "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(told)}</text>'
        for y, told in places
    )


def _instants(places: Sequence[tuple[float, str]]) -> str:
    low = HEIGHT - _BOTTOM
    return "".join(
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{low}" y2="{low + 4}"/>'
        f'<text x="{min(x, WIDTH - 24):.1f}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"{escape(told)}</text>"
        for x, told in places
    )

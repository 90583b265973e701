"""A load's report as one page: plots as SVG, no script, nothing from elsewhere. Pure."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final, NamedTuple

from simulator.load.judge import Step, Trend
from simulator.load.recorder import Sample

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 860, 200, 80, 24
_MOST_POINTS: Final = 800
_COLOURS: Final = ("#0b6e99", "#c2410c", "#4d7c0f", "#7c3aed", "#be123c", "#525252")
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
body{color:#1f2933}
h1{font-size:1.4rem}h2{font-size:1rem;margin:1.5rem 0 0}svg{width:100%;height:auto}
table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:left}
pre{background:#f4f5f7;padding:.8rem;overflow-x:auto}text{font-size:12px;fill:#52606d}
""".replace("\n", "")


class Line(NamedTuple):
    """A line of a plot: points (seconds, value), ascending."""

    name: str
    points: Sequence[tuple[float, float]]


def page(title: str, told: str, samples: Sequence[Sample], trends: Sequence[Trend]) -> str:
    """The page of one load.

    Args:
        title: its heading.
        told: the summary as text.
        samples: second by second.
        trends: what became of latency, lag and memory.
    """
    parts = [f"<pre>{escape(told)}</pre>"]
    if trends:
        parts.append("<ul>" + "".join(f"<li>{escape(str(one))}</li>" for one in trends) + "</ul>")
    for heading, unit, lines in _plots(samples):
        drawn = [line for line in lines if line.points]
        if drawn:
            parts.append(f"<h2>{escape(heading)}</h2>{plot(drawn, unit)}")
    return _document(title, parts)


def figure(title: str, samples: Sequence[Sample]) -> str:
    """The plots of one load below each other, as an SVG file.

    Args:
        title: its heading.
        samples: second by second.
    """
    plots = [
        (f"{heading}, {unit}" if unit else heading, plot(drawn, unit))
        for heading, unit, lines in _plots(samples)
        if (drawn := [line for line in lines if line.points])
    ]
    row, head = _HEIGHT + 24, 30
    parts = [f'<text x="10" y="20" style="font-weight:bold">{escape(title)}</text>']
    for number, (heading, drawn_plot) in enumerate(plots):
        y = head + number * row
        size = f'<svg y="{y + 20}" width="{_WIDTH}" height="{_HEIGHT}"'
        parts.append(f'<text x="10" y="{y + 14}">{escape(heading)}</text>')
        parts.append(drawn_plot.replace("<svg", size, 1))
    whole = f"{_WIDTH} {head + len(plots) * row}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole}" font-family="sans-serif"'
        f' font-size="12" fill="#52606d"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(parts)}</svg>\n"
    )


def ramp_page(title: str, told: str, steps: Sequence[Step]) -> str:
    """The page of a ramp: what was reached at each rate, and after how long."""
    rates = [(step.asked, step) for step in steps]
    reached = Line("reached", [(asked, step.reached) for asked, step in rates])
    asked = Line("asked", [(asked, asked) for asked, _ in rates])
    late = Line("p99", [(asked, step.ack_p99_ms) for asked, step in rates])
    rows = "".join(
        f"<tr><td>{step.asked:,.0f}</td><td>{step.reached:,.0f}</td><td>{step.ack_p99_ms:,.1f}</td>"
        f"<td>{'' if step.lag is None else f'{step.lag:,}'}</td></tr>"
        for step in steps
    )
    head = "<tr><th>asked /s</th><th>reached /s</th><th>p99 ms</th><th>lag</th></tr>"
    rate = plot([asked, reached], "/s", "/s")
    return _document(
        title,
        [
            f"<pre>{escape(told)}</pre>",
            f"<h2>Readings a second, over the rate that was asked</h2>{rate}",
            f"<h2>Acknowledged after</h2>{plot([late], 'ms', '/s')}",
            f"<table>{head}{rows}</table>",
        ],
    )


def plot(lines: Sequence[Line], unit: str, across: str = "s") -> str:
    """Lines over one axis, as SVG."""
    points = [point for line in lines for point in line.points]
    begin, end = min(x for x, _ in points), max(x for x, _ in points)
    top = max([1e-9, *(y for _, y in points)]) * 1.05

    def x_of(x: float) -> float:
        return _LEFT + (x - begin) / max(end - begin, 1e-9) * (_WIDTH - _LEFT - 10)

    def y_of(y: float) -> float:
        return _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _BOTTOM - 18)

    drawn = [_grid(top, y_of, unit), _ends(begin, end, across)]
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        way = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in _thinned(line.points))
        drawn.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{way}"/>')
        at = _LEFT + 10 + number * 170
        drawn.append(f'<text x="{at}" y="12" style="fill:{colour}">{escape(line.name)}</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(drawn)}</svg>'


def _plots(samples: Sequence[Sample]) -> list[tuple[str, str, list[Line]]]:
    def over(name: str, figure: Callable[[Sample], float | None]) -> Line:
        found = [(one.at_s, value) for one in samples if (value := figure(one)) is not None]
        return Line(name, found)

    shares = ((0, "p50"), (1, "p95"), (2, "p99"))
    names = samples[0].cpu if samples else {}
    return [
        ("Readings", "/s", [over("sent", lambda one: one.readings_per_s)]),
        (
            "Acknowledged after",
            "ms",
            [
                over(name, lambda one, at=at: one.ack_ms[at] if one.ack_ms else None)  # type: ignore[misc]
                for at, name in shares
            ],
        ),
        ("Sent late", "ms", [over("newest message", lambda one: one.late_ms)]),
        ("Messages unacknowledged", "", [over("messages", lambda one: one.outstanding)]),
        (
            "Sent, and not yet there",
            "readings",
            [
                over("in the ledger", lambda one: one.lag),
                over("in the aggregator", lambda one: one.underived),
            ],
        ),
        (
            "CPU, shares of a core",
            "",
            [over(name, lambda one, name=name: one.cpu.get(name)) for name in names],  # type: ignore[misc]
        ),
        (
            "Memory",
            "MB",
            [over(name, lambda one, name=name: one.memory_mb.get(name)) for name in names],  # type: ignore[misc]
        ),
        ("Bytes", "/s", [over("to the broker", lambda one: one.bytes_per_s)]),
    ]


def _grid(top: float, y_of: Callable[[float], float], unit: str) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = y_of(top / 1.05 * share)
        label = f"{top / 1.05 * share:,.4g} {unit}".strip()
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e7eb"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>'
        )
    return "".join(parts)


def _ends(begin: float, end: float, across: str) -> str:
    y = _HEIGHT - 6
    return (
        f'<text x="{_LEFT}" y="{y}">{begin:,.0f} {across}</text>'
        f'<text x="{_WIDTH - 10}" y="{y}" text-anchor="end">{end:,.0f} {across}</text>'
    )


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most so many points; of each stretch the highest, so that no peak is lost."""
    size = -(-len(points) // _MOST_POINTS)
    return [
        max(points[at : at + size], key=lambda point: point[1])
        for at in range(0, len(points), size)
    ]


def _document(title: str, parts: Sequence[str]) -> str:
    named = escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{named}</title>'
        f"<style>{_STYLE}</style><h1>{named}</h1>{''.join(parts)}</html>\n"
    )

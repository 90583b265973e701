"""A load's report as one page, and as a figure: plots, no script, nothing from elsewhere. Pure."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final, NamedTuple

from simulator.load.judge import Step, Trend
from simulator.load.plots import HEIGHT, WIDTH, Line, plot, style
from simulator.load.recorder import Sample

_STYLE: Final = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1rem;margin:1.5rem 0 0}svg{width:100%;height:auto}
table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:left}
pre{padding:.8rem;overflow-x:auto;border:1px solid #8888}
body{background:#ffffff;color:#1f2933}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#c3cad2}}
""".replace("\n", "")
_ROW: Final = 18
_GAP: Final = 26


class _Plot(NamedTuple):
    heading: str
    lines: list[Line]


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
    parts += [f"<h2>{escape(one.heading)}</h2>{plot(one.lines)}" for one in _plots(samples)]
    return _document(title, parts)


def figure(title: str, samples: Sequence[Sample], trends: Sequence[Trend]) -> str:
    """The plots of one load below each other, with what became of it, as an SVG file.

    Args:
        title: its heading.
        samples: second by second.
        trends: what became of latency, lag and memory; a line each.
    """
    said = [f'<text x="10" y="20" font-weight="bold">{escape(title)}</text>']
    y = 20
    for trend in trends:
        y += _ROW
        weight = "normal" if trend.is_flat else "bold"
        said.append(f'<text x="10" y="{y}" font-weight="{weight}">{escape(str(trend))}</text>')
    y += 10
    for one in _plots(samples):
        size = f'<svg y="{y + _GAP}" width="{WIDTH}" height="{HEIGHT}"'
        said.append(
            f'<text x="10" y="{y + _GAP - 6}" font-weight="bold">{escape(one.heading)}</text>'
        )
        said.append(plot(one.lines).replace("<svg", size, 1))
        y += HEIGHT + _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 4}">'
        f'<style>{style()}</style><rect class="paper" width="100%" height="100%"/>'
        f"{''.join(said)}</svg>\n"
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
    return _document(
        title,
        [
            f"<pre>{escape(told)}</pre>",
            f"<h2>Readings a second, over the rate asked</h2>{plot([asked, reached], '/s')}",
            f"<h2>Acknowledged after, ms</h2>{plot([late], '/s')}",
            f"<table>{head}{rows}</table>",
        ],
    )


def _plots(samples: Sequence[Sample]) -> list[_Plot]:
    """What has been recorded; nothing of what was not."""
    found = [
        _Plot(heading, [line for line in lines if line.points]) for heading, lines in _all(samples)
    ]
    return [one for one in found if one.lines]


def _all(samples: Sequence[Sample]) -> list[tuple[str, list[Line]]]:
    def over(name: str, figure: Callable[[Sample], float | None]) -> Line:
        found = [(one.at_s, value) for one in samples if (value := figure(one)) is not None]
        return Line(name, found)

    def acknowledged(name: str, at: int) -> Line:
        return over(name, lambda one: one.ack_ms[at] if one.ack_ms else None)

    names = samples[0].cpu if samples else {}
    behind = [
        over("in the ledger", lambda one: one.lag),
        over("in the aggregator", lambda one: one.underived),
    ]
    return [
        ("Readings sent, /s", [over("sent", lambda one: one.readings_per_s)]),
        (
            "Acknowledged after, ms",
            [acknowledged(name, at) for at, name in enumerate(("p50", "p95", "p99"))],
        ),
        ("Sent late, ms", [over("newest message", lambda one: one.late_ms)]),
        ("Messages unacknowledged", [over("messages", lambda one: one.outstanding)]),
        ("Readings sent, and not yet there", behind),
        (
            "CPU, shares of a core",
            [
                *[over(name, _of("cpu", name)) for name in names],
                over("other machines", lambda one: one.stolen),
            ],
        ),
        ("Memory, MB", [over(name, _of("memory_mb", name)) for name in names]),
        ("Bytes to the broker, kB/s", [over("sent", lambda one: one.bytes_per_s / 1000)]),
    ]


def _of(field: str, process: str) -> Callable[[Sample], float | None]:
    """A figure of a process, once it has been seen."""

    def found(sample: Sample) -> float | None:
        by_process: dict[str, float] = getattr(sample, field)
        return by_process.get(process)

    return found


def _document(title: str, parts: Sequence[str]) -> str:
    named = escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{named}</title>'
        f"<style>{_STYLE}{style()}</style><h1>{named}</h1>{''.join(parts)}</html>\n"
    )

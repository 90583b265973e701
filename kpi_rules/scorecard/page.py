"""A scorecard as a page to read: its part of docs/catalogue.md."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from kpi_rules.scorecard.model import Evidence, Feed, Figure, Kpi, Point, Scorecard

_GRADES: Final = {
    Evidence.FORMULA: "numerator and denominator were read in a text of ITU",
    Evidence.DEFINITION: "definition or unit were read in a text of ITU, the formula is partly "
    "inferred: provisional",
    Evidence.TITLE: "title and short definition were read in a third party's copy, the formula is "
    "from memory: provisional",
}
_FEEDS: Final = {
    Feed.SENSORS: "by rules",
    Feed.REGISTRY: "from figures that meters and registers keep",
    Feed.REPORTED: "reported by hand",
}


def counts(card: Scorecard, running: Iterable[str]) -> Iterator[str]:
    """How many KPIs are live, reported and provisional.

    Args:
        card: whose.
        running: ids of the rules that are run.
    """
    run = set(running)
    feeds = [kpi.feed for kpi in card.kpis]
    waiting = [
        kpi
        for kpi in card.kpis
        if any(point.live is not None and point.live.year not in run for point in kpi.points)
    ]
    points = sum(len(kpi.points) for kpi in card.kpis)
    provisional = sum(1 for kpi in card.kpis if kpi.is_provisional)
    idle = f", {len(waiting)} of them not run yet" if waiting else ""
    yield (
        f"{card.body}: {len(card.kpis)} KPIs with {points} data points. "
        f"**{sum(kpi.is_live for kpi in card.kpis)} live** "
        f"({feeds.count(Feed.SENSORS)} by rules{idle}; {feeds.count(Feed.REGISTRY)} "
        f"from figures of meters and registers), **{feeds.count(Feed.REPORTED)} reported**; "
        f"**{provisional} provisional**: their formula was not read in a text of ITU. "
        "[u4ssc.md](u4ssc.md) says how a city uses them.\n"
    )


def section(card: Scorecard) -> Iterator[str]:
    """Every KPI with its formula, figures, sources, and how sure we are."""
    yield f"\n## {card.body}\n"
    yield f"{card.title} ({card.edition}). How sure we are:\n"
    for grade, meaning in _GRADES.items():
        yield f"- `{grade}`: {meaning} ({sum(1 for one in card.kpis if one.evidence is grade)})"
    yield "\nSources:\n"
    for one in card.documents:
        yield f"- {one.short}: {one.title} ({one.edition}), <{one.address}>"
    yield ""
    for (dimension, sub), kpis in groupby(
        card.kpis, key=lambda kpi: (kpi.dimension, kpi.sub_dimension)
    ):
        yield f"### {dimension}: {sub}\n"
        for kpi in kpis:
            yield from _entry(kpi)
        yield ""


def _entry(kpi: Kpi) -> Iterator[str]:
    words = [kpi.category, str(kpi.level), *([kpi.kind] if kpi.kind else []), _FEEDS[kpi.feed]]
    provisional = ", **provisional**" if kpi.is_provisional else ""
    yield f"- **{kpi.code} {kpi.title}** ({', '.join(words)}{provisional}): {kpi.formula}."
    for point in kpi.points:
        yield f"  - {_point(point)}"
    if kpi.note:
        yield f"  - {kpi.note}."
    yield f"  - {_references(kpi)}{kpi.source} (`{kpi.evidence}`)"


def _point(point: Point) -> str:
    title = f" {point.title}" if point.title else ""
    unit = "yes or no" if point.truth else f"in `{point.unit}`"
    said = [f"`{point.id}`{title}, {unit}, better {point.better}"]
    if point.numerator is not None:
        said.append(_quotient(point, point.numerator))
    if point.live is not None:
        estimate = ", an estimate" if point.live.estimate else ""
        said.append(f"rules `{point.live.year}`, `{point.live.running}`{estimate}")
    return ": ".join([said[0], "; ".join(said[1:])]) if said[1:] else said[0]


def _quotient(point: Point, numerator: Figure) -> str:
    less = "" if point.less is None else f" - `{point.less.name}`"
    above = f"(`{numerator.name}`{less})" if less else f"`{numerator.name}`"
    below = "" if point.denominator is None else f" / `{point.denominator.name}`"
    return above + below


def _references(kpi: Kpi) -> str:
    found = []
    if kpi.sdg:
        found.append(f"SDG {', '.join(kpi.sdg)}")
    if kpi.sdg_unverified:
        found.append(f"SDG {', '.join(kpi.sdg_unverified)} (from memory)")
    if kpi.iso:
        found.append(f"ISO 37120:2014 {', '.join(kpi.iso)} (by title)")
    return "; ".join(found) + "; " if found else ""

"""`cityvitals scores`: how a city does against its targets, and what is missing."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cityvitals.settings import Settings, load_settings

if TYPE_CHECKING:
    from kpi_rules.scorecard.checks import Finding
    from kpi_rules.scorecard.results import Result
    from kpi_rules.scorecard.tree import Node, PointScore, Scores, Tally


def scores(
    city: Annotated[str, typer.Argument(help="Id of the city.")],
    at: Annotated[
        str | None, typer.Option(help="As of this time (RFC 3339) or date (UTC).  [default: now]")
    ] = None,
    kpis: Annotated[  # noqa: FBT002 (a flag)
        bool, typer.Option("--kpis", help="Every KPI with its data points, too.")
    ] = False,
    missing: Annotated[  # noqa: FBT002
        bool, typer.Option("--missing", help="Print a CSV to fill in instead: what lacks.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
) -> None:
    """Show a city's scores by U4SSC: points against its own targets, and what is missing."""
    from kpi_rules.scorecard.checks import findings_of  # noqa: PLC0415 (lazy, as in `cli`)
    from kpi_rules.scorecard.present import present_scores  # noqa: PLC0415

    moment = datetime.now(UTC) if at is None else _moment(at)
    found = asyncio.run(_read(load_settings(), city, moment))
    if missing:
        typer.echo(_to_fill_in(found), nl=False)
    elif as_json:
        typer.echo(json.dumps(present_scores(city, found, findings_of(found))))
    else:
        for line in _told(city, found, findings_of(found), kpis=kpis):
            typer.echo(line)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time such as 2026-11-23T10:00:00Z, and no date", param_hint="--at"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _read(settings: Settings, city: str, at: datetime) -> "Scores":
    from cityvitals.store.pool import open_pool  # noqa: PLC0415
    from cityvitals.store.scores import read_score_rows  # noqa: PLC0415
    from kpi_rules.scorecard.load import load_scorecard  # noqa: PLC0415
    from kpi_rules.scorecard.rows import given_of, names_of, rules_of  # noqa: PLC0415
    from kpi_rules.scorecard.tree import score  # noqa: PLC0415

    card = load_scorecard()
    async with open_pool(settings.database, "cityvitals scores") as pool, pool.acquire() as one:
        rows = await read_score_rows(one, city, at, names_of(card), rules_of(card))
    return score(card, given_of(card, at, rows.time_zone, rows.facts, rows.targets, rows.windows))


def _to_fill_in(found: "Scores") -> str:
    """Lines that `cityvitals registry apply` takes once they are filled in."""
    from kpi_rules.scorecard.stating import missing_figures  # noqa: PLC0415

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "value", "unit", "valid_from", "source", "quality"))
    for name, unit, _ in missing_figures(found):
        writer.writerow((name, "", unit, "", "", ""))
    return text.getvalue()


def _told(
    city: str, found: "Scores", findings: "tuple[Finding, ...]", *, kpis: bool
) -> Iterator[str]:
    card, zone = found.card, ZoneInfo(found.given.time_zone)
    yield f"{city} by {card.body}, as of {found.given.at:%Y-%m-%d %H:%M} UTC"
    yield f"{'':44}  points  percent  {'band':14} scored  no data  no target"
    for dimension in found.dimensions:
        yield from _node(dimension, 0, 3 if kpis else 2, zone)
    yield _line("all data points", found.tally)
    live = sum(1 for kpi in card.kpis if kpi.is_live)
    provisional = sum(1 for kpi in card.kpis if kpi.is_provisional)
    yield (
        f"{len(card.kpis)} KPIs: {live} fed by sensors, meters or a registry, "
        f"{len(card.kpis) - live} reported; {provisional} provisional: not read in a text of ITU"
    )
    if found.tally.estimates:
        yield f"{found.tally.estimates} data points are scored by estimates: no calendar year yet"
    for each in findings:
        yield f"asked: {each.check.says}: {each.found} ({each.check.id}, {each.check.source})"


def _node(node: "Node", depth: int, deepest: int, zone: ZoneInfo) -> Iterator[str]:
    if depth == deepest:
        kpi = node.scores[0].kpi
        mark = " (provisional)" if kpi.is_provisional else ""
        yield f"{'  ' * depth}{kpi.code} {kpi.title}{mark}"
        for one in node.scores:
            yield f"{'  ' * (depth + 1)}{_point(one, zone)}"
        return
    yield _line("  " * depth + node.name, node.tally)
    if node.children and depth + 1 <= deepest:
        for child in node.children:
            yield from _node(child, depth + 1, deepest, zone)


def _line(name: str, tally: "Tally") -> str:
    points = f"{tally.points}/{tally.possible}" if tally.scored else "-"
    percent = "-" if tally.percent is None else f"{float(tally.percent):.1f} %"
    band = "" if tally.band is None else tally.band.name
    return (
        f"{name:44} {points:>7}  {percent:>7}  {band:14} {tally.scored:6}  {tally.no_data:7}  "
        f"{tally.no_target:9}"
    )


def _point(one: "PointScore", zone: ZoneInfo) -> str:
    name = one.point.id + (f" {one.point.title}" if one.point.title else "")
    chosen = one.results.chosen
    if chosen is None:
        return f"{name}: no data: {'; '.join(one.results.missing)}"
    said = f"{name}: {_value(chosen)} {one.point.unit} ({_basis(chosen, zone)})"
    if one.band is None:
        return f"{said}: no target{f': {one.problem}' if one.problem else ''}"
    return f"{said}: {float(one.percent or 0):.1f} % of the target, {one.band.points} points"


def _value(result: "Result") -> str:
    return f"{float(result.value):.6g}"


def _basis(result: "Result", zone: ZoneInfo) -> str:
    words = [str(result.basis), str(result.period).replace("_", " ")]
    if result.begin is not None:
        words.append(f"from {result.begin.astimezone(zone):%Y-%m-%d}")
    return ", ".join([*words, "an estimate"] if result.is_estimate else words)

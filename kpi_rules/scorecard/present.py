"""Scores as the API and the command line show them: one function, so that both show the same."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

from kpi_rules.scorecard.checks import Finding
from kpi_rules.scorecard.given import Aim, Stated
from kpi_rules.scorecard.model import Kpi, Point
from kpi_rules.scorecard.results import Result
from kpi_rules.scorecard.tree import Node, PointScore, Scores, Tally

_LEVELS: Final = ("sub_dimensions", "categories", "kpis")


def present_scores(city: str, scores: Scores, findings: Sequence[Finding]) -> dict[str, Any]:
    """The JSON object of a city's scores."""
    card = scores.card
    return {
        "city": city,
        "standard": {
            "id": card.id,
            "title": card.title,
            "body": card.body,
            "edition": card.edition,
        },
        "at": _time(scores.given.at),
        "time_zone": scores.given.time_zone,
        "kpis": {
            "all": len(card.kpis),
            "live": sum(1 for kpi in card.kpis if kpi.is_live),
            "reported": sum(1 for kpi in card.kpis if not kpi.is_live),
            "provisional": sum(1 for kpi in card.kpis if kpi.is_provisional),
        },
        "bands": [
            {"name": band.name, "from": float(band.begin), "points": band.points}
            for band in card.bands
        ],
        "score": _tally(scores.tally),
        "dimensions": [_node(node, _LEVELS) for node in scores.dimensions],
        "findings": [present_finding(each) for each in findings],
    }


def _node(node: Node, levels: tuple[str, ...]) -> dict[str, Any]:
    if not levels:
        return _kpi(node)
    return {
        "name": node.name,
        "score": _tally(node.tally),
        levels[0]: [_node(each, levels[1:]) for each in node.children],
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "points": tally.points,
        "possible": tally.possible,
        "percent": _number(tally.percent),
        "band": None if tally.band is None else tally.band.name,
        "data_points": tally.data_points,
        "scored": tally.scored,
        "no_data": tally.no_data,
        "no_target": tally.no_target,
        "estimates": tally.estimates,
    }


def _kpi(node: Node) -> dict[str, Any]:
    kpi = node.scores[0].kpi
    return {
        **_described(kpi),
        "score": _tally(node.tally),
        "data_points": [_point(one) for one in node.scores],
    }


def _described(kpi: Kpi) -> dict[str, Any]:
    return {
        "code": kpi.code,
        "title": kpi.title,
        "level": str(kpi.level),
        "kind": kpi.kind or None,
        "feed": str(kpi.feed),
        "formula": kpi.formula,
        "sdg": list(kpi.sdg),
        "sdg_unverified": list(kpi.sdg_unverified),
        "iso_37120_2014": list(kpi.iso),
        "source": kpi.source,
        "evidence": str(kpi.evidence),
        "provisional": kpi.is_provisional,
        "note": kpi.note or None,
    }


def _point(one: PointScore) -> dict[str, Any]:
    point, chosen = one.point, one.results.chosen
    return {
        "id": point.id,
        "title": point.title or one.kpi.title,
        "unit": point.unit,
        "better": str(point.better),
        "state": str(one.state),
        "result": None if chosen is None else present_result(chosen),
        "others": [present_result(each) for each in one.results.others],
        "missing": list(one.results.missing),
        "target": None if one.target is None else present_aim(one.target),
        "target_problem": one.problem or None,
        "percent": _number(one.percent),
        "points": None if one.band is None else one.band.points,
        "band": None if one.band is None else one.band.name,
        "figures": figures_of(point),
    }


def figures_of(point: Point) -> list[dict[str, str]]:
    """The facts that a data point is calculated from, by their roles."""
    roles = (
        ("numerator", point.numerator),
        ("less", point.less),
        ("denominator", point.denominator),
    )
    return [
        {"role": role, "name": one.name, "unit": one.unit, "says": one.says}
        for role, one in roles
        if one is not None
    ]


def present_result(one: Result) -> dict[str, Any]:
    """The JSON object of one value of a data point."""
    told = one.told
    return {
        "value": _number(one.value),
        "basis": str(one.basis),
        "period": str(one.period),
        "estimate": one.is_estimate,
        "year": int(one.year) if math.isfinite(one.year) else None,
        "begin": _time(one.begin),
        "end": _time(one.end),
        "numerator": _number(one.numerator),
        "denominator": _number(one.denominator),
        "quality": one.quality or None,
        "rule": None if told is None else told.rule,
        "state": None if told is None else told.state,
        "coverage": None if told is None else told.coverage,
        "revision": None if told is None else told.revision,
        "facts": [present_stated(each) for each in one.used],
    }


def present_stated(fact: Stated) -> dict[str, Any]:
    """The JSON object of a figure with who stated it, and when."""
    return {
        "id": fact.id,
        "name": fact.name,
        "value": fact.value,
        "unit": fact.unit,
        "valid_from": _time(fact.since),
        "source": fact.source,
        "quality": fact.quality,
        "declared_by": fact.by or None,
        "declared_at": _time(fact.declared_at),
    }


def present_aim(aim: Aim) -> dict[str, Any]:
    """The JSON object of a target."""
    return {
        "id": aim.id,
        "value": aim.value,
        "start": aim.start,
        "unit": aim.unit,
        "valid_from": _time(aim.since),
        "source": aim.source,
        "declared_by": aim.by or None,
        "declared_at": _time(aim.declared_at),
    }


def present_finding(finding: Finding) -> dict[str, Any]:
    """The JSON object of a check that is not met."""
    return {
        "check": finding.check.id,
        "says": finding.check.says,
        "found": finding.found,
        "points": list(finding.points),
        "source": finding.check.source,
    }


def _number(number: Fraction | None) -> float | None:
    return None if number is None else float(number)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

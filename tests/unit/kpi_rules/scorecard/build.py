"""Small scorecards and cities for tests of scoring."""

from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from kpi_rules.scorecard.given import Aim, Given, Stated, Told
from kpi_rules.scorecard.load import load_scorecard
from kpi_rules.scorecard.model import Kpi, Point
from kpi_rules.scorecard.results import Result
from kpi_rules.scorecard.tree import PointScore, Scores

CARD: Final = load_scorecard()
NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def point(name: str) -> Point:
    return next(each for each in CARD.points if each.id == f"u4ssc.{name}")


def kpi(code: str) -> Kpi:
    return next(each for each in CARD.kpis if each.code == code)


class Facts:
    """Facts of the city, numbered as they are made."""

    def __init__(self) -> None:
        self.made: list[Stated] = []

    def add(
        self,
        name: str,
        value: float,
        unit: str = "",
        since: str = "2025-01-01",
        quality: str = "measured",
        zone: str = "",
    ) -> "Facts":
        wanted = next(iter(CARD.wanted[name]))
        self.made.append(
            Stated(
                id=len(self.made) + 1,
                name=name,
                zone=zone,
                value=value,
                unit=unit or wanted,
                since=moment(since) if since else None,
                source="Yearbook",
                quality=quality,
                by="ada",
                declared_at=NOW,
            )
        )
        return self


def aim(name: str, value: float, start: float | None = None, since: str = "2020-01-01") -> Aim:
    return Aim(
        id=hash(name) % 1000,
        point=f"u4ssc.{name}",
        value=value,
        start=start,
        unit=point(name).unit,
        since=moment(since),
        source="Council decision 12/2020",
        by="ada",
        declared_at=NOW,
    )


def told(
    rule: str, begin: str, end: str, value: float | None, unit: str = "ug/m3", reason: str = ""
) -> Told:
    return Told(
        rule=rule,
        begin=moment(begin),
        end=moment(end),
        value=value,
        unit=unit,
        numerator=value,
        denominator=1.0,
        coverage=0.9 if value is not None else 0.3,
        state="final" if value is not None else "insufficient",
        reason=reason,
        revision=1,
    )


def given(
    facts: Iterable[Stated] = (),
    aims: Iterable[Aim] = (),
    windows: Iterable[Told] = (),
    at: datetime = NOW,
) -> Given:
    return Given(at, "UTC", tuple(facts), tuple(aims), tuple(windows))


def of(scores: Scores, name: str) -> PointScore:
    return next(one for one in scores.scores if one.point.id == f"u4ssc.{name}")


def value(one: PointScore) -> Fraction:
    """Of the result that counts."""
    return chosen(one).value


def chosen(one: PointScore) -> Result:
    """The result that counts; there is one."""
    assert one.results.chosen is not None
    return one.results.chosen

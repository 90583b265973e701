"""From rows of the store to what scores are calculated from; pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kpi_rules.scorecard.given import Aim, Given, Stated, Told
from kpi_rules.scorecard.model import Scorecard

Row = Mapping[str, Any]


def names_of(card: Scorecard) -> list[str]:
    """The facts that a scorecard uses."""
    return sorted(card.wanted)


def rules_of(card: Scorecard) -> list[str]:
    """The rules that feed a scorecard."""
    lives = [point.live for point in card.points if point.live is not None]
    return sorted({rule for live in lives for rule in (live.year, live.running)})


def given_of(
    card: Scorecard,
    at: datetime,
    time_zone: str,
    facts: Iterable[Row],
    targets: Iterable[Row],
    windows: Iterable[Row],
) -> Given:
    """What is given of a city.

    Args:
        card: whose data points count.
        at: as of when.
        time_zone: of the city.
        facts: columns of the `fact` table.
        targets: columns of the `target` table; those of other scorecards are left out.
        windows: columns of the `indicator` table, and the unit of the rule that made each.
    """
    prefix = f"{card.id}."
    return Given(
        at,
        time_zone,
        tuple(_stated(row) for row in facts),
        tuple(_aim(row) for row in targets if row["point"].startswith(prefix)),
        tuple(_told(row) for row in windows),
    )


def _stated(row: Row) -> Stated:
    return Stated(
        id=row["id"],
        name=row["name"],
        zone=row["zone"],
        value=row["value"],
        unit=row["unit"],
        since=row["valid_from"],
        source=row["source"],
        quality=row["quality"],
        by=row["declared_by"],
        declared_at=row["declared_at"],
    )


def _aim(row: Row) -> Aim:
    return Aim(
        id=row["id"],
        point=row["point"],
        value=row["value"],
        start=row["start"],
        unit=row["unit"],
        since=row["valid_from"],
        source=row["source"],
        by=row["declared_by"],
        declared_at=row["declared_at"],
    )


def _told(row: Row) -> Told:
    return Told(
        rule=row["rule"],
        begin=row["window_begin"],
        end=row["window_end"],
        value=row["value"],
        unit=row["unit"],
        numerator=row["numerator"],
        denominator=row["denominator"],
        coverage=row["coverage"],
        state=str(row["state"]),
        reason=row["reason"],
        revision=row["revision"],
    )
